"""What planned cameras are framed to: the geometry that is visible inside the bounds, as extreme points."""

from __future__ import annotations

import dataclasses

import bpy
import numpy as np

from engine.link.framing import extreme_points
from engine.link.geometry import Bounds

from .. import roles
from .as_rendered import gather_as_rendered
from .sight import shown_names
from .visible_points import clip_points, find_visible_points

_GUESSED = 200  # points at most that a guess goes by
_MOST_AT_ONCE = 300_000  # instances, which take about two seconds to look at


@dataclasses.dataclass(eq=False)
class _Known:
    """What a scene, showing objects ``shown`` at ``frame``, was last found to show inside ``bounds``: ``points``
    [n, 3], or None. ``is_current``: no object has changed since then."""

    bounds: Bounds
    frame: int
    shown: int
    points: np.ndarray | None
    is_current: bool = True


_known: dict[str, _Known] = {}  # by the scene's name


def read_subject(
    scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph, bounds: Bounds
) -> np.ndarray:
    """The points [n, 3] float64 to frame: of what is visible inside ``bounds`` at this moment; their corners where
    there is nothing, or more than can be looked at.

    Looked at now, unless that was done since the scene changed last.
    """
    known = _known.get(scene.name)
    is_known = known is not None and known.is_current and known.shown == _shown(view_layer)
    if bpy.app.background or not is_known or not _is_about(known, scene, bounds):
        surroundings = gather_as_rendered(view_layer, depsgraph, most_instances=_MOST_AT_ONCE)
        note_subject(scene, view_layer, bounds, find_visible_points(surroundings, bounds))
    points = _known[scene.name].points
    return bounds.corners if points is None else points


def guess_subject(scene: bpy.types.Scene, bounds: Bounds) -> np.ndarray:
    """The points [n, 3] float64 to frame by what is known already: while the bounds are dragged, there is no time to
    look. The corners of ``bounds`` where nothing is known."""
    known = _known.get(scene.name)
    if known is None or known.points is None:
        return bounds.corners
    if _is_about(known, scene, bounds):
        return known.points
    points = clip_points(known.points, bounds)
    return bounds.corners if points is None else extreme_points(points, _GUESSED)


def note_subject(
    scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, bounds: Bounds, points: np.ndarray | None
) -> None:
    """Know that ``points`` [n, 3] are visible inside ``bounds`` (None: nothing that could be read)."""
    _known[scene.name] = _Known(bounds, scene.frame_current, _shown(view_layer), points)


def distrust_all() -> None:
    """Something has changed: what is known will do while there is no time to look, but no longer."""
    for known in _known.values():
        known.is_current = False


def forget_all() -> None:
    """Another file is open."""
    _known.clear()


def _shown(view_layer: bpy.types.ViewLayer) -> int:
    """A number for which objects a capture shows: that one is hidden or gone, or in no Capture Collection any more,
    Blender has a message for much else."""
    shown = shown_names(view_layer)
    objects = (obj for obj in view_layer.objects if roles.role_of(obj) is None and obj.name in shown)
    return hash(frozenset((obj.name, obj.hide_render, obj.hide_viewport, obj.visible_camera) for obj in objects))


def _is_about(known: _Known, scene: bpy.types.Scene, bounds: Bounds) -> bool:
    former = known.bounds.corners
    return known.frame == scene.frame_current and np.allclose(former, bounds.corners, rtol=0, atol=1e-6 * bounds.radius)
