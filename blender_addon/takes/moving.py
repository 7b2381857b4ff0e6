"""A take, or all that was captured and learnt in one, on its way into the bin."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from ..folders import session_folder
from ..training import saved_state
from . import changing, switching
from .bin import move_to_bin
from .take_folders import Take, TakeError, folder_of, parts_of


def begin(scene: bpy.types.Scene, take: Take, is_whole: bool, then: Callable[[], None]) -> None:
    """Move what was captured, learnt and baked in ``take`` into the bin; if ``is_whole``, the take itself, which then
    is no more; ``then`` follows. See ``changing.begin`` for when.

    Raises TakeError, FolderError, BinError: nothing was moved.
    """
    session, name = session_folder(scene), scene.name
    if not any(path.exists() for path in parts_of(session, take.key, is_whole)):
        raise TakeError(f"{take.name} holds nothing yet")

    def move() -> str:
        folder = folder_of(session, take.key)
        target = move_to_bin(session, *parts_of(session, take.key, is_whole))
        saved_state.redirect_images(folder / "bakes", target / folder.relative_to(session) / "bakes")
        if (present := bpy.data.scenes.get(name)) is not None:
            if take.key == present.hashlight.take:
                switching.forget_run(present)
            if is_whole:
                switching.drop_take(present, take.key)
        what = f"{take.name} is" if is_whole else f"The former views, runs and rendered frames of {take.name} are"
        return f"{what} in {target} now"

    changing.begin(scene, take, move, then, is_whole and bool(take.key))
