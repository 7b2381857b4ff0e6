"""Captures in which a view can't be rendered, or the scene changes under them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture

Import = Callable[[str], ModuleType]


class PaintEngine(bpy.types.RenderEngine):
    """A render engine that paints everything grey, and fails for the cameras in ``broken``."""

    bl_idname = "HASHLIGHT_TEST_PAINT"
    bl_label = "Paint"
    bl_use_postprocess = True
    broken: frozenset[str] = frozenset()
    is_spoilt = False

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        camera = depsgraph.scene.camera.name
        if camera in self.broken:
            self.report({"ERROR"}, f"out of paint at {camera}")  # both, as Cycles does
            self.error_set(f"out of paint at {camera}")
            self.is_spoilt = True
            return
        width, height = depsgraph.scene.render.resolution_x, depsgraph.scene.render.resolution_y
        result = self.begin_result(0, 0, width, height)
        # As Cycles, when it is kept from view to view: after a failure it gives empty pictures and says nothing.
        pixels = np.full(width * height * 4, 0.0 if self.is_spoilt else 1.0, np.float32)
        result.layers[0].passes["Combined"].rect.foreach_set(pixels)
        self.end_result(result)


@pytest.fixture
def paint() -> Iterator[type[PaintEngine]]:
    bpy.utils.register_class(PaintEngine)
    PaintEngine.broken = frozenset()
    yield PaintEngine
    bpy.utils.unregister_class(PaintEngine)


@pytest.fixture
def planned_scene(planned_scene: bpy.types.Scene) -> bpy.types.Scene:
    """With 5 + 1 planned cameras."""
    planned_scene.hashlight.capture.training_views = 5
    return planned_scene


def collect(job: Any, words: str) -> list[str]:
    """The names of the views that come until the capture ends with an error."""
    names = []
    with pytest.raises(ValueError, match=words), job:
        for view in job:
            names.append(view.name)
    return names


def test_a_view_that_fails_is_left_out_and_tried_again(
    addon: Import, planned_scene: bpy.types.Scene, paint: type[PaintEngine]
) -> None:
    planned_scene.render.engine = paint.bl_idname
    planned_scene.hashlight.capture.use_depth = False
    paint.broken = frozenset({"train_001", "train_003"})
    names = collect(
        start_capture(addon, planned_scene),
        r"2 of 6 views could not be rendered, 4 are kept\. View train_001: Camera train_001: "
        r"rendering failed: out of paint at train_001\. Capture",
    )
    assert len(names) == 4
    assert not paint.broken & set(names)
    dataset = addon("capture.dataset").CaptureDataset.open(addon("folders").capture_folder(planned_scene))
    assert all((dataset.read(name)[0][..., 3] == 1.0).all() for name in names), "a view after a failure is empty"

    paint.broken = frozenset()
    with start_capture(addon, planned_scene) as job:
        assert {view.name for view in job if view.is_new} == {"train_001", "train_003"}


def test_a_view_that_stopped_the_last_capture_comes_last(addon: Import, planned_scene: bpy.types.Scene) -> None:
    with start_capture(addon, planned_scene) as job:
        usual = [next(job).name, *(view.name for view in job)]
    planned_scene.hashlight.folder += "again"
    with start_capture(addon, planned_scene, leave_for_last=usual[1]) as job:
        assert [view.name for view in job] == [usual[0], *usual[2:], usual[1]]


def test_when_nothing_can_be_rendered_it_gives_up_soon(
    addon: Import, planned_scene: bpy.types.Scene, paint: type[PaintEngine]
) -> None:
    planned_scene.render.engine = paint.bl_idname
    planned_scene.hashlight.capture.use_depth = False
    paint.broken = frozenset(obj.name for obj in planned_scene.objects)
    assert collect(start_capture(addon, planned_scene), r"3 of 6 views could not be rendered, 0 are kept") == []
    assert "Hashlight Capture" not in bpy.data.scenes


def test_a_planned_camera_that_is_deleted_costs_its_view_only(addon: Import, planned_scene: bpy.types.Scene) -> None:
    job = start_capture(addon, planned_scene)
    first = next(job).name
    gone = next(name for name in ("train_003", "train_002") if name != first)
    bpy.data.objects.remove(bpy.data.objects[gone])
    names = collect(job, rf"1 of 6 views could not be rendered, 5 are kept\. View {gone}: .*was removed")
    assert len(names) == 4


def test_objects_deleted_during_a_capture_end_it_before_a_wrong_view_is_kept(
    addon: Import, planned_scene: bpy.types.Scene
) -> None:
    job = start_capture(addon, planned_scene)
    first = next(job)
    cube = bpy.data.objects["Cube"].data
    cube.use_fake_user = True
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    assert collect(job, "Cube was deleted during the capture") == []
    folder = job.dataset.folder
    assert [path.stem for path in (folder / "images").iterdir()] == [first.name]
    assert "Hashlight Capture" not in bpy.data.scenes

    cube_again = bpy.data.objects.new("Cube", cube)  # as undo brings it back
    cube_again.location = (0.0, 0.0, 0.5)
    planned_scene.collection.objects.link(cube_again)
    with start_capture(addon, planned_scene) as job:
        assert [view.is_new for view in job] == [False, True, True, True, True, True]


def test_a_file_saved_in_the_middle_of_a_capture_opens_clean(
    addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    with start_capture(addon, planned_scene) as job:
        next(job)
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "middle.blend"), copy=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "middle.blend"))
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]


def test_another_file_in_the_middle_of_a_capture_is_left_alone(
    addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    current_capture = addon("capture.current_capture")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"))
    scene = bpy.context.scene
    scene.hashlight.folder = str(tmp_path / "moved on")
    scene.frame_set(7)
    loaded = []

    def load_another(*_: object) -> None:
        if not loaded:
            loaded.append(True)
            bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "other.blend"))
            bpy.context.scene.frame_set(3)

    current_capture.view_listeners.append(load_another)
    try:
        with pytest.raises((RuntimeError, ReferenceError)):
            bpy.ops.hashlight.capture()
    finally:
        current_capture.view_listeners.remove(load_another)
    assert bpy.context.scene.frame_current == 3
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]
    assert bpy.ops.hashlight.capture() == {"FINISHED"}
