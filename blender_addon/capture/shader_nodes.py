"""Which of a material's, a world's or a light's nodes come to something."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

_OUTPUTS = {"ShaderNodeOutputMaterial", "ShaderNodeOutputWorld", "ShaderNodeOutputLight", "NodeGroupOutput"}


def used_nodes(tree: bpy.types.NodeTree) -> list[bpy.types.Node]:
    """The nodes of ``tree`` from which links lead to an output that counts."""
    waiting = [node for node in tree.nodes if node.bl_idname in _OUTPUTS and node.is_active_output]
    found: dict[str, bpy.types.Node] = {}
    while waiting:
        node = waiting.pop()
        if node.name not in found:
            found[node.name] = node
            waiting += [link.from_node for socket in node.inputs for link in socket.links if not link.is_muted]
    return list(found.values())


def trees_within(tree: bpy.types.NodeTree) -> Iterator[bpy.types.NodeTree]:
    """``tree`` and the groups that its nodes come to, each once."""
    seen, waiting = set[str](), [tree]
    while waiting:
        tree = waiting.pop()
        yield tree
        for node in used_nodes(tree):
            inner = node.node_tree if node.bl_idname == "ShaderNodeGroup" and not node.mute else None
            if inner is not None and inner.name not in seen:
                seen.add(inner.name)
                waiting.append(inner)
