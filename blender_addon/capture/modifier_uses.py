"""What modifiers make use of."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import bpy

Helper = bpy.types.Object | bpy.types.Collection


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
    for value in (*_inputs_of(modifier), *values, *nodes_own):
        if isinstance(value, bpy.types.Object | bpy.types.Collection | bpy.types.Material):
            yield value


def _inputs_of(modifier: bpy.types.Modifier) -> list[object]:
    """What is set in a Geometry Nodes modifier itself."""
    properties = getattr(modifier, "properties", None)
    if properties is None:  # Blender before 5.2 keeps them as properties of the user's own
        return list(modifier.values())
    inputs = properties.inputs
    names = [each.identifier for each in inputs.bl_rna.properties if each.type == "POINTER"]
    return [getattr(getattr(inputs, name), "value", None) for name in names]


def helpers_of(modifier: bpy.types.Modifier) -> Iterator[Helper]:
    """The objects and collections that a modifier works with: operands, targets, caps."""
    for name in _pointers_of(modifier.bl_rna.identifier):
        value = getattr(modifier, name)
        if isinstance(value, Helper):
            yield value
    if modifier.type == "NODES":
        yield from (item for item in items_of(modifier) if isinstance(item, Helper))


@functools.cache
def _pointers_of(kind: str) -> tuple[str, ...]:
    """The names of the properties of a kind of modifier by which it may refer to an object or a collection."""
    properties = getattr(bpy.types, kind).bl_rna.properties
    pointers = (each for each in properties if each.type == "POINTER")
    return tuple(each.identifier for each in pointers if each.fixed_type.identifier in {"Object", "Collection"})
