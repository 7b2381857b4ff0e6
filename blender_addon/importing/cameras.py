"""The cameras of an imported dataset as Blender's own, in a collection of the scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import bpy
import numpy as np
from mathutils import Matrix

from engine.link.capture_format import ViewRecord
from engine.link.geometry import Bounds, Camera
from engine.link.messages import Split

from ..capture.cameras import pixel_aspect, render_size, set_lens
from ..capture.plan import COLORS

_PARTS: dict[Split, str] = {"train": "Training", "test": "Test"}
_TAGS: dict[Split, str] = {"train": "COLOR_05", "test": "COLOR_02"}  # blue and orange, as a plan is drawn
_SQUARE_ENOUGH = 1e-4  # of a pixel's sides: half a pixel at the edge of the largest pictures
_DISPLAY_SIZE = 0.1  # of the bounds' radius


def create_cameras(
    scene: bpy.types.Scene, name: str, views: Sequence[ViewRecord], bounds: Bounds
) -> bpy.types.Collection:
    """A new collection ``name`` in ``scene`` with a camera for each of ``views``, in order: one collection in it for
    training views, one for held-out views. Cameras of the same lens share their data.

    They are the user's own objects from now on. Their frames are those of the scene's renders, so set these first.
    """
    collection = bpy.data.collections.new(name)
    scene.collection.children.link(collection)
    lenses: dict[tuple[float, ...], bpy.types.Camera] = {}
    for split, part in _PARTS.items():
        records = [view for view in views if view.split == split]
        if not records:
            continue
        child = bpy.data.collections.new(f"{name} {part}")
        child.color_tag = _TAGS[split]
        collection.children.link(child)
        for record in records:
            camera = record.camera
            lens = (camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy)
            if lens not in lenses:
                data = lenses[lens] = bpy.data.cameras.new(name)
                set_lens(data, scene, camera)
                data.display_size = _DISPLAY_SIZE * bounds.radius
            obj = bpy.data.objects.new(record.name, lenses[lens])
            obj.matrix_world = Matrix(_without_scale(camera.camera_to_world))
            obj.color = COLORS[split]
            child.objects.link(obj)
            if scene.camera is None:
                scene.camera = obj
    return collection


def set_render_settings(scene: bpy.types.Scene, views: Iterable[ViewRecord]) -> None:
    """Have ``scene`` render pictures of the size and pixel shape of the first view."""
    camera = next(iter(views)).camera
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = camera.width, camera.height, 100
    ratio = camera.fx / camera.fy
    render.pixel_aspect_x, render.pixel_aspect_y = max(1.0, 1.0 / ratio), max(1.0, ratio)


def find_camera_warnings(scene: bpy.types.Scene, views: Sequence[ViewRecord]) -> list[str]:
    """What Blender's cameras, at the render settings of ``scene``, can't show of ``views``."""
    warnings = []
    if fisheyes := sum(view.camera.is_fisheye for view in views):
        warnings.append(
            f"{_count(fisheyes, views).capitalize()} were taken with a fisheye lens: Blender's cameras here show only "
            "the middle of what it sees. Training, Compare and the scores take the lens into account"
        )
    if distorted := sum(view.camera.is_distorted and not view.camera.is_fisheye for view in views):
        warnings.append(
            f"Blender's cameras know no lens distortion: {_count(distorted, views)} were taken with some and look a "
            "little different through their cameras here. Training, Compare and the scores take it into account"
        )
    if others := sum(not _fits(scene, view.camera) for view in views):
        warnings.append(
            f"The scene's resolution or pixel aspect is another than that of {_count(others, views)}: through their "
            "cameras a picture of another shape is seen"
        )
    return warnings


def _fits(scene: bpy.types.Scene, camera: Camera) -> bool:
    width, height = render_size(scene)
    aspect_x, aspect_y = pixel_aspect(scene)
    same_shape = width * camera.height == height * camera.width
    return same_shape and abs(camera.fx / camera.fy * aspect_x / aspect_y - 1.0) < _SQUARE_ENOUGH


def _count(some: int, views: Sequence[ViewRecord]) -> str:
    return f"all {some} views" if some == len(views) else f"{some} of {len(views)} views"


def _without_scale(pose: np.ndarray) -> np.ndarray:
    """Poses of other programs may be scaled, of which a camera's picture shows nothing, but its symbol does."""
    result = np.array(pose)
    result[:3, :3] /= np.linalg.norm(result[:3, :3], axis=0)
    return result
