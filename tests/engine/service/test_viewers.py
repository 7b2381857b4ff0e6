"""Clients that watch beside the one in control: what they get, what they can't do, and that nobody waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from engine.link import codec
from engine.link.client import EngineClient, EngineProblem
from engine.link.launcher import Address
from engine.link.messages import (
    PROTOCOL,
    AddView,
    CancelJob,
    CloseRun,
    Evaluation,
    EvaluationSpec,
    FetchFile,
    Frame,
    Hello,
    ItemAdded,
    JobUpdate,
    Message,
    OpenRun,
    Problem,
    RequestFrame,
    RunClosed,
    RunOpened,
    Shutdown,
    SnapshotSaved,
    StartJob,
    Status,
    Train,
)
from engine.service.peers import MAX_VIEWERS
from tests.engine.service.conftest import TINY
from tests.raw_connection import connect_raw
from tests.scenes import sphere_cameras, sphere_field, sphere_views

VIEWS = sphere_views(8, 32)
CAMERA = sphere_cameras(5, 32)[2]
PATIENCE = 120.0
Connect = Callable[..., EngineClient]


@pytest.fixture
def controller(connect: Connect) -> EngineClient:
    """One whose run has a few views, two of them held out."""
    client = connect()
    client.send(OpenRun(run="watched", primitive=sphere_field(), overrides=TINY))
    client.wait_for(RunOpened, PATIENCE)
    for index, view in enumerate(VIEWS):
        split = "train" if index < 6 else "test"
        client.send(AddView(name=view.name, split=split, camera=view.camera, color=view.color, depth=view.depth))
    client.wait_for(ItemAdded, PATIENCE, lambda added: (added.train_items, added.test_items) == (6, 2))
    return client


@pytest.fixture
def watch(address: Address) -> Iterator[Connect]:
    """Makes clients that watch."""
    clients: list[EngineClient] = []

    def make(**options: object) -> EngineClient:
        client = EngineClient(address.host, address.port, address.token, "viewer", role="viewer", **options)  # type: ignore[arg-type]
        clients.append(client)
        client.connect(20)
        return client

    yield make
    for client in clients:
        client.close()


def await_room(address: Address) -> None:
    """Wait until the engine has noticed that former viewers are gone."""
    for _ in range(100):
        client = EngineClient(address.host, address.port, address.token, "viewer", role="viewer")
        try:
            client.connect(20)
        except EngineProblem:
            time.sleep(0.05)
        else:
            client.close()
            return
    raise AssertionError("there is no room")


@pytest.mark.slow
def test_two_viewers_watch_beside_a_controller(controller: EngineClient, watch: Connect) -> None:
    early = watch()
    assert early.wait_for(RunOpened, PATIENCE).primitive.bounds.is_close(sphere_field().bounds)
    controller.send(Train(running=True))
    controller.send(StartJob(job="scores", specification=EvaluationSpec()))
    told = controller.wait_for(Evaluation, PATIENCE)
    late = watch(same_host=False)
    for viewer in (early, late):
        assert viewer.wait_for(Evaluation, PATIENCE).scores == told.scores
        viewer.wait_for(Status, PATIENCE, lambda status: status.state == "training" and status.step > 3)
    clients = (controller, early, late)
    for number, client in enumerate(clients):  # each on channel 0 of its own, of which nobody displaces another's
        client.send(RequestFrame(request=number, camera=CAMERA.resized(20 + number, 20)))
        client.send(RequestFrame(request=10 + number, channel=1, camera=CAMERA.resized(30 + number, 20)))
    for number, client in enumerate(clients):
        for request, channel, width in ((number, 0, 20 + number), (10 + number, 1, 30 + number)):
            frame = client.wait_for(Frame, PATIENCE, lambda frame, channel=channel: frame.channel == channel)
            assert (frame.request, frame.camera.width) == (request, width)
    received = [message for client in (early, late) for message in client.poll()]
    assert not any(isinstance(message, JobUpdate | ItemAdded | SnapshotSaved | Problem) for message in received)


@pytest.mark.slow
def test_the_newest_of_each_channel_wins_and_all_channels_are_answered(controller: EngineClient) -> None:
    controller.send(Train(running=True))
    numbers = range(1, 41)
    for number in numbers:
        for channel in range(3):
            controller.send(RequestFrame(request=number, channel=channel, camera=CAMERA.resized(64, 64)))
    last, count = dict.fromkeys(range(3), 0), 0
    while set(last.values()) != {numbers[-1]}:
        frame = controller.wait_for(Frame, PATIENCE)
        assert frame.request > last[frame.channel], "in order"
        last[frame.channel], count = frame.request, count + 1
    assert count < 3 * len(numbers), "the newest made others pointless"


@pytest.mark.slow
def test_a_resting_view_comes_while_another_moves_all_the_time(controller: EngineClient) -> None:
    controller.send(Train(running=True))
    controller.send(RequestFrame(request=1, channel=1, camera=CAMERA.resized(320, 240)))
    number, deadline = 1, time.monotonic() + PATIENCE
    answered: set[int] = set()
    while 1 not in answered:
        assert time.monotonic() < deadline
        number += 1
        controller.send(RequestFrame(request=number, channel=0, camera=CAMERA, quality="moving"))
        frame = controller.wait_for(Frame, PATIENCE)
        answered.add(frame.channel)


@pytest.mark.slow
@pytest.mark.parametrize(
    "message",
    [
        OpenRun(run="other", primitive=sphere_field()),
        CloseRun(),
        AddView(name="x", split="train", camera=CAMERA, color=VIEWS[0].color),
        Train(running=False),
        StartJob(job="mine", specification=EvaluationSpec()),
        CancelJob(job="scores"),
        FetchFile(path="watched/run.json"),
        Shutdown(),
    ],
    ids=lambda message: type(message).__name__,
)
def test_who_watches_changes_nothing(controller: EngineClient, watch: Connect, message: Message) -> None:
    controller.send(Train(running=True))
    viewer = watch()
    viewer.send(message)
    problem = viewer.wait_for(Problem, PATIENCE)
    assert problem.code == "role" and problem.message.startswith(f"{type(message).__name__}: a client that watches")
    status = controller.wait_for(Status, PATIENCE, lambda status: status.state == "training")
    controller.wait_for(Status, PATIENCE, lambda later: later.step > status.step)
    assert viewer.is_open


@pytest.mark.slow
def test_who_takes_nothing_holds_nobody_up(controller: EngineClient, address: Address) -> None:
    """A viewer elsewhere that asks for large pictures without end, and reads none of them."""
    controller.send(Train(running=False))
    hello = Hello(protocol=PROTOCOL, version="0", client="stuck", same_host=False, role="viewer")
    with connect_raw(address.port, address.token) as stuck:
        stuck.send(codec.encode(hello))
        longest, until = 0.0, time.monotonic() + 6.0
        number = 0
        while time.monotonic() < until:
            number += 1
            for channel in range(4):
                stuck.send(codec.encode(RequestFrame(request=number, channel=channel, camera=CAMERA.resized(200, 150))))
            began = time.monotonic()
            controller.send(RequestFrame(request=number, camera=CAMERA, quality="moving"))
            controller.wait_for(Frame, PATIENCE, lambda frame, number=number: frame.request == number)
            longest = max(longest, time.monotonic() - began)
        assert longest < 3.0, "a picture of each of the others, at most"
        controller.wait_for(Status, 2.0)


def test_few_may_watch_and_the_next_one_when_one_has_gone(watch: Connect, address: Address) -> None:
    await_room(address)
    viewers = [watch() for _ in range(MAX_VIEWERS)]
    with pytest.raises(EngineProblem, match=f"{MAX_VIEWERS} clients watch already"):
        watch()
    viewers[0].close()
    await_room(address)
    assert all(viewer.is_open for viewer in viewers[1:])


def test_viewers_stay_when_the_controller_goes_and_see_the_next_one(connect: Connect, watch: Connect) -> None:
    viewer, first = watch(), connect()
    first.close()
    viewer.wait_for(Status, 10)
    second = connect()
    second.send(OpenRun(run="next", primitive=sphere_field(), overrides=TINY))
    assert viewer.wait_for(RunOpened, PATIENCE, lambda opened: opened.run == "next").step == 0
    second.send(CloseRun())
    viewer.wait_for(RunClosed, PATIENCE)
    connect(take_over=True)
    assert viewer.is_open, "who takes over takes the place of the one in control"
