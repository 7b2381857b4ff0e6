"""The plane that holds a picture in the frustum of the camera it was rendered from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import bpy
import numpy as np

from engine.link.geometry import Bounds, Camera

from .. import roles

PlaneUse = Literal["preview", "comparison", "bake"]
Place = Literal["FRONT", "CENTER", "BEHIND"]

_NAMES: dict[PlaneUse, str] = {
    "preview": "Hashlight Preview",
    "comparison": "Hashlight Comparison",
    "bake": "Hashlight Frames",
}
_KIND_KEY = "hashlight_plane"
_NEAREST = 1e-3  # metres; the plane never comes nearer to the camera


def frustum_matrix(camera: Camera, distance: float) -> np.ndarray:
    """Where a unit square (-0.5..0.5 in x and y) must go to fill the picture of ``camera``.

    Args: ``distance``, metres along the camera's axis (planar z). Lens distortion is ignored.
    Returns: [4, 4] float64, square to world.
    """
    width, height = distance * camera.width / camera.fx, distance * camera.height / camera.fy
    middle_x = distance * (camera.width / 2 - camera.cx) / camera.fx
    middle_y = -distance * (camera.height / 2 - camera.cy) / camera.fy
    square_to_camera = np.array(
        [
            [width, 0.0, 0.0, middle_x],
            [0.0, height, 0.0, middle_y],
            [0.0, 0.0, 1.0, -distance],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )
    return camera.camera_to_world @ square_to_camera


def fit_aspect(matrix: np.ndarray, aspect: float) -> np.ndarray:
    """``matrix`` made narrower or lower, so that what it makes of a unit square has ``aspect`` (width by height)."""
    width, height = np.linalg.norm(matrix[:3, 0]), np.linalg.norm(matrix[:3, 1])
    fitted = matrix.copy()
    fitted[:3, 0] *= min(1.0, aspect * height / width)
    fitted[:3, 1] *= min(1.0, width / height / aspect)
    return fitted


def choose_distance(camera: Camera, bounds: Bounds, place: Place = "CENTER") -> float:
    """How far along the axis the plane belongs: before, through the middle of, or behind the bounds, in metres."""
    signs = np.array([[(i >> axis) & 1 for axis in range(3)] for i in range(8)])
    corners = bounds.minimum + signs * bounds.size
    axis = -camera.camera_to_world[:3, 2]
    depths = (corners - camera.position) @ axis
    middle = float((bounds.center - camera.position) @ axis)
    distance = {"FRONT": float(depths.min()), "CENTER": middle, "BEHIND": float(depths.max())}[place]
    return max(distance, _NEAREST)


def find_plane(scene: bpy.types.Scene, kind: PlaneUse) -> bpy.types.Object | None:
    """The scene's plane of this kind, whatever the user called it; None when there is none."""
    return next((obj for obj in roles.objects_of(scene, "plane") if obj.get(_KIND_KEY) == kind), None)


def all_planes(scene: bpy.types.Scene) -> Iterator[bpy.types.Object]:
    """The scene's planes of every kind, without a look at its other objects."""
    for collection in scene.collection.children_recursive:
        if _KIND_KEY in collection:
            yield from (obj for obj in collection.objects if _KIND_KEY in obj)


def ensure_plane(scene: bpy.types.Scene, kind: PlaneUse) -> bpy.types.Object:
    """The scene's plane of this kind, made if there is none: a unit square in a collection of its own.

    Only cameras see it: it lights nothing, casts no shadow and shows in no mirror. Renders show it where the settings
    say so, captures never: its role hides it from them, and the new collection keeps it out of one in progress,
    which renders a copy of the scene made before.
    """
    if plane := find_plane(scene, kind):
        return plane
    name = _NAMES[kind]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(-0.5, -0.5, 0.0), (0.5, -0.5, 0.0), (0.5, 0.5, 0.0), (-0.5, 0.5, 0.0)], [], [(0, 1, 2, 3)])
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    plane = bpy.data.objects.new(name, mesh)
    roles.mark(plane, "plane")
    plane[_KIND_KEY] = kind
    plane.rotation_mode = "QUATERNION"
    plane.hide_render = not scene.hashlight.preview.show_in_renders
    for ray in ("diffuse", "glossy", "transmission", "volume_scatter", "shadow"):
        setattr(plane, f"visible_{ray}", False)
    collection = bpy.data.collections.new(name)
    collection[_KIND_KEY] = kind
    collection.objects.link(plane)
    scene.collection.children.link(collection)
    return plane


def show_only(scene: bpy.types.Scene, kind: PlaneUse | None) -> None:
    """Show the plane of one kind and hide the others: they all stand in the same frustum.

    It is the collections that are hidden: the planes' own visibility is for captures and ``show_in_renders``.
    """
    for collection in scene.collection.children_recursive:
        if _KIND_KEY in collection:
            collection.hide_viewport = collection.hide_render = collection[_KIND_KEY] != kind


def show_in_renders(scene: bpy.types.Scene, is_on: bool) -> None:
    """Have renders of ``scene`` show its planes, or leave them out; viewports show them either way."""
    for plane in roles.objects_of(scene, "plane"):
        plane.hide_render = not is_on
