"""One thing that renders show, and its surface read into arrays."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Hashable, Iterator
from typing import NamedTuple

import bpy
import numpy as np

from .displacement import Displacement, displaced_points
from .rigs import box_corners

_STRANDS = 3000  # of a particle system's hair, to look at
# Object types that are asked for their bounding box. Curves, texts, surfaces and metaballs are not among them: their
# faces, if any, come as instances of a mesh.
_BOXED_TYPES = {"CURVES", "POINTCLOUD", "VOLUME", "GPENCIL", "GREASEPENCIL"}
_MOST_UNEVEN_FACES = 50_000  # of a mesh with faces of several kinds: Blender takes 0.1 us for where each begins
_BOX_FACES = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])


class VisibleObject(NamedTuple):
    """An evaluated object or an instance of one, with its place [4, 4] in the world, its number among all, and the name
    of the object in the scene that shows it. ``is_hair_alone``: its surface is hidden, its particle hair is not.
    ``hidden_slots``: the numbers of its materials that show nothing. ``moved``: how far others move its surface, in its
    own space."""

    obj: bpy.types.Object
    matrix: np.ndarray
    is_instance: bool
    number: int
    owner: str
    is_hair_alone: bool
    hidden_slots: frozenset[int]
    moved: Displacement

    @property
    def key(self) -> Hashable:
        """A key that all places of what is shown there have in common."""
        return (self.obj if self.is_hair_alone else self.obj.data).as_pointer(), self.hidden_slots, self.moved


@dataclasses.dataclass(eq=False)
class Geometry:
    """One surface and where it stands: ``points`` [n, 3] float32 in its own space, ``corners`` [c] int32 of its faces
    (indices into ``points``, face after face), ``starts`` [f] where each face begins among them, or one number if all
    have as many corners, and ``matrices``, [4, 4] each, to world space.

    ``is_box``: only a box around it is known. ``corners`` is None where the faces are too many to be asked for.
    ``has_invalid_points``: there were some without numbers for where they are, which are at another point now.
    """

    points: np.ndarray
    corners: np.ndarray | None
    starts: np.ndarray | int
    is_box: bool
    matrices: list[np.ndarray] = dataclasses.field(default_factory=list)
    owners: list[str] = dataclasses.field(default_factory=list)  # the object that shows it at each of ``matrices``
    has_invalid_points: bool = False

    def world_points(self) -> Iterator[np.ndarray]:
        """Its points [n, 3] in world space, place after place."""
        for matrix in self.matrices:
            yield self.points @ matrix[:3, :3].T + matrix[:3, 3]

    def keep(self, wanted: list[bool]) -> None:
        """Keep it at those places alone that are ``wanted``."""
        self.matrices = list(itertools.compress(self.matrices, wanted))
        self.owners = list(itertools.compress(self.owners, wanted))


def read_surface(visible: VisibleObject, for_renders: bool) -> Geometry:
    """The surface that renders show, and where its hair and displacement reach to, at no place yet: without what is
    transparent, nor corners of no face. ``for_renders``: ``visible`` is of what Blender evaluated for them."""
    surface = _read_as_it_is(visible, for_renders)
    if math.isfinite(surface.points.sum()):  # far quicker than to look at each
        return surface
    is_valid = np.isfinite(surface.points).all(axis=1)
    if not is_valid.any():
        surface = _nothing()
    else:
        surface.points[~is_valid] = surface.points[is_valid.argmax()]
    surface.has_invalid_points = not is_valid.all()
    return surface


def _read_as_it_is(visible: VisibleObject, for_renders: bool) -> Geometry:
    obj = visible.obj
    if obj.type == "MESH":
        is_edited = obj.data.is_editmode  # then Blender keeps its faces elsewhere
        mesh = obj.to_mesh() if is_edited else obj.data
        has_faces = len(mesh.polygons) and not visible.is_hair_alone
        surface = _read_mesh(mesh, visible.hidden_slots) if has_faces else _nothing()
        if visible.moved.reach > 0.0 and len(surface.points):
            _displace(surface, mesh, visible.moved)
        if is_edited:
            obj.to_mesh_clear()
        if obj.particle_systems and len(hair := _read_particle_hair(visible, for_renders)):
            surface.points = np.concatenate((surface.points, hair))
        return surface
    is_hidden = visible.hidden_slots and len(visible.hidden_slots) == len(obj.data.materials)
    if obj.type not in _BOXED_TYPES or is_hidden:
        return _nothing()
    if obj.type in {"CURVES", "POINTCLOUD"} and "position" in obj.data.attributes:
        return Geometry(_read_strands(obj), None, 3, is_box=False)
    box = np.array(obj.bound_box, dtype=np.float32)
    if (box.min(axis=0) > box.max(axis=0)).any() or (box == box[0]).all():  # nothing is in it
        return _nothing()
    return Geometry(box_corners(box.min(axis=0), box.max(axis=0)), _BOX_FACES.reshape(-1), 4, is_box=True)


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


def _nothing() -> Geometry:
    return Geometry(np.zeros((0, 3), np.float32), None, 3, is_box=False)


def _read_mesh(mesh: bpy.types.Mesh, hidden_slots: frozenset[int]) -> Geometry:
    """The faces of a mesh that has some, but for those of ``hidden_slots``."""
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.attributes[".corner_vert"].data.foreach_get("value", corners)
    starts = _read_starts(mesh)
    if hidden_slots:
        if len(hidden_slots) == len(mesh.materials):
            return _nothing()
        if starts is not None:
            corners, starts = _keep_faces(corners, starts, ~np.isin(_read_slots(mesh), list(hidden_slots)))
    if len(corners) == 0:
        return _nothing()
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.attributes["position"].data.foreach_get("vector", flat)  # vertices.foreach_get takes 80 times as long
    points = flat.reshape(-1, 3)
    is_of_face = np.zeros(len(points), bool)
    is_of_face[corners] = True
    points[~is_of_face] = points[corners[0]]  # what is of no face, renders don't show: it moves to where they do
    return Geometry(points, None if starts is None else corners, 3 if starts is None else starts, is_box=False)


def _displace(surface: Geometry, mesh: bpy.types.Mesh, moved: Displacement) -> None:
    """Add to the points of ``surface``, those of ``mesh``, where renders move them to."""
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertex_normals.foreach_get("vector", flat)
    used = slice(None) if surface.corners is None else np.unique(surface.corners)
    ends = displaced_points(surface.points[used], flat.reshape(-1, 3)[used], moved)
    surface.points = np.concatenate((surface.points, ends))


def _read_starts(mesh: bpy.types.Mesh) -> np.ndarray | int | None:
    """Where each face's corners begin, or how many all have; None where they are too many to be asked for."""
    count, corners = len(mesh.polygons), len(mesh.loops)
    if corners == 3 * count:
        return 3
    if count <= _MOST_UNEVEN_FACES:
        starts = np.empty(count, np.int32)
        mesh.polygons.foreach_get("loop_start", starts)
        return starts
    looked_at = np.unique(np.linspace(0, count - 1, 500).astype(int)).tolist()
    if corners == 4 * count and all(mesh.polygons[face].loop_start == 4 * face for face in looked_at):
        return 4
    return None


