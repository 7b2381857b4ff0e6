"""The panels of the engine and of what it trains."""

from __future__ import annotations

import bpy

from ..layout import SidebarPanel, draw_words, lay_out_settings
from ..transfer import run_files
from . import registry, saved_state, status_text
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


class HASHLIGHT_PT_train(SidebarPanel, bpy.types.Panel):
    bl_label = "Train"
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        settings = context.scene.hashlight.training
        session = registry.current()

        column = layout.column()
        column.prop(settings, "seconds")
        column.prop(settings, "evaluate_every")
        column.prop(settings, "preset")
        column.prop(settings, "seed")
        row = layout.row(align=True)
        if session is not None and session.wants_training and session.is_training:
            row.operator("hashlight.pause_training", icon="PAUSE")
        else:
            row.operator("hashlight.train", icon="PLAY")
            row.operator("hashlight.train", text="Anew", icon="FILE_REFRESH").anew = True
        if session is None or session.status is None:
            if saved_state.has_saved_run(context.scene):
                draw_words(
                    layout, context, status_text.describe_saved_run(context.scene.hashlight.run), icon="FILE_TICK"
                )
            return
        if session.status.progress is not None:
            layout.progress(factor=session.status.progress, text=status_text.describe_progress(session.status))
        for line in status_text.describe_training(session):
            layout.label(text=line)
        row = layout.row(align=True)
        row.operator("hashlight.evaluate")
        row.operator("hashlight.save_snapshot")
        if run_files.is_fetching():
            layout.label(text="Fetching the run…", icon="IMPORT")


CLASSES = (HASHLIGHT_PT_engine, HASHLIGHT_PT_train)
