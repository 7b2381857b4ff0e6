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
import numpy as np

from engine.link.geometry import Bounds

from .. import app_handlers, roles, write_lock
from ..background import Task
from . import plan_drawing, poses, rendered_only, subject, temporary_scene, told_findings
from .as_rendered import gather_as_rendered
from .bounds import bounds_object, read_bounds
from .errors import CaptureError
from .layouts import inside
from .layouts.layout import Layout
from .layouts.table import layout_of
from .lens_checks import check_framing, check_lens
from .plan import Pose, follow_bounds, has_to_follow
from .plan_checks import find_plan_warnings
from .plan_warnings import PlanWarning
from .scene_facts import SceneFacts, settings_checked
from .surroundings import Surroundings
from .visible_points import find_visible_points

REST = 0.5  # seconds without a change after which the plan is checked
BUDGET = 0.004  # seconds of one turn in the window
_TURN, _WAIT = 0.02, 0.1  # seconds between two turns, and between two looks at what is running


# The warnings, and the points [n, 3] that are visible inside the bounds (None: not everything could be read).
Found = tuple[list[PlanWarning], np.ndarray | None]


@dataclasses.dataclass
class _Watch:
    """What is running in the window."""

    due: float | None = None  # when the check begins
    walk: poses.ViewWalk | None = None
    surroundings: Surroundings | None = None
    facts: SceneFacts | None = None
    task: Task[Found] | None = None


_watch = _Watch()
_settings: dict[str, tuple[object, ...]] = {}  # by the scene's name: the Blender settings that a check was begun for


def check(context: bpy.types.Context, walk_views: bool = False) -> None:
    """See what is wrong with the plan of the context's scene and tell it in the panel: at once without a window, else
    soon. ``walk_views``: find out where all cameras are, those of an animation, too. Raises CaptureError."""
    scene, view_layer = context.scene, context.view_layer
    walk = poses.ViewWalk(scene, view_layer) if walk_views and poses.needs_walk(scene, view_layer) else None
    if not bpy.app.background:
        if walk is not None:
            _watch.walk = walk
        rendered_only.look(view_layer, context.evaluated_depsgraph_get())
        check_soon(0.0)
        return
    if walk is not None:
        walk.advance(math.inf)
    depsgraph = context.evaluated_depsgraph_get()
    surroundings = gather_as_rendered(view_layer, depsgraph)
    facts = SceneFacts(scene, view_layer, surroundings)
    facts.gather(math.inf)
    _tell(scene, _find(surroundings, facts, scene, depsgraph)()[0])


def check_soon(rest: float = REST) -> None:
    """Check the plan once nothing has changed for ``rest`` seconds; without a window, forget what was found."""
    if bpy.app.background:
        return
    _watch.due = time.monotonic() + rest
    _watch.surroundings = _watch.facts = _watch.task = None
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=0.0)


def follow(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph) -> None:
    """Move planned cameras along with bounds that were moved, and frame them to what is visible inside. Raises
    CaptureError."""
    bounds = read_bounds(scene, depsgraph)
    if has_to_follow(scene, bounds):
        follow_bounds(scene, bounds, subject.read_subject(scene, view_layer, depsgraph, bounds))


def follow_exactly(context: bpy.types.Context) -> None:
    """Frame planned cameras to what renders show inside the bounds now, as a capture does; Blender waits for it."""
    context.view_layer.update()
    scene, view_layer, depsgraph = context.scene, context.view_layer, context.evaluated_depsgraph_get()
    with contextlib.suppress(CaptureError):  # told with the warnings, or when a capture begins
        if not bpy.app.background:
            rendered_only.look(view_layer, depsgraph)
            check_soon(0.0)
        follow(scene, view_layer, depsgraph)


def _follow_soon(layout: Layout) -> None:
    if bpy.app.background:
        return
    if bpy.app.timers.is_registered(_follow_now):
        if layout.is_quick:
            return
        bpy.app.timers.unregister(_follow_now)  # once the change has ended
    bpy.app.timers.register(_follow_now, first_interval=0.0 if layout.is_quick else REST)


def _follow_now() -> float | None:
    if not write_lock.unlock():
        return _WAIT
    scene, depsgraph = bpy.context.scene, bpy.context.view_layer.depsgraph
    if depsgraph is not None and not temporary_scene.is_there() and bounds_object(scene) is not None:
        with contextlib.suppress(CaptureError):
            bounds = read_bounds(scene, depsgraph)
            if has_to_follow(scene, bounds):  # the check that comes soon frames them exactly
                follow_bounds(scene, bounds, subject.guess_subject(scene, bounds), is_guess=True)
    return None


def _tick() -> float | None:
    scene, view_layer = bpy.context.scene, bpy.context.view_layer
    depsgraph = view_layer.depsgraph
    if depsgraph is None or not write_lock.unlock():
        return _WAIT
    if _watch.walk is not None:  # its own frames put the check off, and must not put off the walk
        if bpy.app.is_job_running("RENDER"):  # it may not like other frames
            return _WAIT
        return _TURN if _walk(_watch.walk) else 0.0
    if _watch.due is not None and (rest := _watch.due - time.monotonic()) > 0:
        return rest
    if bounds_object(scene) is None:
        _tell(scene, [])
        return _end()
    try:
        return _go_on(scene, view_layer, depsgraph)
    except CaptureError as error:
        _tell(scene, [PlanWarning(str(error))])
        return _end()


