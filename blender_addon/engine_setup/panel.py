"""The first panel: what is missing before an engine can run, and one button that gets it."""

from __future__ import annotations

import bpy

from ..durations import describe_seconds
from ..layout import SidebarPanel, draw_words
from ..preferences import get_preferences
from ..session.source import engine_python
from . import jobs
from .check import EngineCheck
from .installation import Installation

_ICONS = {"ok": "CHECKMARK", "warn": "INFO", "fail": "ERROR"}


class HASHLIGHT_PT_setup(SidebarPanel, bpy.types.Panel):
    bl_label = "Set Up"
    bl_order = -1

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return jobs.installation() is not None or jobs.check() is not None or _describe_missing() is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        installation, check = jobs.installation(), jobs.check()
        if installation is not None and installation.is_running:
            _draw_progress(layout, installation)
            return
        missing = _describe_missing()
        has_outcome = installation is not None and (missing is not None or installation.state == "done")
        if (has_outcome or check is not None) and not jobs.is_busy():
            _draw_head(layout, check)
        if has_outcome:
            _draw_outcome(layout, context, installation)
        if check is not None:
            _draw_check(layout, context, check)
        if missing is not None:
            draw_words(layout, context, missing, icon="INFO")
            _draw_set_up(layout, context)
        elif not jobs.is_busy():
            layout.operator("hashlight.check_engine", icon="CHECKMARK")


def _describe_missing() -> str | None:
    """Why no engine can be used, None when one can."""
    if get_preferences().use_running_engine:
        return None
    try:
        engine_python()
    except ValueError as error:
        return str(error)
    return None


def _draw_set_up(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    if bpy.app.online_access:
        column = layout.column(align=True)
        column.scale_y = 1.3
        column.operator("hashlight.set_up_engine", text="Set Up Engine (CPU)", icon="IMPORT").device = "cpu"
        column.operator("hashlight.set_up_engine", text="Set Up Engine (CUDA)", icon="IMPORT").device = "cuda"
    else:
        words = "To set it up here, packages must be downloaded: allow online access in the preferences, under System"
        draw_words(layout, context, words, icon="ERROR")
        layout.operator("screen.userpref_show", text="Allow Online Access…", icon="PREFERENCES").section = "SYSTEM"
    words = "Or use an engine that is installed already, or one that runs on another machine"
    draw_words(layout, context, words)
    show = layout.operator("preferences.addon_show", text="Hashlight's Preferences…", icon="PREFERENCES")
    show.module = __package__.rpartition(".")[0]


def _draw_progress(layout: bpy.types.UILayout, installation: Installation) -> None:
    layout.label(text=f"Setting up, {describe_seconds(installation.seconds)} so far", icon="SORTTIME")
    layout.label(text=installation.progress)
    row = layout.row(align=True)
    row.operator("hashlight.open_set_up_log", icon="TEXT")
    row.operator("hashlight.cancel_set_up", icon="CANCEL")


def _draw_head(layout: bpy.types.UILayout, check: EngineCheck | None) -> None:
    """What is below, in a word or two, and the cross that puts it away."""
    row = layout.row()
    if check is None:
        row.label(text="Last set-up")
    elif check.is_good:
        row.label(text="The engine works", icon="CHECKMARK")
    else:
        row.label(text="Last check")
    row.operator("hashlight.put_set_up_away", text="", icon="X", emboss=False)


def _draw_outcome(layout: bpy.types.UILayout, context: bpy.types.Context, installation: Installation) -> None:
    if installation.state == "failed" and installation.error is not None:
        error = installation.error
        box = layout.box()
        draw_words(box, context, str(error), icon="ERROR")
        if error.hint:
            draw_words(box, context, error.hint)
        for line in error.lines:
            draw_words(box, context, line, icon="DOT")
        box.operator("hashlight.open_set_up_log", icon="TEXT")
    elif installation.state == "cancelled":
        layout.label(text="The set-up was cancelled", icon="CANCEL")
    else:
        layout.label(text=f"Set up in {describe_seconds(installation.seconds)}", icon="CHECKMARK")


def _draw_check(layout: bpy.types.UILayout, context: bpy.types.Context, check: EngineCheck) -> None:
    if check.is_running:
        row = layout.row()
        row.label(text="Checking…", icon="SORTTIME")
        row.operator("hashlight.cancel_set_up", icon="CANCEL")
        return
    box = layout.box()
    if check.error:
        draw_words(box, context, check.error, icon="ERROR")
    for finding in check.findings:
        draw_words(box, context, f"{finding.name}: {finding.detail}", icon=_ICONS[finding.grade])
        if finding.advice and finding.grade != "ok":
            draw_words(box, context, finding.advice)


CLASSES = (HASHLIGHT_PT_setup,)
