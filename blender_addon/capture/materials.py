"""Materials that a radiance field has trouble with, found by their nodes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import bpy

from .node_sockets import value_of

Trouble = Literal["glass", "mirror", "light"]

_CLEAR = 0.2  # roughness below which one sees through glass
_MIRRORING = 0.1  # roughness below which metal shows pictures
_GLOWING = {"ShaderNodeVolumePrincipled", "ShaderNodeScript"}  # perhaps
# Strength and colour of the light that they give.
_EMITTING = {
    "ShaderNodeBsdfPrincipled": ("Emission Strength", "Emission Color"),
    "ShaderNodeEmission": ("Strength", "Color"),
}
_BRIGHT = 2.0  # times as bright as white


def gives_light(material: bpy.types.Material) -> bool:
    """Whether ``material`` may light others, be it ever so little."""
    return light_of(material) > 0.0


def light_of(material: bpy.types.Material) -> float:
    """How bright the light that ``material`` gives is at most, 1.0 being white; inf where only renders tell."""
    tree = material.node_tree
    output = None if tree is None else _output_of(tree)
    if output is None:
        return 0.0
    brightest = 0.0
    for node in (node for name in ("Surface", "Volume") for node in surface_nodes(output.inputs[name])):
        if node.bl_idname in _GLOWING:
            return math.inf
        if node.bl_idname in _EMITTING:
            strength, color = _EMITTING[node.bl_idname]
            amount, brightness = _value(node, strength, math.inf), _brightness(node, color)
            brightest = max(brightest, amount * brightness if min(amount, brightness) > 0.0 else 0.0)
    return brightest


def troubles_of(material: bpy.types.Material) -> dict[Trouble, float]:
    """What is difficult about ``material``: clear glass and mirrors with their roughness, light that it gives with how
    many times as bright as white it is."""
    found: dict[Trouble, float] = {}
    tree = material.node_tree
    if tree is None:
        return found
    output = _output_of(tree)
    if output is None:
        return found
    is_seen_through = False
    for node in surface_nodes(output.inputs["Surface"]):
        node_type = node.bl_idname
        is_seen_through |= node_type == "ShaderNodeBsdfTransparent"
        if node_type == "ShaderNodeBsdfPrincipled":
            # What a picture decides may be clear, but is hardly a mirror all over.
            clearness, roughness = _value(node, "Roughness"), _value(node, "Roughness", 1.0)
            if _value(node, "Transmission Weight", 1.0) > 0.5 and clearness < _CLEAR:
                found["glass"] = clearness
            elif _value(node, "Metallic") > 0.8 and roughness < _MIRRORING:
                found["mirror"] = roughness
            _add_light(found, _value(node, "Emission Strength") * _brightness(node, "Emission Color"))
        elif node_type in {"ShaderNodeBsdfGlass", "ShaderNodeBsdfRefraction"} and _value(node, "Roughness") < _CLEAR:
            found["glass"] = _value(node, "Roughness")
        elif (
            node_type in {"ShaderNodeBsdfGlossy", "ShaderNodeBsdfAnisotropic"}
            and _value(node, "Roughness") < _MIRRORING
        ):
            found["mirror"] = _value(node, "Roughness")
        elif node_type == "ShaderNodeEmission":
            _add_light(found, _value(node, "Strength") * _brightness(node, "Color"))
    if is_seen_through and "mirror" in found:  # panes are often made of the two
        found["glass"] = found.pop("mirror")
    return found


def shows_volume(material: bpy.types.Material) -> bool:
    """Whether ``material`` has a volume that is seen, as no surface of its own hides it."""
    output = None if material.node_tree is None else _output_of(material.node_tree)
    if output is None:
        return False
    is_filled = any(True for _ in surface_nodes(output.inputs["Volume"]))
    surfaces = (node.bl_idname for node in surface_nodes(output.inputs["Surface"]))
    return is_filled and all(surface == "ShaderNodeBsdfTransparent" for surface in surfaces)


def _add_light(found: dict[Trouble, float], brightness: float) -> None:
    if brightness > _BRIGHT:
        found["light"] = max(found.get("light", 0.0), brightness)


def _output_of(tree: bpy.types.NodeTree) -> bpy.types.Node | None:
    return tree.get_output_node("ALL") or tree.get_output_node("CYCLES") or tree.get_output_node("EEVEE")


def surface_nodes(socket: bpy.types.NodeSocket) -> Iterator[bpy.types.Node]:
    """The nodes whose shaders come in through ``socket``, of groups those within."""
    return _nodes_behind(socket, set())


def _nodes_behind(socket: bpy.types.NodeSocket, seen: set[str]) -> Iterator[bpy.types.Node]:
    """The nodes whose shaders come in through ``socket``."""
    for link in socket.links:
        node = link.from_node
        if node.name in seen:
            continue
        seen.add(node.name)
        yield node
        if node.bl_idname == "ShaderNodeGroup" and node.node_tree is not None:
            inner = next((each for each in node.node_tree.nodes if each.bl_idname == "NodeGroupOutput"), None)
            for each in inner.inputs if inner is not None else ():
                yield from _nodes_behind(each, set())
        for each in node.inputs:
            if each.type == "SHADER":
                yield from _nodes_behind(each, seen)


def _value(node: bpy.types.Node, name: str, unknown: float = 0.0) -> float:
    """An input of a node; ``unknown`` where it isn't the same everywhere."""
    socket = node.inputs.get(name)
    if socket is None:
        return 0.0
    value = value_of(socket, ())
    return unknown if value is None else value[0]


def _brightness(node: bpy.types.Node, name: str) -> float:
    value = value_of(node.inputs[name], ())
    return 1.0 if value is None else max(value[:3])
