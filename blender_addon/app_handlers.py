"""Being told of what Blender does: that a file is loaded or saved, a step undone, the scene changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import bpy

# Each of Blender's lists of handlers that is to hold one of ours: (bpy.app.handlers.load_pre, _before_load).
Handlers = Iterable[tuple[list[Callable[..., None]], Callable[..., None]]]


def add(handlers: Handlers) -> None:
    """Have Blender call each, also after another file was loaded."""
    for those, handler in handlers:
        those.append(bpy.app.handlers.persistent(handler))


def remove(handlers: Handlers) -> None:
    """Undo ``add``."""
    for those, handler in handlers:
        those.remove(handler)
