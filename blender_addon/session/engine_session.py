"""One engine as Blender sees it: what was asked of it, what it last said, and what went wrong.

No ``bpy`` here. Nothing waits: calls only queue, and ``pump`` moves messages both ways. What the user wants (the open
run, training or not, every captured view) is kept on this side, so that an engine that died can be started again and
brought back to where it was.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from engine.link.client import EngineClient, EngineProblem, LinkBusy, LinkError, LinkLost
from engine.link.geometry import Bounds, Camera
from engine.link.launcher import EngineProcess
from engine.link.messages import (
    AddView,
    CancelJob,
    ColorSpace,
    Evaluate,
    Evaluation,
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

from .connecting import Connecting, EngineSource, LocalEngine
from .outbox import ViewOutbox

Phase = Literal["stopped", "starting", "ready", "stopping", "lost"]

SEND_AHEAD = 64 * 1024 * 1024  # bytes of views handed to the network before the next one waits
STOP_PATIENCE = 10.0  # seconds for the engine to save its run and end
DEATH_CERTIFICATE = 1.0  # seconds between a broken connection and knowing that the process behind it is dead


@dataclass(frozen=True)
class Trouble:
    """What went wrong, in words, and what to do about it."""

    message: str
    hint: str = ""
    code: str = ""
    regarding: str = ""


class EngineSession:
    """The engine's state, mirrored, and the user's wishes, kept.

    Read-only for others: ``phase``, ``welcome``, ``run``, ``status``, ``evaluations``, ``jobs``, ``frame`` (the last
    picture), ``snapshot``, ``views`` and ``trouble`` (the last problem, until something is started again).
    """

    def __init__(self, source: EngineSource, former: EngineSession | None = None) -> None:
        """``former``: a session that ends; the engine of this one starts when the other's is gone."""
        self.source = source
        self.phase: Phase = "stopped"
        self.welcome: Welcome | None = None
        self.run: RunOpened | None = None
        self.status: Status | None = None
        self.evaluations: list[Evaluation] = []
        self.jobs: dict[str, JobUpdate] = {}
        self.frame: Frame | None = None
        self.snapshot: SnapshotSaved | None = None
        self.views = ViewOutbox()
        self.trouble: Trouble | None = None

        self._connecting: Connecting | None = None
        self._process: EngineProcess | None = None
        self._client: EngineClient | None = None
        self._ending = former._ending if former is not None else None
        self._lost_at: float | None = None
        self._wanted_run: OpenRun | None = None
        self._run_was_open = False
        self._training: Train | None = None
        self._outgoing: deque[Message] = deque()
        self._last_request = 0

    # --- the engine itself ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start or find the engine; ``phase`` tells when it is ready. After a loss, goes on with what was under way."""
        if self.phase in ("starting", "ready"):
            return
        self.trouble = None
        self.phase = "starting"  # the pump does it, once the former engine is gone

    def stop(self) -> None:
        """Have our engine save its run and end, or leave one that is not ours; ``pump`` sees it through."""
        self._let_go(STOP_PATIENCE if self.phase == "ready" else 0.0)
        self.phase = "stopping"

    def close(self, timeout: float = STOP_PATIENCE) -> None:
        """``stop``, and wait for it, at most about ``timeout`` seconds; for when Blender quits or the extension goes.

        An engine that takes longer is ended in the background, or ends by itself once Blender is gone."""
        self.stop()
        if self._ending is not None:
            self._ending.join(timeout)
        self.phase = "stopped"

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

    def request_frame(self, camera: Camera, *, quality: Quality = "final", depth: bool = False) -> int:
        """Ask for a picture; the newest request wins. Returns the id that the frame will bear."""
        self._last_request += 1
        self._queue(RequestFrame(request=self._last_request, camera=camera, quality=quality, depth=depth))
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
        transparent: bool = True,
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
                transparent=transparent,
                resume=resume,
            )
        )

    def cancel_job(self, job: str) -> None:
        """Stop a bake after the frame at hand."""
        self._queue(CancelJob(job=job))

    def save_snapshot(self) -> None:
        """Have the run written to disk now; ``snapshot`` tells when it was."""
        self._queue(SaveSnapshot())

    # --- the pump ------------------------------------------------------------------------------------------------

    def pump(self) -> list[Message]:
        """Take in what the engine sent, send what is due, notice what changed. Never waits. Returns what came."""
        if self._ending is not None and not self._ending.is_alive():
            self._ending = None
        if self.phase == "stopping" and self._ending is None:
            self.phase = "stopped"
        if self.phase == "starting" and self._ending is None:
            self._connect()
        if self._client is None:
            return []
        received = self._client.poll()
        for message in received:
            self._note(message)
        if self._client.is_open:
            self._send()
        else:
            self._notice_loss()
        return received

    @property
    def is_gone(self) -> bool:
        """Whether no engine of ours is there any more, not even one that is saving its run."""
        ending = self._ending is not None and self._ending.is_alive()
        return self.phase in ("stopped", "lost") and not ending

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
    def engine_pid(self) -> int | None:
        """The process id of our engine, None when there is none."""
        return None if self._process is None else self._process.pid

    @property
    def bounds(self) -> Bounds | None:
        """The bounds of the run that was asked for last."""
        return None if self._wanted_run is None else self._wanted_run.bounds

    def _connect(self) -> None:
        hint = "Check that it runs there, the address and the port, and what is between: a firewall, a tunnel."
        if isinstance(self.source, LocalEngine):
            hint = f"Its output is in {self.source.log}."
        try:
            if self._connecting is None:
                self._connecting = Connecting(self.source)
                self._process = self._connecting.process
            connected = self._connecting.result()
        except EngineProblem as refusal:
            problem = refusal.problem
            self._fail(f"The engine refused: {problem.message}", problem.hint, problem.code)
            return
        except LinkError as error:
            self._fail(f"No engine to talk to: {error}", hint)
            return
        if connected is None:
            return
        self._client, self.welcome = connected
        self._connecting = None
        self._lost_at = None
        self.phase = "ready"
        if self._wanted_run is not None:
            self._outgoing.appendleft(replace(self._wanted_run, resume=self._wanted_run.resume or self._run_was_open))

    def _queue(self, message: Message) -> None:
        if self.phase not in ("starting", "ready"):
            return
        if not isinstance(message, RequestFrame):
            self.trouble = None  # the user goes on: what went wrong before is old news
        if message.replaces is not None:
            self._outgoing = deque(old for old in self._outgoing if type(old) is not type(message))
        self._outgoing.append(message)

    def _send(self) -> None:
        assert self._client is not None
        try:
            while self._outgoing and (self.run is not None or isinstance(self._outgoing[0], OpenRun)):
                self._send_one(self._outgoing[0])
                self._outgoing.popleft()
            while self.run is not None and self._client.pending_bytes < SEND_AHEAD:
                view = self._next_view()
                if view is None:
                    return
                self.views.mark(view.name, "sent" if self._send_one(view) else "refused")
        except (LinkBusy, LinkLost):
            return  # the next pump tries again, or finds out why not

    def _send_one(self, message: Message) -> bool:
        """Give ``message`` to the link; False when it is malformed. Raises LinkBusy, LinkLost."""
        assert self._client is not None
        try:
            self._client.send(message)
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
                self.evaluations.append(message)
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

    def _notice_loss(self) -> None:
        """The connection is gone: find out why. A process that died is known to be dead only a moment later."""
        assert self._client is not None
        now = time.monotonic()
        self._lost_at = self._lost_at or now
        words = f"The connection to the engine was lost: {self._client.failure or 'it was closed'}"
        if self._process is not None:
            try:
                self._process.poll()
            except LinkError as error:
                words = str(error)
            else:
                if now - self._lost_at < DEATH_CERTIFICATE:
                    return
        hint = "Start the engine again: training goes on from the last snapshot."
        if isinstance(self.source, LocalEngine):
            hint += f" Its output is in {self.source.log}."
        self._fail(words, hint)

    def _fail(self, words: str, hint: str, code: str = "engine") -> None:
        self._let_go(timeout=0.0)
        self.phase = "lost"
        message = words.splitlines()[0].rstrip(":;")
        self.trouble = Trouble(message[:1].upper() + message[1:], hint, code)
        for job in self.jobs.values():
            if job.state == "running":
                self.jobs[job.job] = replace(job, state="failed", message=message, eta_seconds=None)

    def _let_go(self, timeout: float) -> None:
        """Hang up and end our process, if there is one, in the background: it may take ``timeout`` seconds to save."""
        if self._connecting is not None:
            self._connecting.abandon()
        if self._client is not None or self._process is not None:
            self._ending = threading.Thread(
                target=_end,
                args=(self._client, self._process, timeout, self._ending),
                name="hashlight-end-engine",
                daemon=True,
            )
            self._ending.start()
        self._connecting = self._client = self._process = None
        self.run = self.status = None
        self._outgoing.clear()


def _end(
    client: EngineClient | None, process: EngineProcess | None, timeout: float, former: threading.Thread | None
) -> None:
    if client is not None:
        client.close()
    if process is not None:
        process.stop(timeout)
    if former is not None:
        former.join()
