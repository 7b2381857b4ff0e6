"""A whole session with a real engine: views in, training, frames, scores, bakes, snapshots, and what goes wrong."""

from __future__ import annotations

import dataclasses
import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.link import codec
from engine.link.client import EngineClient, EngineProblem
from engine.link.launcher import Address, EngineProcess
from engine.link.messages import (
    AddView,
    BakeSpec,
    CancelJob,
    Evaluation,
    EvaluationSpec,
    Frame,
    ItemAdded,
    JobUpdate,
    Message,
    OpenRun,
    Problem,
    RequestFrame,
    RunOpened,
    SaveSnapshot,
    SnapshotSaved,
    StartJob,
    Status,
    Train,
)
from engine.primitives.radiance_field.fields import choose_preset
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.raw_connection import connect_raw, shake_hands, tell
from tests.scenes import picture_of_sphere, sphere_cameras, sphere_field, sphere_views
from tests.wires import pack, unpack

VIEWS = sphere_views(8, 32)
CAMERA = sphere_cameras(5, 32)[2]
pytestmark = pytest.mark.slow

STEPS = 200
PATIENCE = 120.0  # the first run compiles every kernel

Connect = Callable[..., EngineClient]


def add_view(index: int, **changes: Any) -> AddView:
    view = VIEWS[index]
    fields = {"name": view.name, "split": "train", "camera": view.camera, "color": view.color, "depth": view.depth}
    return AddView(**(fields | changes))


def open_run(client: EngineClient, name: str, resume: bool = False, **changes: Any) -> RunOpened:
    client.send(OpenRun(run=name, primitive=sphere_field(), overrides=TINY, resume=resume, **changes))
    return client.wait_for(RunOpened, PATIENCE)


def expect_problem(client: EngineClient, message: Message, code: str) -> Problem:
    client.send(message)
    problem = client.wait_for(Problem, PATIENCE)
    assert problem.code == code, problem
    assert not problem.fatal and client.is_open
    return problem


@pytest.fixture(scope="module")
def trained(address: Address) -> None:
    """A run "sphere" in which seven views have been trained on and one is held out."""
    client = EngineClient(address.host, address.port, address.token, "setup")
    client.connect(20)
    open_run(client, "sphere")
    send_views(client)
    client.send(Train(running=True, steps=STEPS, evaluate_every=1.0))
    client.wait_for(Evaluation, PATIENCE, lambda evaluation: evaluation.step == STEPS)
    client.wait_for(Status, PATIENCE, lambda status: status.state == "finished")
    client.close()


@pytest.fixture
def client(connect: Connect, trained: None) -> EngineClient:
    """A client that has come back to the trained run."""
    client = connect()
    opened = open_run(client, "sphere", resume=True)
    assert opened.step == STEPS
    client.wait_for(Evaluation, PATIENCE, lambda evaluation: evaluation.step == STEPS)
    client.poll()  # the scores of former steps, which a run is opened with: no test's answer
    if not opened.items:  # another test has opened another run since
        send_views(client)
    return client


def send_views(client: EngineClient) -> None:
    """Seven views of the sphere to train on, one held out."""
    for index in range(7):
        client.send(add_view(index))
    client.send(add_view(7, split="test"))
    client.wait_for(ItemAdded, PATIENCE, lambda added: (added.train_items, added.test_items) == (7, 1))


def test_a_trained_sphere_is_rendered_where_it_is(client: EngineClient) -> None:
    camera = VIEWS[2].camera
    client.send(RequestFrame(request=3, camera=camera))
    frame = client.wait_for(Frame, PATIENCE)
    color, depth = picture_of_sphere(camera)
    assert (frame.request, frame.step, frame.color.dtype) == (3, STEPS, np.float16)
    assert frame.camera.to_json() == camera.to_json()
    assert frame.depth is not None
    is_outside = np.isinf(depth)
    is_inside = depth < np.quantile(depth[~is_outside], 0.8)
    assert np.abs(frame.color[..., :3].astype(float) - color[..., :3])[is_inside].mean() < 0.15
    assert np.median(np.abs(frame.depth[is_inside] - depth[is_inside])) < 0.08
    assert frame.color[..., 3][is_outside].mean() < 0.3 < 0.9 < frame.color[..., 3][is_inside].mean()


