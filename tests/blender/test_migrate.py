"""A .blend of an older version keeps its settings, and takes the form of this one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import pytest

Import = Callable[[str], ModuleType]


def save_without_number(addon: Import, scene: bpy.types.Scene, path: Path) -> Path:
    """Save as a version did that had no number for the settings' form."""
    migrate = addon("migrate")
    migrate.unregister()
    try:
        scene.hashlight.property_unset("version")
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
    finally:
        migrate.register()
    return path


def _store(settings: bpy.types.PropertyGroup, name: str, value: float) -> None:
    """As a version wrote it that had such a property."""
    if hasattr(settings, "bl_system_properties_get"):
        settings = settings.bl_system_properties_get(do_create=True)
    settings[name] = value


@pytest.fixture
def old_file(addon: Import, small_scene: bpy.types.Scene, tmp_path: Path) -> Path:
    """A .blend with settings, saved as a version did that had no number for their form."""
    settings = small_scene.hashlight
    settings.folder = "//elsewhere"
    settings.capture.rig, settings.capture.training_views, settings.capture.margin = "SPHERE", 17, 0.2
    settings.capture.plan_findings.add().words = "with a button that is there no more"
    settings.training.seconds, settings.run.step = 33.0, 120
    for saved, psnr in ((settings.run, 27.5), (settings.other_runs.add(), 0.0)):
        _store(saved, "psnr", psnr)
        _store(saved, "subject_psnr", psnr - 1.25 if psnr else 0.0)
    settings.bake.name, settings.bake.resolution_x = "spin", 640
    return save_without_number(addon, small_scene, tmp_path / "old.blend")


def test_an_old_file_keeps_its_settings(addon: Import, old_file: Path) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(old_file))
    settings = bpy.context.scene.hashlight
    assert settings.version == addon("migrate").VERSION
    assert (settings.folder, settings.capture.rig, settings.capture.training_views) == ("//elsewhere", "SPHERE", 17)
    assert settings.capture.margin == pytest.approx(0.2)
    assert (settings.training.seconds, settings.run.step, settings.bake.name) == (33.0, 120, "spin")
    assert (settings.run.score, settings.other_runs[0].score) == ("PSNR 26.25 dB (soft)", "")
    assert settings.capture.plan_warnings == ""
    assert settings.take == "", "what was captured before there were takes is the first"


@pytest.mark.parametrize("has_plan", [False, True])
def test_a_plan_keeps_the_samples_of_its_captures(
    addon: Import, small_scene: bpy.types.Scene, tmp_path: Path, has_plan: bool
) -> None:
    if has_plan:
        bpy.ops.hashlight.fit_bounds()
    small_scene.cycles.samples = 64
    path = save_without_number(addon, small_scene, tmp_path / "old.blend")
    bpy.ops.wm.open_mainfile(filepath=str(path))
    assert addon("capture.fast_capture").samples_of(bpy.context.scene, bpy.context.view_layer) == (
        64 if has_plan else 16
    )


def test_each_step_is_taken_once_and_in_order(
    addon: Import, scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate, taken = addon("migrate"), []
    monkeypatch.setattr(migrate, "_STEPS", tuple((n, lambda _settings, n=n: taken.append(n)) for n in (1, 2, 3)))
    scene.hashlight.version = 1
    migrate.migrate(scene)
    assert taken == [2, 3]
    assert scene.hashlight.version == 3
    scene.hashlight.version = 9
    migrate.migrate(scene)
    assert taken == [2, 3], "a newer version's scene"
    assert scene.hashlight.version == 9


def test_new_scenes_are_saved_with_the_present_version(addon: Import, scene: bpy.types.Scene, tmp_path: Path) -> None:
    other = bpy.data.scenes.new("Other")
    other.hashlight.capture.training_views = 5
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "new.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "new.blend"))
    assert {scene.hashlight.version for scene in bpy.data.scenes} == {addon("migrate").VERSION}
    assert bpy.data.scenes["Other"].hashlight.capture.training_views == 5


def test_the_settings_of_a_new_scene_are_not_taken_for_old_ones(
    addon: Import, scene: bpy.types.Scene, tmp_path: Path
) -> None:
    other = bpy.data.scenes.new("Other")
    other.hashlight.bake.resolution_x = 640
    other.hashlight.bake.use_capture_size = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "new.blend"))
    assert other.hashlight.bake.use_capture_size


def test_a_chosen_size_of_frames_stays_chosen(addon: Import, scene: bpy.types.Scene, tmp_path: Path) -> None:
    scene.hashlight.bake.resolution_x = 640
    scene.hashlight.bake.property_unset("use_capture_size")
    bpy.ops.wm.open_mainfile(filepath=str(save_without_number(addon, scene, tmp_path / "old.blend")))
    scene = bpy.context.scene
    assert not scene.hashlight.bake.use_capture_size
    assert addon("bake.sharpness").bake_size(scene) == (640, 480)
    scene.hashlight.bake.property_unset("use_capture_size")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "new.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "new.blend"))
    assert bpy.context.scene.hashlight.bake.use_capture_size, "Reset to Default is a choice, too"


def test_planes_that_were_rendered_before_there_was_a_choice_are_no_more(
    addon: Import, small_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    def find() -> bpy.types.Object:
        return addon("preview.plane").find_plane(bpy.context.scene, "preview")

    addon("preview.plane").ensure_plane(small_scene, "preview").hide_render = False  # as all were
    bpy.ops.wm.open_mainfile(filepath=str(save_without_number(addon, small_scene, tmp_path / "old.blend")))
    assert find().hide_render
    bpy.context.scene.hashlight.preview.show_in_renders = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "new.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "new.blend"))
    assert not find().hide_render


def test_a_scene_that_is_appended_from_an_old_file_is_brought_to_the_present_form(
    addon: Import, old_file: Path
) -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    new = bpy.data.scenes.new("New")
    new.hashlight.bake.resolution_x, new.hashlight.bake.use_capture_size = 640, True
    with bpy.data.libraries.load(str(old_file)) as (there, here):
        here.scenes = there.scenes
    assert here.scenes[0].hashlight.version == addon("migrate").VERSION
    assert not here.scenes[0].hashlight.bake.use_capture_size
    assert new.hashlight.bake.use_capture_size


def test_enabling_the_extension_sees_to_the_file_that_is_open(addon: Import, scene: bpy.types.Scene) -> None:
    migrate = addon("migrate")
    migrate.unregister()
    scene.hashlight.property_unset("version")
    plane = addon("preview.plane").ensure_plane(scene, "preview")
    plane.hide_render = False
    migrate.register()
    assert scene.hashlight.version == migrate.VERSION
    assert plane.hide_render
