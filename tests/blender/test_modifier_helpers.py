"""Bounds hold what modifiers make of other objects in renders, which may have another shape there and be hidden."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import numpy as np
import pytest

Import = Callable[[str], ModuleType]


@pytest.fixture
def cube(scene: bpy.types.Scene) -> bpy.types.Object:
    """A cube of 1 m at the origin; Cycles."""
    scene.render.engine = "CYCLES"
    bpy.ops.mesh.primitive_cube_add(size=1.0)
    return bpy.context.object


WORKED_WITH = ["operand", "collection of operands", "target", "cap", "operand of an operand"]


@pytest.mark.parametrize("is_hidden_from_renders", [True, False])
@pytest.mark.parametrize("kind", WORKED_WITH)
def test_bounds_hold_what_modifiers_make_of_other_objects_in_renders(
    addon: Import, scene: bpy.types.Scene, cube: bpy.types.Object, kind: str, is_hidden_from_renders: bool
) -> None:
    """The other one reaches farther in renders, whether or not it is shown there itself."""
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(0.7, 0.1, 0.1))
    helper = bpy.context.object
    array = helper.modifiers.new("Array", "ARRAY")
    array.count, array.relative_offset_displace, array.show_viewport = 7, (1.5, 0.0, 0.0), False
    if kind == "target":
        shrinkwrap = cube.modifiers.new("Shrinkwrap", "SHRINKWRAP")
        shrinkwrap.wrap_method, shrinkwrap.wrap_mode, shrinkwrap.target = "PROJECT", "ON_SURFACE", helper
        shrinkwrap.use_project_x, cube.location.x = True, 7.3
    elif kind == "cap":
        array = cube.modifiers.new("Array", "ARRAY")
        array.count, array.end_cap = 1, helper
    elif kind == "collection of operands":
        collection = bpy.data.collections.new("Operands")
        scene.collection.children.link(collection)
        collection.objects.link(helper)
        union = cube.modifiers.new("Boolean", "BOOLEAN")
        union.operation, union.operand_type, union.collection = "UNION", "COLLECTION", collection
        union.solver = "EXACT"
    else:
        middle = cube
        if kind == "operand of an operand":
            bpy.ops.mesh.primitive_cube_add(size=0.5)
            middle = bpy.context.object
            middle.hide_render = is_hidden_from_renders
            cube.modifiers.new("Join", "BOOLEAN").operation = "UNION"
            cube.modifiers["Join"].object, cube.modifiers["Join"].solver = middle, "EXACT"
        union = middle.modifiers.new("Boolean", "BOOLEAN")
        union.operation, union.object, union.solver = "UNION", helper, "EXACT"
    helper.hide_render = is_hidden_from_renders
    viewport = fitted_in_viewport(addon)
    rendered = addon("capture.as_rendered")._evaluate_for_renders(scene, bpy.context.view_layer.name, box_of_all)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    bounds = addon("capture.bounds").fit_bounds(scene, bpy.context.view_layer, depsgraph)
    np.testing.assert_allclose(bounds.maximum, rendered[1], atol=0.15)
    assert kind == "target" or np.abs(viewport[1] - rendered[1]).max() > 1.0


def box_of_all(depsgraph: bpy.types.Depsgraph) -> np.ndarray:
    """The corners of the box around all meshes that ``depsgraph`` shows, [2, 3]."""
    points = [
        np.array(instance.matrix_world) @ (*vertex.co, 1.0)
        for instance in depsgraph.object_instances
        if instance.object.type == "MESH"
        and not (depsgraph.mode == "VIEWPORT" and instance.object.original.hide_render)
        for vertex in instance.object.data.vertices
    ]
    return np.array([np.min(points, axis=0)[:3], np.max(points, axis=0)[:3]])


def fitted_in_viewport(addon: Import) -> np.ndarray:
    bpy.context.view_layer.update()
    return box_of_all(bpy.context.evaluated_depsgraph_get())
