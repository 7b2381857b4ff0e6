"""The box around the subject."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

Import = Callable[[str], ModuleType]


def fit(addon: Import, scene: bpy.types.Scene, **keywords: bool) -> object:
    bpy.context.view_layer.update()
    return addon("capture.bounds").fit_bounds(
        scene, bpy.context.view_layer, bpy.context.evaluated_depsgraph_get(), **keywords
    )


def add_cube(location: tuple[float, float, float], size: float = 1.0) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=size, location=location)
    return bpy.context.object


def assert_box(bounds: object, low: tuple[float, ...], high: tuple[float, ...]) -> None:
    padding = 0.0101 * np.linalg.norm(np.subtract(high, low)) + 1e-4
    for found, wanted, sign in ((bounds.minimum, low, 1), (bounds.maximum, high, -1)):
        room = (np.array(wanted) - found) * sign
        assert (room > 0).all() and (room < padding).all(), (found, wanted)


def test_only_what_renders_counts(addon: Import, scene: bpy.types.Scene) -> None:
    add_cube((0, 0, 0))
    for location in ((0, 0, 50), (0, 0, -50), (0, -50, 0), (-50, 0, 0)):
        add_cube(location)
    above, below, front, left = bpy.context.scene.objects[1:]
    above.hide_render = True
    below.visible_camera = False
    addon("roles").mark(front, "plane")
    hidden = bpy.data.collections.new("Hidden")
    scene.collection.children.link(hidden)
    hidden.objects.link(left)
    scene.collection.objects.unlink(left)
    hidden.hide_render = True
    for name, data in (
        ("Lamp", bpy.data.lights.new("Lamp", "POINT")),
        ("Cam", bpy.data.cameras.new("Cam")),
        ("E", None),
    ):
        obj = bpy.data.objects.new(name, data)
        obj.location = (9, 9, 9)
        scene.collection.objects.link(obj)
    assert_box(fit(addon, scene), (-0.5,) * 3, (0.5,) * 3)


def test_modifiers_rotation_and_curves_count(addon: Import, scene: bpy.types.Scene) -> None:
    cube = add_cube((0, 0, 0))
    array = cube.modifiers.new("Array", "ARRAY")
    array.count = 3
    cube.rotation_euler[2] = np.pi / 2
    bpy.ops.curve.primitive_bezier_circle_add(radius=2.0, location=(0, 0, 5))
    bpy.context.object.data.bevel_depth = 0.25
    bounds = fit(addon, scene)
    assert bounds.maximum[1] == pytest.approx(2.5, abs=0.15)
    assert bounds.minimum[0] == pytest.approx(-2.25, abs=0.15)
    assert bounds.maximum[2] == pytest.approx(5.25, abs=0.15)


def test_instances_count(addon: Import, scene: bpy.types.Scene) -> None:
    source = bpy.data.collections.new("Source")
    cube = add_cube((0, 0, 0))
    source.objects.link(cube)
    scene.collection.objects.unlink(cube)
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", source
    instance.location, instance.scale = (10, 0, 0), (2, 2, 2)
    scene.collection.objects.link(instance)
    assert_box(fit(addon, scene), (9, -1, -1), (11, 1, 1))


@pytest.mark.parametrize("kind", ["place", "scale"])
def test_what_is_nowhere_does_not_count(addon: Import, scene: bpy.types.Scene, kind: str) -> None:
    """Where no number says, or scaled to nothing."""
    add_cube((0, 0, 0))
    odd = add_cube((10, 0, 0))
    if kind == "place":
        odd.location.y = math.nan
    else:
        odd.scale = (0.0, 0.0, 0.0)
    bpy.context.view_layer.update()
    assert_box(fit(addon, scene), (-0.5, -0.5, -0.5), (0.5, 0.5, 0.5))


def test_fit_to_selected_is_grey_until_something_is_selected(scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_cube_add(size=1.0)
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(10.0, 0.0, 0.0))
    assert bpy.ops.hashlight.fit_to_selected() == {"FINISHED"}
    assert bpy.data.objects["Hashlight Bounds"].location.x == pytest.approx(10.0)
    bpy.ops.object.select_all(action="DESELECT")
    with pytest.raises(RuntimeError, match="Nothing is selected: select what the bounds are to hold"):
        bpy.ops.hashlight.fit_to_selected()


def test_selected_only(addon: Import, scene: bpy.types.Scene) -> None:
    add_cube((0, 0, 0))
    add_cube((10, 0, 0))  # adding selects it alone
    assert_box(fit(addon, scene, selected_only=True), (9.5, -0.5, -0.5), (10.5, 0.5, 0.5))


def test_nothing_visible_is_one_clear_error(addon: Import, scene: bpy.types.Scene) -> None:
    with pytest.raises(ValueError, match="nothing visible"):
        fit(addon, scene)
    with pytest.raises(RuntimeError, match="nothing visible"):
        bpy.ops.hashlight.fit_bounds()


def test_the_box_in_the_scene_can_be_edited(addon: Import, small_scene: bpy.types.Scene) -> None:
    bounds_module = addon("capture.bounds")
    bpy.ops.hashlight.fit_bounds()
    fitted = fit(addon, small_scene)
    bpy.context.view_layer.update()
    obj = bpy.data.objects["Hashlight Bounds"]
    assert obj.type == "EMPTY" and obj.hide_render
    read = bounds_module.read_bounds(small_scene, bpy.context.evaluated_depsgraph_get())
    np.testing.assert_allclose((read.minimum, read.maximum), (fitted.minimum, fitted.maximum), atol=1e-5)

    obj.name = "Renamed"
    obj.location.x += 2.0
    obj.scale.z *= -1.5
    bpy.context.view_layer.update()
    moved = bounds_module.read_bounds(small_scene, bpy.context.evaluated_depsgraph_get())
    np.testing.assert_allclose(moved.center[0], fitted.center[0] + 2.0, atol=1e-5)
    np.testing.assert_allclose(moved.size[2], fitted.size[2] * 1.5, atol=1e-5)

    obj.scale.y = 0.0
    bpy.context.view_layer.update()
    with pytest.raises(ValueError, match="Renamed: the box is flat"):
        bounds_module.read_bounds(small_scene, bpy.context.evaluated_depsgraph_get())
    bpy.ops.hashlight.fit_bounds()
    assert len([o for o in small_scene.objects if o.type == "EMPTY"]) == 1


def test_a_linked_scene_is_refused_by_name(small_scene: bpy.types.Scene, tmp_path: Path) -> None:
    path = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        wanted.scenes = ["Scene"]
    bpy.context.window.scene = wanted.scenes[0]
    with pytest.raises(RuntimeError, match=r"^Error: Scene Scene is linked from library.blend, and nothing can be put"):
        bpy.ops.hashlight.fit_bounds()
    with pytest.raises(RuntimeError, match=r"^Error: Scene Scene is linked from library.blend"):
        bpy.ops.hashlight.capture()


@pytest.mark.parametrize("is_finer_in_renders", [False, True])
def test_cameras_stand_where_they_capture_as_soon_as_the_bounds_are_fitted(
    planned_scene: bpy.types.Scene, is_finer_in_renders: bool
) -> None:
    ball = bpy.data.objects["Ball"]
    if is_finer_in_renders:
        modifier = ball.modifiers.new("Thicker", "SOLIDIFY")
        modifier.thickness, modifier.offset, modifier.show_viewport = 0.2, 1.0, False
    bpy.ops.object.select_all(action="DESELECT")
    ball.select_set(True)
    before = [obj.matrix_world.copy() for obj in _cameras()]
    assert bpy.ops.hashlight.fit_to_selected() == {"FINISHED"}
    drawn = [obj.matrix_world.copy() for obj in _cameras()]
    assert drawn != before
    assert bpy.ops.hashlight.capture() == {"FINISHED"}
    assert [obj.matrix_world for obj in _cameras()] == drawn


def _cameras() -> list[bpy.types.Object]:
    bpy.context.view_layer.update()
    return [obj for obj in bpy.context.scene.objects if obj.get("hashlight_role") == "camera"]
