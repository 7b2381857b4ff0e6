"""Where what was captured is taken elsewhere."""

from __future__ import annotations

import bpy

from ..layout import SidebarPanel, draw_words
from . import exports

_ICONS = {"done": "CHECKMARK", "failed": "ERROR", "cancelled": "CANCEL"}


class HASHLIGHT_PT_export(SidebarPanel, bpy.types.Panel):
    bl_label = "Export"
    bl_order = 5
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        row = layout.row(align=True)
        row.operator("hashlight.export_dataset", text="Export Dataset…", icon="EXPORT")
        row.operator("hashlight.cancel_export", text="", icon="X")
        folder = exports.exported_folder(context.scene)
        row = layout.row()
        row.enabled = folder is not None
        row.operator("wm.path_open", text="Open Dataset Folder", icon="FILE_FOLDER").filepath = str(folder or "")
        if exports.is_exporting():
            share, words = exports.describe()
            layout.progress(factor=share, text=words)
            return
        state, words, warnings = exports.outcome(context.scene)
        if state:
            box = layout.box()
            draw_words(box, context, words, icon=_ICONS[state])
            for warning in warnings:
                draw_words(box, context, warning, icon="INFO")


CLASSES = (HASHLIGHT_PT_export,)
