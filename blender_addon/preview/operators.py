"""Show the neural picture of the scene camera."""

from __future__ import annotations

import bpy

from ..training import run
from ..training.reasons import find_missing_run
from . import live, neural_view, pixel_memory, plane_drawing


def _find_missing(scene: bpy.types.Scene) -> str:
    """What a picture of the scene camera lacks; "" when it can be rendered."""
    return find_missing_run(scene) or ("" if scene.camera is not None else "The scene has no camera: add one")


class HASHLIGHT_OT_preview(bpy.types.Operator):
    """Render one picture of the field from the scene camera, onto the preview plane"""

    # Returns at once, in the background too: pump until the session's frame is there.
    bl_idname = "hashlight.preview"
    bl_label = "Preview"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = _find_missing(context.scene)
        cls.poll_message_set(reason)
        return not reason

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
    bl_label = "Live"
    bl_options = {"REGISTER"}

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        if live.is_live():
            return "Stop updating the preview plane"
        return "Keep the preview plane up to date while training goes on"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = "" if live.is_live() else _find_missing(context.scene)
        cls.poll_message_set(reason)
        return not reason

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
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        if context.area is not None and neural_view.is_on(context.area):
            return "Stop showing the field in this viewport"
        return "Show the field in this viewport in the place of the objects that it holds"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Needs a 3D viewport in a window")
        if bpy.app.background or context.area is None or context.area.type != "VIEW_3D":
            return False
        reason = "" if neural_view.is_on(context.area) else find_missing_run(context.scene)
        cls.poll_message_set(reason)
        return not reason

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
