"""Where objects are that Blender may not have evaluated: those that a view layer excludes, or that are disabled in
viewports, stay where they were, or at the origin in a file that was opened again."""

from __future__ import annotations

import bpy
from mathutils import Matrix

from .errors import CaptureError


def world_matrix(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Matrix:
    """Where ``obj`` is in the world. Raises CaptureError when only Blender could tell, and doesn't."""
    if is_evaluated(obj, depsgraph.view_layer):
        return obj.evaluated_get(depsgraph).matrix_world
    if obj.constraints or obj.animation_data is not None or (obj.parent is not None and obj.parent_type != "OBJECT"):
        raise CaptureError(not_evaluated(obj))
    if obj.parent is None:
        return obj.matrix_basis
    return world_matrix(obj.parent, depsgraph) @ obj.matrix_parent_inverse @ obj.matrix_basis


def is_evaluated(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> bool:
    """Whether Blender evaluates ``obj`` for ``view_layer``, as it does what is only hidden by its eye."""
    if obj.visible_get(view_layer=view_layer):
        return True
    return not obj.hide_viewport and _holds(view_layer.layer_collection, obj)


def not_evaluated(obj: bpy.types.Object) -> str:
    """What there is to say of an object that isn't, but must be."""
    return f"{obj.name} is excluded from this view layer or disabled in viewports: show it"


def _holds(layer: bpy.types.LayerCollection, obj: bpy.types.Object) -> bool:
    if layer.exclude or layer.collection.hide_viewport:
        return False
    return obj.name in layer.collection.objects or any(_holds(child, obj) for child in layer.children)
