"""The first panel: what is missing before an engine can run, and one button that gets it."""

from __future__ import annotations

import bpy

from ..durations import describe_seconds
from ..layout import SidebarPanel, draw_words
from ..session.source import find_missing_engine
from . import jobs
from .check_drawing import draw_check
from .installation import Installation


class HASHLIGHT_PT_setup(SidebarPanel, bpy.types.Panel):
    bl_label = "Set Up"
    bl_order = -1

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return jobs.installation() is not None or bool(find_missing_engine())

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        installation, missing = jobs.installation(), find_missing_engine()
        if installation is not None and installation.is_running:
            _draw_progress(layout, installation)
            return
        if installation is not None and (missing or installation.state == "done"):
            if jobs.check() is None:
                row = layout.row()
                row.label(text="Last set-up")
                row.operator("hashlight.put_set_up_away", text="", icon="X", emboss=False)
            _draw_outcome(layout, context, installation)
        draw_check(layout, context)
        if missing:
            draw_words(layout, context, missing, icon="INFO")
            _draw_set_up(layout, context)


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


CLASSES = (HASHLIGHT_PT_setup,)
