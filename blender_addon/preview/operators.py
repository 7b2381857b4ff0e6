"""Show the neural picture of the scene camera."""

from __future__ import annotations

import bpy

from ..capture.errors import CaptureError
from ..session import registry
from . import live


def _has_run(context: bpy.types.Context) -> bool:
    session = registry.current()
    return session is not None and session.phase in ("starting", "ready") and context.scene.camera is not None


class HASHLIGHT_OT_preview(bpy.types.Operator):
    """Ask the engine for one picture of the scene camera; it appears on the preview plane as soon as it is rendered"""

    # Returns at once, in the background too: pump until the session's frame is there.
    bl_idname = "hashlight.preview"
    bl_label = "Preview"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Needs a scene camera and an engine with a run")
        return _has_run(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            live.request_picture(registry.current(), context.scene)
            context.scene.hashlight.preview.shown = "PREVIEW"
        except CaptureError as error:
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
        cls.poll_message_set("Needs a scene camera and an engine with a run")
        return live.is_live() or _has_run(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if live.is_live():
            live.end()
        else:
            live.begin(context.scene)
            context.scene.hashlight.preview.shown = "PREVIEW"
        return {"FINISHED"}


CLASSES = (HASHLIGHT_OT_preview, HASHLIGHT_OT_preview_live)
register, unregister = live.register, live.unregister