def _read_slots(mesh: bpy.types.Mesh) -> np.ndarray:
    """The number of each face's material."""
    slots = np.zeros(len(mesh.polygons), np.int32)
    attribute = mesh.attributes.get("material_index")
    if attribute is not None and attribute.domain == "FACE":
        attribute.data.foreach_get("value", slots)
    return np.clip(slots, 0, len(mesh.materials) - 1)


def _keep_faces(
    corners: np.ndarray, starts: np.ndarray | int, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray | int]:
    """The corners of those faces alone that are ``wanted`` [f], and where they begin."""
    if isinstance(starts, int):
        return corners.reshape(-1, starts)[wanted].reshape(-1), starts
    sizes = np.diff(np.append(starts, len(corners)))
    kept = sizes[wanted]
    return corners[np.repeat(wanted, sizes)], (np.cumsum(kept) - kept).astype(np.int32)


def _read_strands(obj: bpy.types.Object) -> np.ndarray:
    """Points [n, 3] float32 of hair curves or a point cloud, in the object's own space, as thick as they are."""
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


def _read_particle_hair(visible: VisibleObject, for_renders: bool) -> np.ndarray:
    """Tips and middles [n, 3] float32, in the object's own space, of the hair that a mesh's particle systems grow."""
    obj = visible.obj
    found: list[np.ndarray] = [np.zeros((0, 3))]
    for system in obj.particle_systems:
        settings = system.settings
        if settings.type != "HAIR" or settings.render_type != "PATH":
            continue
        if min(settings.material, len(obj.data.materials)) - 1 in visible.hidden_slots:
            continue
        tip = 2 ** (settings.render_step if for_renders else settings.display_step)
        count = len(system.particles) + len(system.child_particles)
        for strand in range(0, count, max(count // _STRANDS, 1)):
            places = [system.co_hair(obj, particle_no=strand, step=step) for step in (tip // 2, tip)]  # world space
            found.append(np.array([place for place in places if any(place)]).reshape(-1, 3))  # zeros: none there
    inverse = np.array(obj.matrix_world.inverted_safe())
    return (np.concatenate(found) @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.float32)
