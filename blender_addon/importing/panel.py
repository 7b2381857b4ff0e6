"""Where a dataset is imported instead of captured."""

from __future__ import annotations

import bpy

from ..capture.panel import shows_plan
from ..command_drawing import draw_command
from ..layout import SidebarPanel
from . import imports


class HASHLIGHT_PT_import(SidebarPanel, bpy.types.Panel):
    bl_label = "Dataset"
    bl_parent_id = "HASHLIGHT_PT_capture"
    bl_order = 10

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return shows_plan(context.scene) or imports.is_importing() or bool(imports.outcome(context.scene)[0])

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        row = layout.row(align=True)
        row.operator("hashlight.import_dataset", text="Import Dataset…", icon="IMPORT")
        row.operator("hashlight.cancel_import", text="", icon="X")
        progress = imports.describe() if imports.is_importing() else None
        draw_command(layout, context, progress, imports.outcome(context.scene))


CLASSES = (HASHLIGHT_PT_import,)
