"""While its client renders views on the same CPU, the engine works a quarter of the time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from engine.link.client import EngineClient
from engine.link.messages import (
    AddView,
    Capturing,
    Frame,
    ItemAdded,
    OpenRun,
    RequestFrame,
    RunOpened,
    Status,
    Train,
)
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_field, sphere_views

VIEW = sphere_views(1, 32)[0]
PATIENCE = 120.0
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(TEST_DEVICE != "cpu", reason="a graphics card is not what Blender renders on"),
]

Connect = Callable[..., EngineClient]


def train(client: EngineClient, run: str) -> None:
    client.send(OpenRun(run=run, primitive=sphere_field(), overrides=TINY))
    client.wait_for(RunOpened, PATIENCE)
    client.send(AddView(name=VIEW.name, split="train", camera=VIEW.camera, color=VIEW.color, depth=VIEW.depth))
    client.wait_for(ItemAdded, PATIENCE)
    client.send(Train(running=True, seconds=1e6))
    client.wait_for(Status, PATIENCE, lambda status: status.step > 3)


def gives_way(status: Status) -> bool:
    return "rendering comes first" in status.message


def does_not(status: Status) -> bool:
    return status.state == "training" and not gives_way(status)


def test_training_rests_three_times_as_long_as_it_works(connect: Connect) -> None:
    client = connect()
    train(client, "rests")
    client.send(Capturing(under_way=True))
    first = client.wait_for(Status, PATIENCE, gives_way)
    began = time.monotonic()
    assert first.eta_seconds is None and first.progress is not None
    last = client.wait_for(Status, PATIENCE, lambda status: status.seconds > first.seconds + 0.8)
    # A busy machine makes steps take longer, and so the rest after them.
    assert time.monotonic() - began > 2.5 * (last.seconds - first.seconds)
    client.send(RequestFrame(request=1, camera=VIEW.camera))
    assert client.wait_for(Frame, PATIENCE).request == 1
    client.send(Capturing(under_way=False))
    assert client.wait_for(Status, PATIENCE, does_not).eta_seconds is not None


def test_a_client_that_has_gone_is_not_given_way_to(connect: Connect) -> None:
    client = connect()
    train(client, "gone")
    client.send(Capturing(under_way=True))
    client.wait_for(Status, PATIENCE, gives_way)
    client.close()
    client = connect()
    client.wait_for(Status, PATIENCE, does_not)


def test_a_client_that_renders_elsewhere_is_not_given_way_to(connect: Connect) -> None:
    client = connect(same_host=False)
    train(client, "elsewhere")
    client.send(Capturing(under_way=True))
    step = client.wait_for(Status, PATIENCE).step
    while (status := client.wait_for(Status, PATIENCE)).step < step + 20:
        assert does_not(status)
