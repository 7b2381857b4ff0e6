"""The panel that renders from the field are set up in and followed from."""

from __future__ import annotations

import bpy

from ..layout import SidebarPanel, draw_words, lay_out_settings
from ..session import registry
from . import jobs, status_text
from .display import shows_light
from .estimate import describe_render_time
from .paths import frame_count
from .sharpness import bake_size, describe_enlargement, suggest_capture_size


class HASHLIGHT_PT_bake(SidebarPanel, bpy.types.Panel):
    bl_label = "Render from Field"
    bl_order = 4

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        scene = context.scene
        settings = scene.hashlight.bake

        row = layout.row()
        row.use_property_split = False  # both names need the whole width
        row.prop(settings, "path", expand=True)
        if settings.path == "TURNTABLE":
            layout.prop(settings, "frames")
        self._draw_job(context)
        if words := describe_render_time(scene, frame_count(scene), *bake_size(scene)):
            draw_words(layout, context, words, icon="TIME")
        if words := describe_enlargement(scene):
            draw_words(layout, context, words, icon="ERROR" if words.startswith("Soft") else "FULLSCREEN_ENTER")

    def _draw_job(self, context: bpy.types.Context) -> None:
        layout = self.layout
        session = registry.current()
        update = jobs.last_update(session, context.scene) if session is not None else None
        delivery = jobs.last_delivery(context.scene)
        layout.operator("hashlight.bake", icon="RENDER_ANIMATION")
        row = layout.row(align=True)
        frames = jobs.find_frames(context.scene)
        part = row.row(align=True)
        part.enabled = frames is not None or update is not None  # an engine elsewhere may have frames, too
        part.operator("hashlight.bake", text="Resume").resume = True
        row.operator("hashlight.cancel_bake", text="Cancel", icon="CANCEL")
        part = row.row(align=True)
        part.enabled = frames is not None
        part.operator("wm.path_open", text="Show", icon="FILE_FOLDER").filepath = str(frames or "")
        if update is not None and update.state == "running":
            layout.progress(factor=update.done / max(update.total, 1), text=status_text.describe_job(update))
        elif delivery is not None and delivery.state == "running":
            share = delivery.done / max(delivery.total, 1)
            layout.progress(factor=share, text=f"Fetched {delivery.done} of {delivery.total} files")
        elif update is not None:
            draw_words(layout, context, status_text.describe_job(update))
        elif jobs.is_busy():
            draw_words(layout, context, "The engine renders for another file or scene", icon="INFO")


class HASHLIGHT_PT_bake_turntable(SidebarPanel, bpy.types.Panel):
    bl_label = "Turntable"
    bl_parent_id = "HASHLIGHT_PT_bake"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.hashlight.bake.path == "TURNTABLE"

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        settings = context.scene.hashlight.bake

        column = layout.column(align=True)
        for name in ("turns", "start", "ease"):
            column.prop(settings, name)
        column = layout.column(align=True)
        column.prop(settings, "levels")
        column.prop(settings, "elevation")
        if settings.levels > 1:
            column.prop(settings, "top_elevation")
        for name in ("radius", "lift", "field_of_view"):
            column.prop(settings, name)


class HASHLIGHT_PT_bake_output(SidebarPanel, bpy.types.Panel):
    bl_label = "Output"
    bl_parent_id = "HASHLIGHT_PT_bake"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        settings = context.scene.hashlight.bake

        layout.prop(settings, "result")
        if settings.path == "TURNTABLE":
            column = layout.column(align=True)
            column.active = settings.result != "COMPOSITE"
            column.prop(settings, "use_capture_size")
            if settings.use_capture_size:
                width, height = bake_size(context.scene)
                column.label(text=f"{width} x {height} pixels")
            column.prop(settings, "resolution_x")
            column.prop(settings, "resolution_y")
        layout.prop(settings, "name")
        layout.prop(settings, "samples")
        layout.prop(settings, "image_format")
        layout.prop(settings, "video")
        column = layout.column()
        column.active = shows_light(context.scene)
        column.prop(settings, "view_transform")
        layout.prop(settings, "transparent")
        column = layout.column()
        column.active = settings.result != "COMPOSITE"
        column.prop(settings, "use_depth")
        layout.prop(settings, "output")


class HASHLIGHT_PT_capture_for_bake(SidebarPanel, bpy.types.Panel):
    bl_label = "For Sharp Frames"
    bl_parent_id = "HASHLIGHT_PT_capture"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return suggest_capture_size(context.scene, context.view_layer.depsgraph) is not None

    def draw(self, context: bpy.types.Context) -> None:
        size = suggest_capture_size(context.scene, context.view_layer.depsgraph)
        if size is None:
            return
        width, height = bake_size(context.scene)
        words = f"Sharp frames of {width} x {height} need captures of {size[0]} x {size[1]}"
        draw_words(self.layout, context, words, icon="INFO")
        self.layout.operator("hashlight.capture_for_bake", text=f"Capture at {size[0]} x {size[1]}")


CLASSES = (HASHLIGHT_PT_bake, HASHLIGHT_PT_bake_turntable, HASHLIGHT_PT_bake_output, HASHLIGHT_PT_capture_for_bake)
