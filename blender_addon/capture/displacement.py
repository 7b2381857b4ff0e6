"""How far materials move the surface that renders show. Told by the numbers in their nodes: Blender evaluates shaders
while it renders, and not before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import bpy
import numpy as np

from .node_sockets import source_of, value_of


class Displacement(NamedTuple):
    """From where to where, in metres along its normals, a surface is moved; ``is_vector``: that far in any direction.
    ``is_world``: of the world, not of the object's own space. ``is_guessed``: it depends on a texture, or on more."""

    low: float = 0.0
    high: float = 0.0
    is_vector: bool = False
    is_world: bool = False
    is_guessed: bool = False

    @property
    def reach(self) -> float:
        """How far the surface is moved at most."""
        return max(abs(self.low), abs(self.high))

    def scaled(self, matrix: np.ndarray) -> Displacement:
        """The displacement in the own space of an object at ``matrix`` [4, 4]: at least as far."""
        # Rounded, so that instances of one size share what is known of them.
        scale = float(f"{np.linalg.norm(matrix[:3, :3], axis=0).min():.3g}")
        if not self.is_world or scale <= 0.0:
            return self
        return self._replace(low=self.low / scale, high=self.high / scale, is_world=False)


NONE, _UNKNOWN = Displacement(), Displacement(is_guessed=True)


def displacement_of(material: bpy.types.Material, target: str) -> Displacement:
    """How renders displace a surface with ``material``, by the output for ``target``: "CYCLES" or "EEVEE"."""
    tree = material.node_tree
    output = None if tree is None or material.displacement_method == "BUMP" else tree.get_output_node(target)
    if output is None:
        return NONE
    source, groups = source_of(output.inputs["Displacement"], ())
    if source is None or not source.is_output:
        return NONE
    node = source.node
    is_vector = node.bl_idname == "ShaderNodeVectorDisplacement"
    if not is_vector and node.bl_idname != "ShaderNodeDisplacement":
        return _UNKNOWN
    scale = value_of(node.inputs["Scale"], groups)
    if scale is None:
        return _UNKNOWN
    if scale[0] == 0.0:
        return NONE
    moved, middle = (value_of(node.inputs[name], groups) for name in ("Vector" if is_vector else "Height", "Midlevel"))
    lowest, highest = _range_of(moved, middle)
    low, high = sorted((scale[0] * lowest[0], scale[0] * highest[0]))
    if is_vector:
        high = abs(scale[0]) * float(np.linalg.norm(np.maximum(np.abs(lowest), np.abs(highest))))
        low = -high
    return Displacement(float(low), float(high), is_vector, node.space == "WORLD", moved is None or middle is None)


def _range_of(moved: tuple[float, ...] | None, middle: tuple[float, ...] | None) -> tuple[np.ndarray, np.ndarray]:
    """From where to where, [3] each, ``moved`` less ``middle`` may be: what a texture gives, None, is in 0..1."""
    (from_low, from_high), (less_low, less_high) = (
        (0.0, 1.0) if value is None else (np.array(value), np.array(value)) for value in (moved, middle)
    )
    return np.broadcast_to(from_low - less_high, 3), np.broadcast_to(from_high - less_low, 3)


def displacement_of_any(displacements: Iterable[Displacement]) -> Displacement:
    """What holds all ``displacements``."""
    found = [each for each in displacements if each != NONE]
    if not found:
        return NONE
    low, high = min(0.0, *(each.low for each in found)), max(0.0, *(each.high for each in found))
    return Displacement(low, high, *(any(flags) for flags in zip(*(each[2:] for each in found), strict=True)))


def displaced_points(points: np.ndarray, normals: np.ndarray, displacement: Displacement) -> np.ndarray:
    """Where ``points`` [n, 3] with ``normals`` [n, 3] come to, [m, 3] float32, both ends of the way of each."""
    if displacement.is_vector:
        sides = np.concatenate((np.eye(3), -np.eye(3)))
        return np.concatenate([points + displacement.reach * side for side in sides]).astype(np.float32)
    ends = [points + distance * normals for distance in (displacement.low, displacement.high)]
    return np.concatenate(ends).astype(np.float32)
