"""The panels that captures are planned in and followed from."""

from __future__ import annotations

import bpy

from ..layout import SidebarPanel, draw_words, lay_out_settings
from .under_way import describe_capture, is_capturing, is_stop_wanted


class HASHLIGHT_PT_capture(SidebarPanel, bpy.types.Panel):
    bl_label = "Capture"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        settings = context.scene.hashlight.capture

        if is_capturing():
            share, words = describe_capture()
            layout.progress(factor=share, text=words)
            row = layout.row()
            if bpy.app.is_job_running("RENDER"):
                row.template_running_jobs()  # with a cross that stops in the middle of the view
            else:
                row.label(text="Storing the view", icon="SCENE")
            row = layout.row()
            row.enabled = not is_stop_wanted()
            row.operator("hashlight.stop_capture", icon="PAUSE")
            _draw_warnings(layout, context, settings.plan_warnings)
            return
        row = layout.row(align=True)
        row.operator("hashlight.fit_bounds", icon="SHADING_BBOX").selected_only = False
        row.operator("hashlight.fit_bounds", text="To Selected").selected_only = True
        layout.prop(settings, "rig")
        column = layout.column()
        if settings.rig == "RINGS":
            column.prop(settings, "ring_levels")
            column.prop(settings, "ring_count")
        elif settings.rig in {"SPHERE", "HEMISPHERE"}:
            column.prop(settings, "training_views")
        elif settings.rig == "ANIMATION":
            column.prop(settings, "frame_step")
        column.prop(settings, "held_out_views")
        row = layout.row(align=True)
        row.operator("hashlight.plan_cameras", icon="OUTLINER_OB_CAMERA")
        row.prop(settings, "show_plan", text="", icon="HIDE_OFF" if settings.show_plan else "HIDE_ON")
        _draw_warnings(layout, context, settings.plan_warnings)
        layout.operator("hashlight.capture", icon="RENDER_STILL")
        layout.operator("hashlight.capture_and_train", icon="RENDER_ANIMATION")
        _draw_warnings(layout, context, settings.capture_warnings)


class HASHLIGHT_PT_capture_rig(SidebarPanel, bpy.types.Panel):
    bl_label = "Rig"
    bl_parent_id = "HASHLIGHT_PT_capture"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not is_capturing() and context.scene.hashlight.capture.rig in {"SPHERE", "HEMISPHERE", "RINGS"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        settings = context.scene.hashlight.capture

        if settings.rig != "SPHERE":
            column = layout.column(align=True)
            column.prop(settings, "elevation_min", text="Elevation Lowest")
            column.prop(settings, "elevation_max", text="Highest")
        layout.prop(settings, "field_of_view")
        layout.prop(settings, "radius")
        row = layout.row()
        row.active = settings.radius == 0.0
        row.prop(settings, "margin")
        layout.prop(settings, "jitter")
        layout.prop(settings, "seed")


class HASHLIGHT_PT_capture_output(SidebarPanel, bpy.types.Panel):
    bl_label = "Output"
    bl_parent_id = "HASHLIGHT_PT_capture"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not is_capturing()

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        settings = context.scene.hashlight.capture

        layout.prop(settings, "use_scene_resolution")
        column = layout.column(align=True)
        column.active = not settings.use_scene_resolution
        column.prop(settings, "resolution_x")
        column.prop(settings, "resolution_y")
        layout.prop(settings, "use_depth")
        layout.prop(context.scene.hashlight, "folder")


def _draw_warnings(layout: bpy.types.UILayout, context: bpy.types.Context, warnings: str) -> None:
    for warning in warnings.splitlines():
        draw_words(layout, context, warning, icon="ERROR")


CLASSES = (HASHLIGHT_PT_capture, HASHLIGHT_PT_capture_rig, HASHLIGHT_PT_capture_output)
