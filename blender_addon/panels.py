"""The sidebar of the 3D viewport: one panel for each step, in the order in which they are taken."""

from __future__ import annotations

import bpy

from .capture.operators import describe_capture, is_capturing
from .layout import SidebarPanel, draw_words
from .preview import live, neural_view
from .session import registry, saved_state, status_text
from .session.trouble import OUT_OF_MEMORY
from .transfer import run_files


class HASHLIGHT_PT_capture(SidebarPanel, bpy.types.Panel):
    bl_label = "Capture"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.hashlight.capture

        if is_capturing():
            share, words = describe_capture()
            layout.progress(factor=share, text=words)
            layout.operator("hashlight.cancel_capture", icon="CANCEL")
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


def _draw_warnings(layout: bpy.types.UILayout, context: bpy.types.Context, warnings: str) -> None:
    for warning in warnings.splitlines():
        draw_words(layout, context, warning, icon="ERROR")


class HASHLIGHT_PT_capture_rig(SidebarPanel, bpy.types.Panel):
    bl_label = "Rig"
    bl_parent_id = "HASHLIGHT_PT_capture"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not is_capturing() and context.scene.hashlight.capture.rig in {"SPHERE", "HEMISPHERE", "RINGS"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
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
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.hashlight.capture

        layout.prop(settings, "use_scene_resolution")
        column = layout.column(align=True)
        column.active = not settings.use_scene_resolution
        column.prop(settings, "resolution_x")
        column.prop(settings, "resolution_y")
        layout.prop(settings, "use_depth")
        layout.prop(context.scene.hashlight, "folder")


class HASHLIGHT_PT_engine(SidebarPanel, bpy.types.Panel):
    bl_label = "Engine"
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        session = registry.current()
        row = layout.row()
        row.label(text=status_text.describe_engine(session))
        if session is not None and session.phase in ("starting", "ready"):
            row.operator("hashlight.stop_engine", text="Stop", icon="CANCEL")
        else:
            row.operator("hashlight.start_engine", text="Start", icon="PLAY")
        if session is not None and session.trouble is not None:
            box = layout.box()
            draw_words(box, context, session.trouble.message, icon="ERROR")
            draw_words(box, context, session.trouble.hint)
            if session.trouble.code == OUT_OF_MEMORY:
                box.operator("hashlight.train_smaller", icon="FILE_REFRESH")
        if session is not None and (silence := status_text.describe_silence(session)):
            box = layout.box()
            draw_words(box, context, silence, icon="ERROR")
            box.operator("hashlight.restart_engine", icon="FILE_REFRESH")


class HASHLIGHT_PT_train(SidebarPanel, bpy.types.Panel):
    bl_label = "Train"
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.hashlight.training
        session = registry.current()

        column = layout.column()
        column.prop(settings, "seconds")
        column.prop(settings, "evaluate_every")
        column.prop(settings, "preset")
        column.prop(settings, "seed")
        row = layout.row(align=True)
        if session is not None and session.wants_training and session.is_training:
            row.operator("hashlight.pause_training", icon="PAUSE")
        else:
            row.operator("hashlight.train", icon="PLAY")
            row.operator("hashlight.train", text="Anew", icon="FILE_REFRESH").anew = True
        if session is None or session.status is None:
            if saved_state.has_saved_run(context.scene):
                draw_words(
                    layout, context, status_text.describe_saved_run(context.scene.hashlight.run), icon="FILE_TICK"
                )
            return
        if session.status.progress is not None:
            layout.progress(factor=session.status.progress, text=status_text.describe_progress(session.status))
        for line in status_text.describe_training(session):
            layout.label(text=line)
        row = layout.row(align=True)
        row.operator("hashlight.evaluate")
        row.operator("hashlight.save_snapshot")
        if run_files.is_fetching():
            layout.label(text="Fetching the run…", icon="IMPORT")


class HASHLIGHT_PT_preview(SidebarPanel, bpy.types.Panel):
    bl_label = "Preview"
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.hashlight.preview

        row = layout.row(align=True)
        row.operator("hashlight.preview", icon="IMAGE_PLANE")
        row.operator("hashlight.preview_live", text="Live", icon="FILE_REFRESH", depress=live.is_live())
        row = layout.row(align=True)
        is_shown_here = neural_view.is_on(context.area)
        row.operator("hashlight.neural_view", icon="SHADING_RENDERED", depress=is_shown_here)
        if is_shown_here:
            layout.label(text=neural_view.describe(context.space_data))
        layout.prop(settings, "shown")
        layout.prop(settings, "place")
        layout.prop(settings, "percentage")


CLASSES = (
    HASHLIGHT_PT_capture,
    HASHLIGHT_PT_capture_rig,
    HASHLIGHT_PT_capture_output,
    HASHLIGHT_PT_engine,
    HASHLIGHT_PT_train,
    HASHLIGHT_PT_preview,
)
