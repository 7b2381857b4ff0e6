"""The list of takes, and where the files are while they aren't beside the .blend."""

from __future__ import annotations

import bpy

from ..folders import session_folder
from ..layout import SidebarPanel, draw_words
from . import changing, first_save, listing, saved_as, switching
from .bin import BIN
from .usage import describe_bytes


class HASHLIGHT_UL_takes(bpy.types.UIList):
    """A take a row: its name, how many views it has and their score, as much as a sidebar as wide as at first shows."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.AnyType,
        item: bpy.types.AnyType,
        icon: int,
        active_data: bpy.types.AnyType,
        active_property: str,
        index: int = 0,
        flt_flag: int = 0,
    ) -> None:
        split = layout.split(factor=0.33)
        split.prop(item, "name", text="", emboss=False)
        row = split.row()
        row.alignment = "RIGHT"
        row.label(text=", ".join(filter(None, (f"{item.views} views" if item.views else "empty", item.score))))


class HASHLIGHT_PT_takes(SidebarPanel, bpy.types.Panel):
    bl_label = "Takes"
    bl_order = 0
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        refusal = switching.find_refusal()
        usage = listing.known_usage(context.scene)
        if usage is None:
            layout.label(text="Counting…", icon="TIME")
            return
        row = layout.row()
        row.enabled = not (refusal or changing.is_changing())
        manager = context.window_manager
        row.template_list("HASHLIGHT_UL_takes", "", manager, "hashlight_takes", manager, "hashlight_take_index", rows=3)
        column = row.column(align=True)
        column.operator("hashlight.new_take", text="", icon="ADD")
        column.operator("hashlight.delete_take", text="", icon="TRASH")
        column.separator()
        column.operator("hashlight.rename_take", text="", icon="GREASEPENCIL")
        if 0 <= manager.hashlight_take_index < len(manager.hashlight_takes):
            take = manager.hashlight_takes[manager.hashlight_take_index]
            layout.label(text=f"{take.name}: {take.size} on disk")
        if words := refusal or changing.describe():
            draw_words(layout, context, words, icon="INFO")
        if usage.bin_bytes:
            row = layout.row()
            row.label(text=f"In the bin: {describe_bytes(usage.bin_bytes)}", icon="TRASH")
            folder = str(session_folder(context.scene) / BIN)
            row.operator("wm.path_open", text="Show", icon="FILE_FOLDER").filepath = folder


class HASHLIGHT_PT_files(SidebarPanel, bpy.types.Panel):
    # The last one: it comes and goes by itself, and moves no button by that.
    bl_label = "Files"
    bl_order = 20

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(_describe_files(context.scene))

    def draw(self, context: bpy.types.Context) -> None:
        draw_words(self.layout, context, _describe_files(context.scene), icon="INFO")
        folder = saved_as.find_left(context.scene) or context.scene.hashlight.former_folder
        self.layout.operator("wm.path_open", text="Show", icon="FILE_FOLDER").filepath = str(folder)


def _describe_files(scene: bpy.types.Scene) -> str:
    return saved_as.describe(scene) or first_save.describe(scene)


CLASSES = (HASHLIGHT_UL_takes, HASHLIGHT_PT_takes, HASHLIGHT_PT_files)
