"""Scores of held-out views.

The convention of the field: both pictures are composited on the named background at pixel centres, and the figures are
means over views of per-image PSNR and SSIM. sRGB data is composited as it is. Scene-linear data is compared
display-referred: composited in linear, clamped to 0..1, sRGB-encoded, then scored; so its figures mean the same thing.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.data.color import BACKGROUNDS, Background, composite_for_display, premultiply, to_uint8
from engine.data.views import View
from engine.evaluation.metrics import psnr, ssim

if TYPE_CHECKING:
    from engine.rendering.renderer import Renderer


@dataclasses.dataclass(frozen=True, eq=False)
class ViewScore:
    """How well one view is rendered. ``prediction`` and ``truth`` [H, W, 3] uint8 sRGB on the background, for showing;
    the scores come from the unrounded pictures. None where they weren't kept. ``render_seconds`` includes the copy to
    the host."""

    name: str
    psnr: float
    ssim: float
    prediction: np.ndarray | None
    truth: np.ndarray | None
    render_seconds: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """Per-view scores on one background and their means."""

    background: Background
    views: list[ViewScore]

    @property
    def psnr(self) -> float:
        """Mean over views of PSNR in dB."""
        return float(np.mean([view.psnr for view in self.views]))

    @property
    def ssim(self) -> float:
        """Mean over views of SSIM."""
        return float(np.mean([view.ssim for view in self.views]))

    @property
    def by_view(self) -> dict[str, dict[str, float]]:
        """``{name: {"psnr": dB, "ssim": 0..1}}``, JSON-ready."""
        return {view.name: {"psnr": view.psnr, "ssim": view.ssim} for view in self.views}


def score_view(renderer: Renderer, view: View, background: Background, keep_images: bool = True) -> ViewScore:
    """Render ``view``'s camera and compare with its picture (see the module's text for how)."""
    started = time.perf_counter()
    prediction = renderer.render(view.camera).to_srgb(BACKGROUNDS[background]).cpu().numpy()
    return score_picture(view, prediction, background, keep_images, time.perf_counter() - started)


def score_picture(
    view: View, prediction: np.ndarray, background: Background, keep_images: bool = True, render_seconds: float = 0.0
) -> ViewScore:
    """Compare ``prediction``, [H, W, 3] float32 sRGB on ``background``, with ``view``'s own picture."""
    truth = truth_on(view, background)
    return ViewScore(
        view.name,
        psnr(prediction, truth),
        ssim(prediction, truth),
        prediction=to_uint8(prediction) if keep_images else None,
        truth=to_uint8(truth) if keep_images else None,
        render_seconds=render_seconds,
    )


def truth_on(view: View, background: Background) -> np.ndarray:
    """The view's own picture, display-referred: [H, W, 3] float32 in 0..1."""
    return composite_for_display(premultiply(view.color, view.color_space), view.color_space, background)


def mean_psnr(renderer: Renderer, views: Sequence[View]) -> dict[Background, float]:
    """Mean PSNR over ``views`` on each background, rendering every view once: the quick figure, without SSIM."""
    totals = dict.fromkeys(BACKGROUNDS, 0.0)
    for view in views:
        picture = renderer.render(view.camera)
        for background, grey in BACKGROUNDS.items():
            totals[background] += psnr(picture.to_srgb(grey).cpu().numpy(), truth_on(view, background))
    return {background: total / len(views) for background, total in totals.items()}


def evaluate(renderer: Renderer, views: Sequence[View], background: Background, keep_images: bool = True) -> Scores:
    """Score all ``views``, at least one. Without ``keep_images`` only the figures are kept."""
    if not views:
        raise ValueError("there are no views to score")
    return Scores(background, [score_view(renderer, view, background, keep_images) for view in views])


def choose_evenly(views: Sequence[View], count: int) -> list[View]:
    """At most ``count`` of ``views``, spread evenly over them, in order."""
    if count >= len(views):
        return list(views)
    return [views[index * len(views) // count] for index in range(count)]
