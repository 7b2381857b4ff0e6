"""A finished bake in the scene: on a plane, in the compositor, in the sequencer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import bpy
import numpy as np

from engine.link.geometry import Bounds, Camera

from .. import undo_steps
from ..capture.cameras import pixel_aspect
from ..capture.errors import CaptureError
from ..preview.live import preview_camera
from ..preview.plane import choose_distance, fit_aspect, frustum_matrix
from ..transfer.delivery import Delivery
from .compositing import composite_by_depth, follow_path
from .sequence import animate_object, frame_files, show_sequence
from .strip import show_strip

Result = Literal["PLANE", "COMPOSITE", "STRIP", "FILES"]


@dataclass
class Bake:
    """What a finished bake needs to be shown; the scene by name, for undo invalidates anything else, and None once
    another file is open.

    ``output``: its folder under the engine's root. ``folder``: where the user wants the files, None for where the
    engine writes them.
    """

    name: str
    scene: str | None
    cameras: Sequence[Camera]
    bounds: Bounds
    follows_camera: bool
    frame_start: int
    result: Result
    output: str
    folder: Path | None
    delivery: Delivery | None = field(default=None)
    has_ended: bool = False


def check(scene: bpy.types.Scene) -> None:
    """Raise CaptureError if what the settings ask for can't be shown in ``scene``."""
    settings = scene.hashlight.bake
    if settings.result != "COMPOSITE":
        return
    aspect = pixel_aspect(scene)
    if aspect[0] != aspect[1] and settings.path == "TURNTABLE":
        raise CaptureError("A turntable can't be composited with renders of oblong pixels: set the aspect to 1:1")
    if not settings.transparent:
        raise CaptureError("Frames without transparency would cover the whole render: switch Transparent on")


def show(scene: bpy.types.Scene, bake: Bake, files: Sequence[Path]) -> None:
    """Put the files of ``bake`` where its result belongs. Raises ValueError, RuntimeError."""
    frames = frame_files(files, suffix=".exr") or frame_files(files)
    if not frames:
        raise ValueError("it has no frames")
    cyclic = not bake.follows_camera
    if bake.result == "PLANE":
        plane = show_sequence(scene, frames, bake.frame_start, cyclic)
        animate_object(plane, _plane_matrices(scene, bake), bake.frame_start)
        scene.hashlight.preview.shown = "BAKE"
    elif bake.result == "COMPOSITE":
        depths = frame_files(files, "depth")
        view_layer = bpy.context.view_layer if bpy.context.scene == scene else scene.view_layers[0]
        composite_by_depth(scene, view_layer, frames, depths, bake.frame_start, cyclic)
        if not bake.follows_camera:
            follow_path(scene, bake.cameras, bake.frame_start)
        scene.hashlight.preview.shown = "NONE"  # a plane would show the field once more
    elif bake.result == "STRIP":
        show_strip(scene, bake.name, frames, bake.frame_start)
    if bake.result != "FILES":
        undo_steps.push("Render from Field")


def _plane_matrices(scene: bpy.types.Scene, bake: Bake) -> list[np.ndarray]:
    """Where the plane stands: in the frustum of each frame's camera; for a turntable, in that of the scene camera."""
    place = scene.hashlight.preview.place
    if bake.follows_camera:
        return [frustum_matrix(camera, choose_distance(camera, bake.bounds, place)) for camera in bake.cameras]
    first = bake.cameras[0]
    try:
        viewer = preview_camera(scene)
    except CaptureError:
        viewer = first
    matrix = frustum_matrix(viewer, choose_distance(viewer, bake.bounds, place))
    return [fit_aspect(matrix, first.width / first.height)]
