"""The scene's view transform as a texture, shared by all that draws pictures; needs a window."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from typing import Any

import bpy
import gpu
import numpy as np

from .display_transform import bake_table, exposure_and_exponent, settings_key, table_settings
from .drawing import DisplayTable, make_table_texture
from .table_process import TableProcess

_KEPT = 4  # tables, for scenes that are shown side by side or settings that are tried in turn


@dataclasses.dataclass
class _Baking:
    """A table in the making; ``process`` None: no other Blender could be started."""

    key: Hashable
    settings: Mapping[str, Any]
    process: TableProcess | None


_textures: dict[Hashable, gpu.types.GPUTexture] = {}  # the newest last
_baking: _Baking | None = None


def refresh(scene: bpy.types.Scene) -> bool:
    """See that the table of ``scene`` comes where it is not there yet; returns whether it has just come. For timers.
    Raises RuntimeError."""
    global _baking
    if _baking is None:
        if not is_current(scene):
            _baking = _begin(scene)
        return False
    if _baking.process is not None and _baking.process.is_running:
        return False
    baking, _baking = _baking, None
    table = baking.process.take() if baking.process is not None else None
    if table is None:  # so the window has to wait
        table = bake_table(baking.settings)
    _keep(baking.key, table)
    return True


def is_current(scene: bpy.types.Scene) -> bool:
    """Whether the table of ``scene`` as its settings are now is there."""
    return settings_key(scene) in _textures


def find(scene: bpy.types.Scene) -> DisplayTable | None:
    """The table of ``scene``; while that is in the making the newest there is, None before the first."""
    texture = _textures.get(settings_key(scene)) or next(reversed(_textures.values()), None)
    return None if texture is None else DisplayTable(texture, *exposure_and_exponent(scene))


def forget() -> None:
    """Free them all."""
    global _baking
    _textures.clear()
    if _baking is not None and _baking.process is not None:
        _baking.process.end()
    _baking = None


def _begin(scene: bpy.types.Scene) -> _Baking:
    settings = table_settings(scene)
    try:
        process = TableProcess(settings)
    except OSError:
        process = None
    return _Baking(settings_key(scene), settings, process)


def _keep(key: Hashable, table: np.ndarray) -> None:
    if len(_textures) == _KEPT:
        del _textures[next(iter(_textures))]
    _textures[key] = make_table_texture(table)
