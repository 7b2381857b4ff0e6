"""One engine as Blender sees it: what is asked of it goes through here, and what it says.

No ``bpy`` here. Nothing waits: calls only queue, and ``pump`` moves messages both ways. ``readings`` has what can be
read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.link.messages import (
    CancelJob,
    Capturing,
    CloseRun,
    EvaluationSpec,
    FetchFile,
    ItemAdded,
    JobSpec,
    JobUpdate,
    Message,
    OpenRun,
    Problem,
    RequestFrame,
    RunOpened,
    SaveSnapshot,
    StartJob,
    Train,
)

from .attachment import STOP_PATIENCE, Attachment
from .connecting import EngineSource
from .failure import Failure
from .frame_requests import FrameRequests
from .readings import EVALUATION, EngineReadings
from .send_queue import SendQueue
from .view_uploads import Item, ViewUploadQueue


class EngineSession(EngineReadings):
    """An engine, what is wanted of it, and what it last said.

    ``views``: the captured views, or files that are learnt from, and whether the engine has them.
    ``frame_requests``: the pictures asked of it. ``failure``: the last problem, until something is started again;
    listeners that meet one set it, all else is read-only for others.
    """

    def __init__(self, source: EngineSource, former: EngineSession | None = None) -> None:
        """``former``: a session that ends; the engine of this one starts when the other's is gone."""
        super().__init__(Attachment(source, None if former is None else former._engine))
        self.source = source
        self.views = ViewUploadQueue()
        self.failure: Failure | None = None
        self._send_queue = SendQueue(self._engine, self.views, self._note_failure)
        self.frame_requests = FrameRequests(self._engine, self._engine_state, self._queue)

    # --- the engine itself ---------------------------------------------------------------------------------------

    def start(self, take_over: bool = False) -> None:
        """Start or find the engine; ``phase`` tells when it is ready. After a loss, goes on with what was running.
        ``take_over``: one that is busy with another client hangs up on that one.

        Raises FolderError when an engine of ours can't have the folder that it is to work in.
        """
        if self._engine.is_alive:
            return
        self.failure = None
        self._engine.start(take_over)

    def restart(self) -> None:
        """End an engine that does not answer, and start it again: it goes on from the last snapshot."""
        self._engine.stop(patience=0.0)
        self._engine_state.fail_jobs("The engine was restarted")
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
    def is_at_rest(self) -> bool:
        """Whether the engine is there with nothing to do: no run to open, no training, no job, no view to take in."""
        is_opening = self.wants_run and self.progress_made is None
        is_working = self.is_training or any(job.state == "running" for job in self.jobs.values())
        return self.phase == "ready" and not (is_opening or is_working or self.views.count("waiting", "sent"))

    # --- what is asked of it -------------------------------------------------------------------------------------

    def open_run(self, run: OpenRun) -> None:
        """Open a run as soon as the engine is ready.

        A new one starts without views and history, and so does one that is resumed in place of another; resumed again,
        a run keeps the views offered so far.
        """
        is_same = run.resume and self._desired.run_name in (None, run.run)
        self._desired.want_run(run)
        self._begin_run(history=is_same)
        if self.phase == "ready":
            self._send_queue.append(run)

    def close_run(self) -> None:
        """Have the engine save the run and let go of its folder; ``has_closed_run`` tells when it has."""
        self._queue(CloseRun())

    def leave_run(self) -> None:
        """Want no run any more, and nothing of the one that was; the engine is to let go of it."""
        self.pause()
        self._desired.want_none()
        self._begin_run(history=False)
        self.close_run()

    def _begin_run(self, history: bool) -> None:
        self._engine_state.forget_run(history)
        if not history:
            self.views.clear()
        self._send_queue.clear()
        self.frame_requests.lose()
        self.failure = None

    def add_item(self, name: str, reload: Callable[[], Item], message: Item | None = None) -> None:
        """Offer a captured view, or a file. It is sent when the link has room, and again after a restart, read by
        ``reload``."""
        self.views.put(name, reload, message)

    def train(self, *, seconds: float | None = None, since: float = 0.0, evaluate_every: float = 0.0) -> None:
        """Start or go on training; see ``messages.Train``."""
        self._desired.training = Train(running=True, seconds=seconds, since=since, evaluate_every=evaluate_every)
        self._queue(self._desired.training)

    def give_way(self, is_capturing: bool) -> None:
        """Have an engine that works on this machine's CPU leave most of it to renders, as long as ``is_capturing``."""
        if self._desired.capturing.under_way != is_capturing:
            self._desired.capturing = Capturing(under_way=is_capturing)
            self._queue(self._desired.capturing)

    def pause(self) -> None:
        """Pause training; its budget stays."""
        if self._desired.pause():
            self._queue(self._desired.training)

    def evaluate(self) -> None:
        """Have the held-out views scored now, unless they just are; the result is appended to ``evaluations``."""
        evaluation = self.jobs.get(EVALUATION)
        if evaluation is None or evaluation.state != "running":
            self.start_job(EVALUATION, EvaluationSpec())

    def start_job(self, job: str, specification: JobSpec, total: int = 0) -> None:
        """Have the engine do a job of ``total`` pieces; follow it in ``jobs`` under its name."""
        alive = self._engine.is_alive
        state, words = ("running", "Waiting for the engine") if alive else ("failed", "The engine is not running")
        self.jobs[job] = JobUpdate(job=job, state=state, done=0, total=total, message=words)
        self._queue(StartJob(job=job, specification=specification))

    def cancel_job(self, job: str) -> None:
        """Stop a job after the piece at hand."""
        self._queue(CancelJob(job=job))

    def fetch_file(self, path: str, offset: int) -> None:
        """Ask for a piece of a file under the engine's root; see ``messages.FetchFile``."""
        self._queue(FetchFile(path=path, offset=offset))

    def save_snapshot(self) -> None:
        """Have the run written to disk now; ``snapshot`` tells when it was."""
        self._queue(SaveSnapshot())

    def _queue(self, message: Message) -> None:
        if not self._engine.is_alive:
            return
        if not isinstance(message, RequestFrame | FetchFile | Capturing):
            self.failure = None  # the user goes on: what went wrong before is old news
        self._send_queue.append(message)

    # --- the pump ------------------------------------------------------------------------------------------------

    def pump(self) -> list[Message]:
        """Take in what the engine sent, send what is due, notice what changed. Never waits. Returns what came."""
        if self._engine.advance() and (run := self._desired.run_for_new_engine) is not None:
            self._send_queue.put_first(run)
        received = [message for message in self._engine.receive() if not self._is_of_former_job(message)]
        for message in received:
            self._note(message)
        if self._engine.is_open:
            self._send_queue.send(self.run is not None)
        elif (loss := self._engine.notice_loss()) is not None:
            self._note_loss(loss)
        elif self._engine.notice_break():
            self._note_break()
        return received

    def send_waiting(self) -> None:
        """Send what is due except views, and take nothing in: for callers in the midst of drawing."""
        if self._engine.is_open:
            self._send_queue.send_messages(self.run is not None)

    def _note(self, message: Message) -> None:
        if not self._engine_state.note(message):
            return
        match message:
            case ItemAdded():
                self.views.mark(message.name, "held")
            case RunOpened():
                self._desired.note_opened()
                self.views.start_over(message.items)
                self._engine_state.fail_jobs(
                    "It was lost with the connection", known={*message.jobs, *self._waiting_jobs()}
                )
                if self._desired.training is not None and not self._send_queue.holds(Train):
                    self._send_queue.put_first(self._desired.training)
                if self._desired.capturing.under_way and not self._send_queue.holds(Capturing):
                    self._send_queue.put_first(self._desired.capturing)
            case Problem():
                self._note_failure(Failure(message.message, message.hint, message.code, message.regarding))
                self.views.mark(message.regarding, "refused")
                if self.run is None:
                    self._desired.give_up(message.regarding)

    def _note_failure(self, failure: Failure) -> None:
        self.failure = failure

    def _note_loss(self, loss: Failure) -> None:
        self._note_failure(loss)
        self._forget_engine()
        self._engine_state.fail_jobs(loss.message)

    def _is_of_former_job(self, message: Message) -> bool:
        """Whether it tells how a job ended whose name another one has by now, which still waits to be sent."""
        return isinstance(message, JobUpdate) and message.job in self._waiting_jobs()

    def _waiting_jobs(self) -> Iterator[str]:
        return (message.job for message in self._send_queue if isinstance(message, StartJob))

    def _note_break(self) -> None:
        """The connection is being made again: what was on its way is lost, what waits goes out later. The engine tells
        how its jobs stand when it is asked to go on with the run."""
        self._engine_state.forget_engine()
        self.frame_requests.lose()

    def _forget_engine(self) -> None:
        """What was on its way, and what only the engine knew, is gone with it."""
        self._engine_state.forget_engine()
        self._send_queue.clear()
        self.frame_requests.lose()
