"""The panel that the field is looked at from."""

from __future__ import annotations

import bpy

from ..capture.current_capture import is_capturing
from ..layout import SidebarPanel, draw_words, lay_out_settings
from . import live, neural_view


class HASHLIGHT_PT_preview(SidebarPanel, bpy.types.Panel):
    bl_label = "Preview"
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        settings = context.scene.hashlight.preview

        is_shown_here = neural_view.is_on(context.area)
        row = layout.row(align=True)
        row.operator("hashlight.neural_view", icon="SHADING_RENDERED", depress=is_shown_here)
        row.prop(settings, "hide_captured", text="", icon="HIDE_ON" if settings.hide_captured else "HIDE_OFF")
        row = layout.row(align=True)
        row.operator("hashlight.preview", icon="IMAGE_PLANE")
        row.operator("hashlight.preview_live", icon="FILE_REFRESH", depress=live.is_live())
        words = neural_view.describe(context.space_data) if is_shown_here else ""
        draw_words(layout, context, words, icon="SHADING_RENDERED", rows=1)  # it comes, changes and goes by itself
        if settings.show_in_renders and settings.shown != "NONE":
            draw_words(layout, context, "Renders of this scene show the plane", icon="INFO")


class HASHLIGHT_PT_preview_plane(SidebarPanel, bpy.types.Panel):
    bl_label = "Plane"
    bl_parent_id = "HASHLIGHT_PT_preview"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        settings = context.scene.hashlight.preview

        layout.prop(settings, "shown")
        layout.prop(settings, "place")
        layout.prop(settings, "percentage")
        column = layout.column()
        column.enabled = not is_capturing()
        column.prop(settings, "show_in_renders")


CLASSES = (HASHLIGHT_PT_preview, HASHLIGHT_PT_preview_plane)
