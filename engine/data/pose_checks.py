"""Whether pictures and poses belong together: whether their silhouettes fit each other, where pictures show a subject
whole before nothing, or else whether photographs of test views agree with those of training views."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.data.axes import AXES, DIRECTION, TURN, Convention
from engine.data.picture_agreement import Change, agreement_by, changed
from engine.data.remarks import Remarks
from engine.data.selection import choose_evenly
from engine.data.silhouettes import Hull, Silhouette
from engine.data.views import View
from engine.link.arrays import Floats
from engine.link.geometry import find_focus
from engine.link.wording import counted

_FEWEST, _MOST, _MOST_TESTED = 6, 128, 24  # views by which it is told, and that are looked at
_FRAMED = 0.9  # of the views: so many show the subject whole
_FITTING, _MISFIT = 0.95, 0.8  # shares of a view's silhouette
_TESTED = 0.9  # of a list's, typically: less is a misfit
_LEAD = 0.05  # by which silhouettes fit more, or photographs agree more, if something is wrong
_AGREEING, _FAR_BETTER = 0.35, 0.15  # correlations by which photographs tell, and by how much more
_SCALES = (0.001, 0.01, 0.1, 0.25, 0.5, 2.0, 4.0, 10.0, 100.0, 1000.0)


def check_poses(train: Sequence[View], remarks: Remarks) -> None:
    """Note views whose silhouettes don't fit those of the others, or that all fit by the poses of the next frames."""
    silhouettes = _silhouettes(choose_evenly(train, _MOST))
    if silhouettes is None:
        return
    fits = _fits(silhouettes)
    typical = float(np.median(fits))
    if typical < _FITTING and len(silhouettes) == len(train):
        poses = [each.camera.camera_to_world for each in silhouettes]
        for words, moved in (("next", poses[1:] + poses[:1]), ("previous", poses[-1:] + poses[:-1])):
            pairs = zip(silhouettes, moved, strict=True)
            shifted = float(np.median(_fits([silhouette.moved(pose) for silhouette, pose in pairs])))
            if shifted > max(_FITTING, typical + _LEAD):
                remarks.add(
                    f"silhouettes of {len(train)} training views fit each other to {typical:.0%} by their poses, and "
                    f"to {shifted:.0%} by those of the {words} frames of the list: if pictures and poses are off by "
                    "one, correct file_path or transform_matrix"
                )
                return
    names = (view.name for view in choose_evenly(train, _MOST))
    for name, fit in zip(names, fits, strict=True):
        if fit < _MISFIT:
            remarks.add(
                f"views whose silhouette doesn't fit those of the others by their poses ({{count}} of {len(fits)}, "
                "first {first}: {fit} of it does), as of a camera that was turned, of poses in several scales, or of "
                "another frame's picture: correct transform_matrix, or remove them from the list",
                name,
                fit=f"{fit:.0%}",
            )


def fit_test_list(
    train: Sequence[View], test: Sequence[View], stated: Convention, path: Path, remarks: Remarks
) -> list[View]:
    """Test views of a list of their own, at ``path``, by the poses by which they fit the training views, if they don't
    by those that they have, which is told. What the list has ``stated`` is kept."""
    changes = _changes(train, test, stated)
    found = _by_silhouettes(train, test, changes) or _by_photographs(train, test, changes)
    if found is None:
        return list(test)
    words, why = found
    views = counted(len(test), "test view", "test views")
    if words is None:
        remarks.add(
            f"{path}: the poses of its {views} don't fit those of the training views: {why}; scores say little until "
            "transform_matrix is corrected in one of the lists"
        )
        return list(test)
    change, cure = changes[words]
    remarks.add(f"{path}: the poses of its {views} are taken to {words}, as {why}: {cure}")
    return [dataclasses.replace(view, camera=changed(view.camera, change)) for view in test]


_Changes = dict[str, tuple[Change, str]]
_Found = tuple[str | None, str] | None


