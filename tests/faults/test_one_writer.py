"""A run folder has one writer, whoever else tries, and what is not ours stays."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.cli import main
from engine.link.file_lock import IN_USE, FileLock, FileTaken, is_taken, owner_of
from engine.link.messages import OpenRun
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.run_folder import RunError, RunWriteError
from engine.run_lock import lock_run
from engine.runs import load_run, save_run
from engine.service.session import Session
from engine.training.trainer import Trainer
from tests.device import TEST_DEVICE
from tests.engine.data.scenes import write_nerf_synthetic
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_bounds, sphere_field, sphere_views

_HOLD = """
import sys, time
from pathlib import Path
from engine.link.file_lock import FileLock
lock = FileLock(Path(sys.argv[1]), sys.argv[2])
print("held", flush=True)
time.sleep(600)
"""
_SAVE = """
import sys, time
from pathlib import Path
from engine.run_folder import RunError
from engine.runs import save_run
from engine.primitives.radiance_field.fields import choose_preset
from engine.primitives.radiance_field.fields import make_primitive
from engine.training.trainer import Trainer
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_bounds
trainer = Trainer(make_primitive(choose_preset("cpu", "cpu", TINY), sphere_bounds(), "linear", "cpu"))
print("ready", flush=True)
sys.stdin.readline()
saves = failures = 0
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    trainer.step_count += 1
    try:
        save_run(Path(sys.argv[1]), trainer, {"history": [{"step": trainer.step_count}]})
        saves += 1
    except RunError as error:
        failures += 1
        assert "in use by" in str(error), error