def test_pixels_are_the_same_with_and_without_the_ring(client: EngineClient, connect: Connect) -> None:
    frames = []
    for same_host in (True, False):
        client.close()
        client = connect(same_host=same_host)
        client.send(RequestFrame(request=1, camera=CAMERA))
        frames.append(client.wait_for(Frame, PATIENCE))
    # But for rounding: see tests.engine.rendering.same_picture.
    np.testing.assert_allclose(frames[0].color, frames[1].color, rtol=0, atol=1e-3)  # float16
    np.testing.assert_allclose(frames[0].depth, frames[1].depth, rtol=1e-5)


def test_held_out_views_are_scored(client: EngineClient) -> None:
    client.send(StartJob(job="scores", specification=EvaluationSpec()))
    evaluation = client.wait_for(Evaluation, PATIENCE)
    assert evaluation.step == STEPS and list(evaluation.items) == ["v007"]
    assert evaluation.scores["psnr"] > 5 and 0 < evaluation.scores["ssim"] <= 1
    end = client.wait_for(JobUpdate, PATIENCE, lambda update: (update.job, update.state) == ("scores", "done"))
    assert (end.done, end.total, end.result) == (1, 1, None)


def test_all_jobs_are_in_one_queue_and_are_cancelled_alike(client: EngineClient) -> None:
    cameras = tuple(camera.resized(64, 64) for camera in sphere_cameras(40, 16))
    client.send(StartJob(job="first", specification=BakeSpec(cameras=cameras, output="bakes/first")))
    client.send(StartJob(job="second", specification=EvaluationSpec()))
    for job in ("second", "first"):  # the one waits still, the other is at hand
        client.send(CancelJob(job=job))
    ends = [client.wait_for(JobUpdate, PATIENCE, lambda update: update.state == "cancelled").job for _ in range(2)]
    assert ends == ["second", "first"]
    client.send(StartJob(job="second", specification=EvaluationSpec()))
    client.wait_for(JobUpdate, PATIENCE, lambda update: (update.job, update.state) == ("second", "done"))


def test_a_bake_reports_its_progress_and_its_files(client: EngineClient, process: EngineProcess) -> None:
    cameras = tuple(sphere_cameras(3, 16))
    client.send(StartJob(job="b", specification=BakeSpec(cameras=cameras, output="bakes/one")))
    last = client.wait_for(JobUpdate, PATIENCE, lambda update: (update.job, update.state) == ("b", "done"))
    assert (last.done, last.total, len(last.files)) == (3, 3, 3)
    for file in map(Path, last.files):
        assert file.is_relative_to((process.root / "bakes/one").resolve()) and file.stat().st_size


def test_a_bake_cancelled_midway_keeps_its_frames_and_resumes(client: EngineClient, process: EngineProcess) -> None:
    cameras = tuple(camera.resized(64, 64) for camera in sphere_cameras(20, 16))
    bake = StartJob(job="long", specification=BakeSpec(cameras=cameras, output="bakes/long"))
    client.send(bake)
    client.wait_for(JobUpdate, PATIENCE, lambda update: update.job == "long" and update.done >= 2)
    client.send(CancelJob(job="long"))
    update = client.wait_for(JobUpdate, PATIENCE, lambda update: update.state != "running")
    assert update.state == "cancelled" and 2 <= update.done < 20
    frames = sorted((process.root / "bakes/long").glob("frame_*.png"))
    assert len(frames) == update.done == len(update.files)
    written = [frame.stat().st_mtime_ns for frame in frames]
    client.poll()
    again = dataclasses.replace(bake.specification, resume=True)
    client.send(StartJob(job="long", specification=again))
    assert client.wait_for(JobUpdate, PATIENCE, lambda update: update.state != "running").state == "done"
    assert [frame.stat().st_mtime_ns for frame in frames] == written


