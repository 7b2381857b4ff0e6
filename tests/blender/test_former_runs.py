"""Runs that a take had before training was restarted: seen in the panel, used again, moved into the bin."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

Import = Callable[[str], ModuleType]


def _write_run(folder: Path, step: int, **scores: float | None) -> None:
    folder.mkdir(parents=True)
    info = {"step": step, "seconds": step / 10, "history": [{"psnr": 9.0}, scores] if scores else []}
    (folder / "run.json").write_text(json.dumps(info))
    (folder / "snapshot.bin").write_bytes(bytes(step * 1000))


def _steps(folder: Path) -> dict[str, int]:
    """By name of a run's folder: the steps it has behind it."""
    return {path.parent.name: json.loads(path.read_bytes())["step"] for path in folder.glob("run*/run.json")}


@pytest.fixture
def session(scene: bpy.types.Scene, tmp_path: Path) -> Path:
    """A session folder whose first take has a run and two former ones."""
    scene.hashlight.folder = str(tmp_path / "session")
    _write_run(tmp_path / "session" / "run", 300, psnr=25.0)
    _write_run(tmp_path / "session" / "run-former-1", 1000, psnr=20.0, subject_psnr=27.94)
    _write_run(tmp_path / "session" / "run-former-10", 2000, psnr=22.0, subject_psnr=None)
    return tmp_path / "session"


def test_the_panel_lists_those_of_the_open_take_with_score_and_size(
    addon: Import, scene: bpy.types.Scene, session: Path, drawn: Callable[[str], str]
) -> None:
    words = drawn("HASHLIGHT_PT_takes")
    assert "Former run 1: 27.9 dB, 1.0 MB Use" in words
    assert "Former run 10: 22.0 dB, 2.0 MB Use" in words, "a score of the subject may be missing"
    assert bpy.context.window_manager.hashlight_takes[0].size == "3.3 MB"
    bpy.ops.hashlight.new_take()
    addon("takes.listing").look_again()
    assert "Former run" not in drawn("HASHLIGHT_PT_takes")
    with pytest.raises(RuntimeError, match="Take 2 has no former run 1: there is none"):
        bpy.ops.hashlight.use_former_run(number=1)


def test_one_that_is_used_again_changes_places_with_the_present_one(scene: bpy.types.Scene, session: Path) -> None:
    assert bpy.ops.hashlight.use_former_run(number=1) == {"FINISHED"}
    assert _steps(session) == {"run": 1000, "run-former-2": 300, "run-former-10": 2000}
    figures = scene.hashlight.run
    assert (figures.step, figures.seconds, figures.since) == (1000, 100.0, 0.0)
    assert (round(figures.psnr, 2), round(figures.subject_psnr, 2)) == (20.0, 27.94)
    assert bpy.ops.hashlight.use_former_run(number=2) == {"FINISHED"}
    assert _steps(session) == {"run": 300, "run-former-1": 1000, "run-former-10": 2000}
    with pytest.raises(RuntimeError, match="Take 1 has no former run 7: there are 1, 10"):
        bpy.ops.hashlight.use_former_run(number=7)


def test_one_that_cannot_be_used_leaves_all_as_it_was(
    addon: Import, scene: bpy.types.Scene, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rename = _steps(session), Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "run-former-1":
            raise PermissionError(13, "in use", str(self))
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        with pytest.raises(RuntimeError, match=r"run-former-1: can't be renamed \(in use\)"):
            bpy.ops.hashlight.use_former_run(number=1)
    assert _steps(session) == before
    assert not addon("folder_lock").is_held(session)


def test_a_run_that_another_process_works_in_stays(
    addon: Import, scene: bpy.types.Scene, session: Path, hold_run: Callable[[Path], subprocess.Popen[str]]
) -> None:
    before, other = _steps(session), hold_run(session / "run")
    with pytest.raises(RuntimeError, match="Take 1 stays as it is, for its run is in use by hashlight train"):
        bpy.ops.hashlight.use_former_run(number=1)
    with pytest.raises(RuntimeError, match="wait until that has ended"):
        bpy.ops.hashlight.delete_take()
    assert _steps(session) == before and not addon("folder_lock").is_held(session)
    other.kill()
    other.wait()
    assert bpy.ops.hashlight.use_former_run(number=1) == {"FINISHED"}
    assert _steps(session)["run"] == 1000
    assert not list(session.glob(".*.in-use")), "it is held no longer than that"


def test_they_go_into_the_bin_alone_or_with_their_take(scene: bpy.types.Scene, session: Path) -> None:
    assert bpy.ops.hashlight.delete_former_run(number=10) == {"FINISHED"}
    (kept,) = (session / "bin").iterdir()
    assert _steps(kept) == {"run-former-10": 2000}
    assert _steps(session) == {"run": 300, "run-former-1": 1000}
    assert bpy.ops.hashlight.delete_take() == {"FINISHED"}
    assert _steps(session) == {}
    (other,) = (path for path in (session / "bin").iterdir() if path != kept)
    assert _steps(other) == {"run": 300, "run-former-1": 1000}


@pytest.mark.slow
def test_the_engine_goes_on_with_a_former_run(
    addon: Import,
    engine_scene: bpy.types.Scene,
    capture_and_train: Callable[[], Any],
    wait: Callable[..., None],
    drawn: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def note_user(swap: Callable[[Path], int], root: Path, users: list[str]) -> Callable[[Path], int]:
        def noted(former: Path) -> int:
            users.append((root / ".run.in-use").read_text().split(" (process")[0])
            return swap(former)

        return noted

    session, root = capture_and_train(), addon("folders").session_folder(engine_scene)
    wait(lambda: session.status.step > 100, "some training")
    bpy.ops.hashlight.pause_training()
    wait(lambda: session.snapshot is not None and session.snapshot.step == session.status.step, "a snapshot of it")
    former, opened = session.snapshot.step, session.run
    bpy.ops.hashlight.restart_training()
    assert not addon("takes.changing")._is_settled(session), "while the new run is being opened"
    wait(lambda: "run-former-1" in _steps(root) and "run" in _steps(root), "the new run")
    assert "Former run 1: " in drawn("HASHLIGHT_PT_takes")

    users: list[str] = []
    monkeypatch.setattr(addon("takes.former_runs"), "_swap", note_user(addon("takes.former_runs")._swap, root, users))
    assert bpy.ops.hashlight.use_former_run(number=1) == {"FINISHED"}  # while the other is being trained
    assert users == ["Blender"], "the engine has let go of the run before folders change places"
    assert _steps(root)["run"] == former
    wait(lambda: session.run is not None and session.run is not opened and session.run.step == former, "the former run")
    wait(lambda: session.views.count("held") == 6, "its views")
    assert not session.wants_training
    abandoned = _steps(root)["run-former-2"]
    assert bpy.ops.hashlight.train() == {"FINISHED"}
    wait(lambda: session.progress_made is not None and session.progress_made.step > former, "more training")
    addon("session.registry").close()
    assert _steps(root)["run"] > former
    assert _steps(root)["run-former-2"] == abandoned
