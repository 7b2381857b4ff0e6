"""Evaluated objects and their instances as triangles in world space."""

from __future__ import annotations

import dataclasses

import bpy
import numpy as np

from .. import roles
from .findings import Findings
from .materials import Materials

_SURFACES = {"MESH", "CURVE", "SURFACE", "FONT", "META"}
_IGNORED = {"LIGHT", "CAMERA", "EMPTY", "ARMATURE", "LATTICE", "SPEAKER", "LIGHT_PROBE"}


@dataclasses.dataclass(frozen=True, eq=False)
class Triangles:
    """``corners`` and unit ``normals`` [n, 3, 3] and ``uvs`` [n, 3, 2] float32, ``material_ids`` [n] int32."""

    corners: np.ndarray
    normals: np.ndarray
    uvs: np.ndarray
    material_ids: np.ndarray

    def moved(self, matrix: np.ndarray) -> Triangles:
        """Where ``matrix`` [4, 4] takes them."""
        linear = matrix[:3, :3]
        corners = self.corners @ linear.T + matrix[:3, 3]
        # Normals keep at right angles to their surface, also where that is stretched.
        normals = self.normals @ np.linalg.pinv(linear)
        lengths = np.linalg.norm(normals, axis=2, keepdims=True)
        normals = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0.0)
        order = slice(None) if np.linalg.det(linear) >= 0.0 else slice(None, None, -1)
        parts = corners.astype(np.float32)[:, order], normals.astype(np.float32)[:, order], self.uvs[:, order]
        return Triangles(*parts, self.material_ids)


def read_triangles(depsgraph: bpy.types.Depsgraph, materials: Materials, findings: Findings) -> list[Triangles]:
    """All that renders show, with instances."""
    known: dict[tuple[int, int], Triangles] = {}
    found = []
    for instance in depsgraph.object_instances:
        obj = instance.object
        owner = (instance.parent or obj).original
        if not instance.show_self or obj.hide_render or owner.hide_render or roles.role_of(owner) is not None:
            continue
        if obj.type not in _SURFACES:
            if obj.type not in _IGNORED:
                findings.add("hair, point clouds, volumes and grease pencil", obj.name)
            continue
        # Instances of nodes may share their object and not their data, others the reverse; the object that is given
        # here is a temporary one, whose address soon is that of another.
        key = obj.original.as_pointer(), 0 if obj.data is None else obj.data.as_pointer()
        if key not in known:
            known[key] = _read_object(obj, materials)
        if len(known[key].corners):
            found.append(known[key].moved(np.array(instance.matrix_world)))
    return found


def _read_object(obj: bpy.types.Object, materials: Materials) -> Triangles:
    """In the object's own space."""
    mesh = obj.to_mesh()
    if mesh is None:
        return Triangles(
            *(np.zeros((0, *shape), np.float32) for shape in ((3, 3), (3, 3), (3, 2))), np.zeros(0, np.int32)
        )
    try:
        mesh.calc_loop_triangles()
        count = len(mesh.loop_triangles)
        loops = _read(mesh.loop_triangles, "loops", count * 3, np.int32)
        vertices = _read(mesh.loop_triangles, "vertices", count * 3, np.int32)
        slots = _read(mesh.loop_triangles, "material_index", count, np.int32)
        points = _read(mesh.vertices, "co", len(mesh.vertices) * 3, np.float32).reshape(-1, 3)
        normals = _read(mesh.corner_normals, "vector", len(mesh.loops) * 3, np.float32).reshape(-1, 3)
        uvs = np.zeros((len(mesh.loops), 2), np.float32)
        layer = next((each for each in mesh.uv_layers if each.active_render), None)
        if layer is not None:
            uvs = _read(layer.uv, "vector", len(mesh.loops) * 2, np.float32).reshape(-1, 2)
        numbers = [materials.number_of(slot.material) for slot in obj.material_slots] or [materials.number_of(None)]
        ids = np.array(numbers, np.int32)[slots.clip(0, len(numbers) - 1)]
        return Triangles(
            points[vertices].reshape(-1, 3, 3), normals[loops].reshape(-1, 3, 3), uvs[loops].reshape(-1, 3, 2), ids
        )
    finally:
        obj.to_mesh_clear()


def _read(items: bpy.types.bpy_prop_collection, name: str, count: int, dtype: type) -> np.ndarray:
    values = np.empty(count, dtype)
    items.foreach_get(name, values)
    return values
