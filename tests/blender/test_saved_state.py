"""What a .blend remembers: its run, its last picture, and where everything is after the first save."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import bpy
import numpy as np
import pytest
from pumping import wait_for

from engine.link.messages import Status

Import = Callable[[str], ModuleType]


@pytest.fixture
def unsaved_scene(
    addon: Import, small_scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch
) -> Iterator[bpy.types.Scene]:
    """The small scene in a file that was never saved, with three planned views and an engine to be started."""
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", os.environ.get("HASHLIGHT_ENGINE_PYTHON") or sys.executable)
    settings = small_scene.hashlight
    settings.capture.training_views, settings.capture.held_out_views = 2, 1
    settings.training.evaluate_every = 0.0
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    yield small_scene
    addon("session.registry").close()


def _folder(addon: Import) -> Path:
    return addon("folders").session_folder(bpy.context.scene)


def test_files_that_were_never_saved_have_a_folder_each(addon: Import, unsaved_scene: bpy.types.Scene) -> None:
    first = _folder(addon)
    assert _folder(addon) == first
    assert first.parent == addon("folders").unsaved_root()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert _folder(addon) != first


def test_the_first_save_takes_what_was_captured_along(
    addon: Import, unsaved_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.ops.hashlight.capture()
    before = _folder(addon)
    assert (before / "capture" / "manifest.json").is_file()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "copy.blend"), copy=True)
    assert _folder(addon) == before  # still the unsaved file
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert _folder(addon) == tmp_path / "scene.hashlight"
    assert (tmp_path / "scene.hashlight" / "capture" / "manifest.json").is_file()
    assert not before.exists()


def test_what_cannot_be_moved_is_used_where_it_is(
    addon: Import, unsaved_scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bpy.ops.hashlight.capture()
    before = _folder(addon)

    def refuse(self: Path, target: Path) -> None:
        raise OSError("another drive")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
        assert _folder(addon) == before
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert _folder(addon) == tmp_path / "scene.hashlight"  # now it could be
    assert (tmp_path / "scene.hashlight" / "capture" / "manifest.json").is_file()


def test_another_files_captures_are_left_alone_and_those_of_this_one_told(
    addon: Import, unsaved_scene: bpy.types.Scene, tmp_path: Path, drawn: Callable[[str], str]
) -> None:
    bpy.ops.hashlight.capture()
    before = _folder(addon)
    (tmp_path / "scene.hashlight" / "capture").mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert _folder(addon) == before, "training, say, goes on there"
    words = drawn("HASHLIGHT_PT_files")
    assert str(before) in words.replace(" ", "") and "scene.hashlight was here already" in words

    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "another.blend"))  # what the panel says to do
    assert (tmp_path / "another.hashlight" / "capture" / "manifest.json").is_file() and not before.exists()
    assert not bpy.types.HASHLIGHT_PT_files.poll(bpy.context)


def test_another_name_leaves_captures_with_the_former_file_and_says_so(
    addon: Import, unsaved_scene: bpy.types.Scene, tmp_path: Path, drawn: Callable[[str], str]
) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "car.blend"))
    bpy.ops.hashlight.capture()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "copy.blend"), copy=True)
    assert not drawn("HASHLIGHT_PT_files")
    for name in ("car_001.blend", "car_002.blend"):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / name))
        assert f"isin{tmp_path / 'car.hashlight'},withtheformerfile" in drawn("HASHLIGHT_PT_files").replace(" ", "")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "car_002.blend"))
    assert f"isin{tmp_path / 'car.hashlight'},withtheformerfile" in drawn("HASHLIGHT_PT_files").replace(" ", "")

    scene = bpy.context.scene
    scene.hashlight.folder = "//car.hashlight"
    assert addon("capture.captured_views").has_views(scene) and not drawn("HASHLIGHT_PT_files")
    scene.hashlight.folder = ""
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "car.blend"))
    assert not drawn("HASHLIGHT_PT_files")


@pytest.mark.slow
def test_the_engine_lets_go_after_the_first_save_once_it_has_nothing_to_do(
    addon: Import, unsaved_scene: bpy.types.Scene, tmp_path: Path, drawn: Callable[[str], str]
) -> None:
    registry, run = addon("session.registry"), addon("training.run")
    unsaved_scene.hashlight.training.seconds = 0.0
    assert bpy.ops.hashlight.capture_and_train() == {"FINISHED"}
    first, before, present = registry.current(), _folder(addon), tmp_path / "scene.hashlight"
    wait_for(addon, lambda: first.status is not None and first.status.step > 20, "training")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    step = first.status.step
    wait_for(addon, lambda: first.status.step > step, "more training after the save")
    assert _folder(addon) == before and before.is_dir(), "it is trained there"
    words = drawn("HASHLIGHT_PT_files")
    assert str(before) in words.replace(" ", "")  # which is broken to lines
    assert "moves to scene.hashlight" in words and "once the engine has nothing to do" in words

    bpy.ops.hashlight.pause_training()
    wait_for(addon, lambda: _folder(addon) == present, "the move")
    assert not before.exists() and (present / "capture" / "manifest.json").is_file()
    second = registry.current()
    wait_for(addon, lambda: second.progress_made is not None and second.views.count("held") == 3, "the run, open again")
    assert second is not first and run.session_of(bpy.context.scene) is second
    assert second.progress_made.step >= step and second.progress_made.state == "paused"
    assert not bpy.types.HASHLIGHT_PT_files.poll(bpy.context) and not bpy.context.scene.hashlight.former_folder


def test_what_an_engine_without_a_run_has_open_moves_and_the_engine_comes_back(
    addon: Import, unsaved_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    registry = addon("session.registry")
    bpy.ops.hashlight.capture()
    bpy.ops.hashlight.start_engine()
    first, before = registry.current(), _folder(addon)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert _folder(addon) == before
    wait_for(addon, lambda: not before.exists(), "the move")
    wait_for(addon, lambda: registry.current() is not first and registry.current().phase == "ready", "the engine")
    assert registry.current().source.root == _folder(addon) == tmp_path / "scene.hashlight"


def test_an_undo_does_not_forget_where_the_files_are(
    addon: Import, unsaved_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.ops.hashlight.capture()
    before = _folder(addon)
    bpy.ops.ed.undo_push(message="Before the save")
    lock = addon("folder_lock").FolderLock(before)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.ed.undo_push(message="After the save")
    bpy.ops.ed.undo()
    assert _folder(addon) == before
    lock.release()
    wait_for(addon, lambda: _folder(addon) == tmp_path / "scene.hashlight", "the move, with nothing there any more")


def test_quitting_moves_what_an_engine_had_open(addon: Import, unsaved_scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.hashlight.capture()
    before = _folder(addon)
    bpy.ops.hashlight.start_engine()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert before.exists()
    addon("takes.first_save")._at_exit()
    assert not before.exists() and (tmp_path / "scene.hashlight" / "capture" / "manifest.json").is_file()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert _folder(addon) == tmp_path / "scene.hashlight" and not bpy.context.scene.hashlight.former_folder


def test_another_drive_is_named_with_a_way_out(
    addon: Import,
    unsaved_scene: bpy.types.Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    drawn: Callable[[str], str],
) -> None:
    bpy.ops.hashlight.capture()
    before = _folder(addon)
    stat = Path.stat

    def stat_elsewhere(self: Path, **options: bool) -> object:
        there = stat(self, **options)
        return SimpleNamespace(st_dev=-1, st_mode=there.st_mode) if self == before else there

    monkeypatch.setattr(Path, "stat", stat_elsewhere)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert _folder(addon) == before
    words = drawn("HASHLIGHT_PT_files")
    assert "another drive" in words and f"movethatfolderto{tmp_path / 'scene.hashlight'}" in words.replace(" ", "")


@pytest.mark.slow
def test_a_file_saved_while_training_and_opened_again_goes_on_and_bakes(
    addon: Import, unsaved_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    registry, run = addon("session.registry"), addon("training.run")
    unsaved_scene.hashlight.training.seconds = 1.0
    assert bpy.ops.hashlight.capture_and_train() == {"FINISHED"}
    session = registry.current()
    before = _folder(addon)
    wait_for(addon, lambda: session.status is not None and session.status.state == "finished", "the end of training")
    bpy.ops.hashlight.preview()
    wait_for(addon, lambda: session.frame is not None, "a picture")
    shown = session.frame.color.astype(np.float32)

    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert _folder(addon) == before  # the engine works there
    assert run.session_of(bpy.context.scene) is session
    trained = session.status.step
    registry.close()

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    scene = bpy.context.scene
    folder = tmp_path / "scene.hashlight"
    assert _folder(addon) == folder
    assert (folder / "run" / "run.json").is_file()
    assert scene.hashlight.run.step == trained
    assert f"{trained:,} steps" in addon("training.status_text").describe_saved_run(scene.hashlight.run)
    plane = addon("preview.plane").find_plane(scene, "preview")
    image = addon("preview.material").picture_node(plane.active_material).image
    pixels = np.empty(48 * 48 * 4, np.float32)
    image.pixels.foreach_get(pixels)
    np.testing.assert_array_equal(pixels.reshape(48, 48, 4)[::-1], shown)

    settings = scene.hashlight.bake
    settings.frames, settings.resolution_x, settings.resolution_y, settings.video = 2, 32, 32, "none"
    assert bpy.ops.hashlight.bake() == {"FINISHED"}
    session = registry.current()
    wait_for(addon, lambda: session.jobs["turntable"].state == "done", "the turntable")
    assert len(list((folder / "bakes" / "turntable").glob("frame_*.png"))) == 2
    assert session.run.step == trained
    wait_for(addon, lambda: session.progress_made is not None, "the engine's word")
    assert session.progress_made.step == trained  # baked, not trained

    bpy.ops.hashlight.train()
    wait_for(addon, lambda: session.status.step > trained, "more training, though the planned time was used up")
    wait_for(addon, lambda: session.views.count("held") == 3, "the views, sent again")


def test_a_scene_whose_engine_makes_way_for_anothers_remembers_its_run(
    addon: Import, unsaved_scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registry, run = addon("session.registry"), addon("training.run")
    present = SimpleNamespace(
        source=None,
        run=SimpleNamespace(step=0),
        progress_made=Status(state="paused", step=1179, seconds=140.0),
        evaluations=[],
        stop=lambda: None,
    )
    monkeypatch.setattr(registry, "_session", present)
    monkeypatch.setattr(run, "session_of", lambda scene: present if scene == unsaved_scene else None)
    monkeypatch.setattr(registry, "EngineSession", lambda source, former: SimpleNamespace(source=source))
    registry.obtain("another engine")
    assert (unsaved_scene.hashlight.run.step, unsaved_scene.hashlight.run.seconds) == (1179, 140.0)
    monkeypatch.setattr(registry, "_session", None)
