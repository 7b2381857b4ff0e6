"""One open run: trainer, held-out views, jobs. Only the device thread touches it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.link.disk import set_aside
from engine.link.message_types import Tagged
from engine.link.messages import (
    AddFile,
    AddView,
    CancelJob,
    Evaluation,
    Frame,
    ItemAdded,
    OpenRun,
    RequestFrame,
    RunOpened,
    SnapshotSaved,
    Split,
    StartJob,
    Status,
    Train,
)
from engine.primitives.base import Primitive, Scores, read_figures
from engine.primitives.kind import Kind
from engine.primitives.registry import for_link, from_link, kind_named
from engine.priors.first_weights import shipped_for
from engine.rendering.viewer import warm_up
from engine.run_folder import is_run, named_snapshot
from engine.run_history import RunHistory
from engine.run_lock import lock_run
from engine.runs import RunWriteError, load_run, save_run
from engine.service.frames import FrameRenderer
from engine.service.job_queue import JobQueue
from engine.service.jobs import Post
from engine.service.paths import PathError, confine
from engine.training.loop import TrainingLoop
from engine.training.trainer import Trainer

SNAPSHOT_EVERY = 30.0  # seconds of training
_FIGURES_EVERY = 0.2  # seconds: to look at them waits for the device
_LOCK_PATIENCE = 5.0  # seconds for an engine that is ending to let go of the run


class SessionError(ValueError):
    """A request that can't be met now, with the field at fault in ``regarding``."""

    def __init__(self, words: str, regarding: str = "") -> None:
        super().__init__(words)
        self.regarding = regarding


