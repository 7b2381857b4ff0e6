"""Keeps the plan true while the scene changes: cameras follow the bounds, and what is wrong with them is told anew.

In a window that is done by a timer, a few milliseconds at a time and some moments after the last change, the heavier
part in a thread. Without a window it is done at once when it is asked for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import time

import bpy

from .. import app_handlers, roles, write_lock
from ..background import Task
from ..layout import redraw_sidebars
from . import plan_drawing, poses, temporary_scene
from .bounds import bounds_object, read_bounds
from .errors import CaptureError
from .plan import follow_bounds
from .plan_checks import find_plan_warnings
from .surroundings import Surroundings

REST = 0.5  # seconds without a change after which the plan is checked
BUDGET = 0.004  # seconds of one turn in the window
_TURN, _WAIT = 0.02, 0.1  # seconds between two turns, and between two looks at what is under way


@dataclasses.dataclass
class _Watch:
    """What is under way in the window."""

    due: float | None = None  # when the check begins
    walk: poses.FrameWalk | None = None
    surroundings: Surroundings | None = None
    task: Task[list[str]] | None = None


_watch = _Watch()


def check(context: bpy.types.Context, step_frames: bool = False) -> None:
    """See what is wrong with the plan of the context's scene and tell it in the panel: at once without a window, else
    soon. ``step_frames``: find out where the cameras of an animation are, too. Raises CaptureError."""
    scene, view_layer = context.scene, context.view_layer
    is_animation = scene.hashlight.capture.rig == "ANIMATION"
    walk = poses.FrameWalk(scene, view_layer) if step_frames and is_animation else None
    if not bpy.app.background:
        if walk is not None:
            _watch.walk = walk
        check_soon(0.0)
        return
    if walk is not None:
        walk.advance(math.inf)
    depsgraph = context.evaluated_depsgraph_get()
    surroundings = Surroundings()
    surroundings.gather(view_layer, depsgraph, math.inf)
    _tell(scene, _find(surroundings, scene, depsgraph)())


def check_soon(rest: float = REST) -> None:
    """Check the plan once nothing has changed for ``rest`` seconds; without a window, forget what was found."""
    if bpy.app.background:
        return
    _watch.due = time.monotonic() + rest
    _watch.surroundings = _watch.task = None
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=0.0)


def follow(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """Move planned cameras along with bounds that were moved."""
    if bounds_object(scene) is not None:
        with contextlib.suppress(CaptureError):  # settings that make no rig are told when cameras are planned by hand
            follow_bounds(scene, read_bounds(scene, depsgraph))


def _follow_soon() -> None:
    if not bpy.app.background and not bpy.app.timers.is_registered(_follow_now):
        bpy.app.timers.register(_follow_now, first_interval=0.0)


def _follow_now() -> float | None:
    if not write_lock.unlock():
        return _WAIT
    depsgraph = bpy.context.view_layer.depsgraph
    if depsgraph is not None and not temporary_scene.is_there():
        follow(bpy.context.scene, depsgraph)
    return None


def _tick() -> float | None:
    scene, view_layer = bpy.context.scene, bpy.context.view_layer
    depsgraph = view_layer.depsgraph
    if depsgraph is None or not write_lock.unlock():
        return _WAIT
    if _watch.due is not None and (rest := _watch.due - time.monotonic()) > 0:
        return rest
    if bounds_object(scene) is None and not _watch.walk:
        _tell(scene, [])
        return _end()
    if _watch.walk is not None:
        if bpy.app.is_job_running("RENDER"):  # it may not like other frames
            return _WAIT
        return _TURN if _walk(_watch.walk) else 0.0
    try:
        return _go_on(scene, view_layer, depsgraph)
    except CaptureError as error:
        _tell(scene, [str(error)])
        return _end()


def _walk(walk: poses.FrameWalk) -> bool:
    """A few frames more; whether there are still some."""
    try:
        if not walk.advance(BUDGET):
            return True
    except CaptureError:  # the button tells what is wrong
        pass
    _watch.walk = None
    _redraw()
    return False


def _go_on(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph) -> float | None:
    if _watch.task is None:
        if _watch.surroundings is None:
            _watch.surroundings = Surroundings()
        if _watch.surroundings.gather(view_layer, depsgraph, BUDGET):
            _watch.task = Task(_find(_watch.surroundings, scene, depsgraph), "hashlight-plan")
        return _TURN
    if _watch.task.is_running:
        return _WAIT
    _tell(scene, _watch.task.result())
    return _end()


def _find(
    surroundings: Surroundings, scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph
) -> functools.partial[list[str]]:
    """What finds the warnings and needs no Blender. Raises CaptureError when the plan can't be read."""
    bounds = read_bounds(scene, depsgraph) if bounds_object(scene) is not None else None
    return functools.partial(find_plan_warnings, surroundings, poses.planned_poses(scene, depsgraph), bounds)


def _tell(scene: bpy.types.Scene, warnings: list[str]) -> None:
    words = "\n".join(warnings)
    if scene.hashlight.capture.plan_warnings != words:
        scene.hashlight.capture.plan_warnings = words
        if not bpy.app.background:
            redraw_sidebars()


def _end() -> None:
    _watch.due = _watch.surroundings = _watch.task = None


def _redraw() -> None:
    plan_drawing.look_again()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def _after_update(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    # Other frames are no change: Blender lists nothing for them.
    if temporary_scene.is_there():
        return
    is_changed = False
    for update in depsgraph.updates:
        item = update.id
        if isinstance(item, bpy.types.Object):
            if not (update.is_updated_transform or update.is_updated_geometry):  # only selected, perhaps
                continue
            role = roles.role_of(item)
            is_changed |= role in (None, "bounds", "camera")
            if role == "bounds":
                _follow_soon()
        elif isinstance(item, bpy.types.Collection):
            is_changed = True
        if isinstance(item, bpy.types.Action) or _decides_animation(scene, item):
            poses.forget_animation(scene)
            is_changed = True
    if is_changed:
        check_soon()


def _decides_animation(scene: bpy.types.Scene, item: bpy.types.ID) -> bool:
    """Whether the active camera's pose, or its lens, comes from ``item``."""
    camera = scene.camera
    if camera is None or not isinstance(item, bpy.types.Object | bpy.types.Camera):
        return False
    above, names = camera, {camera.data.name}
    while above is not None:
        names.add(above.name)
        above = above.parent
    return item.name in names


def _after_undo(*_: object) -> None:
    poses.forget_all()
    _follow_soon()
    check_soon()


def _before_load(*_: object) -> None:
    global _watch
    _watch = _Watch()
    poses.forget_all()


_HANDLERS = (
    (bpy.app.handlers.depsgraph_update_post, _after_update),
    (bpy.app.handlers.undo_post, _after_undo),
    (bpy.app.handlers.redo_post, _after_undo),
    (bpy.app.handlers.load_pre, _before_load),
)


def register() -> None:
    """Watch the scene from now on."""
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    app_handlers.remove(_HANDLERS)
    for timer in (_tick, _follow_now):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    _before_load()
