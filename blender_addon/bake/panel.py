"""The panel that bakes are set up in and followed from."""

from __future__ import annotations

import bpy

from ..layout import SidebarPanel, draw_words, lay_out_settings
from ..session import registry
from . import jobs, status_text
from .estimate import describe_render_time
from .paths import bake_size, frame_count


class HASHLIGHT_PT_bake(SidebarPanel, bpy.types.Panel):
    bl_label = "Bake"
    bl_order = 4

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        scene = context.scene
        settings = scene.hashlight.bake

        row = layout.row()
        row.use_property_split = False  # both names need the whole width
        row.prop(settings, "path", expand=True)
        layout.prop(settings, "name")
        if settings.path == "TURNTABLE":
            column = layout.column(align=True)
            for name in ("frames", "turns", "start", "ease"):
                column.prop(settings, name)
            column = layout.column(align=True)
            column.prop(settings, "levels")
            column.prop(settings, "elevation")
            if settings.levels > 1:
                column.prop(settings, "top_elevation")
            for name in ("radius", "lift", "field_of_view"):
                column.prop(settings, name)
        layout.prop(settings, "result")
        self._draw_job(context)
        if words := describe_render_time(scene, frame_count(scene), *bake_size(scene)):
            draw_words(layout, context, words, icon="TIME")

    def _draw_job(self, context: bpy.types.Context) -> None:
        layout = self.layout
        session = registry.current()
        update = jobs.last_update(session) if session is not None else None
        delivery = jobs.last_delivery()
        if update is not None and update.state == "running":
            layout.progress(factor=update.done / max(update.total, 1), text=status_text.describe_job(update))
            layout.operator("hashlight.cancel_bake", icon="CANCEL")
            return
        if delivery is not None and delivery.state == "running":
            share = delivery.done / max(delivery.total, 1)
            layout.progress(factor=share, text=f"Fetched {delivery.done} of {delivery.total} files")
            layout.operator("hashlight.cancel_bake", icon="CANCEL")
            return
        row = layout.row(align=True)
        row.operator("hashlight.bake", icon="RENDER_ANIMATION")
        row.operator("hashlight.bake", text="Resume").resume = True
        if update is not None:
            draw_words(layout, context, status_text.describe_job(update))


class HASHLIGHT_PT_bake_output(SidebarPanel, bpy.types.Panel):
    bl_label = "Output"
    bl_parent_id = "HASHLIGHT_PT_bake"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        settings = context.scene.hashlight.bake

        if settings.path == "TURNTABLE":
            column = layout.column(align=True)
            column.active = settings.result != "COMPOSITE"
            column.prop(settings, "resolution_x")
            column.prop(settings, "resolution_y")
        layout.prop(settings, "samples")
        layout.prop(settings, "image_format")
        layout.prop(settings, "video")
        layout.prop(settings, "transparent")
        column = layout.column()
        column.active = settings.result != "COMPOSITE"
        column.prop(settings, "use_depth")
        layout.prop(settings, "output")


CLASSES = (HASHLIGHT_PT_bake, HASHLIGHT_PT_bake_output)
