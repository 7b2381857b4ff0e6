"""Bake a turntable or a camera animation."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty

from ..session import registry
from ..training import run
from ..training.reasons import find_missing_run
from . import jobs
from .sharpness import suggest_capture_size


class HASHLIGHT_OT_bake(bpy.types.Operator):
    """Render frames and a video of the field along Path, and put them where Result says"""

    # Returns at once, in the background too: pump until the job's state is no longer "running".
    bl_idname = "hashlight.bake"
    bl_label = "Render from Field"
    bl_options = {"REGISTER"}

    resume: BoolProperty(
        name="Resume",
        description="Keep the frames that are finished",
        default=False,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        if properties.resume:
            return "Render and fetch only the frames of this name that are missing"
        return "Render frames and a video of the field along Path, and put them where Result says"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = (
            "Frames are being rendered: wait, or cancel that" if jobs.is_busy() else find_missing_run(context.scene)
        )
        cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        count = 0 if self.resume else jobs.count_frames(context.scene)
        if count == 0:
            return self.execute(context)
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=f"Replace the frames of {context.scene.hashlight.bake.name}?",
            message=f"{count} frames are there under this name. Resume renders only those that are missing.\n"
            "To keep them, choose another Name in the subpanel Output.",
            confirm_text="Replace",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            name = jobs.start(run.ensure_run(context.scene), context.scene, self.resume)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if words := jobs.describe_softness(name):
            self.report({"WARNING"}, words)
        return {"FINISHED"}


class HASHLIGHT_OT_cancel_bake(bpy.types.Operator):
    """Stop after this frame. Finished frames stay"""

    # Returns at once, in the background too.
    bl_idname = "hashlight.cancel_bake"
    bl_label = "Cancel Rendering"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Nothing is being rendered from the field")
        return jobs.is_busy()

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.cancel(registry.current())
        return {"FINISHED"}


class HASHLIGHT_OT_capture_for_bake(bpy.types.Operator):
    bl_idname = "hashlight.capture_for_bake"
    bl_label = "Set Capture Size"
    bl_description = "Set the captures' resolution so that frames of the chosen size are sharp"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        size = suggest_capture_size(context.scene, context.evaluated_depsgraph_get())
        if size is None:
            self.report({"INFO"}, "The captures' resolution is large enough")
            return {"CANCELLED"}
        settings = context.scene.hashlight.capture
        settings.use_scene_resolution = False
        settings.resolution_x, settings.resolution_y = size
        return {"FINISHED"}


CLASSES = (HASHLIGHT_OT_bake, HASHLIGHT_OT_cancel_bake, HASHLIGHT_OT_capture_for_bake)


def register() -> None:
    """Follow bakes, and the loading of files."""
    jobs.register()


def unregister() -> None:
    """Undo ``register``."""
    jobs.unregister()
