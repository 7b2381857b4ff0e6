"""What scripts and other add-ons have Blender call when it comes to a frame, which each view's render makes it do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

import bpy

_LISTS = ("frame_change_pre", "frame_change_post", "render_init", "render_pre")
_OURS = __package__.rpartition(".")[0]


def foreign_handlers() -> list[str]:
    """The handlers that a capture calls and that aren't Hashlight's: their names and where they come from."""
    called = [handler for name in _LISTS for handler in getattr(bpy.app.handlers, name)]
    return sorted({_describe(handler) for handler in called if not _module_of(handler).startswith(_OURS)})


def _describe(handler: Callable[..., object]) -> str:
    module, code = _module_of(handler), getattr(handler, "__code__", None)
    if module == "__main__" and code is not None:  # of a text in the file, or of a script that was run
        module = PurePath(code.co_filename).name
    return f"{getattr(handler, '__name__', type(handler).__name__)} of {module or 'a script'}"


def _module_of(handler: Callable[..., object]) -> str:
    return getattr(handler, "__module__", None) or ""
