"""Views that hardly teach anything, or something wrong, told before they are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.data.dataset import DatasetError
from engine.data.remarks import Remarks
from engine.data.views import View

_FAINT = 0.1  # of full alpha: what is nowhere more than that is hardly seen
_FAR, _FEWEST = 20.0, 4  # times as far from the middle as most cameras, of at least so many


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
    _tell_far_cameras(train, remarks)


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
                "cameras far from all others ({count}, first {first}: {times} times as far from their middle as most): "
                "if their poses are wrong, correct transform_matrix or remove them from the list",
                view.name,
                times=f"{distance / typical:.3g}",
            )
