"""One open run: trainer, held-out views, jobs. Only the device thread touches it."""

from __future__ import annotations

import collections
import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.data.views import View, ViewError
from engine.evaluation.evaluate import Scores
from engine.link.geometry import Camera
from engine.link.messages import (
    AddView,
    CancelJob,
    Evaluation,
    Frame,
    OpenRun,
    RequestFrame,
    RunOpened,
    SnapshotSaved,
    Split,
    StartBake,
    Status,
    Train,
    ViewAdded,
)
from engine.run_folder import is_run
from engine.runs import describe_views, load_run, save_run
from engine.service.frames import FrameRenderer, check_size
from engine.service.jobs import BakeJob, EvaluationJob, Job, Post
from engine.service.paths import confine
from engine.training.config import choose_preset
from engine.training.trainer import Trainer

SNAPSHOT_EVERY = 30.0  # seconds of training
_STATS_EVERY = 0.2  # seconds: the figures may wait for the device
MAX_JOBS = 16
_MAX_HISTORY = 200  # scores that a client is told of when it opens a run


class SessionError(ValueError):
    """A request that can't be met now; in words, with the field or job at fault in ``regarding``."""

    def __init__(self, words: str, regarding: str = "") -> None:
        super().__init__(words)
        self.regarding = regarding


@dataclasses.dataclass(frozen=True, eq=False)
class _KnownView:
    """A view that the run holds; the trainer has the pixels of those it trains on."""

    name: str
    split: Split
    camera: Camera


