"""What a render in the window reports when it fails: Blender shows that in its Info editor, and nowhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import bpy

_INFO = "INFO"


def last_words(context: bpy.types.Context, beginning: str) -> str:
    """What was reported after the last line that begins with ``beginning`` or is a step of the user's; empty when
    nothing was.

    Python can read reports by copying them out of an Info editor only: for a moment one of the window's other editors
    is one, the least of which is drawn anew for it, and the clipboard's text is put back.
    """
    window, manager = context.window, context.window_manager
    if window is None:
        return ""
    clipboard = manager.clipboard
    try:
        with _info_editor(window) as area:
            region = next(region for region in area.regions if region.type == "WINDOW")
            with bpy.context.temp_override(window=window, area=area, region=region):
                bpy.ops.info.select_all(action="SELECT")
                bpy.ops.info.report_copy()
                bpy.ops.info.select_all(action="DESELECT")
        lines = manager.clipboard.splitlines()
    except (RuntimeError, StopIteration):  # no editor can be used, or nothing was ever reported
        return ""
    finally:
        manager.clipboard = clipboard
    told: list[str] = []
    for line in reversed(lines):
        if line.startswith(("bpy.", beginning)):
            break
        told.append(line.strip())
    return "; ".join(dict.fromkeys(line for line in reversed(told) if line))


@contextlib.contextmanager
def _info_editor(window: bpy.types.Window) -> Iterator[bpy.types.Area]:
    """An Info editor: the user's, or for now the smallest of the others; viewports, which would render anew, last."""
    areas = sorted(window.screen.areas, key=lambda area: (area.type == "VIEW_3D", area.width * area.height))
    area = next((area for area in areas if area.type == _INFO), areas[0])
    former = area.ui_type
    if former != _INFO:
        area.ui_type = _INFO
    try:
        yield area
    finally:
        if former != _INFO:
            area.ui_type = former
