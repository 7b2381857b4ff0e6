"""Restart Training begins another take with the same views: the take that was open keeps its run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from capture_jobs import capture, count_pictures

Import = Callable[[str], ModuleType]
Wait = Callable[..., None]


def _step(take: Path) -> int:
    """How many steps the run of the take in this folder has behind it on disk; 0 without a run."""
    run = take / "run" / "run.json"
    return int(json.loads(run.read_bytes())["step"]) if run.is_file() else 0


def _pictures(take: Path) -> list[Path]:
    return sorted((take / "capture" / "images").iterdir())


@pytest.fixture
def copied(addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path) -> tuple[Path, Path]:
    """The folders of a take with three views, and of another that was given the same."""
    planned_scene.hashlight.folder = str(tmp_path / "session")
    settings = planned_scene.hashlight.capture
    settings.resolution_x = settings.resolution_y = 16
    settings.training_views = 2
    capture()
    session, restarting = tmp_path / "session", addon("takes.restarting")
    take = restarting._make_copy(session, addon("takes.switching").take_called(planned_scene, ""))
    return session, session / "takes" / take.key


def test_the_views_of_both_takes_are_on_disk_once(
    addon: Import, planned_scene: bpy.types.Scene, copied: tuple[Path, Path]
) -> None:
    first, second = copied
    assert [path.name for path in _pictures(second)] == [path.name for path in _pictures(first)]
    usage = addon("takes.usage").measure(first, "")
    assert [(entry.take.name, entry.views) for entry in usage.takes] == [("Take 1", 3), ("Take 2", 3)]
    size = sum(path.stat().st_size for path in (first / "capture").rglob("*") if path.is_file())
    assert [entry.bytes for entry in usage.takes] == [size, 0]
    bpy.ops.hashlight.delete_take(take="Take 1")
    usage = addon("takes.usage").measure(first, "take-2")
    assert [entry.bytes for entry in usage.takes] == [size]
    assert usage.bin_bytes < 100, "emptying it would free no view"
    assert count_pictures(second) == 3


def test_what_changes_in_one_take_does_not_change_in_the_other(
    planned_scene: bpy.types.Scene, copied: tuple[Path, Path]
) -> None:
    first, second = copied
    before = [(path.stat().st_ino, path.read_bytes()) for path in _pictures(first)]
    manifest = (first / "capture" / "manifest.json").read_bytes()
    bpy.ops.hashlight.open_take(take="Take 2")
    _pictures(second)[0].unlink()
    capture()
    assert count_pictures(second) == 3
    assert [(path.stat().st_ino, path.read_bytes()) for path in _pictures(first)] == before
    assert (first / "capture" / "manifest.json").read_bytes() == manifest


def test_where_files_cannot_be_shared_they_are_copied(
    addon: Import, planned_scene: bpy.types.Scene, copied: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "the file system has no links")

    first, restarting = copied[0], addon("takes.restarting")
    monkeypatch.setattr("os.link", refuse)
    take = restarting._make_copy(first, addon("takes.switching").take_called(planned_scene, ""))
    assert count_pictures(first / "takes" / take.key) == 3
    monkeypatch.setattr("shutil.copy2", refuse)
    with pytest.raises(ValueError, match="can't be copied"):
        restarting._make_copy(first, addon("takes.switching").take_called(planned_scene, ""))
    assert {path.name for path in (first / "takes").iterdir()} == {"take-2", take.key}, "nothing half-made is left"


@pytest.mark.slow
def test_the_former_run_stays_in_its_take_and_goes_on_there(
    addon: Import,
    engine_scene: bpy.types.Scene,
    capture_and_train: Callable[[], Any],
    wait: Wait,
    drawn: Callable[[str], str],
) -> None:
    session, root = capture_and_train(), addon("folders").session_folder(engine_scene)
    second, run = root / "takes" / "take-2", addon("training.run")
    wait(lambda: session.status.step > 100, "some training")
    opened, step = session.run, session.status.step
    assert bpy.ops.hashlight.restart_training() == {"FINISHED"}
    assert engine_scene.hashlight.take == "take-2" and run.session_of(engine_scene) is session
    wait(lambda: session.run is not None and session.run is not opened, "the new run")
    assert (session.run.run, session.run.step) == ("takes/take-2/run", 0)
    wait(lambda: session.views.count("held") == 6, "its views")
    wait(lambda: session.progress_made is not None and session.progress_made.step > 0, "training")
    assert _step(root) >= step, "the former run was saved"
    drawn("HASHLIGHT_PT_takes")
    rows = [(item.name, item.views) for item in bpy.context.window_manager.hashlight_takes]
    assert rows == [("Take 1", 6), ("Take 2", 6)]

    assert bpy.ops.hashlight.open_take(take="Take 1") == {"FINISHED"}
    wait(lambda: session.run is not None and session.run.run == "run", "the former run")
    assert session.run.step >= step and not session.wants_training
    assert _step(second) > 0
    assert bpy.ops.hashlight.train() == {"FINISHED"}
    wait(lambda: session.progress_made is not None and session.progress_made.step > session.run.step, "more training")


@pytest.mark.slow
def test_a_run_that_has_learnt_nothing_is_not_kept(addon: Import, engine_scene: bpy.types.Scene, wait: Wait) -> None:
    capture()
    session = addon("training.run").ensure_run(engine_scene)
    wait(lambda: session.run is not None, "the run")
    assert bpy.ops.hashlight.restart_training() == {"FINISHED"}
    assert engine_scene.hashlight.take == ""
    wait(lambda: session.progress_made is not None and session.progress_made.step > 0, "training")
