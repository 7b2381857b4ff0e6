"""Bounds, curves and targets are where they were put, also in a file in which the view layer doesn't evaluate them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

Import = Callable[[str], ModuleType]

HIDDEN = ["eye", "monitor", "excluded", "collection's eye", "collection's monitor"]
PLACE = (2.0, 3.0, 4.0)


@pytest.fixture
def along_curve(small_scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    """The small scene with bounds, a bare circle for cameras to stand along and a target for them to look at."""
    small_scene.hashlight.folder = str(tmp_path / "session")
    bpy.ops.hashlight.fit_bounds()
    capture = small_scene.hashlight.capture
    capture.training_views, capture.held_out_views, capture.rig = 4, 1, "ALONG_CURVE"
    bpy.ops.curve.primitive_bezier_circle_add(radius=5.0, location=(0.0, 0.0, 3.0))
    capture.curve = bpy.context.object
    bpy.ops.object.empty_add(location=PLACE)
    capture.curve_look, capture.curve_target = "TARGET", bpy.context.object
    return small_scene


def hide_and_open_again(obj: bpy.types.Object, kind: str, path: Path) -> bpy.types.Scene:
    """Hide ``obj``, and open the file anew: what Blender doesn't evaluate has no place in it yet."""
    collection = bpy.data.collections.new("Hidden")
    bpy.context.scene.collection.children.link(collection)
    for former in list(obj.users_collection):
        former.objects.unlink(obj)
    collection.objects.link(obj)
    layer = bpy.context.view_layer.layer_collection.children["Hidden"]
    if kind == "eye":
        obj.hide_set(True)
    elif kind == "monitor":
        obj.hide_viewport = True
    elif kind == "excluded":
        layer.exclude = True
    elif kind == "collection's eye":
        layer.hide_viewport = True
    else:
        collection.hide_viewport = True
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    bpy.context.view_layer.update()
    return bpy.context.scene


@pytest.mark.parametrize("kind", HIDDEN)
def test_hidden_bounds_are_where_they_were_put(
    addon: Import, along_curve: bpy.types.Scene, tmp_path: Path, kind: str
) -> None:
    bounds = addon("capture.bounds").bounds_object(along_curve)
    bounds.location = PLACE
    scene = hide_and_open_again(bounds, kind, tmp_path / "hidden.blend")
    read = addon("capture.bounds").read_bounds(scene, bpy.context.evaluated_depsgraph_get())
    np.testing.assert_allclose(read.center, PLACE, atol=1e-5)


@pytest.mark.parametrize("has_parent", [False, True])
@pytest.mark.parametrize("kind", HIDDEN)
def test_a_hidden_target_is_looked_at_where_it_is(
    addon: Import, along_curve: bpy.types.Scene, tmp_path: Path, kind: str, has_parent: bool
) -> None:
    target = along_curve.hashlight.capture.curve_target
    if has_parent:
        bpy.ops.object.empty_add(location=(0.0, 0.0, 1.0), rotation=(0.0, 0.0, 1.0))
        target.parent = bpy.context.object
        bpy.context.view_layer.update()
        target.matrix_world.translation = PLACE
    scene = hide_and_open_again(target, kind, tmp_path / "hidden.blend")
    assert bpy.ops.hashlight.plan_cameras() == {"FINISHED"}
    for camera in addon("capture.poses").planned_cameras(scene):
        ahead = np.subtract(PLACE, camera.position)
        np.testing.assert_allclose(-camera.camera_to_world[:3, 2], ahead / np.linalg.norm(ahead), atol=1e-4)


@pytest.mark.parametrize("name", ["curve", "curve_target"])
@pytest.mark.parametrize("kind", HIDDEN)
def test_what_only_blender_could_tell_is_asked_for(
    addon: Import, along_curve: bpy.types.Scene, tmp_path: Path, kind: str, name: str
) -> None:
    """The shape of a curve, and where constraints put a target."""
    capture = along_curve.hashlight.capture
    capture.curve_target.constraints.new("COPY_LOCATION").target = capture.curve
    scene = hide_and_open_again(getattr(capture, name), kind, tmp_path / "hidden.blend")
    if kind in ("eye", "collection's eye"):
        assert bpy.ops.hashlight.plan_cameras() == {"FINISHED"}
        return
    words = f"{getattr(scene.hashlight.capture, name).name} is excluded from this view layer or disabled in viewports"
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.hashlight.plan_cameras()
