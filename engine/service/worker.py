"""The device thread: the one place where torch and Taichi run.

In each round it does what the client told it, then renders the newest frame request, then one piece of the job at hand,
then one training step. Without any of these it sleeps. A final picture, which may take seconds, makes way for whatever
would have to wait for it.
"""

from __future__ import annotations

import collections
import functools
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.link import codec
from engine.link.messages import (
    AddView,
    CancelJob,
    Evaluate,
    Message,
    OpenRun,
    RequestFrame,
    SaveSnapshot,
    Shutdown,
    StartBake,
    Status,
    Train,
)
from engine.machine import device_name

if TYPE_CHECKING:
    from engine.service.session import Session

log = logging.getLogger("hashlight.worker")

MAX_PENDING_BYTES = 256 << 20
# While training goes on, so much time is left to it for each second spent on a final picture.
_TRAINING_SHARE = 2.0
# On a CPU all else rests for so many seconds after a picture of a moving view: the next one is soon wanted, and whoever
# shows this one needs the processor as well. But it never rests longer than the second number.
_HOLD_SECONDS = 0.15
_LONGEST_HOLD_SECONDS = 0.5
_IDLE = Status(state="idle")


class Worker:
    """Owns the session and everything on the device.

    ``post`` takes messages for the client, ``on_ready`` is called with None once the device is there or with words why
    not, ``on_end`` when the thread has ended. All three are called from the device thread.
    """

    def __init__(
        self,
        root: Path,
        device: str,
        post: Callable[[Message], None],
        on_ready: Callable[[str | None], None],
        on_end: Callable[[], None],
    ) -> None:
        self.status = _IDLE  # replaced as a whole: any thread may read it, nobody waits for the device
        self.device, self.device_name = device, ""
        self._root, self._post, self._on_ready, self._on_end = root, post, on_ready, on_end
        self._session: Session | None = None
        self._changed = threading.Condition()
        self._commands: collections.deque[Message] = collections.deque()
        self._command_bytes = 0
        self._frame_request: RequestFrame | None = None
        self._final_from = 0.0
        self._hold_until = self._worked_at = 0.0
        self._thread = threading.Thread(target=self._run, name="hashlight-device", daemon=True)

    # --- any thread ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be done that nothing more should be submitted."""
        return self._command_bytes > MAX_PENDING_BYTES

    def submit(self, message: Message) -> None:
        """Have a client's message carried out; of frame requests only the newest counts. After Shutdown it ends."""
        with self._changed:
            if isinstance(message, RequestFrame):
                self._frame_request = message
            else:
                self._commands.append(message)
                self._command_bytes += codec.size_of(message)
            self._changed.notify_all()

    def forget_frame_request(self) -> None:
        """Drop the frame request: nobody is there to see it."""
        with self._changed:
            self._frame_request = None

    def join(self, timeout: float) -> bool:
        """Wait for the end; returns whether it came."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # --- device thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            if not self._start_device():
                return
            while self._do_round():
                pass
            if self._session is not None:
                self._attempt(self._session.close)
        except Exception:
            log.exception("the device thread failed")
        finally:
            self._on_end()

    def _start_device(self) -> bool:
        try:
            import torch

            from taichi_kernels import runtime

            self.device = runtime.choose_device(self.device)
            if self.device == "cpu":
                # Blender works on the same processor. Where torch's threads wait for each other some hundred times a
                # step or picture, and one of them is not let onto it, that takes ten times as long; half of them do.
                torch.set_num_threads(max(1, torch.get_num_threads() // 2))
            self.device_name = device_name(self.device)
        except Exception as error:
            self._on_ready(str(error) or type(error).__name__)
            return False
        log.info("device: %s (%s)", self.device, self.device_name)
        self._on_ready(None)
        return True

    def _do_round(self) -> bool:
        """One round of work, waiting for some if there is none; returns False after Shutdown."""
        self._wait_for_work()
        while (command := self._next_command()) is not None:
            if isinstance(command, Shutdown):
                return False
            self._attempt(functools.partial(self._carry_out, command), _name_subject(command))
            self._publish()
        if (request := self._next_frame_request()) is not None:
            self._attempt(functools.partial(self._render, request), "frame")
        if self._hold_seconds() > 0.0:
            return True
        self._worked_at = time.monotonic()
        session = self._session
        if session is not None and session.has_job:
            self._attempt(session.advance_job, session.current_job)
        if session is not None and session.can_step:
            if self._attempt(session.step, "training"):
                self._attempt(session.do_what_is_due, "training")
            else:
                session.pause()
        self._publish()
        return True

    def _wait_for_work(self) -> None:
        with self._changed:
            while not (self._commands or self._frame_request):
                hold = self._hold_seconds()
                if self._session_has_work() and hold <= 0.0:
                    return
                self._changed.wait(hold if hold > 0.0 else None)

    def _hold_seconds(self) -> float:
        """How long training and jobs are to rest from now on."""
        return min(self._hold_until, self._worked_at + _LONGEST_HOLD_SECONDS) - time.monotonic()

    def _session_has_work(self) -> bool:
        return self._session is not None and (self._session.has_job or self._session.can_step)

    def _next_command(self) -> Message | None:
        with self._changed:
            if not self._commands:
                return None
            command = self._commands.popleft()
            self._command_bytes -= codec.size_of(command)
            return command

    def _next_frame_request(self) -> RequestFrame | None:
        """The newest request. While training goes on, final pictures wait until training has had its share of time."""
        with self._changed:
            request = self._frame_request
            is_training = self._session is not None and self._session.can_step
            if (
                request is not None
                and request.quality == "final"
                and is_training
                and time.monotonic() < self._final_from
            ):
                return None
            self._frame_request = None
            return request

    def _is_in_a_hurry(self) -> bool:
        """Whether a final picture should make way: a view has begun to move, or something is waited for."""
        with self._changed:
            request = self._frame_request
            is_moving = request is not None and request.quality == "moving"
            # Views come all the time while they are captured; all else is a button that someone pressed.
            return is_moving or any(not isinstance(command, AddView) for command in self._commands)

    def _carry_out(self, command: Message) -> None:
        if isinstance(command, OpenRun):
            self._open(command)
            return
        session = self._require_session(type(command).__name__)
        match command:
            case AddView():
                session.add_view(command)
            case Train():
                if session.train(command):
                    self._publish()  # nobody need wait for the disk to know of it
                    session.save_if_changed()
            case Evaluate():
                session.evaluate()
            case StartBake():
                session.start_bake(command)
            case CancelJob():
                session.cancel(command)
            case SaveSnapshot():
                session.save()

    def _open(self, request: OpenRun) -> None:
        from engine.service.session import Session

        former = self._session
        if former is not None and request.resume and former.name == request.run:
            former.announce()  # a client that came back: everything is still here
            return
        self.status = Status(state="warming up", message=f"opening {request.run}")
        try:
            session = Session(request, self._root, self.device, self._post)
        except Exception:
            if former is not None:
                # Its client has turned away from it, and could no longer pause it.
                former.pause()
                self._attempt(former.save_if_changed, former.name)
            raise
        if former is not None:
            self._attempt(former.close, former.name)
        self._session = session
        session.announce()
        session.warm_up()

    def _render(self, request: RequestFrame) -> None:
        started = time.monotonic()
        frame = self._require_session("RequestFrame").render(request, self._is_in_a_hurry)
        now = time.monotonic()
        if request.quality == "moving" and self.device == "cpu":
            self._hold_until = now + _HOLD_SECONDS
        elif request.quality == "final":
            self._final_from = now + _TRAINING_SHARE * (now - started)
        if frame is not None:
            self._post(frame)
            return
        with self._changed:
            if self._frame_request is None:  # begin it again when that is done
                self._frame_request = request

    def _require_session(self, what: str) -> Session:
        if self._session is None:
            from engine.service.session import SessionError

            raise SessionError(f"{what}: no run is open", what)
        return self._session

    def _publish(self) -> None:
        self.status = _IDLE if self._session is None else self._session.status()

    def _attempt(self, work: Callable[[], None], regarding: str = "") -> bool:
        """Do ``work``; whatever it raises becomes a Problem for the client. Returns whether it went well."""
        from engine.service.problems import describe

        try:
            work()
        except Exception as error:
            problem = describe(error, regarding)
            log.warning("%s: %s", problem.code, problem.message, exc_info=problem.code == "internal")
            self._post(problem)
            return False
        return True


def _name_subject(command: Message) -> str:
    """The view, job or message that a problem with ``command`` regards."""
    match command:
        case AddView():
            return command.name
        case StartBake() | CancelJob():
            return command.job
        case OpenRun():
            return command.run
    return type(command).__name__
