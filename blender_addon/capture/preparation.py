"""What a capture needs and the scene may not have yet: bounds, and cameras planned around them."""

from __future__ import annotations

import bpy

from .. import undo_steps
from . import plan_watch
from .bounds import bounds_object, fit_bounds, read_bounds, show_bounds
from .plan import GENERATED_RIGS, has_planned_cameras, plan_cameras
from .subject import read_subject


def prepare_plan(context: bpy.types.Context) -> None:
    """Fit the bounds and plan the cameras of the context's scene where there are none, as their buttons would, and see
    what is wrong with the plan.

    What is there stays as it is, but planned cameras follow bounds that were moved. In a window that is a step of its
    own to undo. Raises CaptureError.
    """
    scene, made = context.scene, False
    if bounds_object(scene) is None:
        show_bounds(scene, fit_bounds(scene, context.view_layer, context.evaluated_depsgraph_get()))
        context.view_layer.update()
        made = True
    if scene.hashlight.capture.rig in GENERATED_RIGS and not has_planned_cameras(scene):
        depsgraph = context.evaluated_depsgraph_get()
        bounds = read_bounds(scene, depsgraph)
        plan_cameras(scene, bounds, read_subject(scene, context.view_layer, depsgraph, bounds))
        context.view_layer.update()
        made = True
    else:
        plan_watch.follow(scene, context.view_layer, context.evaluated_depsgraph_get())
    plan_watch.check(context)
    if made:
        undo_steps.push("Plan Cameras")
