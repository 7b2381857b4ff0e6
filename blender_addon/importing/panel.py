"""Where a dataset is imported instead of captured."""

from __future__ import annotations

import bpy

from ..capture.panel import shows_plan
from ..layout import SidebarPanel, draw_words
from . import imports

_ICONS = {"done": "CHECKMARK", "failed": "ERROR", "cancelled": "CANCEL"}


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
        if imports.is_importing():
            share, words = imports.describe()
            layout.progress(factor=share, text=words)
            return
        state, words, warnings = imports.outcome(context.scene)
        if state:
            box = layout.box()
            draw_words(box, context, words, icon=_ICONS[state])
            for warning in warnings:
                draw_words(box, context, warning, icon="INFO")


CLASSES = (HASHLIGHT_PT_import,)
