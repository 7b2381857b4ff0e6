"""Several scenes of one file: each has captures, runs and takes of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import bpy
import pytest
from capture_jobs import capture, count_pictures

Import = Callable[[str], ModuleType]


@pytest.fixture
def session(planned_scene: bpy.types.Scene, tmp_path: Path) -> Path:
    """The session folder of the small scene, with views that take a moment to capture."""
    settings = planned_scene.hashlight
    settings.folder = str(tmp_path / "file.hashlight")
    settings.capture.resolution_x = settings.capture.resolution_y = 16
    settings.capture.training_views = 2
    return tmp_path / "file.hashlight"


def _new(session: Path) -> bpy.types.Scene:
    scene = bpy.data.scenes.new("Second: one")
    scene.hashlight.folder = str(session)
    return scene


def _copy(planned_scene: bpy.types.Scene) -> bpy.types.Scene:
    scene = planned_scene.copy()
    scene.name = "Second: one"
    bpy.context.view_layer.update()
    return scene


@pytest.fixture(params=["new", "copy"])
def second(
    request: pytest.FixtureRequest, addon: Import, planned_scene: bpy.types.Scene, session: Path
) -> Iterator[bpy.types.Scene]:
    """Another scene of the file, made after the first was captured into its second take and trained on."""
    capture()
    bpy.ops.hashlight.new_take(name="Close")
    capture()
    planned_scene.hashlight.run.step = 300
    planned_scene.hashlight.review.view = "test_000"
    scene = _new(session) if request.param == "new" else _copy(planned_scene)
    yield scene
    bpy.data.scenes.remove(scene)


def test_another_scene_begins_with_nothing(
    addon: Import, planned_scene: bpy.types.Scene, session: Path, second: bpy.types.Scene
) -> None:
    assert addon("folders").session_folder(second) == session / "scenes" / "Second__one"
    assert not addon("capture.captured_views").captured_views(second)
    assert [take.name for take in addon("takes.switching").takes_of(second)] == ["Take 1"]
    assert not addon("training.saved_state").has_saved_run(second)
    assert not second.hashlight.review.view and planned_scene.hashlight.review.view, "no view of the other's to compare"
    assert len(addon("capture.captured_views").captured_views(planned_scene)) == 3, "the first one's stay"
    assert addon("training.saved_state").has_saved_run(planned_scene)


def test_its_folder_stays_when_scenes_are_renamed(
    addon: Import, planned_scene: bpy.types.Scene, session: Path, second: bpy.types.Scene
) -> None:
    folder = addon("folders").session_folder
    addon("folders").lock_folder(second).release()
    planned_scene.name, second.name = "Second: one", "Scene"
    assert folder(planned_scene) == session
    assert folder(second) == session / "scenes" / "Second__one"
    third = bpy.data.scenes.new("Second: one")
    third.hashlight.folder = str(session)
    assert folder(third) not in (folder(planned_scene), folder(second)), "not that of the one which had the name"
    bpy.data.scenes.remove(third)
    planned_scene.name = "Scene"
    assert count_pictures(session) == 3


def test_scenes_without_files_have_the_folder_of_the_file_until_one_uses_it(addon: Import, session: Path) -> None:
    first, scene = bpy.context.scene, _new(session)
    folder = addon("folders").session_folder
    assert folder(first) == folder(scene) == session
    addon("folders").lock_folder(scene).release()
    assert (folder(first), folder(scene)) == (session / "scenes" / bpy.path.clean_name(first.name), session)
    bpy.data.scenes.remove(scene)
    assert folder(first) == session


def test_an_engine_elsewhere_keeps_scenes_apart(addon: Import, session: Path, second: bpy.types.Scene) -> None:
    preferences = addon("preferences").get_preferences()
    preferences.use_running_engine, preferences.token = True, "some"
    try:
        sources = [addon("session.source").engine_source(scene) for scene in (bpy.context.scene, second)]
    finally:
        preferences.use_running_engine, preferences.token = False, ""
    assert [source.subfolder for source in sources] == ["file/", "file/scenes/Second__one/"]


def test_undo_does_not_give_the_folder_away(addon: Import, planned_scene: bpy.types.Scene, session: Path) -> None:
    bpy.ops.ed.undo_push(message="before")
    capture()
    scene = _new(session)
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    bpy.ops.ed.redo()
    scene = bpy.data.scenes["Second: one"]
    assert addon("folders").session_folder(bpy.context.scene) == session
    assert addon("folders").session_folder(scene) != session
    bpy.data.scenes.remove(scene)
