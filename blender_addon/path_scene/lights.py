"""Blender's lamps: points and suns, and area lights and balls of light as triangles that emit."""

from __future__ import annotations

import math

import bpy
import numpy as np

from .findings import Findings
from .materials import Materials, Surface
from .meshes import Triangles

_SEGMENTS = 32  # around a round light
_RINGS = 16


class Lights:
    """Those of a scene."""

    def __init__(self, materials: Materials, findings: Findings) -> None:
        self._materials, self._findings = materials, findings
        self._points: list[tuple[np.ndarray, np.ndarray]] = []
        self._suns: list[tuple[np.ndarray, np.ndarray, float]] = []
        self.triangles: list[Triangles] = []

    def gather(self, depsgraph: bpy.types.Depsgraph) -> None:
        """Add all lamps that renders show."""
        for instance in depsgraph.object_instances:
            obj = instance.object
            if obj.type == "LIGHT" and instance.show_self and not obj.hide_render:
                self._add(obj, np.array(instance.matrix_world))

    def arrays(self) -> dict[str, np.ndarray]:
        """As PathSceneData has them."""
        points, suns = self._points, self._suns
        return {
            "point_positions": _rows([place for place, _ in points]),
            "point_intensities": _rows([strength for _, strength in points]),
            "sun_directions": _rows([direction for direction, _, _ in suns]),
            "sun_irradiances": _rows([strength for _, strength, _ in suns]),
            "sun_angles": np.array([angle for _, _, angle in suns], np.float32),
        }

    def _add(self, obj: bpy.types.Object, matrix: np.ndarray) -> None:
        lamp = obj.data
        if lamp.use_nodes and lamp.node_tree is not None and len(lamp.node_tree.nodes) > 2:
            self._findings.add("nodes of lights", obj.name)
        strength = _strength(lamp)
        if strength.max() <= 0.0:
            return
        if lamp.type == "SUN":
            direction = matrix[:3, 2] / np.linalg.norm(matrix[:3, 2])
            self._suns.append((direction, strength, min(lamp.angle, math.pi)))
        elif lamp.type == "POINT" and lamp.shadow_soft_size <= 0.0:
            self._points.append((matrix[:3, 3], strength / (4.0 * math.pi)))
        elif lamp.type == "POINT":
            place = np.eye(4)
            place[:3, 3] = matrix[:3, 3]
            self._add_surface(_ball(lamp.shadow_soft_size), place, strength / math.pi, lamp, math.pi)
        elif lamp.type == "AREA":
            if lamp.spread < math.pi - 1e-3:
                self._findings.add("the spread of area lights", obj.name)
            self._add_surface(_area(lamp), matrix, strength / math.pi, lamp, 1.0)
        else:
            self._findings.add("spot lights", obj.name)

    def _add_surface(
        self, corners: np.ndarray, matrix: np.ndarray, power: np.ndarray, lamp: bpy.types.Light, unit_area: float
    ) -> None:
        """Triangles that emit ``power`` (over pi) together; without Normalize, as much for each ``unit_area`` (m2)."""
        zeros = np.zeros_like(corners)
        triangles = Triangles(corners, zeros, zeros[..., :2], np.zeros(len(corners), np.int32)).moved(matrix)
        edges = triangles.corners[:, 1:] - triangles.corners[:, :1]
        area = 0.5 * np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1).sum()
        if area <= 0.0:
            return
        emission = power / (area if lamp.normalize else unit_area)
        row = self._materials.add(Surface(base_color=(0.0, 0.0, 0.0), emission=tuple(emission.tolist()), is_lamp=True))
        self.triangles.append(
            Triangles(triangles.corners, triangles.normals, triangles.uvs, np.full(len(corners), row, np.int32))
        )


def _strength(lamp: bpy.types.Light) -> np.ndarray:
    color = np.array(lamp.color[:3], np.float64)
    if lamp.use_temperature:
        color = color * np.array(lamp.temperature_color[:3])
    return color * lamp.energy * 2.0**lamp.exposure


def _rows(vectors: list[np.ndarray]) -> np.ndarray:
    return np.array(vectors, np.float32).reshape(-1, 3)


def _area(lamp: bpy.types.Light) -> np.ndarray:
    """Triangles of an area light in its own space, which shines along -Z."""
    width = lamp.size
    height = lamp.size_y if lamp.shape in {"RECTANGLE", "ELLIPSE"} else lamp.size
    if lamp.shape in {"SQUARE", "RECTANGLE"}:
        outline = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    else:
        angles = -np.arange(_SEGMENTS) / _SEGMENTS * 2.0 * math.pi
        outline = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.zeros((len(outline), 3), np.float32)
    points[:, 0], points[:, 1] = outline[:, 0] * width / 2.0, outline[:, 1] * height / 2.0
    return np.stack([np.stack([points[0], points[k], points[k + 1]]) for k in range(1, len(points) - 1)])


def _ball(radius: float) -> np.ndarray:
    """Triangles of a ball, facing outwards."""
    elevations = np.linspace(0.0, math.pi, _RINGS + 1)[:, None]
    angles = np.linspace(0.0, 2.0 * math.pi, _SEGMENTS + 1)[None]
    points = np.stack(
        np.broadcast_arrays(
            np.sin(elevations) * np.cos(angles), np.sin(elevations) * np.sin(angles), np.cos(elevations)
        ),
        axis=-1,
    )
    a, b, c, d = points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]
    first = np.stack([a, b, c], axis=2)[:-1].reshape(-1, 3, 3)
    second = np.stack([a, c, d], axis=2)[1:].reshape(-1, 3, 3)
    return (radius * np.concatenate([first, second])).astype(np.float32)
