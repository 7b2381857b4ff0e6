"""The table of the scene's view transform as a texture, shared by all that draws pictures; needs a window."""

from __future__ import annotations

from collections.abc import Hashable

import bpy
import gpu

from .display_transform import bake_table, settings_key
from .drawing import make_table_texture

_key: Hashable = None
_texture: gpu.types.GPUTexture | None = None


def refresh(scene: bpy.types.Scene) -> bool:
    """Make the table of ``scene`` if its settings have changed; returns whether they had. Not while Blender draws."""
    global _key, _texture
    key = settings_key(scene)
    if key == _key:
        return False
    _key, _texture = key, make_table_texture(bake_table(scene))
    return True


def find(scene: bpy.types.Scene) -> gpu.types.GPUTexture | None:
    """The table of ``scene`` as it was refreshed last, None when that was another scene's."""
    return _texture if _key is not None and settings_key(scene) == _key else None


def forget() -> None:
    """Free it."""
    global _key, _texture
    _key = _texture = None
