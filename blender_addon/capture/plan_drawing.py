"""Draws the plan into the 3D viewports: the bounds, and every camera with its number, training and held-out apart.

What is drawn follows the settings while they are dragged, before anything is made of them. The cameras of an animation
are drawn once Plan Cameras has stepped through its frames.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import blf
import bpy
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector

from engine.link.geometry import Bounds
from engine.link.messages import Split

from .bounds import read_bounds
from .errors import CaptureError
from .layouts.table import layout_of
from .plan import COLORS, Pose, rig_poses
from .poses import planned_poses
from .rigs import box_corners
from .subject import guess_subject

if not bpy.app.background:  # there is nothing to draw with
    import gpu
    from gpu_extras.batch import batch_for_shader

BOX_COLOR = (0.9, 0.9, 0.9, 0.8)
REFRESH = 0.1  # seconds between two looks at what the plan has become
LABELS = 300  # at most; more can't be read anyway
_SIZE = 0.12  # of a drawn camera, as a share of the bounds' radius
_BOX_EDGES = [(a, a | 1 << axis) for a in range(8) for axis in range(3) if not a & 1 << axis]


@dataclass
class _Drawn:
    """What was drawn last."""

    scene: str = ""
    looked_at: float = 0.0
    key: Hashable = None  # of what is drawn: it is made anew when that changes
    box: Any = None  # gpu.types.GPUBatch
    lines: Any = None
    labels: list[tuple[Vector, str, Split]] | None = None


_drawn = _Drawn()
_handlers: list[object] = []


def camera_lines(camera_to_world: np.ndarray, slopes: tuple[float, float], size: float) -> np.ndarray:
    """Ends of the lines [2 * n, 3] of a pyramid as deep as ``size`` with a mark on its upper side."""
    x, y = slopes[0] * size, slopes[1] * size
    points = np.array([(0, 0, 0), (-x, -y, -size), (x, -y, -size), (x, y, -size), (-x, y, -size), (0, 1.4 * y, -size)])
    edges = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1), (4, 5), (5, 3)]
    return (points @ camera_to_world[:3, :3].T + camera_to_world[:3, 3])[np.array(edges).reshape(-1)]


def plan_to_draw(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> tuple[Bounds | None, list[Pose]]:
    """The bounds, if there are any, and the cameras that stand in ``scene`` or would be planned there."""
    try:
        bounds = read_bounds(scene, depsgraph)
    except CaptureError:
        return None, []
    try:
        poses = planned_poses(scene, depsgraph)
        layout = layout_of(scene)
        if not poses and layout.is_generated and layout.is_quick:
            poses = rig_poses(scene, bounds, guess_subject(scene, bounds))
    except CaptureError:
        poses = []
    return bounds, poses


def look_again() -> None:
    """Have the plan looked at anew the next time it is drawn."""
    _drawn.looked_at = 0.0


def _look(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    bounds, poses = plan_to_draw(scene, depsgraph)
    _drawn.scene, _drawn.looked_at = scene.name, time.monotonic()
    box_key = None if bounds is None else (bounds.minimum.tobytes(), bounds.maximum.tobytes())
    key = (box_key, *((pose.split, pose.slopes, pose.camera_to_world.tobytes()) for pose in poses))
    if key != _drawn.key:
        _drawn.key = key
        _make(bounds, poses)


def _make(bounds: Bounds | None, poses: list[Pose]) -> None:
    """Make anew what is drawn."""
    _drawn.box = _drawn.lines = _drawn.labels = None
    if bounds is None:
        return
    corners = box_corners(bounds.minimum, bounds.maximum).astype(np.float32)
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    _drawn.box = batch_for_shader(shader, "LINES", {"pos": corners[np.array(_BOX_EDGES).reshape(-1)]})
    if poses:
        lines = [camera_lines(pose.camera_to_world, pose.slopes, bounds.radius * _SIZE) for pose in poses]
        colors = np.repeat(np.array([COLORS[pose.split] for pose in poses], np.float32), len(lines[0]), axis=0)
        attributes = {"pos": np.concatenate(lines).astype(np.float32), "color": colors}
        _drawn.lines = batch_for_shader(gpu.shader.from_builtin("FLAT_COLOR"), "LINES", attributes)
    counts: dict[Split, int] = {"train": 0, "test": 0}
    _drawn.labels = []
    for pose in poses[:LABELS]:
        _drawn.labels.append((Vector(pose.camera_to_world[:3, 3]), str(counts[pose.split]), pose.split))
        counts[pose.split] += 1


def _is_wanted(context: bpy.types.Context) -> bool:
    return context.scene.hashlight.capture.show_plan and context.space_data.overlay.show_overlays


def _draw_lines() -> None:
    context = bpy.context
    if not _is_wanted(context):
        return
    if _drawn.scene != context.scene.name or time.monotonic() - _drawn.looked_at > REFRESH:
        _look(context.scene, context.view_layer.depsgraph)
    else:
        context.region.tag_redraw()  # look again a little later: what was changed just now may not be all
    if _drawn.box is None:
        return
    depth_test, blend = gpu.state.depth_test_get(), gpu.state.blend_get()
    gpu.state.depth_test_set("LESS_EQUAL")
    gpu.state.blend_set("ALPHA")
    try:
        shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        shader.uniform_float("color", BOX_COLOR)
        _drawn.box.draw(shader)
        if _drawn.lines is not None:
            _drawn.lines.draw(gpu.shader.from_builtin("FLAT_COLOR"))
    finally:
        gpu.state.depth_test_set(depth_test)
        gpu.state.blend_set(blend)


def _draw_numbers() -> None:
    context = bpy.context
    if not _is_wanted(context) or not _drawn.labels or _drawn.scene != context.scene.name:
        return
    scale = context.preferences.system.ui_scale
    blf.size(0, 11.0 * scale)
    for position, text, split in _drawn.labels:
        place = location_3d_to_region_2d(context.region, context.region_data, position)
        if place is not None:
            blf.color(0, *COLORS[split])
            blf.position(0, place.x + 6.0 * scale, place.y + 4.0 * scale, 0.0)
            blf.draw(0, text)


def register() -> None:
    """Draw from now on, where there is a window."""
    if bpy.app.background:
        return
    add = bpy.types.SpaceView3D.draw_handler_add
    _handlers.extend((add(_draw_lines, (), "WINDOW", "POST_VIEW"), add(_draw_numbers, (), "WINDOW", "POST_PIXEL")))


def unregister() -> None:
    """Undo ``register``."""
    while _handlers:
        bpy.types.SpaceView3D.draw_handler_remove(_handlers.pop(), "WINDOW")
    _drawn.key = _drawn.box = _drawn.lines = None
