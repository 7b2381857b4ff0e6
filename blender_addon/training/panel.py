"""The panel that training is set up in and followed from."""

from __future__ import annotations

import bpy

from ..layout import SidebarPanel, draw_words, lay_out_settings
from ..session import registry
from ..session.engine_session import EngineSession
from ..transfer import run_files
from . import in_use, run, saved_state, status_text


class HASHLIGHT_PT_train(SidebarPanel, bpy.types.Panel):
    bl_label = "Train"
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        scene = context.scene

        layout.prop(scene.hashlight.training, "seconds")
        row = layout.row(align=True)
        row.operator("hashlight.train", icon="PLAY")
        row.operator("hashlight.pause_training", icon="PAUSE")
        session = run.session_of(scene)
        if session is not None and session.status is not None:
            _draw_progress(layout, context, session)
            return
        if user := in_use.find_user(scene):
            draw_words(layout, context, user, icon="ERROR")
        elif saved_state.has_saved_run(scene):
            draw_words(layout, context, status_text.describe_saved_run(scene.hashlight.run), icon="FILE_TICK")
        other = registry.current()
        if session is None and other is not None and run.is_training(other):
            words = "The engine trains the run of another file, scene or take: Pause stops it"
            draw_words(layout, context, words, icon="INFO")


def _draw_progress(layout: bpy.types.UILayout, context: bpy.types.Context, session: EngineSession) -> None:
    """The same rows from the first view to the last step, so that no button below moves by itself."""
    status = session.status
    assert status is not None
    awaits_views = session.wants_training and status.state != "finished"
    words = status_text.describe_progress(status, run.awaited_views() if awaits_views else 0)
    score = status_text.describe_score(session) if session.evaluations else ""
    if status.progress is None:
        layout.label(text=score or words)
    else:
        layout.progress(factor=status.progress, text=words)
        layout.label(text=score or "Not scored yet")
    if words := status_text.describe_long_message(status):
        draw_words(layout, context, words)
    if run_files.is_fetching():
        layout.label(text="Fetching the run…", icon="IMPORT")


class HASHLIGHT_PT_train_settings(SidebarPanel, bpy.types.Panel):
    bl_label = "Details"
    bl_parent_id = "HASHLIGHT_PT_train"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)
        settings = context.scene.hashlight.training
        session = run.session_of(context.scene)

        column = layout.column()
        column.prop(settings, "evaluate_every")
        column.prop(settings, "field")
        if session is not None and (words := status_text.describe_other_field(session, settings.field)):
            draw_words(column, context, words, icon="INFO")
        column.prop(settings, "preset")
        column.prop(settings, "seed")
        layout.operator("hashlight.restart_training", text="Restart Training…", icon="FILE_REFRESH")
        row = layout.row(align=True)
        row.operator("hashlight.evaluate")
        row.operator("hashlight.save_snapshot")
        for line in status_text.describe_training(session) if session is not None else ():
            layout.label(text=line)


CLASSES = (HASHLIGHT_PT_train, HASHLIGHT_PT_train_settings)
