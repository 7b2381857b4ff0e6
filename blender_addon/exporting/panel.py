"""Where what was captured is taken elsewhere."""

from __future__ import annotations

import bpy

from ..command_drawing import draw_command
from ..layout import SidebarPanel
from . import exports


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
        progress = exports.describe() if exports.is_exporting() else None
        draw_command(layout, context, progress, exports.outcome(context.scene))


CLASSES = (HASHLIGHT_PT_export,)
