"""A sky stored as one large depth: the distance of a far clip plane, or the largest number there is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from engine.data.depth_misses import is_known
from engine.data.remarks import Remarks
from engine.data.views import View, depth_without_any
from engine.link.arrays import Floats

_LEAST_SHARE = 0.02  # of a picture's pixels that have exactly that depth
_SAMPLED = 4096  # pixels of each picture, or some more, which tell how far other depth reaches
_FEWEST = 50  # pixels with other depth, by which that is told
_NEARER = 99  # percent of other depth, beyond which a few stray points may lie
# So many times as far as other depth. Where cameras look the same way, what is exactly as deep may be a wall.
_FARTHER, _FARTHER_THAN_A_WALL = 2.0, 10.0
_SAME_WAY = np.cos(np.radians(3.0))


def forget_skies(views: Sequence[View], remarks: Remarks) -> list[View]:
    """``views``, whose depth isn't known where it is that of a sky: exactly the largest one of a picture, in much of
    it, and far beyond all other depth of all pictures, by more if no cameras that look different ways have it. There
    may be several, of different clip planes. Each is told."""
    with_sky: dict[float, list[View]] = {}
    for view in views:
        if (far := _flat_and_farthest(view)) is not None:
            with_sky.setdefault(far, []).append(view)
    if not with_sky:
        return list(views)
    depth = np.concatenate([_sample(view.depth) for view in views if view.depth is not None])
    skies: list[float] = []
    for far in sorted(with_sky):
        # What may be a sky farther away tells nothing of this one.
        other = depth[~np.isin(depth, np.array([*skies, *(each for each in with_sky if each >= far)], np.float32))]
        if len(other) < _FEWEST or far < _needed(with_sky[far]) * float(np.percentile(other, _NEARER)):
            continue
        skies.append(far)
        remarks.add_all(
            f"depth pictures much of which is exactly {far:g} m, the farthest by far, as renderers write a sky "
            "({count}, first {first}): it is taken for depth that isn't known; store 0 there",
            (view.name for view in with_sky[far]),
        )
    return [_without(view, skies) for view in views] if skies else list(views)


def _flat_and_farthest(view: View) -> float | None:
    """The largest depth of a view, if it is that of many of its pixels."""
    if view.depth is None or not (known := is_known(view.depth)).any():
        return None
    largest = view.depth[known].max()
    return float(largest) if (view.depth == largest).mean() > _LEAST_SHARE else None


def _sample(depth: Floats) -> Floats:
    """What is known of a picture's depth, [n], evenly spread."""
    step = max(1, math.isqrt(depth.size // _SAMPLED))
    some = depth[::step, ::step]
    return some[is_known(some)]


def _needed(views: Sequence[View]) -> float:
    """How many times as far as other depth the largest one of ``views`` is, if it is no surface's."""
    forward = np.array([view.camera.camera_to_world[:3, 2] for view in views])
    return _FARTHER if (forward @ forward[0] < _SAME_WAY).any() else _FARTHER_THAN_A_WALL


def _without(view: View, skies: Sequence[float]) -> View:
    if view.depth is None:
        return view
    is_sky = np.isin(view.depth, np.array(skies, np.float32))
    return dataclasses.replace(view, depth=np.where(is_sky, depth_without_any(view.color), view.depth))
