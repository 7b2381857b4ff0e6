"""Views with hardly any information, or wrong one, reported before they are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.data.dataset import DatasetError
from engine.data.remarks import Remarks
from engine.data.views import View
from engine.link.arrays import Pixels

_FAINT = 0.1  # of full alpha: what is nowhere more than that is hardly seen
_OPAQUE_EDGE, _EMPTY_MIDDLE = 0.9, 0.3  # shares, where alpha may be the other way round
_FAR, _FEWEST = 20.0, 4  # times as far from the middle as most cameras, of at least so many
_FLAT, _NEARLY = 0.8, 0.01  # of a picture's edge that is of one colour, as composited ones are, to that share of white


def check_views(train: Sequence[View], remarks: Remarks, path: Path) -> None:
    """Note training views that show nothing, next to nothing or one colour, and cameras far from all others. Raises
    DatasetError where no view shows anything."""
    strongest = {view.name: _strongest_alpha(view) for view in train}
    if not any(strongest.values()):
        raise DatasetError(f"{path}: all views are empty: alpha is 0 everywhere")
    remarks.add_all(
        f"views that show nothing, as alpha is 0 everywhere ({{count}} of {len(train)}, first {{first}}): if they "
        "should show something, store them without alpha",
        (name for name, alpha in strongest.items() if alpha == 0.0),
    )
    remarks.add_all(
        f"views that show next to nothing, as alpha is {_FAINT:.0%} at most ({{count}} of {len(train)}, first "
        "{first}): if it was stored as 0 and 1, say, store it as 0 and 255",
        (name for name, alpha in strongest.items() if 0.0 < alpha < _FAINT),
    )
    bare = [view.name for view in train if view.is_opaque and bool((view.color == view.color[:1, :1]).all())]
    if len(bare) < len(train):
        remarks.add_all(
            f"views of one colour alone ({{count}} of {len(train)}, first {{first}}): if they are none of the subject, "
            "remove them from the list",
            bare,
        )
    _tell_inverted_alpha(train, remarks)
    _tell_far_cameras(train, remarks)


def tell_backgrounds(views: Sequence[View], remarks: Remarks) -> None:
    """Note opaque pictures with one colour around what they show, where others are transparent there."""
    transparent = sum(float((_edge_of(view)[:, 3] == 0.0).mean()) > 0.5 for view in views)
    if not transparent:
        return
    for view in views:
        if _has_flat_edge(view) and view.is_opaque:
            remarks.add(
                f"pictures with one colour around what they show, where {transparent} others are transparent "
                "({count}, first {first}): it is learnt and scored as a surface; if nothing is there, store them with "
                "alpha, or say white_transparent or black_transparent in their list",
                view.name,
            )


def _tell_inverted_alpha(views: Sequence[View], remarks: Remarks) -> None:
    """Note pictures that show what is around a subject, and not that, as if most of them had alpha the wrong way
    round."""
    shares = []
    for view in views:
        height, width = view.color.shape[:2]
        middle = view.color[height // 4 : height - height // 4, width // 4 : width - width // 4, 3]
        shares.append((float((_edge_of(view)[:, 3] == _full(view)).mean()), float((middle == 0).mean())))
    names = [
        view.name
        for view, (edge, middle) in zip(views, shares, strict=True)
        if edge > _OPAQUE_EDGE and middle > _EMPTY_MIDDLE
    ]
    edge, middle = np.median(shares, axis=0)
    if len(names) > 0.5 * len(views):
        remarks.add_all(
            "pictures that are transparent in their middle and opaque at their edge ({count}, first {first}: typically "
            f"{middle:.0%} of the middle and {edge:.0%} of the edge): if their subject is what is transparent, store "
            "them with alpha the other way round",
            names,
        )


def _has_flat_edge(view: View) -> bool:
    """Whether a picture that shows more than one colour has one along most of its edge, nowhere transparent."""
    full, stored = _full(view), _edge_of(view)
    if stored[:, 3].min() < full:  # as of most pictures that show their subject alone: looked at first
        return False
    edge = stored[:, :3].astype(np.float32) / full
    is_flat = (np.abs(edge - np.median(edge, axis=0)).max(axis=1) < _NEARLY).mean() > _FLAT
    return bool(is_flat) and not bool((view.color == view.color[:1, :1]).all())


def _full(view: View) -> float:
    """What stands for 1 where pixels are stored."""
    return 1.0 if view.color_space == "linear" else 255.0


def _edge_of(view: View) -> Pixels:
    """The outermost pixels [n, 4], as they are stored."""
    color = view.color
    edge: Pixels = np.concatenate([color[0], color[-1], color[:, 0], color[:, -1]])
    return edge


def _strongest_alpha(view: View) -> float:
    """0 to 1."""
    return float(view.color[..., 3].max()) / (1.0 if view.color_space == "linear" else 255.0)


def _tell_far_cameras(views: Sequence[View], remarks: Remarks) -> None:
    positions = np.array([view.camera.position for view in views])
    away = np.linalg.norm(positions - np.median(positions, axis=0), axis=1)
    typical = float(np.median(away))
    if len(views) < _FEWEST or typical <= 0.0:
        return
    for view, distance in zip(views, away.tolist(), strict=True):
        if distance > _FAR * typical:
            remarks.add(
                "cameras far from all others ({count}, first {first}: {factor} times as far from their middle as "
                "most): if their poses are wrong, correct transform_matrix or remove them from the list",
                view.name,
                factor=f"{distance / typical:.3g}",
            )