def test_a_bake_into_a_place_that_cannot_be_written_is_one_clear_problem(
    client: EngineClient, process: EngineProcess
) -> None:
    (process.root / "file").write_text("in the way")
    problem = expect_problem(
        client, StartJob(job="b", specification=BakeSpec(cameras=(CAMERA,), output="file/x")), "bake"
    )
    assert problem.regarding == "b" and "file" in problem.message


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (OpenRun(run="../elsewhere", primitive=sphere_field()), "path", "run: '../elsewhere' leads out"),
        (OpenRun(run="/tmp/x", primitive=sphere_field()), "path", "run: '/tmp/x' must be a path relative"),
        (OpenRun(run="x" * 300, primitive=sphere_field()), "path", "too long for the name of a file or folder: 300"),
        (
            OpenRun(run="x", primitive=sphere_field(), overrides={"seed": 5}),
            "request",
            "overrides: the seed has a field",
        ),
        (StartJob(job="b", specification=BakeSpec(cameras=(CAMERA,), output="..")), "path", "output: '..' leads out"),
        (
            StartJob(job="b", specification=BakeSpec(cameras=(CAMERA,), output="o", video="../v.mp4")),
            "path",
            "video: '../v.mp4' leads out",
        ),
        (StartJob(job="b", specification=BakeSpec(cameras=(), output="o")), "bake", "no cameras"),
        (
            StartJob(job="b", specification=BakeSpec(cameras=(CAMERA,), output="o", display="table")),
            "bake",
            "view_table: there must be one",
        ),
        (CancelJob(job="nothing"), "request", "no job named 'nothing'"),
        (Train(running=True, seconds=0.0), "request", "seconds: the budget must be positive"),
        (RequestFrame(request=1, camera=CAMERA.resized(16384, 16384)), "frame", "16384x16384 is too large"),
        (add_view(0, camera=CAMERA.resized(16, 16)), "view", "view v000: the image is 32x32, its camera says 16x16"),
        (add_view(0, depth=np.zeros((4, 4), np.float32)), "view", "view v000: depth must be float32"),
        (add_view(0, color=np.full((32, 32, 4), np.nan, np.float16)), "view", "view v000: the image contains NaN"),
        (
            add_view(0, color=np.zeros((32, 32, 4), np.uint8)),
            "view",
            "view v000: it is srgb, but this run learns linear colour",
        ),
        (add_view(0, split="test"), "view", "view v000: it is a train view already"),
    ],
)
def test_a_request_that_cannot_be_met_is_told_in_words(
    client: EngineClient, message: Message, code: str, words: str
) -> None:
    assert words in expect_problem(client, message, code).message


def test_bad_settings_are_named_and_leave_the_open_run_alone(client: EngineClient) -> None:
    wrong = OpenRun(run="x", primitive=sphere_field(), overrides={"learning_speed": 1})
    assert "learning_speed" in expect_problem(client, wrong, "config").message
    assert "fast" in expect_problem(client, OpenRun(run="x", primitive=sphere_field(), preset="fast"), "config").message
    assert len(open_run(client, "sphere", resume=True).items) == 8


def test_a_run_that_cannot_be_opened_leaves_the_former_one_saved_and_paused(client: EngineClient) -> None:
    open_run(client, "left behind")
    client.send(add_view(0))
    client.send(Train(running=True))
    client.wait_for(Status, PATIENCE, lambda status: status.state == "training" and status.step > 3)
    expect_problem(client, OpenRun(run="x", primitive=sphere_field(), preset="fast"), "config")
    saved = client.wait_for(SnapshotSaved, PATIENCE)
    paused = client.wait_for(Status, PATIENCE, lambda status: status.state == "paused")
    assert Path(saved.path).parent.name == "left behind" and paused.step == saved.step > 3


@pytest.mark.parametrize("side", [0, 100_000])
def test_impossible_sizes_are_refused_by_the_engine_too(client: EngineClient, side: int, address: Address) -> None:
    client.close()
    header, _ = unpack(codec.encode(RequestFrame(request=1, camera=CAMERA)))
    header["fields"]["camera"]["width"] = side
    answer = tell(address.port, address.token, pack(header))
    assert answer.code == "bad message" and f"RequestFrame.camera: width: {side} is outside" in answer.message


