"""Show the neural picture of the scene camera."""

from __future__ import annotations

import bpy

from ..training import run, saved_state
from . import live, neural_view, pixel_memory, plane_drawing


def _has_run(scene: bpy.types.Scene) -> bool:
    return run.session_of(scene) is not None or saved_state.has_saved_run(scene)


class HASHLIGHT_OT_preview(bpy.types.Operator):
    """Ask the engine for one picture of the scene camera; it appears on the preview plane as soon as it is rendered"""

    # Returns at once, in the background too: pump until the session's frame is there.
    bl_idname = "hashlight.preview"
    bl_label = "Preview"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Needs a scene camera and a run: capture and train first")
        return context.scene.camera is not None and _has_run(context.scene)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            live.request_picture(run.ensure_run(context.scene), context.scene)
            context.scene.hashlight.preview.shown = "PREVIEW"
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class HASHLIGHT_OT_preview_live(bpy.types.Operator):
    """Keep the preview plane up to date while training goes on, or stop doing so"""

    # Returns at once, in the background too; pumping does the rest.
    bl_idname = "hashlight.preview_live"
    bl_label = "Live Preview"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Needs a scene camera and a run: capture and train first")
        return live.is_live() or (context.scene.camera is not None and _has_run(context.scene))

    def execute(self, context: bpy.types.Context) -> set[str]:
        if live.is_live():
            live.end()
            return {"FINISHED"}
        try:
            run.ensure_run(context.scene)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        live.begin(context.scene)
        context.scene.hashlight.preview.shown = "PREVIEW"
        return {"FINISHED"}


class HASHLIGHT_OT_neural_view(bpy.types.Operator):
    """Show the field in this viewport, cut by the scene's objects where the depths say, following the view; or stop"""

    # Only in a window: it draws.
    bl_idname = "hashlight.neural_view"
    bl_label = "Neural View"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Needs a 3D viewport in a window")
        if bpy.app.background or context.area is None or context.area.type != "VIEW_3D":
            return False
        cls.poll_message_set("Needs a run: capture and train first")
        return neural_view.is_on(context.area) or _has_run(context.scene)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if neural_view.is_on(context.area):
            neural_view.end()
            return {"FINISHED"}
        try:
            run.ensure_run(context.scene)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        neural_view.begin(context.area, context.scene)
        return {"FINISHED"}


CLASSES = (HASHLIGHT_OT_preview, HASHLIGHT_OT_preview_live, HASHLIGHT_OT_neural_view)


def register() -> None:
    """Listen to the engine and to Blender."""
    live.register()
    neural_view.register()
    plane_drawing.register()


def unregister() -> None:
    """Undo ``register``."""
    plane_drawing.unregister()
    neural_view.unregister()
    live.unregister()
    pixel_memory.forget()