def _walk(walk: poses.ViewWalk) -> bool:
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
            if _has_to_look(scene, view_layer, depsgraph):
                rendered_only.look(view_layer, depsgraph)
            _watch.surroundings = Surroundings()
        if _watch.facts is None:
            if _watch.surroundings.gather(view_layer, depsgraph, BUDGET):
                unseen = rendered_only.complete(_watch.surroundings, view_layer)
                _watch.facts = SceneFacts(scene, view_layer, _watch.surroundings, unseen)
        elif _watch.facts.gather(BUDGET):
            _watch.task = Task(_find(_watch.surroundings, _watch.facts, scene, depsgraph), "hashlight-plan")
        return _TURN
    if _watch.task.is_running:
        return _WAIT
    warnings, points = _watch.task.result()
    _tell(scene, warnings)
    if points is not None and bounds_object(scene) is not None:
        _frame(scene, view_layer, read_bounds(scene, depsgraph), points)
    return _end()


def _has_to_look(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph) -> bool:
    """Whether bounds that were moved by hand stand still, and what they hold can't be told without a look at renders,
    for which Blender waits: as after Fit Bounds."""
    if temporary_scene.is_there() or any(window.modal_operators for window in bpy.context.window_manager.windows):
        return False
    return rendered_only.has_unseen(view_layer) and has_to_follow(scene, read_bounds(scene, depsgraph))


def _frame(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, bounds: Bounds, points: np.ndarray) -> None:
    """Know that ``points`` are what is visible inside ``bounds``, and frame cameras to it where that was a guess."""
    subject.note_subject(scene, view_layer, bounds, points)
    if not temporary_scene.is_there() and has_to_follow(scene, bounds):
        with contextlib.suppress(CaptureError):  # told with the warnings, or when a capture begins
            follow_bounds(scene, bounds, points)
            _redraw()


def _find(
    surroundings: Surroundings, facts: SceneFacts, scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph
) -> functools.partial[Found]:
    """What finds out all that can be told, and needs no Blender. Raises CaptureError when the plan can't be read."""
    bounds = read_bounds(scene, depsgraph) if bounds_object(scene) is not None else None
    if bounds is not None and has_to_follow(scene, bounds):
        facts.margin = None  # the cameras have yet to be framed
    return functools.partial(_look, surroundings, facts, poses.planned_poses(scene, depsgraph), bounds)


def _look(surroundings: Surroundings, facts: SceneFacts, planned: list[Pose], bounds: Bounds | None) -> Found:
    warnings = find_plan_warnings(surroundings, facts, planned, bounds)
    # Without a window they are looked for when cameras are planned.
    is_checked = facts.is_aimed or facts.margin is not None
    if bounds is None or (bpy.app.background and not is_checked):
        return warnings, None
    points = find_visible_points(surroundings, bounds)
    if points is not None and facts.is_aimed:
        warnings += check_lens(points, planned)
    elif points is not None and facts.margin is not None:
        warnings += check_framing(points, planned, facts.margin)
    return warnings, points


def _tell(scene: bpy.types.Scene, warnings: list[PlanWarning]) -> None:
    if bpy.app.background:
        told_findings.tell(warnings, scene.hashlight.capture.plan_findings)
    else:
        told_findings.tell_in_window(warnings, scene)


def _end() -> None:
    _watch.due = _watch.surroundings = _watch.facts = _watch.task = None


def _redraw() -> None:
    plan_drawing.look_again()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def _after_update(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    # Blender lists nothing here for another frame.
    if temporary_scene.is_there():
        return
    is_changed = _has_other_settings(scene)
    for update in depsgraph.updates:
        item = update.id
        if isinstance(item, bpy.types.Object):
            if not (update.is_updated_transform or update.is_updated_geometry):  # only selected, perhaps
                continue
            role = roles.role_of(item)
            is_changed |= role in (None, "bounds", "camera")
            if role is None:
                subject.distrust_all()
            if role == "bounds" or item.name in {obj.name for obj in layout_of(scene).objects(scene)}:
                _follow_soon(layout_of(scene))
        elif isinstance(item, bpy.types.World | bpy.types.Light | bpy.types.Image):
            is_changed = True
        elif isinstance(item, bpy.types.Camera):  # those that are planned are ours
            is_changed |= not layout_of(scene).is_generated
        elif isinstance(item, bpy.types.Material):
            is_changed |= roles.role_of(item) is None
        elif isinstance(item, bpy.types.ShaderNodeTree):  # a group; what is inside a material comes with that
            is_changed |= not item.is_embedded_data
        elif isinstance(item, bpy.types.Collection):
            is_changed = True
        if isinstance(item, bpy.types.Action) or _decides_animation(scene, item):
            poses.forget_poses(scene)
            is_changed = True
    if is_changed:
        check_soon()


def _after_frame_change(scene: bpy.types.Scene, _depsgraph: bpy.types.Depsgraph) -> None:
    # A render calls this from its own thread, and for frames that it comes back from.
    if temporary_scene.is_there() or bpy.app.is_job_running("RENDER"):
        return
    if _has_other_settings(scene):
        check_soon()


def _has_other_settings(scene: bpy.types.Scene) -> bool:
    """Whether settings of ``scene`` differ from those of the last check: a scene also counts as updated when findings
    are written into it, or scores, which must not begin another one."""
    former, present = _settings.get(scene.name), settings_checked(scene)
    _settings[scene.name] = present
    return former != present


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
    subject.distrust_all()
    _follow_soon(layout_of(bpy.context.scene))
    check_soon()


def _before_load(*_: object) -> None:
    global _watch
    _watch = _Watch()
    rendered_only.forget_all()
    _settings.clear()
    poses.forget_all()
    subject.forget_all()
    inside.forget_all()
    plan_drawing.look_again()


_HANDLERS = (
    (bpy.app.handlers.depsgraph_update_post, _after_update),
    (bpy.app.handlers.frame_change_post, _after_frame_change),
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
