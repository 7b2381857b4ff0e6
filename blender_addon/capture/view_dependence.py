"""What looks otherwise from each camera by its nodes or modifiers, so that views disagree about it."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from .modifier_uses import groups_of
from .shader_nodes import trees_within, used_nodes
from .sight import shown_names

_COORDINATES = {"Window", "Camera"}  # of the Texture Coordinate node


def follows_camera(material: bpy.types.Material) -> bool:
    """Whether what ``material`` looks like depends on where in the picture, or how far away, it is."""
    trees = () if material.node_tree is None else trees_within(material.node_tree)
    links = (link for tree in trees for node in used_nodes(tree) for link in _links_into(node))
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


def _links_into(node: bpy.types.Node) -> Iterator[bpy.types.NodeLink]:
    return (link for socket in node.inputs for link in socket.links if not link.is_muted)