def test_garbage_is_answered_and_the_session_goes_on(client: EngineClient, address: Address, connect: Connect) -> None:
    client.close()
    whole = codec.encode(add_view(0))
    for garbage in (b"", b"\x00" * 1000, b"\xff" * 1000, "text", whole[:-1], whole[: len(whole) // 2], whole + b"x"):
        assert tell(address.port, address.token, garbage).code == "bad message"
    assert open_run(connect(), "sphere", resume=True).step == STEPS


def test_a_client_killed_in_the_middle_of_a_view_does_no_harm(
    client: EngineClient, address: Address, connect: Connect
) -> None:
    client.close()
    with connect_raw(address.port, address.token) as raw:
        shake_hands(raw)
        header = struct.pack("!BBQ", 0x82, 0xFF, 1 << 20) + b"\0\0\0\0"  # a masked frame that promises a mebibyte
        raw.socket.sendall(header + codec.encode(add_view(0)))
        raw.socket.close()
    client = connect()
    assert len(open_run(client, "sphere", resume=True).items) == 8


def test_training_goes_on_while_no_client_is_there(connect: Connect) -> None:
    client = connect()
    open_run(client, "alone")
    client.send(add_view(0))
    client.send(Train(running=True))
    # Not one of the run that was open before, which has ended.
    step = client.wait_for(Status, PATIENCE, lambda status: status.state == "training" and status.step > 0).step
    reached = step
    while reached == step:  # on a busy machine a step may take longer than this
        client.close()
        time.sleep(0.5)
        client = connect()
        reached = open_run(client, "alone", resume=True).step
    client.send(Train(running=False))
    assert client.wait_for(Status, PATIENCE, lambda status: status.state == "paused").step > step
    assert client.wait_for(SnapshotSaved, PATIENCE).step > step


def test_a_paused_engine_does_nothing(client: EngineClient, process: EngineProcess) -> None:
    stat = Path(f"/proc/{process.pid}/stat")
    if not stat.exists():
        pytest.skip("needs /proc")
    client.close()
    time.sleep(0.3)
    before = sum(map(int, stat.read_text().rsplit(")", 1)[1].split()[11:13]))
    time.sleep(1.0)
    ticks = sum(map(int, stat.read_text().rsplit(")", 1)[1].split()[11:13])) - before
    assert ticks <= 10, f"{ticks} hundredths of a second of processor time in one second"


def test_a_run_is_saved_and_resumed_by_another_session(client: EngineClient, process: EngineProcess) -> None:
    client.send(SaveSnapshot())
    saved = client.wait_for(SnapshotSaved, PATIENCE)
    assert saved.step == STEPS and Path(saved.path).is_file()
    info = json.loads((process.root / "sphere/run.json").read_text())
    assert (info["step"], info["primitive"]["color_space"], info["preset"]) == (
        STEPS,
        "linear",
        choose_preset("auto", TEST_DEVICE).preset,
    )
    assert [view["name"] for view in info["data"]["views"]] == [f"v{index:03d}" for index in range(8)]
    assert info["history"][-1]["views"].keys() == {"v007"}
    client.send(RequestFrame(request=1, camera=CAMERA))
    before = client.wait_for(Frame, PATIENCE)
    open_run(client, "other")
    opened = open_run(client, "sphere", resume=True)
    assert (opened.step, opened.items) == (STEPS, ())
    client.send(RequestFrame(request=2, camera=CAMERA))
    after = client.wait_for(Frame, PATIENCE)
    np.testing.assert_allclose(after.color.astype(float), before.color.astype(float), atol=2e-3)


def test_a_problem_ends_a_wait_for_something_else(client: EngineClient) -> None:
    client.send(CancelJob(job="nothing"))
    with pytest.raises(EngineProblem, match="no job named"):
        client.wait_for(JobUpdate, 10)
