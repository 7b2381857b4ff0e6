"""The tables of scenes' view transforms: baked once for each setting, kept, and shared by all that need them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import bpy
import numpy as np

from engine.link.view_transform import SIZE, ViewTransform, lattice_colors

from .baking import display_colors, display_settings, exposure_and_exponent
from .table_process import TableProcess

KEPT = 4  # tables, for scenes that are shown side by side or settings that are tried in turn


@dataclasses.dataclass
class _Baking:
    """A table in the making; ``process`` None: no other Blender could be started."""

    key: str
    settings: Mapping[str, Any]
    process: TableProcess | None


_tables: dict[str, np.ndarray] = {}  # [SIZE, SIZE, SIZE, 3] float32, the newest last
_baking: _Baking | None = None


def key_of(scene: bpy.types.Scene) -> str:
    """All that the table of ``scene`` depends on: another key, another table."""
    return json.dumps(display_settings(scene))


def find(scene: bpy.types.Scene) -> np.ndarray | None:
    """The table of ``scene`` as its settings are now, as ``ViewTransform`` has it; None if it isn't there."""
    return _tables.get(key_of(scene))


def refresh(scene: bpy.types.Scene) -> None:
    """See that the table of ``scene`` comes where it is not there yet, without waiting. For timers. Raises
    RuntimeError."""
    global _baking
    if _baking is None:
        if find(scene) is None:
            _baking = _begin(scene)
        return
    if _is_running(_baking):
        return
    baking, _baking = _baking, None
    displayed = baking.process.take() if baking.process is not None else None
    if displayed is None:  # so the window has to wait
        displayed = display_colors(_colors(), baking.settings)
    _keep(baking.key, displayed)


def view_transform(scene: bpy.types.Scene) -> ViewTransform:
    """How ``scene`` displays light. Where its table isn't there yet, that takes some tenths of a second. Raises
    RuntimeError."""
    if _baking is not None and not _is_running(_baking):
        refresh(scene)
    table = find(scene)
    if table is None:
        table = _keep(key_of(scene), display_colors(_colors(), display_settings(scene)))
    return ViewTransform(table, *exposure_and_exponent(scene))


def forget() -> None:
    """Free them all."""
    global _baking
    _tables.clear()
    if _baking is not None and _baking.process is not None:
        _baking.process.end()
    _baking = None


def _is_running(baking: _Baking) -> bool:
    return baking.process is not None and baking.process.is_running


def _begin(scene: bpy.types.Scene) -> _Baking:
    settings = display_settings(scene)
    try:
        process = TableProcess(_colors(), settings)
    except OSError:
        process = None
    return _Baking(key_of(scene), settings, process)


def _colors() -> np.ndarray:
    """The colours of a table as a picture."""
    return lattice_colors().reshape(-1, SIZE, 3)


def _keep(key: str, displayed: np.ndarray) -> np.ndarray:
    while len(_tables) >= KEPT:
        del _tables[next(iter(_tables))]
    _tables[key] = np.clip(displayed.reshape(SIZE, SIZE, SIZE, 3), 0.0, 1.0)
    return _tables[key]
