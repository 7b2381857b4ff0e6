"""What looks otherwise from each camera by its nodes or modifiers, so that views disagree about it."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from .modifier_uses import groups_of
from .sight import shown_names

_COORDINATES = {"Window", "Camera"}  # of the Texture Coordinate node


def follows_camera(material: bpy.types.Material) -> bool:
    """Whether what ``material`` looks like depends on where in the picture, or how far away, it is."""
    trees = [] if material.node_tree is None else list(_trees_of(material.node_tree, set()))
    links = (link for tree in trees for link in tree.links if not link.is_muted)
    return any(
        link.from_node.bl_idname == "ShaderNodeCameraData"
        or (link.from_node.bl_idname == "ShaderNodeTexCoord" and link.from_socket.name in _COORDINATES)
        for link in links
    )


def objects_that_follow_camera(view_layer: bpy.types.ViewLayer) -> list[str]:
    """The names of objects that renders show and whose modifiers make something else of them for each camera."""
    shown = shown_names(view_layer)
    objects = (obj for obj in view_layer.objects if obj.name in shown and not obj.hide_render)
    return sorted(obj.name for obj in objects if any(map(_modifier_follows_camera, obj.modifiers)))


def _modifier_follows_camera(modifier: bpy.types.Modifier) -> bool:
    if not modifier.show_render:
        return False
    if modifier.type == "NODES" and modifier.node_group is not None:
        links = (link for group in groups_of(modifier) for link in group.links if not link.is_muted)
        return any(link.from_node.bl_idname == "GeometryNodeInputActiveCamera" for link in links)
    return modifier.type == "LINEART"


def _trees_of(tree: bpy.types.NodeTree, seen: set[str]) -> Iterator[bpy.types.NodeTree]:
    """``tree`` and the groups within, each once."""
    yield tree
    for node in tree.nodes:
        inner = getattr(node, "node_tree", None)
        if inner is not None and inner.name not in seen:
            seen.add(inner.name)
            yield from _trees_of(inner, seen)
