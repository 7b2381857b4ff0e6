"""How an engine's command that goes through views is shown in a panel, while it runs and afterwards."""

from __future__ import annotations

import bpy

from .layout import draw_words

_ICONS = {"done": "CHECKMARK", "failed": "ERROR", "cancelled": "CANCEL"}


def draw_command(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    progress: tuple[float, str] | None,
    outcome: tuple[str, str, list[str]],
) -> None:
    """``progress``: a share and words; None unless it is running. ``outcome``: the state, or "" before the first one,
    that as words, and warnings."""
    if progress is not None:
        layout.progress(factor=progress[0], text=progress[1])
        return
    state, words, warnings = outcome
    if state:
        box = layout.box()
        draw_words(box, context, words, icon=_ICONS[state])
        for warning in warnings:
            draw_words(box, context, warning, icon="INFO")
