"""Whether captured depth is what it is taken for, planar and in the unit of the poses: what one view shows must be
where the others see it. Depth that isn't would do more harm than none, so that it isn't used."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from engine.data.depth_frames import leave_out_other_shapes, leave_out_strangers, shifted_by_one
from engine.data.depth_misses import is_known, misses_between
from engine.data.flat_skies import forget_skies
from engine.data.remarks import Remarks
from engine.data.view_pairs import choose_pairs, look_alike
from engine.data.views import UNKNOWN_DEPTH, View
from engine.link.projection import pixel_directions

_PAIRS = 8
_AGREEMENT = 0.1  # of a depth
_POWERS_OF_TEN = (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)
_NEAR_SCALES = tuple(1.02**step for step in range(-20, 21))  # by which depth is off by little, and still agrees
_OFFSETS = tuple(0.02 * step for step in range(-15, 16))  # shares of a typical depth
_SCALES = tuple(10.0 ** (step / 16) for step in range(-48, 49))  # so near to each other that the true one agrees
# Another scale fits if at least this share of the points agrees by it, and so many times as many as by 1; so do inverse
# depths, of which so many times as many must agree as by any scale.
_LEAST_SHARE, _BETTER, _INVERSE_BETTER = 0.25, 2.5, 1.3
# Depth fits nothing if so few points agree, and of those that another view has any depth for, though views show so much
# of the same at some scale.
_FITS_NOTHING, _FIT_LITTLE, _COMPARABLE = 0.15, 0.5, 0.15
# Where views are not so far apart, as a share of depth, all depth agrees; then so much more is better.
_TELLING, _SOMEWHAT = 0.02, 0.1
_OTHER_SCALE = 10.0  # times as much depth as in most pictures, or as little, is hardly meant
# Depth is taken for distances along rays if that fits so many times as well, and planar depth misses by more than this.
_FITS_BETTER, _MISSES = 2.0, 0.005
_FEWEST = 50  # points, by which that is told


def check_depth(views: Sequence[View], remarks: Remarks) -> list[View]:
    """``views``, without their depth where it doesn't fit the poses: in no unit, in another one, or as inverse depth
    alone. What holds distances along rays instead is made planar, and a sky's depth isn't known. What is wrong with it
    is told."""
    views = leave_out_other_shapes(forget_skies(views, remarks), remarks)
    known = [view for view in views if view.depth is not None and is_known(view.depth).any()]
    if len(known) < 2:
        return list(views)
    pairs = [(known[one], known[other]) for one, other in choose_pairs([view.camera for view in known], _PAIRS)]
    pairs = [pair for pair in pairs if look_alike(pair[0].camera, pair[1].camera)]
    if not pairs:
        return list(views)
    if (shifted := shifted_by_one(known)) is not None:
        word, as_is, share = shifted
        remarks.add(
            f"the depth of {len(known)} pictures isn't used, as it seems to be that of the {word} frames of the list: "
            f"{share:.0%} of it is where other views see it by that, and {as_is:.0%} as it is listed; name each "
            "frame's own depth_file_path, or correct transform_matrix"
        )
        return [view.without_depth() for view in views]
    if (trouble := _misfit(pairs)) is not None:
        remarks.add(f"the depth of {len(known)} pictures isn't used, as it doesn't fit the poses: {trouble}")
        return [view.without_depth() for view in views]
    _tell_other_scales(known, remarks)
    planar, along_rays = (_typical_miss(pairs, is_along_rays) for is_along_rays in (False, True))
    offset, with_offset = _best_offset(pairs)
    if planar > max(_MISSES, _FITS_BETTER * along_rays) and along_rays <= with_offset:
        remarks.add(
            f"the depth of {len(known)} pictures fits the poses to {planar:.1%} of a depth, and to {along_rays:.1%} if "
            "it holds distances along rays: it is taken for these; if that is wrong, correct the poses, else store "
            "planar depth, along the camera's axis"
        )
        return [_made_planar(view) for view in views]
    misses = {scale: _typical_miss(pairs, False, scale) for scale in _NEAR_SCALES}
    scale = min(misses, key=misses.__getitem__)
    if planar > max(_MISSES, _FITS_BETTER * with_offset) and with_offset < misses[scale]:
        remarks.add(
            f"the depth of {len(known)} pictures fits the poses to {planar:.1%} of a depth, and to {with_offset:.1%} "
            f"if {offset:+.3g} m are added to all of it: it is used as it is; store it from the middle of the lens"
        )
    elif planar > max(_MISSES, _FITS_BETTER * misses[scale]):
        remarks.add(
            f"the depth of {len(known)} pictures fits the poses to {planar:.1%} of a depth, and to {misses[scale]:.1%} "
            f"if it is multiplied by {scale:.3g}: it is used as it is; if the poses are in another unit, name that of "
            "depth as integer_depth_scale (of whole numbers) or depth_unit_scale_factor (of all)"
        )
    return leave_out_strangers(views, known, remarks)


def _best_offset(pairs: _Pairs) -> tuple[float, float]:
    """What is to be added to all depth in metres, so that it fits the poses best, and how far it misses then."""
    typical = _typical_depth(pairs)
    misses = {share * typical: _typical_miss([_moved(pair, share * typical) for pair in pairs]) for share in _OFFSETS}
    offset = min(misses, key=misses.__getitem__)
    return offset, misses[offset]


def _moved(pair: tuple[View, View], offset: float) -> tuple[View, View]:
    """The pair, with depth that is known larger by ``offset`` metres."""
    one, other = (
        dataclasses.replace(view, depth=np.where(is_known(view.depth), view.depth + np.float32(offset), view.depth))
        for view in pair
        if view.depth is not None
    )
    return one, other


def _misfit(pairs: _Pairs) -> str | None:
    """Why depth can't be used, and what to do; None where it can."""
    as_is, comparable = _share(pairs, 1.0)
    typical = _typical_depth(pairs)
    apart = float(np.median([np.linalg.norm(one.camera.position - other.camera.position) for one, other in pairs]))
    is_far = apart < _TELLING * typical
    needed = as_is + _SOMEWHAT if is_far else max(_LEAST_SHARE, _BETTER * as_is)
    if needed > 1.0 or _share(pairs, 1.0, is_along_rays=True)[0] >= needed:
        return None
    there = f"{as_is:.0%} of what they show is where other views see it"
    inverse = [(_inverted(one), _inverted(other)) for one, other in pairs]
    scale, share, overlap = _best(pairs, _POWERS_OF_TEN)
    if share < needed:
        scale, share, overlap = _best(pairs, _SCALES)
    factor, inverse_share, _ = _best(inverse, [typical**2 * each for each in _SCALES])
    if inverse_share >= max(needed, _INVERSE_BETTER * share):
        return (
            f"{there}, and {inverse_share:.0%} if it is inverse depth, of which {factor:.3g} divided by it is planar "
            "depth in metres; store that instead"
        )
    if share >= needed:
        return (
            f"{there}, and {share:.0%} if it is multiplied by {scale:.3g}; name its unit as integer_depth_scale (of "
            "whole numbers) or depth_unit_scale_factor (of all)"
        )
    if as_is < min(_FITS_NOTHING, _FIT_LITTLE * comparable + 1e-9) and overlap > _COMPARABLE:
        return (
            f"{there}, and {share:.0%} at best in any other unit ({inverse_share:.0%} as inverse depth), as of depth "
            "that was normalised picture by picture or guessed by a network; store planar depth in metres, whose unit "
            "integer_depth_scale or depth_unit_scale_factor names, or correct the poses"
        )
    return None


