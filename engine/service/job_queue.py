"""The jobs of a run, one after another. All pieces of a job show the field as it was when the job began."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.data.views import View
from engine.evaluation.evaluate import Scores
from engine.link.messages import JobUpdate, Message, StartBake
from engine.machine import free_memory
from engine.primitives.radiance_field.primitive import RadianceFieldPrimitive
from engine.rendering.renderer import Renderer
from engine.service.frames import check_size
from engine.service.jobs import BakeJob, EvaluationJob, Job, Post
from engine.service.paths import confine
from engine.training.trainer import Trainer

MAX_JOBS = 16
_COPY_ROOM = 2.0  # times the memory that a copy of the field takes must be free, else training rests instead


class JobError(ValueError):
    """A job that can't be begun or cancelled; in words, with its name in ``regarding``."""

    def __init__(self, words: str, regarding: str) -> None:
        super().__init__(words)
        self.regarding = regarding


class JobQueue:
    """Of one run: what ``trainer`` has learnt, as ``renderer`` shows it. Bakes write under ``root``; ``post`` takes the
    messages for the client."""

    def __init__(self, trainer: Trainer[RadianceFieldPrimitive], renderer: Renderer, root: Path, post: Post) -> None:
        self.begun_at = (0, 0.0)  # the step and the training seconds that the job at hand shows
        self._trainer, self._renderer, self._root, self._post = trainer, renderer, root, post
        self._jobs: collections.deque[Job] = collections.deque()
        self._begun: Job | None = None
        self._has_copy = True  # of the field, for the job at hand
        self._ended: dict[str, JobUpdate] = {}

    @property
    def is_empty(self) -> bool:
        """Whether ``advance`` has nothing to do."""
        return not self._jobs

    @property
    def current(self) -> str:
        """The name of the job at hand, "" without one."""
        return self._jobs[0].name if self._jobs else ""

    @property
    def holds_still(self) -> bool:
        """Whether training must rest until the job at hand is done: there is no memory for a copy of the field."""
        return bool(self._jobs) and not self._has_copy

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are under way, and those that have ended lately."""
        return (*self._ended, *(job.name for job in self._jobs))

    def tell_ended(self) -> None:
        """Tell the client once more how those that have ended lately did."""
        for update in self._ended.values():
            self._post(update)

    def evaluate(self, views: Sequence[View], finish: Callable[[Scores], None]) -> None:
        """Have ``views`` scored, unless that is about to be done."""
        # One that has begun shows an earlier field, unless nothing was learnt since.
        is_old = self.begun_at[0] != self._trainer.step_count
        awaited = [job for job in self._jobs if not (job is self._begun and is_old)]
        if not any(isinstance(job, EvaluationJob) for job in awaited):
            self._jobs.append(EvaluationJob(self._renderer, views, finish))

    def bake(self, request: StartBake) -> None:
        """Have frames rendered. Raises BakeError, PathError, FrameError, JobError."""
        if any(job.name == request.job for job in self._jobs):
            raise JobError(f"a job named {request.job!r} is running already", request.job)
        if len(self._jobs) >= MAX_JOBS:
            raise JobError(f"{len(self._jobs)} jobs wait already", request.job)
        for camera in request.cameras:
            check_size(camera)
        output = confine(self._root, request.output, "output")
        video = None if request.video is None else confine(self._root, request.video, "video")
        self._ended.pop(request.job, None)
        self._jobs.append(BakeJob(request, self._renderer, output, video, self._post_update))

    def cancel(self, name: str) -> None:
        """Cancel a job. Raises JobError when there is none of that name (any more)."""
        for job in self._jobs:
            if job.name == name:
                self._jobs.remove(job)
                job.cancel()
                return
        raise JobError(f"no job named {name!r} is running", name)

    def cancel_all(self) -> None:
        """The run is closed."""
        while self._jobs:
            self._jobs.popleft().cancel()

    def advance(self) -> None:
        """Do one piece of the job at hand; a job that raises is dropped."""
        job = self._jobs[0]
        try:
            if job is not self._begun:
                self._begin(job)
            more = job.advance()
        except BaseException as error:
            self._jobs.remove(job)
            job.fail(str(error))
            raise
        if not more:
            self._jobs.remove(job)

    def _begin(self, job: Job) -> None:
        """Give ``job`` a copy of the field, or where there is no memory for one have training rest until it is done."""
        needed, free = self._renderer.frozen_bytes, free_memory(self._trainer.primitive.device)
        self._has_copy = free is None or free >= _COPY_ROOM * needed
        job.begin(self._renderer.frozen(with_field=self._has_copy))
        self._begun, self.begun_at = job, (self._trainer.step_count, self._trainer.training_seconds)

    def _post_update(self, message: Message) -> None:
        """Tell how a job stands, and remember how it ended for a client that was not there."""
        if isinstance(message, JobUpdate) and message.state != "running":
            self._ended[message.job] = message
            while len(self._ended) > MAX_JOBS:
                del self._ended[next(iter(self._ended))]
        self._post(message)
