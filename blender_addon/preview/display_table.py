"""The scene's view transform as a texture, shared by all that draws pictures; needs a window."""

from __future__ import annotations

from collections.abc import Hashable

import bpy
import gpu

from .display_transform import TableBake, settings_key
from .drawing import make_table_texture

_KEPT = 4  # tables, for scenes that are shown side by side or settings that are tried in turn

_textures: dict[Hashable, gpu.types.GPUTexture] = {}  # the newest last
_bake: TableBake | None = None


def refresh(scene: bpy.types.Scene) -> bool:
    """Go on with the table of ``scene`` where it is not there yet; returns whether it has just come. For timers."""
    global _bake
    if _bake is None:
        if is_current(scene):
            return False
        _bake = TableBake(scene)
    try:
        table = _bake.advance()
    except RuntimeError:
        _bake = None
        raise
    if table is None:
        return False
    if len(_textures) == _KEPT:
        del _textures[next(iter(_textures))]
    _textures[_bake.key] = make_table_texture(table)
    _bake = None
    return True


def is_current(scene: bpy.types.Scene) -> bool:
    """Whether the table of ``scene`` as its settings are now is there."""
    return settings_key(scene) in _textures


def find(scene: bpy.types.Scene) -> gpu.types.GPUTexture | None:
    """The table of ``scene``; while that is in the making the newest there is, None before the first."""
    return _textures.get(settings_key(scene)) or next(reversed(_textures.values()), None)


def forget() -> None:
    """Free them all."""
    global _bake
    _textures.clear()
    _bake = None
