"""Scores of held-out views.

The convention of the field: both pictures are composited on the named background at pixel centres, and the figures are
means over views of per-image PSNR and SSIM. sRGB data is composited as it is. Scene-linear data is compared
display-referred: composited in linear, clamped to 0..1, sRGB-encoded, then scored; so its figures mean the same thing.

Beside those over whole pictures there are the same figures over the subject alone (``engine.link.scoring``): they are
what people are shown.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.data.color import BACKGROUNDS, Background, composite_for_display, premultiply, to_uint8
from engine.data.views import View
from engine.evaluation.metrics import flip, ssim
from engine.link.arrays import Floats
from engine.link.geometry import Bounds
from engine.link.scoring import Subject, find_subject, psnr

if TYPE_CHECKING:
    from engine.rendering.renderer import Renderer


@dataclasses.dataclass(frozen=True, eq=False)
class ViewScore:
    """How well one view is rendered, over the whole picture and over the subject; None there where the view shows
    nothing of it. ``prediction`` and ``truth`` [H, W, 3] uint8 sRGB on the background, for showing; the scores come
    from the unrounded pictures. None where they weren't kept. ``subject_flip`` was asked for, or is None.
    ``render_seconds`` includes the copy to the host."""

    name: str
    psnr: float
    ssim: float
    subject_psnr: float | None
    subject_ssim: float | None
    prediction: npt.NDArray[np.uint8] | None
    truth: npt.NDArray[np.uint8] | None
    subject_flip: float | None = None
    render_seconds: float = 0.0

    @property
    def figures(self) -> dict[str, float]:
        """Those that there are, by name."""
        names = ("psnr", "ssim", "subject_psnr", "subject_ssim", "subject_flip")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclasses.dataclass(frozen=True, eq=False)
class ViewScores:
    """Per-view scores on one background and their means."""

    background: Background
    views: list[ViewScore]

    @property
    def psnr(self) -> float:
        """Mean over views of PSNR in dB, over whole pictures."""
        return float(np.mean([view.psnr for view in self.views]))

    @property
    def ssim(self) -> float:
        """Mean over views of SSIM, over whole pictures."""
        return float(np.mean([view.ssim for view in self.views]))

    @property
    def subject_psnr(self) -> float | None:
        """Mean of PSNR in dB over the subject, of the views that show it; None if none does."""
        return _mean_of_known(view.subject_psnr for view in self.views)

    @property
    def subject_ssim(self) -> float | None:
        """Mean of SSIM over the subject, of the views that show it; None if none does."""
        return _mean_of_known(view.subject_ssim for view in self.views)

    @property
    def subject_flip(self) -> float | None:
        """Mean of FLIP over the subject, of the views that show it; None if none does, or it wasn't asked for."""
        return _mean_of_known(view.subject_flip for view in self.views)

    @property
    def means(self) -> dict[str, float | None]:
        """The means by name, JSON-ready; without FLIP where that wasn't asked for."""
        means: dict[str, float | None] = {"subject_psnr": self.subject_psnr, "subject_ssim": self.subject_ssim}
        if self.subject_flip is not None:
            means["subject_flip"] = self.subject_flip
        return means | {"psnr": self.psnr, "ssim": self.ssim}

    @property
    def by_view(self) -> dict[str, dict[str, float]]:
        """The figures of each view by name, as ``ViewScore.figures``: JSON-ready."""
        return {view.name: view.figures for view in self.views}


def _mean_of_known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def score_view(
    renderer: Renderer, view: View, background: Background, keep_images: bool = True, with_flip: bool = False
) -> ViewScore:
    """Render ``view``'s camera and compare with its picture (see the module's text for how)."""
    started = time.perf_counter()
    field = renderer.render(view.camera).color.cpu().numpy()
    seconds = time.perf_counter() - started
    return score_picture(view, field, renderer.extent, background, keep_images, with_flip, seconds)


def score_picture(
    view: View,
    field: npt.NDArray[np.float32],
    extent: Bounds,
    background: Background,
    keep_images: bool = True,
    with_flip: bool = False,
    render_seconds: float = 0.0,
) -> ViewScore:
    """Compare ``field``, [H, W, 4] float32 premultiplied in ``view``'s colour space, with ``view``'s own picture.

    ``extent``: the box outside of which the field is empty. ``with_flip``: FLIP too; raises MissingFlipError.
    """
    captured = premultiply(view.color, view.color_space)
    truth = composite_for_display(captured, view.color_space, background)
    prediction = composite_for_display(field, view.color_space, background)
    subject = find_subject(view.camera, extent, captured, view.depth, field)
    valid = view.valid
    scored = truth if valid is None else np.where(valid[..., None], truth, prediction)
    return ViewScore(
        view.name,
        psnr(prediction, scored, valid),
        ssim(prediction, scored, valid),
        **_score_subject(subject, view, scored, background, with_flip),
        prediction=to_uint8(prediction) if keep_images else None,
        truth=to_uint8(truth) if keep_images else None,
        render_seconds=render_seconds,
    )


def _score_subject(
    subject: Subject, view: View, truth: Floats, background: Background, with_flip: bool
) -> dict[str, float | None]:
    if not subject.mask.any():
        return {"subject_psnr": None, "subject_ssim": None}
    prediction = composite_for_display(subject.field, view.color_space, background)
    figures: dict[str, float | None] = {
        "subject_psnr": psnr(prediction, truth, subject.mask),
        "subject_ssim": ssim(prediction, truth, subject.mask),
    }
    return figures | ({"subject_flip": flip(prediction, truth, subject.mask)} if with_flip else {})


def truth_on(view: View, background: Background) -> Floats:
    """The view's own picture, display-referred: [H, W, 3] float32 in 0..1."""
    return composite_for_display(premultiply(view.color, view.color_space), view.color_space, background)


def mean_psnr(renderer: Renderer, views: Sequence[View]) -> dict[Background, float]:
    """Mean PSNR over ``views`` on each background, rendering every view once: the quick figure, without SSIM."""
    totals = dict.fromkeys(BACKGROUNDS, 0.0)
    for view in views:
        picture = renderer.render(view.camera)
        for background, grey in BACKGROUNDS.items():
            totals[background] += psnr(picture.to_srgb(grey).cpu().numpy(), truth_on(view, background), view.valid)
    return {background: total / len(views) for background, total in totals.items()}


def evaluate(renderer: Renderer, views: Sequence[View], background: Background, keep_images: bool = True) -> ViewScores:
    """Score all ``views``, at least one. Without ``keep_images`` only the figures are kept."""
    if not views:
        raise ValueError("there are no views to score")
    return ViewScores(background, [score_view(renderer, view, background, keep_images) for view in views])