class Session:
    """The run in ``folder``. ``post`` takes the messages for the client."""

    def __init__(self, request: OpenRun, root: Path, device: str, post: Post) -> None:
        self.name = request.run
        self._root, self._post = root, post
        self._folder = confine(root, request.run, "run")
        self._lock = lock_run(self._folder, "hashlight serve", _LOCK_PATIENCE)
        try:
            self._trainer, self._history = self._open(request, device)
            self._primitive = self._trainer.primitive
            self._kind = kind_named(self._primitive.spec.kind)
            self._viewer = self._primitive.viewer()
            self._frames = FrameRenderer(self._viewer, device)
            self._is_running = False
            self._evaluate_every = 0.0
            self._loop = TrainingLoop(self._trainer, self.save, SNAPSHOT_EVERY, lambda: self._jobs.evaluate())
            self._takes_place = not request.resume and is_run(self._folder)  # of a former run, which is to be kept
            if self._takes_place:
                self._loop.save_soon()  # the first step sets the former run aside, which is not to be resumed
            self._snapshot = named_snapshot(self._folder)
            self._has_changed = False
            self._jobs = JobQueue(self._trainer, self._viewer, root, self._folder, post, self._note_scores)
            self._look_at_figures()
        except BaseException:
            self._lock.release()
            raise

    def _open(self, request: OpenRun, device: str) -> tuple[Trainer[Primitive], RunHistory]:
        kind, spec = from_link(request.primitive)
        if request.resume and is_run(self._folder):
            run = load_run(self._folder, device)
            _require_match(request.run, run.trainer.primitive.spec, kind, spec)
            return run.trainer, RunHistory.open(self._folder, run.info)
        if "seed" in request.overrides:
            raise SessionError("overrides: the seed has a field of its own, which would win", "overrides")
        first = shipped_for(kind.prior_use(spec), request.overrides)
        sizes = {} if first is None else first.settings
        config = kind.configure(spec, request.preset, device, {**sizes, **request.overrides, "seed": request.seed})
        primitive = kind.build(spec, config, device)
        if first is not None:
            first.begin(primitive)
        return Trainer(primitive), RunHistory()

    # --- what the client asks for -------------------------------------------------------------------------------------

    def go_on(self, request: OpenRun) -> None:
        """Answer a client that came back to this run. Raises SessionError, ConfigError."""
        _require_match(self.name, self._primitive.spec, *from_link(request.primitive))
        self.announce()

    def announce(self) -> None:
        """Tell the client how jobs have ended, and what ``show`` tells."""
        self._jobs.tell_ended()  # first: what a client asks for once the run is open ends later
        self.show()

    def show(self) -> None:
        """Tell a client that the run is open, what it holds, and how it was scored so far."""
        primitive = self._primitive
        self._post(
            RunOpened(
                run=self.name,
                step=self._trainer.step_count,
                preset=primitive.config.preset,
                primitive=for_link(primitive.spec),
                bounds=self._viewer.bounds,
                item=self._kind.item,
                items_are_views=self._kind.items_are_views,
                metrics=dict(self._kind.metrics),
                items=tuple(primitive.items),
                jobs=self._jobs.names,
            )
        )
        for entry in self._history.recent:
            if {"step", "seconds"} <= entry.keys():
                step, seconds, items = entry.pop("step"), entry.pop("seconds"), entry.pop("views", {})
                self._post(Evaluation(step=step, seconds=seconds, scores=entry, items=items))

    @property
    def is_replaced(self) -> bool:
        """Whether another run was put into the folder meanwhile, so that this one is not the run there."""
        return named_snapshot(self._folder) not in (None, self._snapshot)

    def warm_up(self) -> None:
        """Compile everything, so that the first view is trained on at once."""
        self._trainer.warm_up()
        warm_up(self._viewer)

    def add(self, message: AddView | AddFile) -> None:
        """Train on what a message brings, or hold it out. Raises ViewError, DataError, PathError."""
        self._primitive.add(self._kind.read_item(message, self._locate))
        self._plan_evaluations()
        counts = {"train_items": self._count("train"), "test_items": self._count("test")}
        self._post(ItemAdded(name=message.name, **counts))

    def _locate(self, path: str) -> Path:
        return confine(self._root, path, "path")

    def train(self, message: Train) -> bool:
        """Start or pause training; returns whether it was paused, and the run should be saved. Raises SessionError."""
        try:
            self._trainer.set_budget(message.seconds, message.steps, message.since)
        except ValueError as error:
            raise SessionError(str(error), "Train") from error
        self._evaluate_every = message.evaluate_every
        self._plan_evaluations()
        was_running, self._is_running = self._is_running, message.running and not self._trainer.is_finished
        return was_running and not self._is_running

    def render(self, request: RequestFrame, is_outdated: Callable[[], bool], waited: float) -> Frame | None:
        """The frame for ``request``; see FrameRenderer."""
        return self._frames.render(request, self._trainer.step_count, is_outdated, waited)

    def start_job(self, request: StartJob) -> None:
        """Queue a job. Raises JobError, BakeError, PathError, FrameError."""
        self._jobs.start(request)

    def cancel(self, message: CancelJob) -> None:
        """Cancel a job. Raises JobError when there is none of that name (any more)."""
        self._jobs.cancel(message.job)

    def save(self) -> None:
        """Write the run to disk now. Raises RunError."""
        trainer = self._trainer
        self._loop.note_saved()
        self._require_same_folder()
        if self._takes_place or self.is_replaced:
            self._set_former_run_aside()
        path = save_run(self._folder, trainer, {}, self._history)
        self._has_changed, self._snapshot = False, path.name
        self._post(SnapshotSaved(path=str(path), step=trainer.step_count))

    def _require_same_folder(self) -> None:
        """Raises RunWriteError when a link has come into the run's path that leads elsewhere."""
        try:
            is_same = confine(self._root, self.name, "run") == self._folder
        except PathError:
            is_same = False
        if not is_same:
            raise RunWriteError(
                f"{self._folder}: not saved: a link has been put in its place that leads elsewhere; remove it"
            )

    def _set_former_run_aside(self) -> None:
        try:
            if is_run(self._folder):  # else it was moved already
                set_aside(self._folder)
        except OSError as error:
            words = error.strerror or error
            raise RunWriteError(
                f"{self._folder}: the former run can't be set aside ({words}): close what uses it"
            ) from error
        self._takes_place = False

    # --- work, piece by piece -----------------------------------------------------------------------------------------

    @property
    def has_job(self) -> bool:
        """Whether ``advance_job`` has something to do."""
        return not self._jobs.is_empty

    @property
    def current_job(self) -> str:
        """The name of the job at hand, "" without one."""
        return self._jobs.current

    @property
    def job_can_wait(self) -> bool:
        """Whether training, while it goes on, is more urgent than the job at hand."""
        return self.can_step and self._jobs.can_wait

    @property
    def can_step(self) -> bool:
        """Whether ``step`` has something to do."""
        return self._is_running and self._primitive.is_ready and not self._jobs.holds_still

    def advance_job(self) -> None:
        """Do one piece of the job at hand; a job that raises is dropped."""
        self._jobs.advance()

    def step(self) -> None:
        """One training step; the end of the budget ends training. Raises DataError for figures that can't be told."""
        self._trainer.step()
        self._has_changed = True
        if self._trainer.is_finished:
            self._is_running = False
        if self._trainer.is_finished or time.monotonic() - self._figures_at >= _FIGURES_EVERY:
            self._look_at_figures()

    def _look_at_figures(self) -> None:
        """Raises DataError for figures that can't be told."""
        stats, self._figures_at = self._trainer.stats(), time.monotonic()
        figures = {"loss": stats.loss, "steps_per_second": stats.steps_per_second, **stats.figures}
        self._figures = read_figures(f"figures of a {self._kind.name}", figures)

    def do_what_is_due(self, is_watched: bool) -> None:
        """After a step: start an evaluation or write a snapshot when it is time. ``is_watched``: a view moves, which a
        snapshot would make stand still. Raises RunError."""
        self._loop.do_what_is_due(is_last=self._trainer.is_finished, can_wait=is_watched)

    def close(self) -> None:
        """Cancel all jobs and save. Raises RunError, and what kept a job from being cancelled."""
        try:
            self._jobs.cancel_all()
        finally:
            try:
                self.save_if_changed()
            finally:
                self._lock.release()

    def pause(self) -> None:
        """Stop training without saving: something went wrong."""
        self._is_running = False

    def save_if_changed(self) -> None:
        """Write the run to disk unless it is there as it is, or nothing has been learnt yet."""
        if self._has_changed:
            self.save()

    def status(self) -> Status:
        """How training stands, with figures that are renewed a few times a second."""
        trainer = self._trainer
        progress = trainer.progress
        eta = None
        if progress is not None and self._is_running and 0 < progress < 1:
            eta = trainer.planned_seconds / progress * (1 - progress)
        words = ""
        if self._is_running and not self._primitive.is_ready:
            words = f"waiting for {'another' if self._count('train') else 'the first'} {self._kind.item}"
        if self._is_running and self._jobs.holds_still:
            words = "training rests until the pictures are done: there is no memory for a copy of the field"
        return Status(
            state="training" if self._is_running else "finished" if trainer.is_finished else "paused",
            step=trainer.step_count,
            seconds=trainer.training_seconds,
            metrics=self._figures,
            train_items=self._count("train"),
            test_items=self._count("test"),
            progress=None if progress is None else min(progress, 1.0),
            eta_seconds=eta,
            message=words,
            remark=self._primitive.remark,
        )

    def _plan_evaluations(self) -> None:
        self._loop.evaluate_every = self._evaluate_every if self._count("test") else 0.0

    def _count(self, split: Split) -> int:
        return [*self._primitive.items.values()].count(split)

    def _note_scores(self, scores: Scores) -> None:
        trainer = self._trainer
        step, seconds = self._jobs.begun_at
        items = {name: read_figures(name, figures) for name, figures in scores.items.items()}
        means = read_figures("scores", scores.means)
        evaluation = Evaluation(step=step, seconds=seconds, scores=means, items=items)
        # A line of the history has the scores beside the step, as in run.json.
        self._history.append({"step": step, "seconds": seconds, **evaluation.scores, "views": evaluation.items})
        self._has_changed = trainer.step_count > 0
        self._post(evaluation)
        if not self._is_running:
            self.save_if_changed()


def _require_match(run: str, own: Tagged, kind: Kind[Any], wanted: Tagged) -> None:
    """Raises SessionError unless the run of ``own`` can go on as what ``wanted`` of ``kind`` asks for."""
    if (words := kind.mismatch(own, wanted)) is not None:
        raise SessionError(f"{run}: it has {words}: name another run", run)
