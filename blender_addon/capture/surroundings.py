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

from .rigs import box_corners
from .sight import Sight, shown_names

_STRANDS = 3000  # of a particle system's hair, to look at
# Object types that are asked for their bounding box. Curves, texts, surfaces and metaballs are not among them: their
# faces, if any, come as instances of a mesh.
_BOXED_TYPES = {"CURVES", "POINTCLOUD", "VOLUME", "GPENCIL", "GREASEPENCIL"}

_SLOW = 0.008  # seconds for getting to where the last turn ended, after which there is no further turn
_MOST_INSTANCES = 3000  # to look at: those that were looked at before have to be stepped over again in every turn
_MOST_UNEVEN_FACES = 50_000  # of a mesh with faces of several kinds: Blender takes 0.1 us for where each begins
_TOGETHER = 200_000  # points that are moved into world space at a time
_BOX_FACES = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])


class VisibleObject(NamedTuple):
    """An evaluated object or an instance of one, with its place [4, 4] in the world, its number among all, and the name
    of the object in the scene that shows it. ``is_hair_alone``: its surface is hidden, its particle hair is not."""

    obj: bpy.types.Object
    matrix: np.ndarray
    is_instance: bool
    number: int
    owner: str
    is_hair_alone: bool

    @property
    def key(self) -> int:
        """The same for all places of what is shown there: its data's address, or less than 0."""
        return -self.obj.as_pointer() if self.is_hair_alone else self.obj.data.as_pointer()


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
    owners: list[str] = dataclasses.field(default_factory=list)  # the object that shows it at each of ``matrices``

    def world_points(self) -> Iterator[np.ndarray]:
        """Its points [n, 3] in world space, place after place."""
        for matrix in self.matrices:
            yield self.points @ matrix[:3, :3].T + matrix[:3, 3]

    def keep(self, wanted: list[bool]) -> None:
        """Keep it at those places alone that are ``wanted``."""
        self.matrices = list(itertools.compress(self.matrices, wanted))
        self.owners = list(itertools.compress(self.owners, wanted))


