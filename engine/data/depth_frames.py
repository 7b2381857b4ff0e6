"""Depth of another frame than the one that it is listed for: it fits no other view, or all of it by other frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from engine.data.depth_misses import misses_between
from engine.data.remarks import Remarks
from engine.data.selection import choose_evenly
from engine.data.view_pairs import choose_pairs, look_alike
from engine.data.views import View
from engine.link.arrays import Floats

_CLOSE = 0.03  # of a depth
_FEWEST_VIEWS, _FEWEST, _PAIRS = 6, 40, 24  # points that two views both show, and pairs by which all of it is told
_FITTING, _BETTER, _NONE = 0.5, 2.0, 0.3  # shares of points: of what fits, how many times as many, and of what doesn't
_NOTHING = 0.1  # of what a picture shows
_PARTNERS = 6  # with which a view is compared that fits none so far


def shifted_by_one(views: Sequence[View]) -> tuple[str, float, float] | None:
    """Whether all depth is that of the "next" or "previous" frames, and which shares of points are where other views
    see them, as it is listed and by that. None where it isn't. ``views``: those with depth, in order."""
    if len(views) < _FEWEST_VIEWS or len({view.depth.shape for view in views if view.depth is not None}) > 1:
        return None
    pairs = choose_pairs([view.camera for view in views], _PAIRS)
    as_is = _share(views, pairs)
    for word, step in (("next", 1), ("previous", -1)):
        moved = [dataclasses.replace(view, depth=views[at - step].depth) for at, view in enumerate(views[:-1])]
        moved.append(dataclasses.replace(views[-1], depth=views[(len(views) - 1 - step) % len(views)].depth))
        share = _share(moved, pairs)
        if share > _FITTING and share > _BETTER * as_is:
            return word, as_is, share
    return None


def leave_out_strangers(views: Sequence[View], known: Sequence[View], remarks: Remarks) -> list[View]:
    """``views``, without the depth of those that fit none of the others that are ``known`` to have some."""
    pairs = choose_pairs([view.camera for view in known], len(known))
    best: dict[int, float] = {}
    for one, other in pairs:
        share = _share_of(known[one], known[other])
        for at in (one, other) if share is not None else ():
            best[at] = max(best.get(at, 0.0), share or 0.0)
    typical = float(np.median(list(best.values()))) if len(best) >= _FEWEST_VIEWS else 0.0
    if typical < _FITTING:
        return list(views)
    suspects = {at for at, share in best.items() if share < _NONE * typical}
    fitting = [known[at] for at in best if at not in suspects]
    strangers = {}
    for at in suspects:
        others = choose_evenly([view for view in fitting if look_alike(known[at].camera, view.camera)], _PARTNERS)
        shares = [share for other in others if (share := _share_of(known[at], other)) is not None]
        if len(shares) > 1 and max(shares) < _NONE * typical:
            strangers[known[at].name] = max(shares)
    for name, share in strangers.items():
        remarks.add(
            f"depth pictures that fit no other view ({{count}} of {len(known)}, first {{first}}: {{share}} of what "
            f"they show is where others see it, typically {typical:.0%}) aren't used: name each frame's own "
            "depth_file_path, or correct transform_matrix",
            name,
            share=f"{share:.0%}",
        )
    return [view.without_depth() if view.name in strangers else view for view in views]


def leave_out_other_shapes(views: Sequence[View], remarks: Remarks) -> list[View]:
    """``views``, without depth that says of much of what its picture shows that nothing is there. Pictures without
    alpha may show a sky."""
    kept = []
    for view in views:
        solid = view.color[..., 3] == (1.0 if view.color_space == "linear" else 255)
        share = 0.0
        if view.depth is not None and solid.any() and not solid.all():
            share = float((view.depth[solid] == np.inf).mean())
        if share > _NOTHING:
            remarks.add(
                "depth pictures that have nothing where their pictures show something ({count}, first {first}: at "
                "{share} of it) aren't used: if they are of other frames, name each frame's own depth_file_path; where "
                "depth isn't known, store 0",
                view.name,
                share=f"{share:.0%}",
            )
        kept.append(view.without_depth() if share > _NOTHING else view)
    return kept


def _share(views: Sequence[View], pairs: Sequence[tuple[int, int]]) -> float:
    shares = [_share_of(views[one], views[other]) for one, other in pairs]
    there = [share for share in shares if share is not None]
    return float(np.mean(there)) if there else 0.0


def _share_of(one: View, other: View) -> float | None:
    """The share of the points that both views have depth for that is where both say; None where they are too few."""
    if not look_alike(one.camera, other.camera):
        return None
    misses: Floats = misses_between(one, other)[0]
    return float((misses < _CLOSE).mean()) if len(misses) >= _FEWEST else None
