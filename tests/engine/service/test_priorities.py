"""What the engine does first: the newest picture, and whatever must not wait for the end of a large one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.link.client import EngineClient
from engine.link.messages import (
    AddView,
    BakeSpec,
    CancelJob,
    Frame,
    ItemAdded,
    JobUpdate,
    OpenRun,
    RequestFrame,
    RunOpened,
    StartJob,
    Status,
    Train,
)
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_cameras, sphere_field, sphere_views

VIEWS = sphere_views(3, 32)
CAMERA = sphere_cameras(5, 32)[2]
LARGE = CAMERA.resized(320, 240)  # takes a second or so: the field is a haze still
pytestmark = pytest.mark.slow
needs_slow_pictures = pytest.mark.skipif(TEST_DEVICE != "cpu", reason="large pictures take seconds on a CPU only")

PATIENCE = 120.0


@pytest.fixture
def client(connect: Callable[..., EngineClient]) -> EngineClient:
    """One whose run trains."""
    client = connect()
    client.send(OpenRun(run="sphere", primitive=sphere_field(), overrides=TINY))
    client.wait_for(RunOpened, PATIENCE)
    for view in VIEWS:
        client.send(AddView(name=view.name, split="train", camera=view.camera, color=view.color, depth=view.depth))
    client.wait_for(ItemAdded, PATIENCE, lambda added: added.train_items == len(VIEWS))
    client.send(Train(running=True))
    client.wait_for(Status, PATIENCE, lambda status: status.state == "training" and status.step > 3)
    return client


def test_of_many_requests_the_latest_is_answered(client: EngineClient) -> None:
    for number in range(1, 31):
        client.send(RequestFrame(request=number, camera=CAMERA.resized(64, 64)))
    frames = 0
    while client.wait_for(Frame, PATIENCE).request < 30:
        frames += 1
    assert frames < 29


def test_a_moving_view_is_rendered_smaller_and_names_its_camera(client: EngineClient) -> None:
    wanted = CAMERA.resized(3200, 2400)
    client.send(RequestFrame(request=1, camera=wanted, quality="moving", depth=False))
    frame = client.wait_for(Frame, PATIENCE)
    assert frame.depth is None and frame.color.shape[:2] == (frame.camera.height, frame.camera.width)
    assert frame.camera.width < 1600
    assert frame.camera.width / frame.camera.height == pytest.approx(4 / 3, rel=0.05)
    assert frame.camera.fx / frame.camera.width == pytest.approx(wanted.fx / wanted.width)


@needs_slow_pictures
def test_a_pause_does_not_wait_for_a_large_picture_which_comes_afterwards(client: EngineClient) -> None:
    client.send(RequestFrame(request=1, camera=LARGE))
    client.wait_for(Status, PATIENCE)
    client.send(Train(running=False))
    client.wait_for(Status, PATIENCE, lambda status: status.state == "paused")
    assert not any(isinstance(message, Frame) for message in client.poll())
    assert client.wait_for(Frame, PATIENCE).request == 1


@needs_slow_pictures
def test_cancelling_a_bake_does_not_wait_for_a_large_picture(client: EngineClient) -> None:
    client.send(
        StartJob(job="b", specification=BakeSpec(cameras=(CAMERA.resized(512, 512),) * 50, output="bakes/cancelled"))
    )
    client.send(RequestFrame(request=1, camera=LARGE))
    client.wait_for(Status, PATIENCE)
    client.send(CancelJob(job="b"))
    client.wait_for(JobUpdate, PATIENCE, lambda update: update.state == "cancelled")
    assert not any(isinstance(message, Frame) for message in client.poll())
    assert client.wait_for(Frame, PATIENCE).request == 1
