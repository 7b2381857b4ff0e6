"""The box around the subject: fitted from what is visible, kept as an object in the scene, read back from it."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np

from engine.link.geometry import Bounds, GeometryError

from .. import roles
from .errors import CaptureError
from .rigs import box_corners

BOUNDS_NAME = "Hashlight Bounds"

# Room around the geometry, as a share of the box's diagonal: a surface must not lie in the face of the box.
PADDING = 0.01

# Object types that are asked for their bounding box. Curves, texts, surfaces and metaballs are not among them: their
# faces, if any, come as instances of a mesh.
_BOXED_TYPES = {"CURVES", "POINTCLOUD", "VOLUME", "GPENCIL", "GREASEPENCIL"}


def fit_bounds(
    scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph, selected_only: bool = False
) -> Bounds:
    """The world-space box of everything that renders show: evaluated meshes, curves, instances and the like.

    Left out are lights, empties, cameras, our own objects, and what is hidden in the viewport or from renders or the
    camera. ``selected_only``: only selected objects and their instances. Raises CaptureError when nothing is left.
    """
    rendered = set(_rendered_names(view_layer.layer_collection))
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    cache: dict[int, np.ndarray] = {}
    for instance in depsgraph.object_instances:
        owner = (instance.parent or instance.object).original
        if owner.name not in rendered or (selected_only and not owner.select_get(view_layer=view_layer)):
            continue
        if not instance.show_self or not _shows_in_renders(instance.object.original):
            continue
        points = _local_points(instance.object, cache)
        if instance.is_instance and len(points):
            points = _box_around(points)  # there may be millions of instances
        if len(points):
            matrix = np.array(instance.matrix_world)
            world = points @ matrix[:3, :3].T + matrix[:3, 3]
            low, high = np.minimum(low, world.min(axis=0)), np.maximum(high, world.max(axis=0))
    if not np.isfinite(low).all() or not np.isfinite(high).all():
        what = "No selected object has" if selected_only else f"Scene {scene.name}: nothing visible has"
        raise CaptureError(f"{what} a surface to fit the bounds to")
    padding = max(PADDING * float(np.linalg.norm(high - low)), 1e-4)
    return Bounds(low - padding, high + padding)


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


def _local_points(obj: bpy.types.Object, cache: dict[int, np.ndarray]) -> np.ndarray:
    """Points [n, 3] in the object's own space whose transformed box is the object's; kept in ``cache`` for its data."""
    data = obj.data
    if data is None:
        return np.zeros((0, 3))
    key = data.as_pointer()
    if key not in cache:
        if obj.type == "MESH" and len(data.polygons):
            flat = np.empty(len(data.vertices) * 3, dtype=np.float32)
            data.vertices.foreach_get("co", flat)
            cache[key] = flat.reshape(-1, 3).astype(np.float64)
        elif obj.type in _BOXED_TYPES:
            box = np.array(obj.bound_box, dtype=np.float64)
            cache[key] = box if (box.min(axis=0) <= box.max(axis=0)).all() else np.zeros((0, 3))
        else:
            cache[key] = np.zeros((0, 3))
    return cache[key]


def _box_around(points: np.ndarray) -> np.ndarray:
    return box_corners(points.min(axis=0), points.max(axis=0))


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


def bounds_object(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The object that shows the bounds in ``scene``."""
    return next(roles.objects_of(scene, "bounds"), None)


def read_bounds(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> Bounds:
    """The bounds as the user left them: the world-aligned box of the object. Raises CaptureError."""
    obj = bounds_object(scene)
    if obj is None:
        raise CaptureError("There are no bounds yet: use Fit Bounds first")
    matrix = np.array(obj.evaluated_get(depsgraph).matrix_world)
    reach = np.abs(matrix[:3, :3]).sum(axis=1) * obj.empty_display_size
    try:
        return Bounds(matrix[:3, 3] - reach, matrix[:3, 3] + reach)
    except GeometryError:
        raise CaptureError(f"{obj.name}: the box is flat or its transform is broken; use Fit Bounds again") from None
