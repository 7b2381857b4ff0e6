"""The engine's panel."""

from __future__ import annotations

import bpy

from ..layout import SidebarPanel, draw_words
from . import registry, status_text
from .trouble import OUT_OF_MEMORY


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


CLASSES = (HASHLIGHT_PT_engine,)
