"""Where the pointer is: no button may move away under it."""

from __future__ import annotations

import bpy

from .layout import CATEGORY

_TABS_WIDTH = 24  # pixels at the sidebar's right, at a scale of 1

_place = (0, 0)  # in pixels of the window that was asked for last, counted from the bottom left


class HASHLIGHT_OT_note_pointer(bpy.types.Operator):
    # Events alone say where the pointer is, and operators alone are given them: that of the last, if nothing goes on.
    bl_idname = "hashlight.note_pointer"
    bl_label = "Note Pointer"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        global _place
        _place = event.mouse_x, event.mouse_y
        return {"CANCELLED"}


def rests_on_our_panels() -> bool:
    """Whether the pointer is over a sidebar that shows our tab, in any window. For timers, which no event calls."""
    context = bpy.context
    for window in context.window_manager.windows:
        with context.temp_override(window=window):
            bpy.ops.hashlight.note_pointer("INVOKE_DEFAULT")
            if is_over_our_panels(bpy.context, *_place):
                return True
    return False


def is_over_our_panels(context: bpy.types.Context, x: int, y: int) -> bool:
    """Whether pixel ``x``, ``y`` of the window, counted from the bottom left, is in a sidebar that shows our tab, or
    where the tabs are chosen."""
    tabs = _TABS_WIDTH * context.preferences.system.ui_scale
    for area in context.screen.areas:
        for region in area.regions if area.type == "VIEW_3D" else ():
            is_inside = 0 <= x - region.x < region.width and 0 <= y - region.y < region.height
            if is_inside and region.type == "UI":
                return region.active_panel_category == CATEGORY or x >= region.x + region.width - tabs
    return False


def is_over_status_bar(context: bpy.types.Context, y: int) -> bool:
    """Whether row ``y`` of the window, counted from the bottom, is below all editors."""
    return y < min(area.y for area in context.screen.areas)


CLASSES = (HASHLIGHT_OT_note_pointer,)
