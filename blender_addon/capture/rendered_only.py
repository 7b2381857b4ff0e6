"""What renders show otherwise than the viewport, kept for the window: while Blender is in use, the viewport alone can
be looked at."""

from __future__ import annotations

import dataclasses

import bpy

from .as_rendered import gather_as_rendered
from .render_differences import objects_that_differ
from .surroundings import Surroundings


@dataclasses.dataclass(frozen=True, eq=False)
class _Kept:
    """What renders showed when objects called ``names`` differed."""

    names: set[str]
    surroundings: Surroundings


_kept: dict[str, _Kept] = {}  # by the scene's name


def look(view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph) -> None:
    """Look at what renders show, if that differs; Blender waits for it. Raises CaptureError."""
    name = view_layer.id_data.name
    _kept.pop(name, None)
    if names := objects_that_differ(view_layer):
        _kept[name] = _Kept(names, gather_as_rendered(view_layer, depsgraph))


def complete(surroundings: Surroundings, view_layer: bpy.types.ViewLayer) -> list[str]:
    """Have ``surroundings``, gathered from the viewport, hold what differs in renders as it was when that was looked at
    last. Returns the names of objects that were not looked at."""
    names = objects_that_differ(view_layer)
    if not names:
        return []
    kept = _kept.get(view_layer.id_data.name)
    if kept is not None:
        surroundings.take_over(names & kept.names, kept.surroundings)
        names -= kept.names
    surroundings.is_whole &= not names
    return sorted(names)


def has_unseen(view_layer: bpy.types.ViewLayer) -> bool:
    """Whether ``complete`` would return any."""
    kept = _kept.get(view_layer.id_data.name)
    return bool(objects_that_differ(view_layer) - (set() if kept is None else kept.names))


def forget_all() -> None:
    """Another file is open."""
    _kept.clear()
