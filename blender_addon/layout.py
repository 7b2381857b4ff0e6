"""What panels are laid out with."""

from __future__ import annotations

import textwrap

import bpy


class SidebarPanel:
    """What all of Hashlight's panels share."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Hashlight"


def draw_words(layout: bpy.types.UILayout, context: bpy.types.Context, words: str, icon: str = "NONE") -> None:
    """Labels that hold ``words``, broken to the width of the region."""
    column = layout.column(align=True)
    width = int(context.region.width / (7 * context.preferences.system.ui_scale)) if context.region is not None else 40
    for line in textwrap.wrap(words, max(width - 6, 20)):
        column.label(text=line, icon=icon)
        icon = "BLANK1" if icon != "NONE" else "NONE"
