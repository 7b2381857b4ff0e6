"""The list of takes as the panel shows it, which is not saved: what is on disk counts."""

from __future__ import annotations

import bpy
from bpy.props import CollectionProperty, IntProperty, StringProperty

from . import changing, listing, switching
from .take_folders import TakeError


def _rename(item: HASHLIGHT_PG_take, context: bpy.types.Context) -> None:
    """Called when a user has typed another name into the list."""
    if listing.is_filling():
        return
    scene, words = context.scene, ""
    try:
        take = next(take for take in switching.takes_of(scene) if take.key == item.key)
        listing.rename(scene, take, item.name)
    except (StopIteration, TakeError) as error:
        words = str(error) or "The take is gone"
        listing.forget()
    if words and not bpy.app.background:
        context.window_manager.popup_menu(lambda menu, _context: menu.layout.label(text=words), title="Takes")


def _find_open(manager: bpy.types.WindowManager) -> int:
    keys = [item.key for item in manager.hashlight_takes]
    take = bpy.context.scene.hashlight.take
    return keys.index(take) if take in keys else -1


def _open(manager: bpy.types.WindowManager, index: int) -> None:
    """Called when a user has clicked a take in the list."""
    if 0 <= index < len(manager.hashlight_takes) and not switching.find_refusal():
        changing.forget()
        switching.open_take(bpy.context.scene, manager.hashlight_takes[index].key)
        listing.look_again()


class HASHLIGHT_PG_take(bpy.types.PropertyGroup):
    """A take in the list."""

    name: StringProperty(name="Name", description="What the take is called. Double-click to rename", update=_rename)
    key: StringProperty(options={"HIDDEN"})
    views: IntProperty(name="Views", description="How many views are captured", min=0)
    score: StringProperty(name="Score", description="The run's last score on test views")
    size: StringProperty(name="Size", description="Disk use of its views, run and rendered frames")


CLASSES = (HASHLIGHT_PG_take,)


def register() -> None:
    """Hang the list on the window manager."""
    bpy.types.WindowManager.hashlight_takes = CollectionProperty(type=HASHLIGHT_PG_take, options={"SKIP_SAVE"})
    bpy.types.WindowManager.hashlight_take_index = IntProperty(
        name="Open Take",
        description="Click a take to open it",
        get=_find_open,
        set=_open,
        options={"SKIP_SAVE"},
    )


def unregister() -> None:
    """Undo ``register``."""
    del bpy.types.WindowManager.hashlight_take_index
    del bpy.types.WindowManager.hashlight_takes
