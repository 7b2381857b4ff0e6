"""A run that is begun again leaves the former one beside it, whole."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.link.client import EngineClient
from engine.link.file_lock import user_of
from engine.link.launcher import EngineProcess
from engine.link.messages import (
    AddView,
    CloseRun,
    EvaluationSpec,
    OpenRun,
    Problem,
    RunClosed,
    RunOpened,
    SnapshotSaved,
    StartJob,
    Status,
    Train,
)
from engine.runs import RunError, load_run, read_info
from engine.service.session import Session, SessionError
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_field, sphere_views

pytestmark = pytest.mark.slow

PATIENCE = 120.0


def _open(client: EngineClient, resume: bool) -> RunOpened:
    client.send(OpenRun(run="run", primitive=sphere_field(), overrides=TINY, resume=resume))
    return client.wait_for(RunOpened, PATIENCE)


def _send_views(client: EngineClient) -> None:
    for view in sphere_views(3, 16):
        client.send(AddView(name=view.name, split="train", camera=view.camera, color=view.color, depth=view.depth))


def _train(client: EngineClient, steps: int) -> None:
    _send_views(client)
    client.send(Train(running=True, steps=steps))
    client.wait_for(SnapshotSaved, PATIENCE, lambda saved: saved.step == steps)


def test_each_new_beginning_keeps_what_was_there(start_engine: Callable[..., EngineProcess], tmp_path: Path) -> None:
    root = tmp_path / "root"
    address = start_engine(root).wait_ready()
    client = EngineClient(address.host, address.port, address.token, "test")
    client.connect(20)
    _open(client, resume=False)
    _train(client, 7)
    assert [path.name for path in root.glob("run*")] == ["run"], "there was nothing to keep"

    assert _open(client, resume=False).step == 0
    assert read_info(root / "run")["step"] == 7, (
        "until the new run has learnt something, the former one is in its place"
    )
    for number, steps in ((1, 9), (2, 11)):
        _open(client, resume=False)
        _train(client, steps)
        assert (root / f"run-former-{number}").is_dir() and not (root / f"run-former-{number + 1}").exists()
    assert [read_info(root / f"run{part}")["step"] for part in ("-former-1", "-former-2", "")] == [7, 9, 11]
    assert load_run(root / "run-former-1", "cpu").trainer.step_count == 7

    assert _open(client, resume=True).step == 11, "a client that comes back finds everything still there"
    (root / "run").rename(root / "run-former-3")
    (root / "run-former-1").rename(root / "run")
    assert _open(client, resume=True).step == 7, "another run was put in its place"
    client.close()


def test_a_run_that_is_closed_is_saved_and_left_alone(
    start_engine: Callable[..., EngineProcess], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    address = start_engine(root).wait_ready()
    client = EngineClient(address.host, address.port, address.token, "test")
    client.connect(20)
    client.send(CloseRun())
    client.wait_for(RunClosed, PATIENCE)
    _open(client, resume=False)
    client.send(CloseRun())
    client.wait_for(RunClosed, PATIENCE)
    assert not (root / "run").exists(), "nothing was learnt"

    _open(client, resume=False)
    _send_views(client)
    view = sphere_views(4, 16)[3]
    client.send(AddView(name=view.name, split="test", camera=view.camera, color=view.color, depth=view.depth))
    client.send(Train(running=True))
    client.wait_for(Status, PATIENCE, lambda status: status.step > 3)
    client.send(StartJob(job="scores", specification=EvaluationSpec()))  # its scores would be saved
    client.send(CloseRun())
    client.wait_for(RunClosed, PATIENCE)
    saved = read_info(root / "run")["step"]
    assert saved > 3 and user_of(root / "run") == ""
    (root / "run").rename(root / "elsewhere")
    client.send(Train(running=True))
    assert "no run is open" in client.wait_for(Problem, PATIENCE).message
    assert client.wait_for(Status, PATIENCE, lambda status: status.state == "idle").step == 0
    assert sorted(path.name for path in root.iterdir()) == ["elsewhere"]
    (root / "elsewhere").rename(root / "run")
    assert _open(client, resume=True).step == saved
    client.close()


def test_a_run_that_cannot_be_saved_is_not_closed(start_engine: Callable[..., EngineProcess], tmp_path: Path) -> None:
    root = tmp_path / "root"
    address = start_engine(root).wait_ready()
    client = EngineClient(address.host, address.port, address.token, "test")
    client.connect(20)
    _open(client, resume=False)
    (root / "run").write_text("a file")
    _send_views(client)
    client.send(Train(running=True))
    client.wait_for(Status, PATIENCE, lambda status: status.step > 3)
    client.send(Train(running=False))
    assert "it is a file" in client.wait_for(Problem, PATIENCE).message
    client.send(CloseRun())
    assert "it is a file" in client.wait_for(Problem, PATIENCE).message
    (root / "run").unlink()
    client.send(CloseRun())
    client.wait_for(RunClosed, PATIENCE)
    assert read_info(root / "run")["step"] > 3
    client.close()


def test_a_former_run_that_cannot_be_set_aside_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> Path:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    request = OpenRun(run="run", primitive=sphere_field(), overrides=TINY, resume=False)
    former = Session(request, tmp_path, TEST_DEVICE, lambda _message: None)
    former.save()
    before = (tmp_path / "run" / "run.json").read_bytes()
    monkeypatch.setattr("engine.service.session.set_aside", refuse)
    session = Session(request, tmp_path, TEST_DEVICE, lambda _message: None)
    with pytest.raises(RunError, match=r"run: the former run can't be set aside \(Permission denied\)"):
        session.save()
    assert (tmp_path / "run" / "run.json").read_bytes() == before
    monkeypatch.undo()
    session.save()
    assert (tmp_path / "run-former-1" / "run.json").read_bytes() == before


def test_a_run_goes_on_with_colour_like_what_it_learnt_alone(tmp_path: Path) -> None:
    request = OpenRun(run="run", primitive=sphere_field(), overrides=TINY, resume=True)
    other = dataclasses.replace(request, primitive=dataclasses.replace(sphere_field(), color_space="srgb"))
    words = "run: it has learnt linear colour, but there is srgb: name another run"
    session = Session(request, tmp_path, TEST_DEVICE, lambda _message: None)
    with pytest.raises(SessionError, match=words):
        session.go_on(other)
    session.save()
    session.close()
    with pytest.raises(SessionError, match=words):
        Session(other, tmp_path, TEST_DEVICE, lambda _message: None)
    Session(request, tmp_path, TEST_DEVICE, lambda _message: None).close()


def test_a_run_that_was_put_in_the_place_of_an_open_one_is_kept(tmp_path: Path) -> None:
    request = OpenRun(run="run", primitive=sphere_field(), overrides=TINY, resume=False)
    session = Session(request, tmp_path, TEST_DEVICE, lambda _message: None)
    session.save()
    (tmp_path / "run").rename(tmp_path / "away")
    assert not session.is_replaced, "one that is gone has no other in its place"
    Session(request, tmp_path, TEST_DEVICE, lambda _message: None).save()
    other = (tmp_path / "run" / "run.json").read_bytes()
    assert session.is_replaced
    session.save()
    assert not session.is_replaced
    assert (tmp_path / "run-former-1" / "run.json").read_bytes() == other
