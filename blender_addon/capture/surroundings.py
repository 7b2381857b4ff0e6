"""What renders show, gathered as arrays: a little at a time, so that a window does not wait for it."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import bpy
import numpy as np

from .. import roles
from .rigs import box_corners

# Object types that are asked for their bounding box. Curves, texts, surfaces and metaballs are not among them: their
# faces, if any, come as instances of a mesh.
_BOXED_TYPES = {"CURVES", "POINTCLOUD", "VOLUME", "GPENCIL", "GREASEPENCIL"}

_SLOW = 0.008  # seconds for getting to where the last turn ended, after which there is no further turn
_MOST_INSTANCES = 3000  # to look at: those that were looked at before have to be stepped over again in every turn
_MOST_UNEVEN_FACES = 50_000  # of a mesh with faces of several kinds: Blender takes 0.1 us for where each begins
_BOX_FACES = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])


class VisibleObject(NamedTuple):
    """An evaluated object or an instance of one, with its place [4, 4] in the world and its number among all."""

    obj: bpy.types.Object
    matrix: np.ndarray
    is_instance: bool
    number: int


@dataclasses.dataclass(eq=False)
class Geometry:
    """One surface and where it stands: ``points`` [n, 3] float32 in its own space, ``corners`` [c] int32 of its faces
    (indices into ``points``, face after face), ``starts`` [f] where each face begins among them, or one number if all
    have as many corners, and ``matrices``, [4, 4] each, to world space.

    ``is_box``: only a box around it is known. ``corners`` is None where the faces are too many to be asked for.
    """

    points: np.ndarray
    corners: np.ndarray | None
    starts: np.ndarray | int
    is_box: bool
    matrices: list[np.ndarray] = dataclasses.field(default_factory=list)


class Surroundings:
    """All that renders of a view layer show, once ``gather`` has returned True. ``is_whole``: nothing was left out."""

    def __init__(self) -> None:
        self.geometry: dict[int, Geometry] = {}  # by the address of the evaluated data
        self.is_whole = True
        self._next = 0

    def gather(self, view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph, seconds: float) -> bool:
        """Go on for about ``seconds``; whether that was all. The scene must not have changed since the first call.

        Where there are so many instances that only going on takes long, the rest is left out.
        """
        began, deadline = time.perf_counter(), math.inf
        for visible in visible_objects(view_layer, depsgraph, first=self._next):
            if visible.number >= _MOST_INSTANCES:
                self.is_whole = False
                return True
            if deadline == math.inf:
                reached = time.perf_counter()
                deadline = reached + seconds
                is_slow = reached - began > _SLOW  # Blender lists all instances before it gives the first
            self._add(visible.obj, visible.matrix)
            self._next = visible.number + 1
            if time.perf_counter() > deadline:
                self.is_whole &= not is_slow
                return is_slow
        return True

    def _add(self, obj: bpy.types.Object, matrix: np.ndarray) -> None:
        if obj.data is None:
            return
        key = obj.data.as_pointer()
        if key not in self.geometry:
            self.geometry[key] = _read(obj)
        self.geometry[key].matrices.append(matrix)


def visible_objects(
    view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph, selected_only: bool = False, first: int = 0
) -> Iterator[VisibleObject]:
    """What renders show of a scene, from number ``first`` on.

    Left out are our own objects, and what is hidden in the viewport or from renders or the camera. ``selected_only``:
    only selected objects and their instances. Not to be kept while anything changes.
    """
    rendered = set(_rendered_names(view_layer.layer_collection))
    for number, instance in enumerate(itertools.islice(depsgraph.object_instances, first, None), first):
        owner = (instance.parent or instance.object).original
        if owner.name not in rendered or (selected_only and not owner.select_get(view_layer=view_layer)):
            continue
        if instance.show_self and _shows_in_renders(instance.object.original):
            yield VisibleObject(instance.object, np.array(instance.matrix_world), instance.is_instance, number)


def read_points(obj: bpy.types.Object) -> np.ndarray:
    """Points [n, 3] float32 in the own space of an evaluated object whose transformed box is the object's."""
    if obj.type == "MESH" and len(obj.data.polygons):
        flat = np.empty(len(obj.data.vertices) * 3, dtype=np.float32)
        obj.data.attributes["position"].data.foreach_get("vector", flat)  # vertices.foreach_get takes 80 times as long
        return flat.reshape(-1, 3)
    if obj.type in _BOXED_TYPES:
        box = np.array(obj.bound_box, dtype=np.float32)
        if (box.min(axis=0) <= box.max(axis=0)).all():
            return box_corners(box.min(axis=0), box.max(axis=0))
    return np.zeros((0, 3), np.float32)


def _read(obj: bpy.types.Object) -> Geometry:
    points = read_points(obj)
    if obj.type != "MESH":
        return Geometry(points, _BOX_FACES.reshape(-1) if len(points) else None, 4, is_box=True)
    corners, starts = _read_faces(obj.data) if len(points) else (None, 3)
    return Geometry(points, corners, starts, is_box=False)


def _read_faces(mesh: bpy.types.Mesh) -> tuple[np.ndarray | None, np.ndarray | int]:
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.attributes[".corner_vert"].data.foreach_get("value", corners)
    count = len(mesh.polygons)
    if len(corners) == 3 * count:
        return corners, 3
    if count <= _MOST_UNEVEN_FACES:
        starts = np.empty(count, np.int32)
        mesh.polygons.foreach_get("loop_start", starts)
        return corners, starts
    looked_at = np.unique(np.linspace(0, count - 1, 500).astype(int)).tolist()
    if len(corners) == 4 * count and all(mesh.polygons[face].loop_start == 4 * face for face in looked_at):
        return corners, 4
    return None, 3


def _rendered_names(layer: bpy.types.LayerCollection) -> Iterator[str]:
    """Names of objects whose collections take part in renders of a view layer."""
    if layer.exclude or layer.collection.hide_render:
        return
    for obj in layer.collection.objects:
        yield obj.name
    for child in layer.children:
        yield from _rendered_names(child)


def _shows_in_renders(obj: bpy.types.Object) -> bool:
    return not obj.hide_render and obj.visible_camera and roles.role_of(obj) is None