class Session:
    """The run in ``folder``. ``post`` takes the messages for the client."""

    def __init__(self, request: OpenRun, root: Path, device: str, post: Post) -> None:
        self.name = request.run
        self._root, self._post = root, post
        self._folder = confine(root, request.run, "run")
        self._history: list[dict[str, Any]] = []
        if request.resume and is_run(self._folder):
            run = load_run(self._folder, device)
            self._trainer = run.trainer
            self._history = list(run.info.get("history", []))
        else:
            config = choose_preset(request.preset, device, request.overrides | {"seed": request.seed})
            self._trainer = Trainer(config, request.bounds, request.color_space, device)
        self._renderer = self._trainer.renderer()
        self._frames = FrameRenderer(self._renderer, device)
        self._views: dict[str, _KnownView] = {}
        self._held_out: dict[str, View] = {}
        self._is_running = False
        self._evaluate_every = 0.0
        self._evaluated_at = self._saved_at = self._trainer.training_seconds
        if not request.resume and is_run(self._folder):
            self._saved_at = -math.inf  # the first step replaces the former run: nobody is to go back to that one
        self._has_changed = False
        self._jobs: collections.deque[Job] = collections.deque()
        self._stats = self._trainer.stats()
        self._stats_at = 0.0

    # --- what the client asks for -------------------------------------------------------------------------------------

    def announce(self) -> None:
        """Tell the client that the run is open, what it holds, and how it was scored so far."""
        trainer = self._trainer
        self._post(
            RunOpened(run=self.name, step=trainer.step_count, preset=trainer.config.preset, views=tuple(self._views))
        )
        for entry in self._history[-_MAX_HISTORY:]:
            figures: dict[str, Any] = {name: entry.get(name) for name in ("step", "seconds", "psnr", "ssim")}
            if None not in figures.values():
                self._post(Evaluation(**figures, views=entry.get("views", {})))

    def warm_up(self) -> None:
        """Compile everything, so that the first view is trained on at once."""
        self._trainer.warm_up()
        self._trainer.warm_up_rendering()

    def add_view(self, message: AddView) -> None:
        """Train on a view, or hold it out. Raises ViewError."""
        former = self._views.get(message.name)
        if former is not None and former.split != message.split:
            raise ViewError(f"view {message.name}: it is a {former.split} view already")
        color_space = self._trainer.color_space
        view = View(message.name, message.camera, message.color, color_space, message.depth, message.split)
        if view.split == "train":
            self._trainer.add_view(view)
        else:
            self._held_out[view.name] = view
        self._views[view.name] = _KnownView(view.name, view.split, view.camera)
        counts = {"train_views": self._count("train"), "test_views": self._count("test")}
        self._post(ViewAdded(name=view.name, **counts))

    def train(self, message: Train) -> bool:
        """Start or pause training; returns whether it was paused, and the run should be saved. Raises SessionError."""
        try:
            self._trainer.set_budget(message.seconds, message.steps)
        except ValueError as error:
            raise SessionError(str(error), "Train") from error
        self._evaluate_every = message.evaluate_every
        was_running, self._is_running = self._is_running, message.running and not self._trainer.is_finished
        return was_running and not self._is_running

    def render(self, request: RequestFrame, is_outdated: Callable[[], bool]) -> Frame | None:
        """The frame for ``request``; see FrameRenderer."""
        return self._frames.render(request, self._trainer.step_count, is_outdated)

    def evaluate(self) -> None:
        """Queue an evaluation of all held-out views. Raises SessionError when there are none."""
        if not self._held_out:
            raise SessionError("there are no held-out views to score", "Evaluate")
        if not any(isinstance(job, EvaluationJob) for job in self._jobs):
            self._jobs.append(EvaluationJob(self._renderer, list(self._held_out.values()), self._note_scores))

    def start_bake(self, request: StartBake) -> None:
        """Queue a bake. Raises BakeError, PathError, FrameError, SessionError."""
        if any(job.name == request.job for job in self._jobs):
            raise SessionError(f"a job named {request.job!r} is running already", request.job)
        if len(self._jobs) >= MAX_JOBS:
            raise SessionError(f"{len(self._jobs)} jobs wait already", request.job)
        for camera in request.cameras:
            check_size(camera)
        output = confine(self._root, request.output, "output")
        video = None if request.video is None else confine(self._root, request.video, "video")
        self._jobs.append(BakeJob(request, self._renderer, output, video, self._post))

    def cancel(self, message: CancelJob) -> None:
        """Cancel a job. Raises SessionError when there is none of that name (any more)."""
        for job in self._jobs:
            if job.name == message.job:
                self._jobs.remove(job)
                job.cancel()
                return
        raise SessionError(f"no job named {message.job!r} is running", message.job)

    def save(self) -> None:
        """Write the run to disk now. Raises RunError."""
        trainer = self._trainer
        self._saved_at = trainer.training_seconds
        path = save_run(
            self._folder, trainer, {"views": describe_views(self._views.values()), "history": self._history}
        )
        self._has_changed = False
        self._post(SnapshotSaved(path=str(path), step=trainer.step_count))

    # --- work, piece by piece -----------------------------------------------------------------------------------------

    @property
    def has_job(self) -> bool:
        """Whether ``advance_job`` has something to do."""
        return bool(self._jobs)

    @property
    def current_job(self) -> str:
        """The name of the job at hand, "" without one."""
        return self._jobs[0].name if self._jobs else ""

    @property
    def can_step(self) -> bool:
        """Whether ``step`` has something to do."""
        return self._is_running and bool(self._trainer.view_names)

    def advance_job(self) -> None:
        """Do one piece of the job at hand; a job that raises is dropped."""
        job = self._jobs[0]
        try:
            more = job.advance()
        except BaseException as error:
            self._jobs.remove(job)
            job.fail(str(error))
            raise
        if not more:
            self._jobs.remove(job)

    def step(self) -> None:
        """One training step; the end of the budget ends training."""
        self._trainer.step()
        self._has_changed = True
        if self._trainer.is_finished:
            self._is_running = False

    def do_what_is_due(self) -> None:
        """After a step: start an evaluation or write a snapshot when it is time. Raises RunError."""
        trainer = self._trainer
        seconds = trainer.training_seconds
        is_due = seconds - self._evaluated_at >= self._evaluate_every or trainer.is_finished
        if self._evaluate_every > 0 and self._held_out and is_due:
            self._evaluated_at = seconds
            self.evaluate()
        if trainer.is_finished or seconds - self._saved_at >= SNAPSHOT_EVERY:
            self.save()

    def close(self) -> None:
        """Cancel all jobs and save. Raises RunError."""
        while self._jobs:
            self._jobs.popleft().cancel()
        self.save_if_changed()

    def pause(self) -> None:
        """Stop training without saving: something went wrong."""
        self._is_running = False

    def save_if_changed(self) -> None:
        """Write the run to disk unless it is there as it is, or nothing has been learnt yet."""
        if self._has_changed:
            self.save()

    def status(self) -> Status:
        """How training stands; the figures are refreshed a few times a second."""
        trainer, now = self._trainer, time.monotonic()
        if now - self._stats_at >= _STATS_EVERY:
            self._stats, self._stats_at = trainer.stats(), now
        progress = trainer.progress
        eta = None
        if progress is not None and self._is_running and 0 < progress < 1:
            eta = trainer.training_seconds / progress * (1 - progress)
        words = "waiting for the first view" if self._is_running and not trainer.view_names else ""
        return Status(
            state="training" if self._is_running else "finished" if trainer.is_finished else "paused",
            step=trainer.step_count,
            seconds=trainer.training_seconds,
            loss=self._stats.loss,
            steps_per_second=self._stats.steps_per_second,
            train_views=self._count("train"),
            test_views=self._count("test"),
            progress=None if progress is None else min(progress, 1.0),
            eta_seconds=eta,
            message=words,
        )

    def _count(self, split: str) -> int:
        return sum(view.split == split for view in self._views.values())

    def _note_scores(self, scores: Scores) -> None:
        trainer = self._trainer
        evaluation = Evaluation(
            step=trainer.step_count,
            seconds=trainer.training_seconds,
            psnr=scores.psnr,
            ssim=scores.ssim,
            views=scores.by_view,
        )
        self._history.append(dataclasses.asdict(evaluation))
        self._has_changed = trainer.step_count > 0
        self._post(evaluation)
        if not self._is_running:
            self.save_if_changed()