def _changes(train: Sequence[View], test: Sequence[View], stated: Convention) -> _Changes:
    """What may be different in one of two lists, in words, with how poses are changed by it, and what to do."""
    focus = find_focus([view.camera for view in train])
    away = [float(np.median([np.linalg.norm(v.camera.position - focus) for v in views])) for views in (train, test)]
    ratio = away[0] / max(away[1], 1e-12)
    found: _Changes = {}
    if stated.has_opencv_axes is None:
        found["have other axes than those of the training views"] = (_turned, f"have both lists say {AXES}")
    if stated.is_inverted is None:
        found["lead from the world to the camera, unlike those of the training views"] = (
            _inverted,
            f"have both lists say {DIRECTION}",
        )
    for scale in (ratio, *_SCALES):
        cure = "write the poses of both lists in one unit"
        found[f"be in another unit, {scale:.3g} times as large"] = (_scaled(scale), cure)
    return found


def _turned(pose: Floats) -> npt.NDArray[np.float64]:
    turned: npt.NDArray[np.float64] = pose @ TURN
    return turned


def _inverted(pose: Floats) -> npt.NDArray[np.float64]:
    inverse: npt.NDArray[np.float64] = np.linalg.inv(pose)
    return inverse


def _scaled(scale: float) -> Change:
    def change(pose: Floats) -> npt.NDArray[np.float64]:
        moved = np.array(pose, np.float64)
        moved[:3, 3] *= scale
        return moved

    return change


def _by_silhouettes(train: Sequence[View], test: Sequence[View], changes: _Changes) -> _Found:
    silhouettes = _silhouettes(choose_evenly(train, _MOST_TESTED))
    if silhouettes is None:
        return None
    tested = [Silhouette.of(view) for view in choose_evenly(test, _MOST_TESTED)]
    hull = Hull.of(silhouettes)
    typical = float(np.median([hull.fit(each) for each in silhouettes]))

    def fit_by(change: Change) -> float:
        return float(np.median([hull.fit(each.moved(change(each.camera.camera_to_world))) for each in tested]))

    as_is = fit_by(lambda pose: pose)
    if as_is > _TESTED or typical < _FITTING:
        return None
    why = f"their silhouettes fit to {as_is:.0%}, and those of training views to {typical:.0%}"
    fits = {words: fit_by(change) for words, (change, _) in changes.items()}
    best = max(fits, key=fits.__getitem__)
    return (best, f"{why}: by that to {fits[best]:.0%}") if fits[best] > _FITTING else (None, why)


def _by_photographs(train: Sequence[View], test: Sequence[View], changes: _Changes) -> _Found:
    if len(train) < _FEWEST or not all(view.is_opaque for view in (*train, *test)):
        return None
    as_is = agreement_by(test, lambda pose: pose, train)
    if as_is.mean > agreement_by(train, lambda pose: pose).mean - _LEAD:
        return None
    agreements = {words: agreement_by(test, change, train) for words, (change, _) in changes.items()}
    best = max(agreements, key=lambda words: agreements[words].mean)
    lead = agreements[best].lead_over(as_is)
    if lead is None or lead < _FAR_BETTER or agreements[best].mean < _AGREEING:
        return None
    # Correlations of photographs are too weak a proof to move cameras by.
    return None, f"taken to {best}, their pictures agree more with those (correlations of {lead:.2f} more)"


def _silhouettes(views: Sequence[View]) -> list[Silhouette] | None:
    """Those of ``views``; None where they don't show a subject whole, before nothing, or are too few, and where lenses
    distort, which isn't followed here."""
    if len(views) < _FEWEST or any(view.is_opaque or view.camera.is_distorted for view in views):
        return None
    found = [Silhouette.of(view) for view in views]
    return found if np.mean([each.is_framed and bool(each.solid.any()) for each in found]) >= _FRAMED else None


def _fits(silhouettes: Sequence[Silhouette]) -> Floats:
    hull = Hull.of(silhouettes)
    return np.array([hull.fit(each) for each in silhouettes])
