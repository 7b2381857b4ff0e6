"""Materials as the path tracer has them: the Principled BSDF's common inputs, with image textures."""

from __future__ import annotations

import dataclasses

import bpy
import numpy as np

from engine.link.path_scenes import TEXTURED_INPUTS

from ..capture.node_sockets import tree_of, value_of
from .findings import Findings
from .textures import Textures

_INPUTS = {
    "base_color": "Base Color",
    "roughness": "Roughness",
    "metallic": "Metallic",
    "transmission": "Transmission Weight",
    "emission": "Emission Color",
}
# What isn't followed unless it is this.
_PLAIN = {
    "Alpha": 1.0,
    "Subsurface Weight": 0.0,
    "Diffuse Roughness": 0.0,
    "Anisotropic": 0.0,
    "Coat Weight": 0.0,
    "Sheen Weight": 0.0,
    "Thin Film Thickness": 0.0,
}
_GRAY = 0.8


@dataclasses.dataclass
class Surface:
    """One material's row, and its textures in the order of TEXTURED_INPUTS."""

    base_color: tuple[float, float, float] = (_GRAY, _GRAY, _GRAY)
    roughness: float = 1.0
    metallic: float = 0.0
    transmission: float = 0.0
    ior: float = 1.5
    specular_level: float = 0.0
    emission: tuple[float, float, float] = (0.0, 0.0, 0.0)
    is_lamp: bool = False
    textures: list[int] = dataclasses.field(default_factory=lambda: [-1] * len(TEXTURED_INPUTS))


class Materials:
    """Those of a scene, each once."""

    def __init__(self, textures: Textures, findings: Findings) -> None:
        self._textures, self._findings = textures, findings
        self._numbers: dict[str, int] = {}
        self._surfaces: list[Surface] = []

    def number_of(self, material: bpy.types.Material | None) -> int:
        """The row of a material; without one surfaces are matt and grey, as in Cycles."""
        name = "" if material is None else material.name_full
        if name not in self._numbers:
            self._numbers[name] = self.add(Surface() if material is None else self._read(material))
        return self._numbers[name]

    def add(self, surface: Surface) -> int:
        """The row of a further surface."""
        self._surfaces.append(surface)
        return len(self._surfaces) - 1

    def arrays(self) -> dict[str, np.ndarray]:
        """As PathSceneData has them."""
        rows = self._surfaces
        return {
            "base_colors": np.array([row.base_color for row in rows], np.float32).clip(0.0, 1.0),
            "roughness": np.array([row.roughness for row in rows], np.float32).clip(0.0, 1.0),
            "metallic": np.array([row.metallic for row in rows], np.float32).clip(0.0, 1.0),
            "transmission": np.array([row.transmission for row in rows], np.float32).clip(0.0, 1.0),
            "iors": np.array([row.ior for row in rows], np.float32).clip(0.01, 100.0),
            "specular_levels": np.array([row.specular_level for row in rows], np.float32).clip(0.0, 1e3),
            "emissions": np.array([row.emission for row in rows], np.float32).clip(0.0, 1e9),
            "is_lamp": np.array([row.is_lamp for row in rows], np.int32),
            "material_textures": np.array([row.textures for row in rows], np.int32),
        }

    def _read(self, material: bpy.types.Material) -> Surface:
        surface = Surface()
        tree = tree_of(material)
        if tree is None:
            return Surface(base_color=tuple(material.diffuse_color[:3]))
        output = tree.get_output_node("CYCLES")
        if output is None or not output.inputs["Surface"].is_linked:
            return Surface(base_color=(0.0, 0.0, 0.0))
        if output.inputs["Volume"].is_linked or output.inputs["Displacement"].is_linked:
            self._findings.add("volumes and displacement", material.name)
        node = output.inputs["Surface"].links[0].from_node
        if node.bl_idname == "ShaderNodeBsdfPrincipled":
            self._read_principled(surface, node, material.name)
        elif node.bl_idname == "ShaderNodeBsdfDiffuse":
            surface.base_color = self._color(surface, node.inputs["Color"], "base_color", material.name)
            if value_of(node.inputs["Roughness"], ()) != (0.0,):
                self._findings.add("roughness of diffuse materials", material.name)
        elif node.bl_idname == "ShaderNodeEmission":
            surface.base_color = (0.0, 0.0, 0.0)
            color = self._color(surface, node.inputs["Color"], "emission", material.name)
            strength = self._number(surface, node.inputs["Strength"], None, material.name)
            surface.emission = tuple(strength * each for each in color)
        else:
            self._findings.add(f"{node.bl_label} nodes", material.name)
        return surface

    def _read_principled(self, surface: Surface, node: bpy.types.Node, name: str) -> None:
        inputs = node.inputs
        surface.base_color = self._color(surface, inputs["Base Color"], "base_color", name)
        for field in ("roughness", "metallic", "transmission"):
            setattr(surface, field, self._number(surface, inputs[_INPUTS[field]], field, name))
        surface.ior = self._number(surface, inputs["IOR"], None, name)
        surface.specular_level = self._number(surface, inputs["Specular IOR Level"], None, name)
        strength = self._number(surface, inputs["Emission Strength"], None, name)
        if strength > 0.0:
            color = self._color(surface, inputs["Emission Color"], "emission", name)
            surface.emission = tuple(strength * each for each in color)
        for plain, value in _PLAIN.items():
            if plain in inputs and value_of(inputs[plain], ()) != (value,):
                self._findings.add(plain, name)
        if (tint := value_of(inputs["Specular Tint"], ())) is None or min(tint[:3]) < 1.0:
            self._findings.add("Specular Tint", name)
        if inputs["Normal"].is_linked:
            self._findings.add("normal and bump maps", name)

    def _color(
        self, surface: Surface, socket: bpy.types.NodeSocket, field: str, name: str
    ) -> tuple[float, float, float]:
        value = value_of(socket, ())
        if value is not None:
            return (value[0], value[1], value[2]) if len(value) >= 3 else (value[0],) * 3
        if self._texture(surface, socket, field):
            return 1.0, 1.0, 1.0
        self._findings.add(f"nodes before {socket.name}", name)
        return tuple(socket.default_value[:3])

    def _number(self, surface: Surface, socket: bpy.types.NodeSocket, field: str | None, name: str) -> float:
        value = value_of(socket, ())
        if value is not None:
            return value[0]
        if field is not None and self._texture(surface, socket, field):
            return 1.0
        self._findings.add(f"nodes before {socket.name}", name)
        return socket.default_value

    def _texture(self, surface: Surface, socket: bpy.types.NodeSocket, field: str) -> bool:
        """Take the Image Texture that is linked to ``socket``; whether there is one."""
        link = socket.links[0]
        if link.from_node.bl_idname != "ShaderNodeTexImage" or link.from_socket.name != "Color":
            return False
        number = self._textures.number_of(link.from_node)
        if number is None:
            return False
        surface.textures[TEXTURED_INPUTS.index(field)] = number
        return True
