"""The jobs of a run, one after another. All pieces of a job show the field as it was when the job began."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from engine.link.jobs import SCHEDULED, JobSpec
from engine.link.messages import BakeSpec, EvaluationSpec, JobUpdate, Message, StartJob
from engine.machine import free_memory
from engine.primitives.base import Primitive, Scores
from engine.primitives.registry import kind_named
from engine.rendering.viewer import Viewer
from engine.service.frames import check_size
from engine.service.jobs import BakeJob, EvaluationJob, Job, Post
from engine.service.paths import PathError, confine
from engine.training.trainer import Trainer

MAX_JOBS = 16
_COPY_ROOM = 2.0  # times the memory that a copy of the field takes must be free, else training rests instead


class JobError(ValueError):
    """A job that can't be begun or cancelled, with its name in ``regarding``."""

    def __init__(self, words: str, regarding: str) -> None:
        super().__init__(words)
        self.regarding = regarding


class JobQueue:
    """The jobs of one run, in the folder ``run``: of what ``trainer`` has learnt, as ``viewer`` shows it. Bakes write
    under ``root``, beside the run; ``post`` takes the messages for the client. Evaluations hand the scores to
    ``note_scores``."""

    def __init__(
        self,
        trainer: Trainer[Primitive],
        viewer: Viewer,
        root: Path,
        run: Path,
        post: Post,
        note_scores: Callable[[Scores], None],
    ) -> None:
        self.begun_at = (0, 0.0)  # the step and the training seconds that the job at hand shows
        self._trainer, self._viewer, self._post = trainer, viewer, post
        self._root, self._run = root, run
        self._note_scores = note_scores
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
    def can_wait(self) -> bool:
        """Whether every job can: none waits behind the one at hand that can't."""
        return all(job.can_wait for job in self._jobs)

    @property
    def holds_still(self) -> bool:
        """Whether training must rest until the job at hand is done: there is no memory for a copy of the field."""
        return bool(self._jobs) and not self._has_copy

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are running, and those that have ended lately."""
        return (*self._ended, *(job.name for job in self._jobs))

    def tell_ended(self) -> None:
        """Tell the client once more how those that have ended lately did."""
        for update in self._ended.values():
            self._post(update)

    def start(self, request: StartJob) -> None:
        """Queue a job. An evaluation that a former client began under that name, and left running, is the one that is
        asked for. Raises JobError, BakeError, PathError, FrameError."""
        running = next((job for job in self._jobs if job.name == request.job), None)
        if isinstance(running, EvaluationJob) and isinstance(request.specification, EvaluationSpec):
            return
        if running is not None:
            raise JobError(f"a job named {request.job!r} is running already", request.job)
        if len(self._jobs) >= MAX_JOBS:
            raise JobError(f"{len(self._jobs)} jobs wait already", request.job)
        job = self._make(request.job, request.specification)
        self._ended.pop(request.job, None)
        self._jobs.append(job)

    def _make(self, name: str, specification: JobSpec) -> Job:
        match specification:
            case BakeSpec():
                return self._make_bake(name, specification)
            case EvaluationSpec():
                return self._make_evaluation(name)
            case _:
                assert_never(specification)

    def evaluate(self) -> None:
        """Have what is held out scored, unless that is about to be done. Raises JobError when there is nothing."""
        # One that has begun shows an earlier field, unless nothing was learnt since.
        is_old = self.begun_at[0] != self._trainer.step_count
        awaited = [job for job in self._jobs if not (job is self._begun and is_old)]
        if not any(isinstance(job, EvaluationJob) for job in awaited):
            names = itertools.chain([SCHEDULED], (f"{SCHEDULED} {number}" for number in itertools.count(2)))
            taken = {job.name for job in self._jobs}
            name = next(name for name in names if name not in taken)
            self._jobs.append(self._make_evaluation(name, can_wait=True))

    def _make_evaluation(self, name: str, *, can_wait: bool = False) -> EvaluationJob:
        primitive = self._trainer.primitive
        if "test" not in primitive.items.values():
            raise JobError(f"there are no test {kind_named(primitive.spec.kind).item}s to score", name)
        return EvaluationJob(name, primitive, self._note_scores, self._post_update, can_wait=can_wait)

    def _make_bake(self, name: str, bake: BakeSpec) -> BakeJob:
        for camera in bake.cameras:
            check_size(camera)
        output = self._beside_run(bake.output, "output")
        video = None if bake.video is None else self._beside_run(bake.video, "video")
        return BakeJob(name, bake, self._viewer, output, video, self._post_update)

    def _beside_run(self, relative: str, field: str) -> Path:
        """Where a bake may write. Raises PathError, also for the run's own folder, which is set aside as a whole."""
        path = confine(self._root, relative, field)
        if path.is_relative_to(self._run):
            raise PathError(f"{field}: {relative[:200]!r} is in the folder of the run that is open: name another")
        return path

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
        needed, free = self._viewer.frozen_bytes, free_memory(self._trainer.primitive.device)
        self._has_copy = free is None or free >= _COPY_ROOM * needed
        job.begin(self._viewer.frozen(with_field=self._has_copy))
        self._begun, self.begun_at = job, (self._trainer.step_count, self._trainer.training_seconds)

    def _post_update(self, message: Message) -> None:
        """Tell how a job stands, and remember how it ended for a client that was not there."""
        if isinstance(message, JobUpdate) and message.state != "running":
            self._ended[message.job] = message
            while len(self._ended) > MAX_JOBS:
                del self._ended[next(iter(self._ended))]
        self._post(message)
