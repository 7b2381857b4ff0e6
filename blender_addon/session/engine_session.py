"""One engine as Blender sees it: what was asked of it, what it last said, and what went wrong.

No ``bpy`` here. Nothing waits: calls only queue, and ``pump`` moves messages both ways. What the user wants (the open
run, training or not, every captured view) is kept on this side, so that an engine that died can be started again and
brought back to where it was.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from engine.link.client import LinkBusy, LinkError, LinkLost
from engine.link.geometry import Bounds, Camera
from engine.link.messages import (
    AddView,
    CancelJob,
    ColorSpace,
    Evaluate,
    Evaluation,
    FetchFile,
    Frame,
    JobUpdate,
    Message,
    OpenRun,
    Problem,
    Quality,
    RequestFrame,
    RunOpened,
    SaveSnapshot,
    SnapshotSaved,
    StartBake,
    Status,
    Train,
    ViewAdded,
    Welcome,
)

from .attachment import STOP_PATIENCE, Attachment, Phase
from .connecting import EngineSource
from .outbox import ViewOutbox
from .trouble import Trouble

_LONGEST_PUMP_GAP = 1.0  # seconds: while nothing pumped, nothing could be heard

SEND_AHEAD = 64 * 1024 * 1024  # bytes of views handed to the network before the next one waits


class EngineSession:
    """The engine's state, mirrored, and the user's wishes, kept.

    Read-only for others: ``phase``, ``welcome``, ``run``, ``status``, ``evaluations``, ``jobs``, ``frame`` (the last
    picture), ``snapshot``, ``views``, ``trouble`` (the last problem, until something is started again) and
    ``silent_seconds`` (how long an engine that is there has said nothing; it should several times a second).
    """

    def __init__(self, source: EngineSource, former: EngineSession | None = None) -> None:
        """``former``: a session that ends; the engine of this one starts when the other's is gone."""
        self.source = source
        self.run: RunOpened | None = None
        self.status: Status | None = None
        self.evaluations: list[Evaluation] = []
        self.jobs: dict[str, JobUpdate] = {}
        self.frame: Frame | None = None
        self.snapshot: SnapshotSaved | None = None
        self.views = ViewOutbox()
        self.trouble: Trouble | None = None
        self.silent_seconds = 0.0

        self._pumped_at = time.monotonic()
        self._engine = Attachment(source, None if former is None else former._engine)
        self._wanted_run: OpenRun | None = None
        self._run_was_open = False
        self._training: Train | None = None
        self._outgoing: deque[Message] = deque()
        self._last_request = 0

    # --- the engine itself ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start or find the engine; ``phase`` tells when it is ready. After a loss, goes on with what was under way.

        Raises FolderError when an engine of ours can't have the folder that it is to work in.
        """
        if self.phase in ("starting", "ready"):
            return
        self.trouble = None
        self._engine.start()

    def restart(self) -> None:
        """End an engine that does not answer, and start it again: it goes on from the last snapshot."""
        self._engine.stop(patience=0.0)
        self._fail_jobs("The engine was restarted")
        self._forget_engine()
        self.start()

    def stop(self) -> None:
        """Have our engine save its run and end, or leave one that is not ours; ``pump`` sees it through."""
        self._engine.stop()
        self._forget_engine()

    def close(self, timeout: float = STOP_PATIENCE) -> None:
        """``stop``, and wait for it, at most about ``timeout`` seconds; for when Blender quits or the extension goes.

        An engine that takes longer is ended in the background, or ends by itself once Blender is gone."""
        self._engine.close(timeout)
        self._forget_engine()

    @property
    def phase(self) -> Phase:
        """Whether there is an engine."""
        return self._engine.phase

    @property
    def welcome(self) -> Welcome | None:
        """What the engine said of itself when it was last reached."""
        return self._engine.welcome

    @property
    def is_gone(self) -> bool:
        """Whether no engine of ours is there any more, not even one that is saving its run."""
        return self._engine.is_gone

    @property
    def engine_pid(self) -> int | None:
        """The process id of our engine, None when there is none."""
        return self._engine.pid

    # --- what the user wants -------------------------------------------------------------------------------------

    def open_run(
        self,
        run: str,
        bounds: Bounds,
        *,
        color_space: ColorSpace = "linear",
        preset: str = "auto",
        seed: int = 0,
        resume: bool = False,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        """Open the run in folder ``run`` under the engine's root, as soon as the engine is ready.

        A new run starts without views and history; with ``resume`` the views offered so far are kept.
        """
        self._wanted_run = OpenRun(
            run=run,
            bounds=bounds,
            color_space=color_space,
            preset=preset,
            seed=seed,
            resume=resume,
            overrides=dict(overrides or {}),
        )
        self._run_was_open = False
        self.run = self.status = self.frame = None
        if not resume:
            self.views = ViewOutbox()
            self.evaluations = []
            self._training = None
        self._outgoing.clear()
        self.trouble = None
        if self.phase == "ready":
            self._outgoing.append(self._wanted_run)

    def add_view(self, name: str, reload: Callable[[], AddView], message: AddView | None = None) -> None:
        """Offer a captured view. It is sent when the link has room, and again after a restart, read by ``reload``."""
        self.views.put(name, reload, message)

    def train(self, *, seconds: float | None = None, steps: int | None = None, evaluate_every: float = 0.0) -> None:
        """Start or go on training; see ``messages.Train``."""
        self._training = Train(running=True, seconds=seconds, steps=steps, evaluate_every=evaluate_every)
        self._queue(self._training)

    def pause(self) -> None:
        """Pause training; its budget stays."""
        if self._training is not None:
            self._training = replace(self._training, running=False)
            self._queue(self._training)

    def request_frame(
        self, camera: Camera, *, quality: Quality = "final", depth: bool = False, exact: bool = True
    ) -> int:
        """Ask for a picture; the newest request wins. Returns the id that the frame will bear."""
        self._last_request += 1
        request = RequestFrame(request=self._last_request, camera=camera, quality=quality, depth=depth, exact=exact)
        self._queue(request)
        return self._last_request

    def evaluate(self) -> None:
        """Have the held-out views scored now; the result is appended to ``evaluations``."""
        self._queue(Evaluate())

    def start_bake(
        self,
        job: str,
        cameras: Sequence[Camera],
        output: str,
        *,
        image_format: Literal["png", "exr"] = "png",
        video: str | None = None,
        fps: float = 24.0,
        samples: int = 1,
        transparent: bool = True,
        depth: bool = False,
        resume: bool = False,
    ) -> None:
        """Start a bake; follow it in ``jobs[job]``. See ``messages.StartBake``."""
        alive = self.phase in ("starting", "ready")
        self.jobs[job] = JobUpdate(
            job=job,
            state="running" if alive else "failed",
            done=0,
            total=len(cameras),
            message="Waiting for the engine" if alive else "The engine is not running",
        )
        self._queue(
            StartBake(
                job=job,
                cameras=tuple(cameras),
                output=output,
                image_format=image_format,
                video=video,
                fps=fps,
                samples=samples,
                transparent=transparent,
                depth=depth,
                resume=resume,
            )
        )

    def cancel_job(self, job: str) -> None:
        """Stop a bake after the frame at hand."""
        self._queue(CancelJob(job=job))

    def fetch_file(self, path: str, offset: int) -> None:
        """Ask for a piece of a file under the engine's root; see ``messages.FetchFile``."""
        self._queue(FetchFile(path=path, offset=offset))

    def save_snapshot(self) -> None:
        """Have the run written to disk now; ``snapshot`` tells when it was."""
        self._queue(SaveSnapshot())

    # --- the pump ------------------------------------------------------------------------------------------------

    def pump(self) -> list[Message]:
        """Take in what the engine sent, send what is due, notice what changed. Never waits. Returns what came."""
        if self._engine.advance() and self._wanted_run is not None:
            self._outgoing.appendleft(replace(self._wanted_run, resume=self.is_resuming))
        received = self._engine.receive()
        self._listen_for_silence(bool(received))
        for message in received:
            self._note(message)
        if self._engine.is_open:
            self._send()
        elif (loss := self._engine.notice_loss()) is not None:
            self._note_loss(loss)
        return received

    def send_waiting(self) -> None:
        """Send what is due except views, and take nothing in: for callers in the midst of drawing."""
        if self._engine.is_open:
            with contextlib.suppress(LinkBusy, LinkLost):  # the next pump tries again, or finds out why not
                self._send_queued()

    def take_frame(self, requests: Container[int]) -> Frame | None:
        """A picture for one of ``requests`` that has come, before the pump takes it in; None when there is none."""
        if self.run is None:
            return None
        frame = self._engine.take(lambda message: isinstance(message, Frame) and message.request in requests)
        if not isinstance(frame, Frame):
            return None
        self.frame = frame
        return frame

    def _listen_for_silence(self, has_heard: bool) -> None:
        now = time.monotonic()
        waited = min(now - self._pumped_at, _LONGEST_PUMP_GAP)
        self.silent_seconds = self.silent_seconds + waited if self.phase == "ready" and not has_heard else 0.0
        self._pumped_at = now

    @property
    def is_training(self) -> bool:
        """Whether the engine is training, or about to."""
        return self.phase == "ready" and self.status is not None and self.status.state in ("training", "warming up")

    @property
    def wants_training(self) -> bool:
        """Whether training was last told to run."""
        return self._training is not None and self._training.running

    @property
    def progress_made(self) -> Status | None:
        """How far the run has come; None while the engine hasn't opened it yet."""
        is_known = self.run is not None and self.status is not None and self.status.state not in ("idle", "warming up")
        return self.status if is_known else None

    @property
    def is_trained(self) -> bool:
        """Whether the time or the steps that training was last given are used up."""
        made, wanted = self.progress_made, self._training
        if made is None or wanted is None or made.state != "finished":
            return False
        # What came before the engine took note of a new plan speaks of the old one.
        return made.seconds >= (wanted.seconds or 0.0) and made.step >= (wanted.steps or 0)

    @property
    def is_resuming(self) -> bool:
        """Whether the run that was asked for last goes on with what an earlier one has learnt."""
        return self._wanted_run is not None and (self._wanted_run.resume or self._run_was_open)

    @property
    def bounds(self) -> Bounds | None:
        """The bounds of the run that was asked for last."""
        return None if self._wanted_run is None else self._wanted_run.bounds

    def _queue(self, message: Message) -> None:
        if self.phase not in ("starting", "ready"):
            return
        if not isinstance(message, RequestFrame | FetchFile):
            self.trouble = None  # the user goes on: what went wrong before is old news
        if message.replaces is not None:
            self._outgoing = deque(old for old in self._outgoing if type(old) is not type(message))
        self._outgoing.append(message)

    def _send(self) -> None:
        try:
            self._send_queued()
            while self.run is not None and self._engine.pending_bytes < SEND_AHEAD:
                view = self._next_view()
                if view is None:
                    return
                self.views.mark(view.name, "sent" if self._send_one(view) else "refused")
        except (LinkBusy, LinkLost):
            return  # the next pump tries again, or finds out why not

    def _send_queued(self) -> None:
        while self._outgoing and (self.run is not None or isinstance(self._outgoing[0], OpenRun)):
            self._send_one(self._outgoing[0])
            self._outgoing.popleft()

    def _send_one(self, message: Message) -> bool:
        """Give ``message`` to the link; False when it is malformed. Raises LinkBusy, LinkLost."""
        try:
            self._engine.send(message)
        except (LinkBusy, LinkLost):
            raise
        except LinkError as error:
            self.trouble = Trouble(f"{type(message).__name__} could not be sent: {error}")
            return False
        return True

    def _next_view(self) -> AddView | None:
        name = next(self.views.names("waiting"), None)
        if name is None:
            return None
        try:
            return self.views.next_waiting()
        except (OSError, ValueError, RuntimeError) as error:
            self.views.mark(name, "refused")
            self.trouble = Trouble(
                f"View {name} could not be read again: {error}", "Capture it once more.", "view", name
            )
            return None

    def _note(self, message: Message) -> None:
        if self.run is None and isinstance(message, Frame | ViewAdded | Evaluation):
            return  # about the run that was open before
        match message:
            case Status():
                self.status = message
            case Frame():
                self.frame = message
            case ViewAdded():
                self.views.mark(message.name, "held")
            case Evaluation():
                # A run that is opened tells of all its scores, also of those that are known here already.
                self.evaluations = [known for known in self.evaluations if known.step != message.step] + [message]
            case JobUpdate():
                self.jobs[message.job] = message
            case SnapshotSaved():
                self.snapshot = message
            case RunOpened():
                self._note_run(message)
            case Problem():
                self._note_problem(message)

    def _note_run(self, message: RunOpened) -> None:
        self.run = message
        self._run_was_open = True
        self.views.start_over(message.views)
        if self._training is not None and not any(isinstance(queued, Train) for queued in self._outgoing):
            self._outgoing.appendleft(self._training)

    def _note_problem(self, problem: Problem) -> None:
        self.trouble = Trouble(problem.message, problem.hint, problem.code, problem.regarding)
        if self.run is None and self._wanted_run is not None and problem.regarding == self._wanted_run.run:
            self._wanted_run = None
        if problem.regarding in self.views:
            self.views.mark(problem.regarding, "refused")
        job = self.jobs.get(problem.regarding)
        if job is not None and job.state == "running":
            self.jobs[job.job] = replace(job, state="failed", message=problem.message, eta_seconds=None)

    def _note_loss(self, loss: Trouble) -> None:
        self.trouble = loss
        self._forget_engine()
        self._fail_jobs(loss.message)

    def _fail_jobs(self, words: str) -> None:
        for job in self.jobs.values():
            if job.state == "running":
                self.jobs[job.job] = replace(job, state="failed", message=words, eta_seconds=None)

    def _forget_engine(self) -> None:
        """What was on its way, and what only the engine knew, is gone with it."""
        self.run = self.status = None
        self._outgoing.clear()
