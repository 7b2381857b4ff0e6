"""Scores of held-out views, a band of a picture at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from engine.data.color import Background
from engine.data.selection import choose_evenly
from engine.data.views import View
from engine.evaluation.evaluate import ViewScore, ViewScores, score_picture
from engine.link.geometry import Camera
from engine.primitives.base import NoDataError, Scores
from engine.rendering.bands import Bands
from engine.rendering.renderer import Renderer

_BACKGROUND: Background = "black"


def score_views(renderer: Renderer, views: Sequence[View], most: int | None) -> Iterator[int | Scores]:
    """See Primitive.evaluate: on black."""
    if not views:
        raise NoDataError("there are no test views to score")
    bands, scored = Bands(renderer.device), list[ViewScore]()

    def render(band: Camera) -> npt.NDArray[np.float32]:
        return renderer.render(band).color.cpu().numpy()

    for view in choose_evenly(views, most):
        parts: list[npt.NDArray[np.float32]] = []
        for part in bands.render(view.camera, render):
            if parts:
                yield len(scored)
            parts.append(part)
        picture = np.concatenate(parts)
        scored.append(score_picture(view, picture, renderer.extent, _BACKGROUND, keep_images=False))
        yield len(scored)
    scores = ViewScores(_BACKGROUND, scored)
    yield Scores(scores.means, scores.by_view)
