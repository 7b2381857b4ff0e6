"""A few words for building shader node trees by script, the same on Blender 4.5 to 5.2."""

from __future__ import annotations

from typing import Any

import bpy

Color = tuple[float, float, float]
Value = Any  # a node socket to link, or a constant to set


class ShaderGraph:
    """A material's node tree under construction: each method adds one node and returns its output socket."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        if self.material.node_tree is None:  # from 5.0 on a material always has its nodes
            self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()

    def _put(self, socket: bpy.types.NodeSocket, value: Value) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif value is not None:
            wide = len(socket.default_value) == 4 if hasattr(socket.default_value, "__len__") else False
            socket.default_value = (*value, 1.0) if wide and len(value) == 3 else value

    def _add(self, kind: str, inputs: dict[str | int, Value], **settings: Any) -> bpy.types.Node:
        node = self.tree.nodes.new(kind)
        for name, value in settings.items():
            setattr(node, name, value)
        for key, value in inputs.items():
            self._put(node.inputs[key], value)
        return node

    def position(self) -> bpy.types.NodeSocket:
        """Position in the object's own space, metres before its scale: patterns stay on the object from every side."""
        return self._add("ShaderNodeTexCoord", {}).outputs["Object"]

    def uv(self) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
        """The two UV coordinates."""
        split = self._add("ShaderNodeSeparateXYZ", {0: self._add("ShaderNodeTexCoord", {}).outputs["UV"]})
        return split.outputs[0], split.outputs[1]

    def axes(self, vector: Value) -> tuple[bpy.types.NodeSocket, ...]:
        """The x, y and z of a vector."""
        return tuple(self._add("ShaderNodeSeparateXYZ", {0: vector}).outputs)

    def pointiness(self) -> bpy.types.NodeSocket:
        """How convex the surface is: about 0.5 on a flat, more on an edge (Cycles)."""
        return self._add("ShaderNodeNewGeometry", {}).outputs["Pointiness"]

    def scaled(self, vector: Value, x: float, y: float, z: float) -> bpy.types.NodeSocket:
        """A vector scaled per axis."""
        return self._add("ShaderNodeMapping", {"Vector": vector, "Scale": (x, y, z)}).outputs[0]

    def math(self, operation: str, *values: Value) -> bpy.types.NodeSocket:
        """One Math node."""
        return self._add("ShaderNodeMath", dict(enumerate(values)), operation=operation).outputs[0]

    def noise(self, vector: Value, scale: float, detail: float = 2.0, distortion: float = 0.0) -> bpy.types.NodeSocket:
        """Perlin noise, about 0 to 1."""
        inputs = {"Vector": vector, "Scale": scale, "Detail": detail, "Distortion": distortion}
        return self._add("ShaderNodeTexNoise", inputs).outputs[0]

    def cells(self, vector: Value, scale: float) -> bpy.types.NodeSocket:
        """Soft Voronoi cells: the distance to the cell's centre."""
        inputs = {"Vector": vector, "Scale": scale, "Smoothness": 0.4}
        return self._add("ShaderNodeTexVoronoi", inputs, feature="SMOOTH_F1").outputs["Distance"]

    def ramp(self, factor: Value, *stops: tuple[float, Color]) -> bpy.types.NodeSocket:
        """A colour ramp through ``stops`` of (position, linear RGB)."""
        node = self._add("ShaderNodeValToRGB", {0: factor})
        elements = node.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(1.0)
        for element, (where, color) in zip(elements, stops, strict=True):
            element.position = where
            element.color = (*color, 1.0)
        return node.outputs[0]

    def mix(self, factor: Value, first: Value, second: Value) -> bpy.types.NodeSocket:
        """Mix two colours."""
        node = self._add("ShaderNodeMix", {0: factor, 6: first, 7: second}, data_type="RGBA")
        return node.outputs[2]

    def multiply(self, first: Value, second: Value) -> bpy.types.NodeSocket:
        """Multiply two colours."""
        inputs = {0: 1.0, 6: first, 7: second}
        return self._add("ShaderNodeMix", inputs, data_type="RGBA", blend_type="MULTIPLY").outputs[2]

    def blend(self, factor: Value, first: Value, second: Value) -> bpy.types.NodeSocket:
        """Mix two numbers."""
        return self._add("ShaderNodeMix", {0: factor, 2: first, 3: second}, data_type="FLOAT").outputs[0]

    def bump(self, height: Value, distance: float, strength: float = 1.0) -> bpy.types.NodeSocket:
        """A normal bent by ``height``; ``distance`` is the relief in metres."""
        inputs = {"Height": height, "Distance": distance, "Strength": strength}
        return self._add("ShaderNodeBump", inputs).outputs[0]

    def surface(
        self, color: Value, roughness: Value, metallic: float = 0.0, normal: Value = None, sheen: float = 0.0
    ) -> bpy.types.Material:
        """Finish with a Principled surface and return the material."""
        inputs = {
            "Base Color": color,
            "Roughness": roughness,
            "Metallic": metallic,
            "Normal": normal,
            "Sheen Weight": sheen,
        }
        shader = self._add("ShaderNodeBsdfPrincipled", inputs)
        self._add("ShaderNodeOutputMaterial", {0: shader.outputs[0]})
        return self.material
