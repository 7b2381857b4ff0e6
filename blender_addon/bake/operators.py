"""Bake a turntable or a camera animation."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty

from ..session import registry
from ..training import run, saved_state
from . import jobs


class HASHLIGHT_OT_bake(bpy.types.Operator):
    """Render the path into numbered frames and a video; they come back into the scene as Result says"""

    # Returns at once, in the background too: pump until the job's state is no longer "running".
    bl_idname = "hashlight.bake"
    bl_label = "Bake"
    bl_options = {"REGISTER"}

    resume: BoolProperty(
        name="Resume",
        description="Keep the frames that an interrupted bake has finished",
        default=False,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Needs a run, and no other bake under way")
        if jobs.is_busy():
            return False
        return run.session_of(context.scene) is not None or saved_state.has_saved_run(context.scene)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            jobs.start(run.ensure_run(context.scene), context.scene, self.resume)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class HASHLIGHT_OT_cancel_bake(bpy.types.Operator):
    """Stop the bake after the frame at hand; finished frames stay"""

    # Returns at once, in the background too.
    bl_idname = "hashlight.cancel_bake"
    bl_label = "Cancel Bake"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("No bake is under way")
        return jobs.is_busy()

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.cancel(registry.current())
        return {"FINISHED"}


CLASSES = (HASHLIGHT_OT_bake, HASHLIGHT_OT_cancel_bake)
register, unregister = jobs.register, jobs.unregister
