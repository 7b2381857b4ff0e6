"""What comes in through the sockets of a material's nodes: from where, and whether it is one number everywhere."""

from __future__ import annotations

import bpy

Groups = tuple[bpy.types.Node, ...]  # the node groups that a socket is within, the innermost last

_MOST_STEPS = 200  # from a socket back to what feeds it


def target_of(engine: str) -> str | None:
    """For which render engine the output of a material's nodes counts; None where no nodes do."""
    return "CYCLES" if engine == "CYCLES" else "EEVEE" if "EEVEE" in engine else None


def tree_of(owner: bpy.types.Material | bpy.types.World) -> bpy.types.NodeTree | None:
    """The nodes that make a material or a World; None where its own colour does. From Blender 5.0 on nodes can't be
    switched off."""
    return owner.node_tree if bpy.app.version >= (5, 0, 0) or owner.use_nodes else None


def value_of(socket: bpy.types.NodeSocket, groups: Groups) -> tuple[float, ...] | None:
    """The number, or red, green and blue, that comes in through ``socket``; None where it isn't the same everywhere."""
    source, _ = source_of(socket, groups)
    if source is None:
        return None
    node_type = source.node.bl_idname if source.is_output else ""
    if node_type == "ShaderNodeLightPath":
        # Which kind of ray it is: those from the camera count.
        return (float(source.name == "Is Camera Ray"),) if source.name.startswith("Is ") else None
    if node_type not in {"", "ShaderNodeValue", "ShaderNodeRGB"}:
        return None
    value = source.default_value
    return (float(value),) if isinstance(value, int | float) else tuple(value[:3])


def source_of(socket: bpy.types.NodeSocket, groups: Groups) -> tuple[bpy.types.NodeSocket | None, Groups]:
    """What feeds ``socket``: a node's output, or the unlinked input whose own value counts, and the groups that it is
    in. None where that can't be told."""
    for _ in range(_MOST_STEPS):
        link = next((link for link in socket.links if not link.is_muted), None)
        if link is None:
            return socket, groups
        node, output = link.from_node, link.from_socket
        following: bpy.types.NodeSocket | None
        if node.bl_idname == "NodeReroute":
            following = node.inputs[0]
        elif node.mute:
            following = next((each.from_socket for each in node.internal_links if each.to_socket == output), None)
        elif node.bl_idname == "NodeGroupInput" and groups:
            following = _socket_called(groups[-1].inputs, output)
            groups = groups[:-1]
        elif node.bl_idname == "ShaderNodeGroup" and node.node_tree is not None:
            inner = next((each for each in node.node_tree.nodes if _is_group_output(each)), None)
            following = None if inner is None else _socket_called(inner.inputs, output)
            groups = (*groups, node)
        else:
            return output, groups
        if following is None:
            return None, groups
        socket = following
    return None, groups


def _is_group_output(node: bpy.types.Node) -> bool:
    return node.bl_idname == "NodeGroupOutput" and node.is_active_output


def _socket_called(sockets: bpy.types.bpy_prop_collection, other: bpy.types.NodeSocket) -> bpy.types.NodeSocket | None:
    return next((each for each in sockets if each.identifier == other.identifier), None)