def _best(pairs: _Pairs, scales: Sequence[float]) -> tuple[float, float, float]:
    """The scale by which most points agree, the share of these, and the largest of points that can be compared by any
    scale."""
    shares = {scale: _share(pairs, scale) for scale in scales}
    best = max(shares, key=lambda scale: (shares[scale][0], scale == 1.0))
    return best, shares[best][0], max(comparable for _, comparable in shares.values())


def _tell_other_scales(views: Sequence[View], remarks: Remarks) -> None:
    """Note single pictures whose depth is of another size than that of the others."""
    depths = [float(np.median(view.depth[is_known(view.depth)])) for view in views if view.depth is not None]
    typical = float(np.median(depths))
    for view, depth in zip(views, depths, strict=True):
        if not 1.0 / _OTHER_SCALE < depth / typical < _OTHER_SCALE:
            remarks.add(
                "pictures whose depth is of another size than that of the others ({count}, first {first}: {depth} m "
                f"instead of {typical:.3g} m, typically): if it is in another unit, store it in that of the others",
                view.name,
                depth=f"{depth:.3g}",
            )


def _typical_depth(pairs: _Pairs) -> float:
    depths = [view.depth[is_known(view.depth)] for pair in pairs for view in pair if view.depth is not None]
    return float(np.median(np.concatenate(depths)))


def _inverted(view: View) -> View:
    """The view with 1 / depth, where it is known."""
    assert view.depth is not None
    known = is_known(view.depth)
    inverse = np.where(known, 1.0 / np.where(known, view.depth, 1.0), UNKNOWN_DEPTH)
    return dataclasses.replace(view, depth=inverse.astype(np.float32))


def _made_planar(view: View) -> View:
    """The view, whose depth holds distances along rays, with planar depth."""
    if view.depth is None:
        return view
    y, x = np.mgrid[: view.camera.height, : view.camera.width] + 0.5
    lengths = np.linalg.norm(pixel_directions(view.camera, x, y), axis=-1)
    return dataclasses.replace(view, depth=(view.depth / lengths).astype(np.float32))


_Pairs = Sequence[tuple[View, View]]


def _share(pairs: _Pairs, scale: float, is_along_rays: bool = False) -> tuple[float, float]:
    """The share of the points of the first view of each pair that the other view has the same depth for, and the share
    that it has any depth for."""
    found = [misses_between(one, other, scale, is_along_rays) for one, other in pairs]
    agreeing = [float((misses < _AGREEMENT).sum()) / points if points else 0.0 for misses, points in found]
    comparable = [len(misses) / points if points else 0.0 for misses, points in found]
    return float(np.mean(agreeing)), float(np.mean(comparable))


def _typical_miss(pairs: _Pairs, is_along_rays: bool = False, scale: float = 1.0) -> float:
    """The median relative difference, of the points that both views see; infinite where these are few."""
    misses = np.concatenate([misses_between(one, other, scale, is_along_rays)[0] for one, other in pairs])
    misses = misses[misses < _AGREEMENT]
    return float(np.median(misses)) if len(misses) >= _FEWEST else np.inf
