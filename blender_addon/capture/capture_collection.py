"""The Capture Collection: what is in it is captured; all else lights it, casts shadows on it and shows in its
reflections, but is not in the pictures."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from . import compat

_MARK = "hashlight_temporary"


def captured_names(scene: bpy.types.Scene) -> set[str] | None:
    """Names of the objects that are captured, None where all are."""
    collection = scene.hashlight.capture.collection
    return None if collection is None else {obj.name for obj in collection.all_objects}


def set_apart(copy: bpy.types.Scene, layer_name: str) -> None:
    """Have renders of ``copy``, which must be a throw-away copy of a scene, show its Capture Collection alone.

    Whether an object is seen by cameras is its own setting, which the copy shares with the user's scene. A collection
    of a view layer has such a setting, too, *Indirect Only*, and that is the copy's own: so the copy's objects are put
    into collections made for it. ``gather_up`` removes those.
    """
    captured = captured_names(copy)
    if captured is None:
        return
    root = copy.view_layers[layer_name].layer_collection
    flags: dict[str, tuple[bool, bool]] = {}  # of what is rendered: whether it is cut out, and whether seen indirectly
    for layer in _rendered_layers(root):
        for obj in layer.collection.objects:
            is_holdout, is_indirect = flags.get(obj.name, (False, False))
            flags[obj.name] = is_holdout or layer.holdout, is_indirect or layer.indirect_only
    groups: dict[tuple[bool, bool, bool], list[bpy.types.Object]] = {}
    for obj in copy.objects:
        is_rendered = obj.name in flags
        is_holdout, is_indirect = flags.get(obj.name, (False, False))
        is_unseen = is_indirect or (obj.name not in captured and not is_holdout)
        groups.setdefault((is_rendered, is_holdout, is_unseen), []).append(obj)
    for child in list(copy.collection.children):
        copy.collection.children.unlink(child)
    for obj in list(copy.collection.objects):
        copy.collection.objects.unlink(obj)
    for (is_rendered, is_holdout, is_unseen), members in groups.items():
        collection = bpy.data.collections.new("Hashlight Capture")
        collection[_MARK] = True
        copy.collection.children.link(collection)
        for obj in members:
            collection.objects.link(obj)
        collection.hide_render = not is_rendered
        for view_layer in copy.view_layers:
            layer = view_layer.layer_collection.children[collection.name]
            layer.holdout = is_holdout
            if is_unseen:
                compat.hide_from_cameras(copy, layer)


def gather_up() -> None:
    """Remove the collections that ``set_apart`` made; their objects stay where else they are."""
    for collection in [collection for collection in bpy.data.collections if collection.get(_MARK)]:
        bpy.data.collections.remove(collection)


def _rendered_layers(layer: bpy.types.LayerCollection) -> Iterator[bpy.types.LayerCollection]:
    if layer.exclude or layer.collection.hide_render:
        return
    yield layer
    for child in layer.children:
        yield from _rendered_layers(child)