print(saves, failures)
"""


@pytest.fixture
def elsewhere() -> Iterator[Callable[[Path, str], subprocess.Popen[str]]]:
    """Starts processes that hold a file until they are killed."""
    processes: list[subprocess.Popen[str]] = []

    def hold(path: Path, owner: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _HOLD, str(path), owner]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in processes:
        process.kill()
        process.communicate()


def _tiny(steps: int = 0) -> Trainer:
    trainer = Trainer(make_primitive(choose_preset("cpu", TEST_DEVICE, TINY), sphere_bounds(), "linear", TEST_DEVICE))
    for view in sphere_views(2, 16):
        trainer.primitive.add(view)
    for _ in range(steps):
        trainer.step()
    return trainer


def test_a_held_file_tells_who_holds_it_and_is_free_when_that_one_dies(
    elsewhere: Callable[[Path, str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    path = tmp_path / ".run.in-use"
    process = elsewhere(path, "hashlight train")
    assert is_taken(path) and f"hashlight train (process {process.pid} on " in owner_of(path)
    with pytest.raises(FileTaken, match=f"process {process.pid}"):
        FileLock(path, "another")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not is_taken(path) and path.exists(), "a stale one is left behind"
    lock = FileLock(path, "another")
    assert "another (process" in owner_of(path)
    again = FileLock(path, "another part of this process")
    lock.release()
    lock.release()
    assert path.exists()
    again.release()
    assert not path.exists()


def test_a_run_in_use_is_refused_by_every_writer(
    elsewhere: Callable[[Path, str], subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("engine.runs._PATIENCE", 0.1)
    monkeypatch.setattr("engine.service.session._LOCK_PATIENCE", 0.1)
    trainer = _tiny(1)
    save_run(tmp_path / "run", trainer, {})
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    process = elsewhere(tmp_path / ".run.in-use", "hashlight serve")
    words = rf"run: in use by hashlight serve \(process {process.pid} on "
    with pytest.raises(RunWriteError, match=words):
        save_run(tmp_path / "run", trainer, {})
    for resume in (True, False):
        with pytest.raises(RunError, match=words):
            Session(OpenRun(run="run", primitive=sphere_field(), resume=resume), tmp_path, TEST_DEVICE, lambda _: None)
    dataset = write_nerf_synthetic(tmp_path / "data", train=2, test=1, size=8)
    for arguments in (["--resume"], []):
        out = tmp_path / ("run" if arguments else "other")
        if not arguments:
            elsewhere(tmp_path / ".other.in-use", "hashlight serve")
        assert (
            main(["train", str(dataset), "--out", str(out), "--steps", "3", "--device", TEST_DEVICE, *arguments]) == 1
        )
        assert "in use by hashlight serve (process" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before
    assert load_run(tmp_path / "run", TEST_DEVICE).trainer.step_count == 1, "reading is for everybody"
    process.kill()
    process.wait()
    save_run(tmp_path / "run", trainer, {})


@pytest.mark.parametrize("run", ["run", "takes/second/run"])
def test_training_from_the_command_line_keeps_out_of_a_blenders_folder(
    elsewhere: Callable[[Path, str], subprocess.Popen[str]], tmp_path: Path, run: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    session = tmp_path / "scene.hashlight"
    session.mkdir()
    process = elsewhere(session / IN_USE, "Blender")
    dataset = write_nerf_synthetic(tmp_path / "data", train=2, test=1, size=8)
    command = ["train", str(dataset), "--out", str(session / run), "--steps", "1", "--device", TEST_DEVICE]
    assert main(command) == 1
    assert f"a Blender works in {session}: close the file there" in capsys.readouterr().err
    process.kill()
    process.wait()
    assert main(command) == 0


def test_a_session_holds_its_run_until_it_is_closed(tmp_path: Path) -> None:
    request = OpenRun(run="sub/run", primitive=sphere_field(), overrides=TINY)
    session = Session(request, tmp_path, TEST_DEVICE, lambda _: None)
    mark = tmp_path / "sub" / ".run.in-use"
    assert mark.exists() and not (tmp_path / "sub" / "run").exists()
    session.save()
    session.close()
    assert not mark.exists() and (tmp_path / "sub" / "run" / "run.json").is_file()
    (tmp_path / "sub" / "run" / "run.json").write_text("{")
    with pytest.raises(RunError):
        Session(OpenRun(run="sub/run", primitive=sphere_field(), resume=True), tmp_path, TEST_DEVICE, lambda _: None)
    assert not mark.exists(), "a run that can't be opened is not held"


def test_a_folder_in_one_that_is_not_ours_is_held_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *rest: object) -> FileLock:
        if path.parent == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return FileLock(path, "test")

    monkeypatch.setattr("engine.link.file_lock.FileLock", refuse)
    with pytest.raises(RunWriteError, match="Permission denied"):
        lock_run(tmp_path / "run", "test")
    (tmp_path / "run").mkdir()
    lock = lock_run(tmp_path / "run", "test")
    assert (tmp_path / "run" / IN_USE).exists()
    lock.release()
    assert list((tmp_path / "run").iterdir()) == []


def test_what_is_not_ours_is_never_deleted(tmp_path: Path) -> None:
    folder, trainer = tmp_path / "run", _tiny(1)
    save_run(folder, trainer, {})
    theirs = [
        "snapshot-backup.safetensors", "snapshot-00000001-ab.safetensors.bak", "snapshot-.part", "run.json.backup",
        "run.json.old.part", "history.jsonl", "history-backup.jsonl", ".notes.part", "part.json", ".run.part.json",
        "snapshot-00000001-XYZ.safetensors",
    ]  # fmt: skip
    for name in theirs:
        (folder / name).write_text("the user's own")
    (folder / ".x.making-y").mkdir()
    newest = save_run(folder, trainer, {})
    assert {path.name for path in folder.iterdir()} == {newest.name, "run.json", ".x.making-y", *theirs}


def test_a_link_that_was_put_in_the_runs_place_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    session = Session(OpenRun(run="run", primitive=sphere_field(), overrides=TINY), root, TEST_DEVICE, lambda _: None)
    session.save()
    (root / "run").rename(root / "moved")
    (root / "run").symlink_to(outside)
    with pytest.raises(RunWriteError, match="a link has been put in its place"):
        session.save()
    assert list(outside.iterdir()) == []
    (root / "run").unlink()
    session.save()
    assert (root / "run" / "run.json").is_file()


def _race(folder: Path, seconds: float) -> tuple[int, int]:
    """Saves and refusals of two processes that save into one folder as fast as they can."""
    command = [sys.executable, "-c", _SAVE, str(folder), str(seconds)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=Path(__file__).parents[2], **pipes) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    saves = failures = 0
    outputs = []
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        outputs.append(process.communicate(timeout=120)[0])
        assert process.returncode == 0
    for output in outputs:
        numbers = output.split()
        saves, failures = saves + int(numbers[0]), failures + int(numbers[1])
    return saves, failures


@pytest.mark.slow
def test_two_processes_that_save_into_one_folder_leave_a_whole_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    saves, _ = _race(folder, 1.5)
    info = json.loads((folder / "run.json").read_text())
    assert saves > 10 and {path.name for path in folder.iterdir()} == {"run.json", info["snapshot"]["file"]}
    assert load_run(folder, TEST_DEVICE).trainer.step_count == info["step"]


@pytest.mark.faults
def test_two_processes_for_a_minute(tmp_path: Path, tally) -> None:  # noqa: ANN001
    lost = 0
    for round_number in range(12):
        folder = tmp_path / f"run-{round_number}"
        saves, _ = _race(folder, 5.0)
        try:
            load_run(folder, TEST_DEVICE)
        except RunError:
            lost += 1
        tally.add("saves of two processes into one folder", saves, lost=lost)
    assert not lost
