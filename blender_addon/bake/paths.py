"""The cameras of a bake."""

from __future__ import annotations

import bpy
import numpy as np

from engine.link.camera_paths import Framing, Orbit, turntable
from engine.link.geometry import Bounds, Camera

from ..capture.cameras import camera_from_object, check_size, pixel_aspect, render_size
from ..capture.errors import CaptureError
from ..capture.valid_numbers import check_settings


def turntable_cameras(
    scene: bpy.types.Scene,
    bounds: Bounds,
    size: tuple[int, int],
    subject: np.ndarray | None = None,
    most_frames: int | None = None,
) -> list[Camera]:
    """The turntable that the scene's bake settings describe, one camera a frame, for frames of ``size``.

    ``subject``: extreme points [n, 3] of what is in the bounds. ``most_frames``: so many on each level at most, which
    show how far away the cameras are. Raises CaptureError, GeometryError.
    """
    settings = scene.hashlight.bake
    check_settings(settings)
    return turntable(
        bounds,
        settings.frames if most_frames is None else min(settings.frames, most_frames),
        size,
        Orbit(
            elevation=settings.elevation,
            levels=settings.levels,
            top_elevation=settings.top_elevation,
            start=settings.start,
            turns=settings.turns,
            ease=settings.ease,
        ),
        Framing(
            field_of_view=settings.field_of_view,
            radius=settings.radius or None,
            lift=settings.lift,
            subject=subject,
        ),
    )


def has_render_size(scene: bpy.types.Scene) -> bool:
    """Whether the frames to be baked are as large as renders: what is composited with them is."""
    settings = scene.hashlight.bake
    return settings.path == "ANIMATION" or settings.result == "COMPOSITE"


def frame_count(scene: bpy.types.Scene) -> int:
    """How many frames there are to be baked."""
    settings = scene.hashlight.bake
    if settings.path == "ANIMATION":
        return max(scene.frame_end - scene.frame_start + 1, 0)
    return settings.frames * settings.levels


def animation_cameras(scene: bpy.types.Scene) -> list[Camera]:
    """The camera of the context's scene at every frame of its range, at the render resolution.

    Its lens may be animated too, and a change of camera by marker is followed. Steps through the frames and comes back
    to the present one. Raises CaptureError when there is no camera to render from.
    """
    width, height = render_size(scene)
    check_size(width, height)
    present, subframe = scene.frame_current, scene.frame_subframe
    cameras = []
    try:
        for frame in range(scene.frame_start, scene.frame_end + 1):
            scene.frame_set(frame)
            if scene.camera is None:
                raise CaptureError(f"Scene {scene.name} has no active camera at frame {frame}")
            depsgraph = bpy.context.evaluated_depsgraph_get()
            cameras.append(camera_from_object(scene.camera, depsgraph, width, height, pixel_aspect(scene)))
    finally:
        scene.frame_set(present, subframe=subframe)
    return cameras
