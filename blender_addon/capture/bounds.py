"""The box around the subject: fitted from what is visible, kept as an object in the scene, read back from it."""

from __future__ import annotations

import functools

import bpy
import numpy as np
from mathutils import Matrix

from engine.link.geometry import MAX_COORDINATE, Bounds, GeometryError

from .. import roles
from .as_rendered import look_as_rendered
from .errors import CaptureError
from .layouts.table import layout_of
from .placement import world_matrix
from .rigs import box_corners
from .surfaces import read_surface
from .surroundings import visible_objects

BOUNDS_NAME = "Hashlight Bounds"

# Room around the geometry, as a share of the box's diagonal: a surface must not lie in the face of the box.
PADDING = 0.01

_names: dict[str, str] = {}  # of the bounds' object, where it was last, by the scene's name: this is asked for often


def fit_bounds(
    scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph, selected_only: bool = False
) -> Bounds:
    """The world-space box of everything that renders show: evaluated meshes, curves, instances and the like.

    Left out are lights, empties, cameras, our own objects, what is hidden from renders or the camera, holdouts,
    shadow catchers, what is transparent, and what is not in the Capture Collection. With the layout Inside, the box of
    the room's walls alone. ``selected_only``: only selected objects and their instances. Raises CaptureError when
    nothing is left.
    """
    low, high, farthest = look_as_rendered(view_layer, depsgraph, functools.partial(_box_of, view_layer, selected_only))
    if not np.isfinite(low).all() or not np.isfinite(high).all():
        collection = scene.hashlight.capture.collection
        whose = f"Scene {scene.name}" if collection is None else f"Capture Collection {collection.name}"
        what = "No selected object has" if selected_only else f"{whose}: nothing visible has"
        raise CaptureError(f"{what} a surface to fit the bounds to")
    if (reach := max(np.abs(low).max(), np.abs(high).max())) > MAX_COORDINATE:
        raise CaptureError(f"{farthest} reaches {reach:.3g} m from the world's origin: move, scale or hide it")
    bounds = _padded(low, high)
    if selected_only:
        return bounds
    smaller = layout_of(scene).smaller_box(scene, view_layer, depsgraph, bounds)
    return bounds if smaller is None else _padded(*smaller)


def _box_of(
    view_layer: bpy.types.ViewLayer, selected_only: bool, depsgraph: bpy.types.Depsgraph
) -> tuple[np.ndarray, np.ndarray, str]:
    """The corners [3] and [3] of the box around what is visible, infinite where nothing is, and the name of the object
    that reaches farthest from the world's origin."""
    low, high, farthest, reach = np.full(3, np.inf), np.full(3, -np.inf), "", 0.0
    cache: dict[int, np.ndarray] = {}
    for visible in visible_objects(view_layer, depsgraph, selected_only):
        obj, matrix = visible.obj, visible.matrix
        if obj.data is None:
            continue
        if visible.key not in cache:
            cache[visible.key] = read_surface(visible, depsgraph.mode == "RENDER").points
        points = cache[visible.key]
        if visible.is_instance and len(points):
            points = box_corners(points.min(axis=0), points.max(axis=0))  # there may be millions of instances
        if len(points):
            world = points @ matrix[:3, :3].T + matrix[:3, 3]
            low, high = np.minimum(low, world.min(axis=0)), np.maximum(high, world.max(axis=0))
            if (far := float(np.abs(world).max())) > reach:
                farthest, reach = visible.owner, far
    return low, high, farthest


def _padded(low: np.ndarray, high: np.ndarray) -> Bounds:
    padding = max(PADDING * float(np.linalg.norm(high - low)), 1e-4)
    return Bounds(low - padding, high + padding)


def show_bounds(scene: bpy.types.Scene, bounds: Bounds) -> bpy.types.Object:
    """Put ``bounds`` into ``scene`` as a wire box that may be moved and scaled; the one that is there is reused."""
    obj = bounds_object(scene)
    if obj is None:
        obj = bpy.data.objects.new(BOUNDS_NAME, None)
        scene.collection.objects.link(obj)
        roles.mark(obj, "bounds")
    obj.empty_display_type = "CUBE"  # spans -1 to 1
    obj.empty_display_size = 1.0
    obj.hide_render = True
    obj.rotation_mode = "XYZ"
    obj.lock_rotation = (True, True, True)  # the box is aligned to the world's axes
    obj.parent = None
    obj.location = bounds.center
    obj.rotation_euler = (0.0, 0.0, 0.0)
    obj.scale = bounds.size / 2
    return obj


def move_bounds(obj: bpy.types.Object, bounds: Bounds) -> None:
    """Have the bounds' object, as it is, show ``bounds``."""
    scale = Matrix.Diagonal((*(bounds.size / 2 / obj.empty_display_size), 1.0))
    obj.matrix_world = Matrix.Translation(bounds.center) @ scale


def bounds_object(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The object that shows the bounds in ``scene``."""
    obj = scene.objects.get(_names.get(scene.name, ""))
    if obj is None or roles.role_of(obj) != "bounds":
        obj = next(roles.objects_of(scene, "bounds"), None)
        if obj is not None:
            _names[scene.name] = obj.name
    return obj


def read_bounds(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> Bounds:
    """The bounds as the user left them: the world-aligned box of the object. Raises CaptureError."""
    obj = bounds_object(scene)
    if obj is None:
        raise CaptureError("There are no bounds yet: use Fit Bounds first")
    matrix = np.array(world_matrix(obj, depsgraph))
    reach = np.abs(matrix[:3, :3]).sum(axis=1) * obj.empty_display_size
    try:
        return Bounds(matrix[:3, 3] - reach, matrix[:3, 3] + reach)
    except GeometryError:
        raise CaptureError(f"{obj.name}: the box is flat or its transform is broken; use Fit Bounds again") from None
