"""The panel that training is set up in and followed from."""

from __future__ import annotations

import bpy

from engine.link.presets import may_be_guided

from ..layout import PopoverPanel, SidebarPanel, draw_words, lay_out_settings
from ..session import registry
from ..session.engine_session import EngineSession
from ..session.panel import PROBLEM
from ..session.status_text import describe_problem
from ..transfer import run_files
from . import in_use, run, saved_state, status_text

NOTICE = "HASHLIGHT_PT_training_notice"  # for the button that shows it
_LINES = 5  # of figures, as radiance fields have


class HASHLIGHT_PT_train(SidebarPanel, bpy.types.Panel):
    bl_label = "Train"
    bl_order = 1

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        if describe_problem(registry.current()):
            self.layout.popover(PROBLEM, text="", icon="ERROR")

    def draw(self, context: bpy.types.Context) -> None:
        layout = lay_out_settings(self)

        layout.prop(context.scene.hashlight.training, "seconds")
        row = layout.row(align=True)
        row.operator("hashlight.train", icon="PLAY")
        row.operator("hashlight.pause_training", icon="PAUSE")
        _draw_state(layout, context.scene)


def _draw_state(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """Two rows, whatever there is to say, so that no button below moves by itself: a popover has what is longer."""
    session = run.session_of(scene)
    status = session.status if session is not None else None
    problem = describe_problem(registry.current())
    row = layout.row(align=True)
    is_told = False
    if session is not None and status is not None:
        awaits_views = session.wants_training and status.state != "finished"
        awaited = run.awaited_views() if awaits_views else 0
        words = status_text.describe_progress(status, awaited, session.is_scoring)
        score = status.remark or (status_text.describe_score(session) if session.evaluations else "Not scored yet")
        if status.progress is None:
            row.label(text=words)
        else:
            row.progress(factor=status.progress, text=words)
    else:
        words = _describe_rest(scene)
        score = "The engine trains another run" if _is_another_trained(session) else scene.hashlight.run.score
        if problem:
            row.popover(PROBLEM, text=problem, icon="ERROR")
            is_told = True
        else:
            row.label(text=words)
    if problem and not is_told:
        row.popover(PROBLEM, text="", icon="ERROR")
    elif _describe_notice(scene):
        row.popover(NOTICE, text="", icon="INFO")
    layout.label(text="Fetching the run…" if run_files.is_fetching() else score)


def _describe_rest(scene: bpy.types.Scene) -> str:
    """How the run of ``scene`` stands that no engine has open, in a line; "" when there is none."""
    if in_use.find_user(scene):
        return "Another program works in the run"
    return status_text.describe_saved_run(scene.hashlight.run) if saved_state.has_saved_run(scene) else ""


def _is_another_trained(session: EngineSession | None) -> bool:
    """Whether the engine is busy with a run that isn't the one that ``session`` has open for the scene."""
    other = registry.current()
    return session is None and other is not None and run.is_training(other)


def _describe_notice(scene: bpy.types.Scene) -> str:
    """What holds training up, if the rows have no room for it, as a message."""
    session = run.session_of(scene)
    if session is not None and session.status is not None:
        return status_text.describe_long_message(session.status)
    if _is_another_trained(session):
        return "The engine trains the run of another file, scene or take: Pause stops it"
    return in_use.find_user(scene)


class HASHLIGHT_PT_training_notice(PopoverPanel, bpy.types.Panel):
    bl_label = "Training"
    bl_description = "What training waits for"

    def draw(self, context: bpy.types.Context) -> None:
        draw_words(self.layout, context, _describe_notice(context.scene), icon="INFO")


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
        guided = column.column()
        guided.active = may_be_guided(settings.field)
        guided.prop(settings, "use_prior")
        column.prop(context.scene.hashlight.preview, "mark_predicted")
        column.prop(settings, "preset")
        column.prop(settings, "seed")
        layout.operator("hashlight.restart_training", text="Restart Training…", icon="FILE_REFRESH")
        row = layout.row(align=True)
        row.operator("hashlight.evaluate")
        row.operator("hashlight.save_snapshot")
        lines = status_text.describe_training(session) if session is not None else []
        for line in (*lines, *[""] * (_LINES - len(lines))):  # so that nothing below moves when training begins
            layout.label(text=line)


CLASSES = (HASHLIGHT_PT_training_notice, HASHLIGHT_PT_train, HASHLIGHT_PT_train_settings)
