"""What panels are laid out with."""

from __future__ import annotations

import textwrap

import bpy

CATEGORY = "Hashlight"  # the sidebar's tab


class SidebarPanel:
    """What all of Hashlight's panels share."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = CATEGORY


class PopoverPanel:
    """What all of Hashlight's popovers share: a button shows them (``UILayout.popover``), and nothing makes way."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "HEADER"  # where none is drawn by itself
    bl_ui_units_x = 16


def lay_out_settings(panel: bpy.types.Panel | bpy.types.Operator) -> bpy.types.UILayout:
    """The layout of ``panel`` for settings: their names stand to the left, and none can be animated."""
    panel.layout.use_property_split = True
    panel.layout.use_property_decorate = False
    return panel.layout


def redraw_sidebars() -> None:
    """Have the sidebars of all 3D viewports drawn again, and the preferences, which show checks of the engine."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
            elif area.type == "PREFERENCES":
                area.tag_redraw()


def is_tab_shown(area: bpy.types.Area | None) -> bool:
    """Whether the sidebar of a 3D viewport is open with our tab in front."""
    if area is None or area.type != "VIEW_3D" or not area.spaces.active.show_region_ui:
        return False
    return any(region.type == "UI" and region.active_panel_category == CATEGORY for region in area.regions)


def draw_words(
    layout: bpy.types.UILayout, context: bpy.types.Context, words: str, icon: str = "NONE", rows: int = 0
) -> None:
    """Labels that hold ``words``, broken to the width of the region; ``rows`` of them at least, where what is below is
    to stay in its place."""
    column = layout.column(align=True)
    width = int(context.region.width / (7 * context.preferences.system.ui_scale)) if context.region is not None else 40
    lines = textwrap.wrap(words, max(width - 6, 20))
    for line in lines:
        column.label(text=line, icon=icon)
        icon = "BLANK1" if icon != "NONE" else "NONE"
    for _ in range(rows - len(lines)):
        column.label(text="")
