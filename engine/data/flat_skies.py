"""A sky stored as one large depth: the distance of a far clip plane, or the largest number there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from engine.data.depth_misses import is_known
from engine.data.remarks import Remarks
from engine.data.views import View, depth_without_any

_LEAST_SHARE = 0.02  # of a picture's pixels that have exactly that depth
_FEWEST = 50  # pixels with other depth, by which that is told
_NEARER = 99  # percent of other depth, beyond which a few stray points may lie
# So many times as far as other depth. Where cameras look the same way, what is exactly as deep may be a wall.
_FARTHER, _FARTHER_THAN_A_WALL = 2.0, 10.0
_SAME_WAY = np.cos(np.radians(3.0))


def forget_skies(views: Sequence[View], remarks: Remarks) -> list[View]:
    """``views``, whose depth isn't known where it is exactly the largest one of several pictures, and far beyond all
    other depth: no surface is that, seen from cameras that look different ways. It is told."""
    farthest = {at: far for at, view in enumerate(views) if (far := _flat_and_farthest(view)) is not None}
    if not farthest:
        return list(views)
    values, counts = np.unique(list(farthest.values()), return_counts=True)
    sky = float(values[counts.argmax()])
    with_sky = [view for at, view in enumerate(views) if farthest.get(at) == sky]
    known = [view.depth[is_known(view.depth)] for view in views if view.depth is not None]
    depth = np.concatenate(known)
    other = depth[depth < sky]
    if len(other) < _FEWEST or sky < _needed(with_sky) * float(np.percentile(other, _NEARER)):
        return list(views)
    remarks.add_all(
        f"depth pictures much of which is exactly {sky:g} m, the farthest by far, as renderers write a sky ({{count}}, "
        "first {first}): it is taken for depth that isn't known; store 0 there",
        (view.name for view in with_sky),
    )
    return [_without(view, sky) for view in views]


def _flat_and_farthest(view: View) -> float | None:
    """The largest depth of a view, if it is that of many of its pixels."""
    if view.depth is None or not (known := is_known(view.depth)).any():
        return None
    largest = view.depth[known].max()
    return float(largest) if (view.depth == largest).mean() > _LEAST_SHARE else None


def _needed(views: Sequence[View]) -> float:
    """How many times as far as other depth the largest one of ``views`` is, if it is no surface's."""
    forward = np.array([view.camera.camera_to_world[:3, 2] for view in views])
    return _FARTHER if (forward @ forward[0] < _SAME_WAY).any() else _FARTHER_THAN_A_WALL


def _without(view: View, sky: float) -> View:
    if view.depth is None:
        return view
    depth = np.where(view.depth == np.float32(sky), depth_without_any(view.color), view.depth)
    return dataclasses.replace(view, depth=depth)
