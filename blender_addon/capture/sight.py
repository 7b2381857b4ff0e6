"""Which objects of a view layer cameras see in renders, by what hides them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import bpy
from mathutils import Matrix

from .. import roles
from .capture_collection import captured_names


def shown_names(view_layer: bpy.types.ViewLayer, is_captured_alone: bool = True) -> set[str]:
    """Names of objects whose collections a capture of ``view_layer`` shows, or light what it shows if not
    ``is_captured_alone``; single objects may still be hidden."""
    scene = view_layer.id_data
    rendered = set(_rendered_names(view_layer.layer_collection))
    while (scene := scene.background_set) is not None:
        rendered.update(_rendered_names(scene.view_layers[0].layer_collection))
    captured = captured_names(view_layer.id_data) if is_captured_alone else None
    return rendered if captured is None else rendered & captured


def _rendered_names(layer: bpy.types.LayerCollection) -> Iterator[str]:
    """Names of objects whose collections take part in renders of a view layer."""
    if layer.exclude or layer.collection.hide_render:
        return
    for obj in layer.collection.objects:
        yield obj.name
    for child in layer.children:
        yield from _rendered_names(child)


def instanced_by(obj: bpy.types.Object) -> list[bpy.types.Object]:
    """What is in the collection that ``obj`` shows an instance of; nothing if it shows none."""
    if obj.instance_type != "COLLECTION" or obj.instance_collection is None:
        return []
    return list(obj.instance_collection.all_objects)


def is_finite(matrix: Matrix) -> bool:
    """Whether a transform has numbers alone: drivers and damaged files make others."""
    return all(math.isfinite(value) for row in matrix for value in row)


class Sight:
    """Tells which objects of a view layer cameras see in renders. Not to be kept while anything changes.

    ``for_renders``: it is asked of what Blender evaluated for renders, where nothing is left that is hidden from them;
    but some instances of what is.
    """

    def __init__(self, view_layer: bpy.types.ViewLayer, for_renders: bool = False) -> None:
        self._view_layer, self._for_renders = view_layer, for_renders
        engine = view_layer.id_data.render.engine
        self._is_cycles = engine == "CYCLES"
        self._minds_ray_visibility = engine != "BLENDER_WORKBENCH"
        self._has_holdouts = self._is_cycles or "EEVEE" in engine
        self._known: dict[int, bool] = {}  # by the object's address

    def shows(self, obj: bpy.types.Object) -> bool:
        """Whether cameras see ``obj``, or what it makes instances of: all that is hidden of it, is hidden of them."""
        key = obj.as_pointer()
        if key not in self._known:
            is_rendered = self._for_renders or not obj.hide_render
            is_shown = is_rendered and (obj.visible_camera or not self._minds_ray_visibility)
            self._known[key] = is_shown and roles.role_of(obj) is None and self.what_is_seen_instead(obj) == ""
        return self._known[key]

    def what_is_seen_instead(self, obj: bpy.types.Object) -> str:
        """What is in the pictures instead of ``obj``: "shadows", a "hole", its "light", "nothing"; "" for itself."""
        if not is_finite(obj.matrix_world):
            return "nothing"
        if self._is_cycles and obj.is_shadow_catcher:
            return "shadows"
        if self._has_holdouts and obj.holdout_get(view_layer=self._view_layer):
            return "hole"
        if self._is_cycles and obj.indirect_only_get(view_layer=self._view_layer):
            return "light"
        return ""
