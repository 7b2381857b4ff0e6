"""The scene's view transform as a texture, shared by all that draws pictures; needs a window."""

from __future__ import annotations

import bpy
import gpu

from ..view_transform import tables
from ..view_transform.baking import exposure_and_exponent
from .drawing import DisplayTable, make_table_texture

_textures: dict[str, gpu.types.GPUTexture] = {}  # by the table's key, the newest last


def refresh(scene: bpy.types.Scene) -> bool:
    """See that the table of ``scene`` comes where it is not there yet; returns whether it has just come. For timers.
    Raises RuntimeError."""
    key = tables.key_of(scene)
    if key in _textures:
        return False
    tables.refresh(scene)
    table = tables.find(scene)
    if table is None:
        return False
    if len(_textures) == tables.KEPT:
        del _textures[next(iter(_textures))]
    _textures[key] = make_table_texture(table)
    return True


def is_current(scene: bpy.types.Scene) -> bool:
    """Whether the table of ``scene`` as its settings are now is there."""
    return tables.key_of(scene) in _textures


def find(scene: bpy.types.Scene) -> DisplayTable | None:
    """The table of ``scene``; while that is in the making the newest there is, None before the first."""
    texture = _textures.get(tables.key_of(scene)) or next(reversed(_textures.values()), None)
    return None if texture is None else DisplayTable(texture, *exposure_and_exponent(scene))


def forget() -> None:
    """Free them all."""
    _textures.clear()
    tables.forget()
