"""The World's light as an equirectangular picture."""

from __future__ import annotations

import bpy
import numpy as np

from engine.link.color import decode_srgb

from ..capture.node_sockets import tree_of, value_of
from .findings import Findings
from .textures import is_encoded, is_readable, read_pixels


def read_environment(world: bpy.types.World | None, findings: Findings) -> np.ndarray:
    """[h, w, 3] float32 radiance, the zenith in the first row; one pixel where it is the same all around."""
    black = np.zeros((1, 1, 3), np.float32)
    if world is None:
        return black
    tree = tree_of(world)
    if tree is None:
        return np.full((1, 1, 3), world.color[:3], np.float32)
    output = tree.get_output_node("CYCLES")
    if output is None or not output.inputs["Surface"].is_linked:
        return black
    if output.inputs["Volume"].is_linked:
        findings.add("the World's volume", world.name)
    node = output.inputs["Surface"].links[0].from_node
    if node.bl_idname != "ShaderNodeBackground":
        findings.add(f"{node.bl_label} nodes of the World", world.name)
        return black
    strength, color = value_of(node.inputs["Strength"], ()), value_of(node.inputs["Color"], ())
    if strength is None:
        findings.add("nodes before the World's Strength", world.name)
        strength = (node.inputs["Strength"].default_value,)
    if color is not None:
        return np.full((1, 1, 3), color[:3], np.float32) * strength[0]
    source = node.inputs["Color"].links[0].from_node
    if source.bl_idname != "ShaderNodeTexEnvironment" or source.image is None:
        findings.add("nodes before the World's Color", world.name)
        return np.full((1, 1, 3), node.inputs["Color"].default_value[:3], np.float32) * strength[0]
    if not is_readable(source.image):
        findings.add("pictures of the World that are missing", source.image.name)
        return np.full((1, 1, 3), node.inputs["Color"].default_value[:3], np.float32) * strength[0]
    if source.projection != "EQUIRECTANGULAR" or source.inputs["Vector"].is_linked:
        findings.add("mapping of the World's picture", world.name)
    pixels = read_pixels(source.image)
    if is_encoded(source.image, findings):
        pixels = decode_srgb(pixels)
    pixels = pixels.clip(0.0, 1e9) * strength[0]
    return np.ascontiguousarray(pixels, np.float32)
