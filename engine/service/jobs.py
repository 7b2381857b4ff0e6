"""Long work in short pieces: the device thread does one piece at a time, between frames and training steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.data.color import Background
from engine.data.views import View
from engine.evaluation.evaluate import Scores, ViewScore, score_picture
from engine.link.geometry import Camera
from engine.link.messages import BakeResult, BakeSpec, JobState, JobUpdate, Message
from engine.link.view_transform import ViewTransform, ViewTransformError
from engine.rendering.bake import Bake, BakeError
from engine.rendering.bands import Bands
from engine.rendering.display import Display
from engine.rendering.renderer import Renderer

Post = Callable[[Message], None]
_BACKGROUND: Background = "black"


class Job(Protocol):
    """Work that is done piece by piece."""

    name: str

    def begin(self, renderer: Renderer) -> None:
        """Render with this one, whose field does not change meanwhile. Called once, before the first piece."""

    def advance(self) -> bool:
        """Do one piece; returns whether more is left. Raises in words when it can't go on."""

    def cancel(self) -> None:
        """Give up; what is finished stays."""

    def fail(self, words: str) -> None:
        """Say that it can't go on."""


class EvaluationJob:
    """Scores the held-out views on black, rendering a band of one a piece, and hands all scores to ``finish``. It
    reports each view with a JobUpdate."""

    def __init__(
        self, name: str, renderer: Renderer, views: Sequence[View], finish: Callable[[Scores], None], post: Post
    ) -> None:
        self.name = name
        self._renderer, self._views, self._finish, self._post = renderer, views, finish, post
        self._bands = Bands(renderer.device)
        self._done = 0
        self._steps = self._run()
        self._report("running")

    def begin(self, renderer: Renderer) -> None:
        """Score this renderer's pictures."""
        self._renderer = renderer

    def advance(self) -> bool:
        """Render a band of a view; with the last one of all, hand over the scores."""
        return next(self._steps)

    def _run(self) -> Iterator[bool]:
        scores: list[ViewScore] = []
        for view in self._views:
            bands: list[npt.NDArray[np.float32]] = []
            for band in self._bands.render(view.camera, self._render_band):
                if bands:
                    yield True
                bands.append(band)
            field = np.concatenate(bands)
            scores.append(score_picture(view, field, self._renderer.extent, _BACKGROUND, keep_images=False))
            self._done = len(scores)
            if self._done < len(self._views):
                self._report("running")
                yield True
        self._finish(Scores(_BACKGROUND, scores))
        self._report("done")
        yield False

    def _render_band(self, band: Camera) -> npt.NDArray[np.float32]:
        return self._renderer.render(band).color.cpu().numpy()

    def cancel(self) -> None:
        """Drop the scores so far."""
        self._report("cancelled")

    def fail(self, words: str) -> None:
        """Drop them and say why."""
        self._report("failed", words)

    def _report(self, state: JobState, words: str = "") -> None:
        self._post(JobUpdate(job=self.name, state=state, done=self._done, total=len(self._views), message=words))


def _display_of(request: BakeSpec) -> Display:
    """Raises BakeError."""
    if (request.display == "table") != (request.view_table is not None):
        raise BakeError("view_table: there must be one where display is 'table', and only there")
    if request.display != "table":
        return request.display
    assert request.view_table is not None
    try:
        return ViewTransform(request.view_table, request.view_exposure, request.view_exponent)
    except ViewTransformError as error:
        raise BakeError(f"view_table: {error}") from None


class BakeJob:
    """Renders a bake, a frame or a band of one a piece, and reports each frame with a JobUpdate."""

    def __init__(
        self, name: str, request: BakeSpec, renderer: Renderer, output: Path, video: Path | None, post: Post
    ) -> None:
        self.name = name
        self._post = post
        self._bake = Bake(
            renderer,
            request.cameras,
            output,
            image_formats=request.image_formats,
            display=_display_of(request),
            samples=request.samples,
            transparent=request.transparent,
            depth=request.depth,
            video=video,
            fps=request.fps,
            resume=request.resume,
        )
        self._report("running")

    def begin(self, renderer: Renderer) -> None:
        """Bake this renderer's pictures."""
        self._bake.use(renderer)

    def advance(self) -> bool:
        """Render a frame or a band of one, or encode a piece of the video."""
        former = self._bake.progress
        try:
            next(self._bake)
        except StopIteration:
            self._report("done")
            return False
        if self._bake.progress != former:
            self._report("running")
        return True

    def cancel(self) -> None:
        """Stop; finished frames stay."""
        self._bake.close()
        self._report("cancelled")

    def fail(self, words: str) -> None:
        """Stop and say why; finished frames stay."""
        self._bake.close()
        self._report("failed", words)

    def _report(self, state: JobState, words: str | None = None) -> None:
        progress = self._bake.progress
        update = JobUpdate(
            job=self.name,
            state=state,
            done=progress.done,
            total=progress.total,
            message=progress.message if words is None else words,
        )
        if state == "running":
            self._post(dataclasses.replace(update, eta_seconds=progress.eta_seconds))
            return
        bake = self._bake
        result = BakeResult(
            folder=str(bake.folder),
            image_formats=bake.image_formats,
            depth=bake.has_depth,
            video="" if bake.finished_video is None else str(bake.finished_video),
        )
        self._post(dataclasses.replace(update, result=result))
