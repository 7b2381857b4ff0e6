"""Long work in short pieces: the device thread does one piece at a time, between frames and training steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from engine.link.messages import BakeResult, BakeSpec, JobState, JobUpdate, Message
from engine.link.view_transform import ViewTransform, ViewTransformError
from engine.primitives.base import Primitive, Scores
from engine.rendering.bake import Bake, BakeError
from engine.rendering.display import Display
from engine.rendering.frame_files import FrameStyle
from engine.rendering.video import Video
from engine.rendering.viewer import Viewer

Post = Callable[[Message], None]


class Job(Protocol):
    """Work that is done piece by piece."""

    name: str
    can_wait: bool  # until training, which is more urgent, has had its share of time

    def begin(self, viewer: Viewer) -> None:
        """Show this one, which does not change meanwhile. Called once, before the first piece."""

    def advance(self) -> bool:
        """Do one piece; returns whether more is left. Raises when it can't go on; the message is for the client."""

    def cancel(self) -> None:
        """Give up; what is finished stays."""

    def fail(self, words: str) -> None:
        """Say that it can't go on."""


class EvaluationJob:
    """Scores what ``primitive`` holds out, and hands all scores to ``finish``. JobUpdates report each."""

    def __init__(
        self, name: str, primitive: Primitive, finish: Callable[[Scores], None], post: Post, *, can_wait: bool = False
    ) -> None:
        self.name, self.can_wait = name, can_wait
        self._primitive, self._finish, self._post = primitive, finish, post
        self._done, self._total = 0, sum(split == "test" for split in primitive.items.values())
        self._steps: Iterator[int | Scores] = iter(())
        self._report("running")

    def begin(self, viewer: Viewer) -> None:
        """Score what this viewer shows."""
        self._steps = self._primitive.evaluate(viewer)

    def advance(self) -> bool:
        """Do a piece of it; with the last one, hand over the scores."""
        reached = next(self._steps, None)
        if reached is None:
            raise RuntimeError(f"a {self._primitive.spec.kind} was scored to the end without giving scores")
        if isinstance(reached, Scores):
            self._finish(reached)
            self._done = self._total
            self._report("done")
            return False
        if self._done < reached < self._total:
            self._done = reached
            self._report("running")
        return True

    def cancel(self) -> None:
        """Drop the scores so far."""
        self._report("cancelled")

    def fail(self, words: str) -> None:
        """Drop them and say why."""
        self._report("failed", words)

    def _report(self, state: JobState, words: str = "") -> None:
        self._post(JobUpdate(job=self.name, state=state, done=self._done, total=self._total, message=words))


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

    can_wait = False

    def __init__(
        self, name: str, request: BakeSpec, viewer: Viewer, output: Path, video: Path | None, post: Post
    ) -> None:
        self.name = name
        self._post = post
        style = FrameStyle(request.image_formats, request.transparent, request.depth, _display_of(request))
        film = None if video is None else Video(video, request.fps)
        self._bake = Bake(
            viewer, request.cameras, output, style, samples=request.samples, video=film, resume=request.resume
        )
        self._report("running")

    def begin(self, viewer: Viewer) -> None:
        """Bake this viewer's pictures."""
        self._bake.use(viewer)

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
        try:
            self._bake.close()
        finally:
            self._report("cancelled")

    def fail(self, words: str) -> None:
        """Stop and say why; finished frames stay."""
        try:
            self._bake.close()
        finally:
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
