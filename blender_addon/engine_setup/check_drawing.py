"""What a check of the engine has found, drawn below the button that asked for it."""

from __future__ import annotations

import bpy

from ..layout import draw_words
from . import jobs

_ICONS = {"ok": "CHECKMARK", "warn": "INFO", "fail": "ERROR"}


def draw_check(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The running check, or what the last one found until it is put away; nothing when there is none."""
    check = jobs.check()
    if check is None:
        return
    row = layout.row()
    if check.is_running:
        row.label(text="Checking…", icon="SORTTIME")
        row.operator("hashlight.cancel_set_up", icon="CANCEL")
        return
    if check.is_good:
        row.label(text="The engine works", icon="CHECKMARK")
    else:
        row.label(text="Last check")
    row.operator("hashlight.put_set_up_away", text="", icon="X", emboss=False)
    box = layout.box()
    if check.error:
        draw_words(box, context, check.error, icon="ERROR")
    for finding in check.findings:
        draw_words(box, context, f"{finding.name}: {finding.detail}", icon=_ICONS[finding.grade])
        if finding.advice and finding.grade != "ok":
            draw_words(box, context, finding.advice)
