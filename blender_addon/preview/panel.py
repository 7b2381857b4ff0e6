"""The panel that the field is looked at from."""

from __future__ import annotations

import bpy

from ..layout import SidebarPanel, lay_out_settings
from . import live, neural_view


class HASHLIGHT_PT_preview(SidebarPanel, bpy.types.Panel):
    bl_label = "Preview"
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
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


CLASSES = (HASHLIGHT_PT_preview,)
