"""The panel that training is set up in and followed from."""

from __future__ import annotations

import bpy

from ..layout import SidebarPanel, draw_words, lay_out_settings
from ..session import registry
from ..transfer import run_files
from . import run, saved_state, status_text


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
        if session.status.message:
            draw_words(layout, context, session.status.message)
        for line in status_text.describe_training(session):
            layout.label(text=line)
        if run.session_of(context.scene) is None:
            draw_words(layout, context, "This is the run of another file, or of another folder", icon="INFO")
        row = layout.row(align=True)
        row.operator("hashlight.evaluate")
        row.operator("hashlight.save_snapshot")
        if run_files.is_fetching():
            layout.label(text="Fetching the run…", icon="IMPORT")


CLASSES = (HASHLIGHT_PT_train,)
