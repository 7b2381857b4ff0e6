"""PSNR alone of what anything shows of held-out views: SSIM (see engine.evaluation.evaluate) takes longer than all else
in most benchmarks."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from engine.data.color import composite_for_display, premultiply
from engine.data.views import View
from engine.evaluation.evaluate import truth_on
from engine.link.geometry import Bounds, Camera
from engine.link.scoring import find_subject, psnr
from engine.rendering.renderer import Renderer

# A camera's picture: [H, W, 4] float32 premultiplied, in the views' colour space.
Show = Callable[[Camera], npt.NDArray[np.float32]]


def showing(renderer: Renderer) -> Show:
    """What ``renderer`` shows."""
    return lambda camera: renderer.render(camera).color.cpu().numpy()


def score(show: Show, extent: Bounds, views: Sequence[View]) -> tuple[float, float | None]:
    """Mean PSNR in dB over ``views`` on black: of whole pictures, and of the subject, None where there is none.
    ``extent``: outside of which nothing is shown."""
    whole, subjects = [], []
    for view in views:
        field, captured = show(view.camera), premultiply(view.color, view.color_space)
        truth = truth_on(view, "black")
        whole.append(psnr(composite_for_display(field, view.color_space, "black"), truth, view.valid))
        subject = find_subject(view.camera, extent, captured, view.depth, field)
        if subject.mask.any():
            shown = composite_for_display(subject.field, view.color_space, "black")
            subjects.append(psnr(shown, truth, subject.mask))
    return statistics.fmean(whole), statistics.fmean(subjects) if subjects else None