class Surroundings:
    """All that a capture of a view layer shows, once ``gather`` has returned True. ``is_whole``: it is all there."""

    def __init__(self, most_instances: int | None = None) -> None:
        """``most_instances``: to look at; None: as many as can be looked at in several turns."""
        self._most_instances = _MOST_INSTANCES if most_instances is None else most_instances
        self.geometry: dict[int, Geometry] = {}  # by the address of the evaluated data
        self.is_whole = True
        self.owners: set[str] = set()  # the objects in the scene that show it
        self.materials: dict[str, set[str]] = {}  # and those that show each material
        self._asked: set[tuple[str, str]] = set()  # objects, and who shows them, whose materials are known
        self._next = 0

    def gather(self, view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph, seconds: float) -> bool:
        """Go on for about ``seconds``; whether that was all. The scene must not have changed since the first call.

        Where there are so many instances that only going on takes long, the rest is left out.
        """
        began, deadline = time.perf_counter(), math.inf
        for visible in visible_objects(view_layer, depsgraph, first=self._next):
            if visible.number >= self._most_instances:
                self.is_whole = False
                return True
            if deadline == math.inf:
                reached = time.perf_counter()
                deadline = reached + seconds
                is_slow = reached - began > _SLOW  # Blender lists all instances before it gives the first
            self._add(visible, for_renders=depsgraph.mode == "RENDER")
            self._next = visible.number + 1
            if time.perf_counter() > deadline:
                self.is_whole &= not is_slow
                return is_slow
        return True

    def triangles(self) -> Iterator[np.ndarray]:
        """The corners [t, 3, 3] of all triangles in world space, many at a time; single points where faces aren't
        known."""
        for geometry in self.geometry.values():
            corners = triangles_of(geometry)
            if len(corners) == 0:
                corners = np.arange(len(geometry.points))[:, None].repeat(3, axis=1)
            if len(corners) == 0:
                continue
            together = max(_TOGETHER // len(geometry.points), 1)
            for first in range(0, len(geometry.matrices), together):
                matrices = np.stack(geometry.matrices[first : first + together]).astype(np.float32)
                turned = np.einsum("mij,nj->mni", matrices[:, :3, :3], geometry.points)
                yield (turned + matrices[:, None, :3, 3])[:, corners].reshape(-1, 3, 3)

    def take_over(self, owners: set[str], other: Surroundings) -> None:
        """Have what ``owners`` show as ``other`` has it."""
        for geometry in self.geometry.values():
            geometry.keep([owner not in owners for owner in geometry.owners])
        for number, geometry in enumerate(other.geometry.values(), 1):
            part = dataclasses.replace(geometry, matrices=list(geometry.matrices), owners=list(geometry.owners))
            part.keep([owner in owners for owner in part.owners])
            self.geometry[-number] = part  # no address
        self.geometry = {key: geometry for key, geometry in self.geometry.items() if geometry.owners}
        self.owners = (self.owners - owners) | (other.owners & owners)
        for name, users in other.materials.items():
            if users & owners:
                self.materials.setdefault(name, set()).update(users & owners)

    def _add(self, visible: VisibleObject, for_renders: bool) -> None:
        obj, owner = visible.obj, visible.owner
        if obj.data is None:
            return
        key = visible.key
        if key not in self.geometry:
            self.geometry[key] = _read(visible, for_renders)
        if len(self.geometry[key].points) and (obj.name, owner) not in self._asked:
            self._asked.add((obj.name, owner))
            self.owners.add(owner)
            materials = [slot.material for slot in obj.material_slots]
            for material in (*materials, *getattr(obj.data, "materials", ())):  # nodes may set others than the slots'
                if material is not None:
                    self.materials.setdefault(material.name, set()).add(owner)
        self.geometry[key].matrices.append(visible.matrix)
        self.geometry[key].owners.append(owner)


def visible_objects(
    view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph, selected_only: bool = False, first: int = 0
) -> Iterator[VisibleObject]:
    """What renders show of a scene, from number ``first`` on.

    Left out are our own objects, what is hidden from renders or the camera, holdouts and shadow catchers, and what is
    not in the Capture Collection, if there is one. What else is hidden depends on what ``depsgraph`` is for: the
    viewport or renders. ``selected_only``: only selected objects and their instances. Not to be kept while anything
    changes.
    """
    shown = shown_names(view_layer)
    sight = Sight(view_layer, depsgraph.mode == "RENDER")
    for number, instance in enumerate(itertools.islice(depsgraph.object_instances, first, None), first):
        owner = (instance.parent or instance.object).original
        if owner.name not in shown or (selected_only and not owner.select_get(view_layer=view_layer)):
            continue
        is_hair_alone = not instance.show_self and instance.show_particles and bool(instance.object.particle_systems)
        if not (instance.show_self or is_hair_alone):
            continue
        if sight.shows(owner) and sight.shows(instance.object.original):
            matrix = np.array(instance.matrix_world)
            if not math.isfinite(matrix.sum()) or np.count_nonzero(matrix[:3, :3]) < 2:
                continue  # it is nowhere, or scaled to nothing
            yield VisibleObject(instance.object, matrix, instance.is_instance, number, owner.name, is_hair_alone)


def shown_points(visible: VisibleObject, for_renders: bool) -> np.ndarray:
    """Points [n, 3] float32 in the object's own space that its surface and its hair reach to."""
    obj = visible.obj
    if len(strands := _read_strands(obj)):
        return strands
    points = np.zeros((0, 3), np.float32) if visible.is_hair_alone else read_points(obj)
    if obj.type == "MESH" and obj.particle_systems and len(hair := _read_particle_hair(obj, for_renders)):
        return np.concatenate((points, hair))
    return points


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


def triangles_of(geometry: Geometry, most_faces: int | None = None) -> np.ndarray:
    """Corners [t, 3] of a surface's triangles, each face cut into a fan; none where its faces aren't known.

    ``most_faces``: of about so many of its faces alone, evenly among all, where all have as many corners.
    """
    corners, starts = geometry.corners, geometry.starts
    if corners is None:
        return np.zeros((0, 3), np.int32)
    if isinstance(starts, int):
        faces = corners.reshape(-1, starts)
        if most_faces is not None:
            faces = faces[:: max(len(faces) // most_faces, 1)]
        fans = [faces[:, (0, k, k + 1)] for k in range(1, starts - 1)]
        return np.concatenate(fans)
    sizes = np.diff(np.append(starts, len(corners)))
    counts = sizes - 2  # triangles of each face
    first = np.repeat(starts, counts)
    second = first + 1 + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return corners[np.stack((first, second, second + 1), axis=1)]


def _read(visible: VisibleObject, for_renders: bool) -> Geometry:
    obj, points = visible.obj, shown_points(visible, for_renders)
    if obj.type in {"CURVES", "POINTCLOUD"} and "position" in obj.data.attributes:
        return Geometry(points, None, 3, is_box=False)
    if obj.type != "MESH":
        return Geometry(points, _BOX_FACES.reshape(-1) if len(points) else None, 4, is_box=True)
    has_faces = len(obj.data.polygons) and not visible.is_hair_alone
    corners, starts = _read_faces(obj.data) if has_faces else (None, 3)
    return Geometry(points, corners, starts, is_box=False)


def _read_strands(obj: bpy.types.Object) -> np.ndarray:
    """Points [n, 3] float32 of hair curves or a point cloud, in the object's own space, as thick as they are; none of
    other objects."""
    if obj.type not in {"CURVES", "POINTCLOUD"} or "position" not in obj.data.attributes:
        return np.zeros((0, 3), np.float32)
    positions = obj.data.attributes["position"].data
    flat = np.empty(len(positions) * 3, np.float32)
    positions.foreach_get("vector", flat)
    points = flat.reshape(-1, 3)
    radius = obj.data.attributes.get("radius")
    if radius is None or radius.domain != "POINT" or len(points) == 0:
        return points
    radii = np.empty(len(points), np.float32)
    radius.data.foreach_get("value", radii)
    if radii.max() < 1e-3 * np.ptp(points, axis=0).max():
        return points
    return np.concatenate([points + radii[:, None] * side for side in np.concatenate((np.eye(3), -np.eye(3)))]).astype(
        np.float32
    )


def _read_particle_hair(obj: bpy.types.Object, for_renders: bool) -> np.ndarray:
    """Tips and middles [n, 3] float32, in the object's own space, of the hair that a mesh's particle systems grow."""
    found: list[np.ndarray] = [np.zeros((0, 3))]
    for system in obj.particle_systems:
        settings = system.settings
        if settings.type != "HAIR" or settings.render_type != "PATH":
            continue
        tip = 2 ** (settings.render_step if for_renders else settings.display_step)
        count = len(system.particles) + len(system.child_particles)
        for strand in range(0, count, max(count // _STRANDS, 1)):
            places = [system.co_hair(obj, particle_no=strand, step=step) for step in (tip // 2, tip)]  # world space
            found.append(np.array([place for place in places if any(place)]).reshape(-1, 3))  # zeros: none there
    inverse = np.array(obj.matrix_world.inverted_safe())
    return (np.concatenate(found) @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.float32)


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
