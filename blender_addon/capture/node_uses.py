"""What a Geometry Nodes modifier makes use of."""

from __future__ import annotations

from collections.abc import Iterator

import bpy


def groups_of(modifier: bpy.types.Modifier) -> Iterator[bpy.types.NodeTree]:
    """Its node group and all within, each once."""
    seen: set[str] = set()
    waiting = [modifier.node_group]
    while waiting:
        group = waiting.pop()
        if group is not None and group.name not in seen:
            seen.add(group.name)
            yield group
            waiting += [getattr(node, "node_tree", None) for node in group.nodes]


def items_of(modifier: bpy.types.Modifier) -> Iterator[bpy.types.ID]:
    """The objects, collections and materials that are set in its nodes or in the modifier itself."""
    sockets = [socket for group in groups_of(modifier) for node in group.nodes for socket in node.inputs]
    values = [getattr(socket, "default_value", None) for socket in sockets]
    nodes_own = [getattr(node, "material", None) for group in groups_of(modifier) for node in group.nodes]
    for value in (*modifier.values(), *values, *nodes_own):
        if isinstance(value, bpy.types.Object | bpy.types.Collection | bpy.types.Material):
            yield value
