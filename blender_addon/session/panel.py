"""The engine's panel, and the one that says what is wrong with it."""

from __future__ import annotations

import bpy

from ..engine_setup import check_drawing
from ..layout import PopoverPanel, SidebarPanel, draw_words
from . import registry, status_text
from .failure import BUSY, OUT_OF_MEMORY

PROBLEM = "HASHLIGHT_PT_problem"  # for the button that shows it


class HASHLIGHT_PT_problem(PopoverPanel, bpy.types.Panel):
    bl_label = "Engine Problem"
    bl_description = "What is wrong with the engine, and what can be done"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(status_text.describe_problem(registry.current()))

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        session = registry.current()
        layout.label(text=f"Engine Problem: {status_text.describe_engine(session)}")
        row = layout.row(align=True)
        row.operator("hashlight.start_engine", text="Start", icon="PLAY")
        if session is not None and session.failure is not None:
            box = layout.box()
            draw_words(box, context, session.failure.message, icon="ERROR")
            draw_words(box, context, session.failure.hint)
            if session.failure.code == OUT_OF_MEMORY:
                box.operator("hashlight.train_smaller", icon="FILE_REFRESH")
            if session.failure.code == BUSY:
                box.operator("hashlight.take_over_engine", icon="LINKED")
        if session is not None and (silence := status_text.describe_silence(session)):
            box = layout.box()
            draw_words(box, context, silence, icon="ERROR")
            box.operator("hashlight.restart_engine", icon="FILE_REFRESH")


class HASHLIGHT_PT_engine(SidebarPanel, bpy.types.Panel):
    bl_label = "Engine"
    bl_order = 6
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        self.layout.label(text=status_text.describe_engine(registry.current()))

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.label(text=status_text.describe_engine(registry.current()))
        row = layout.row(align=True)
        row.operator("hashlight.start_engine", text="Start", icon="PLAY")
        row.operator("hashlight.stop_engine", text="Stop", icon="CANCEL")
        layout.operator("hashlight.check_engine", icon="CHECKMARK")
        check_drawing.draw_check(layout, context)


CLASSES = (HASHLIGHT_PT_problem, HASHLIGHT_PT_engine)
