"""The device thread: the one place where torch and Taichi run.

In each round it does what the client told it, then renders the newest frame request of each channel whose view moves,
and of one that rests or that a client which only watches has asked for, then one piece of the job at hand, then one
training step. Without any of these it sleeps. A picture of a moving view waits for one command, one piece or one step
at most, and for those of other moving views: after each of these it is looked whether one is asked for. A final
picture, which may take seconds, makes way for whatever would have to wait for it, and is gone on with later.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from engine.link.messages import (
    AddFile,
    AddView,
    CancelJob,
    Capturing,
    CloseRun,
    Message,
    OpenRun,
    RequestFrame,
    RunClosed,
    SaveSnapshot,
    Shutdown,
    StartJob,
    Status,
    Train,
)
from engine.machine import device_name
from engine.service.commands import Asker, CommandQueue
from engine.service.pipe import NO_CLIENT, ViewerCame
from engine.service.processor import SharedProcessor

if TYPE_CHECKING:
    from engine.service.session import Session

log = logging.getLogger("hashlight.worker")

_IDLE = Status(state="idle")
_PAUSE_SECONDS = 1.0  # without a picture of a moving view, after which it rests


class Worker:
    """Owns the session and everything on the device.

    ``post`` takes messages, and the number of the client whose command they answer (NO_CLIENT: whoever is there).
    ``on_ready`` is called with None once the device is there or with words why not, ``on_end`` when the thread has
    ended. All three are called from the device thread.
    """

    def __init__(
        self,
        root: Path,
        device: str,
        post: Callable[[Message, int], None],
        on_ready: Callable[[str | None], None],
        on_end: Callable[[], None],
    ) -> None:
        self.status = _IDLE  # replaced as a whole: any thread may read it without waiting for the device
        self.device, self.device_name = device, ""
        self.is_saved = True  # whether the run was saved when the thread ended
        self._root, self._on_ready, self._on_end = root, on_ready, on_end
        self._post_to = post
        self._asking = NO_CLIENT  # the client whose command is carried out
        self._capturing = NO_CLIENT  # the client that renders views, or rendered some last
        self._busy_since: float | None = None
        self._moved_at = -math.inf  # when the last picture of a moving view was rendered
        self._work_seconds = 0.0  # of the command, piece or step that pictures asked for now had to wait for
        self._session: Session | None = None
        self._commands = CommandQueue()
        self._processor = SharedProcessor()
        self._thread = threading.Thread(target=self._run, name="hashlight-device", daemon=True)

    # --- any thread ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be done that nothing more should be submitted."""
        return self._commands.is_full

    @property
    def busy_seconds(self) -> float:
        """How long the piece of work at hand has taken so far, 0 while there is none."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def submit(self, message: Message, client: int = NO_CLIENT) -> None:
        """Have a client's message carried out; of frame requests only the newest of each channel counts. After Shutdown
        it ends."""
        self._commands.put(message, client)

    def forget_client(self, client: int) -> None:
        """A client is gone: drop its frame requests, and no longer give way to its renders."""
        self._commands.forget_client(client)
        self.submit(Capturing(under_way=False), client)

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
                self.is_saved = self._attempt(self._session.close)
        except Exception:
            self.is_saved = False
            log.exception("the device thread failed")
            if self._session is not None:
                self._attempt(self._session.close)  # what was learnt need not be lost with it
        finally:
            self._on_end()

    def _start_device(self) -> bool:
        try:
            from taichi_kernels import runtime

            self.device = runtime.choose_device(self.device)
            self._processor.take(self.device)
            self.device_name = device_name(self.device)
        except Exception as error:
            self._on_ready(str(error) or type(error).__name__)
            return False
        log.info("device: %s (%s)", self.device, self.device_name)
        self._on_ready(None)
        return True

    def _do_round(self) -> bool:
        """One round of work, waiting for some if there is none; returns False after Shutdown."""
        self._commands.wait(self._patience)
        self._work_seconds = 0.0
        while (item := self._commands.take_command()) is not None:
            command, client = item
            if isinstance(command, Shutdown):
                return False
            self._work(functools.partial(self._carry_out, command), _name_subject(command), client)
            self._publish()
            del item, command  # a view's pixels are on the device now
            if self._commands.is_view_moving:
                break
        self._render_requests(self._is_due)
        if self._processor.rest_seconds() > 0.0:
            return True
        self._processor.begin_work()
        session = self._session
        if session is not None and session.has_job:
            self._advance_job(session)
            self._render_moving()
        if session is not None and session.can_step:
            is_watched = time.monotonic() - self._moved_at < _PAUSE_SECONDS
            if self._work(session.step, "training"):
                self._attempt(functools.partial(session.do_what_is_due, is_watched), "training")
            else:
                session.pause()
        self._processor.end_work()
        self._publish()
        self._render_moving()
        return True

    def _advance_job(self, session: Session) -> None:
        can_wait, began = session.job_can_wait, time.monotonic()
        if can_wait and not self._processor.may_score:
            return
        self._work(session.advance_job, session.current_job)
        if can_wait:
            self._processor.note_score(began)

    def _render_moving(self) -> None:
        """Pictures of views that have moved during the last piece of work."""
        if self._commands.is_view_moving:
            self._render_requests(lambda request: request.quality == "moving")

    def _render_requests(self, is_due: Callable[[RequestFrame], bool]) -> None:
        """One picture of each channel that has asked for one, and only one of them of a view that rests or for a client
        that only watches."""
        served: set[Asker] = set()
        while (asked := self._commands.take_request(is_due, served)) is not None:
            request, client = asked
            served.add((client, request.channel))
            self._attempt(functools.partial(self._render, request, client), "frame", client)
            if not self._commands.presses(request, client):
                return

    def _patience(self, requests: Collection[RequestFrame]) -> float | None:
        """How long there is nothing to do but commands; ``requests``: the pictures that are asked for."""
        waits = [self._processor.seconds_to(request, self._is_training()) for request in requests]
        if self._session_has_work():
            waits.append(self._processor.rest_seconds())
        return min(waits, default=None)

    def _is_due(self, request: RequestFrame) -> bool:
        return self._processor.seconds_to(request, self._is_training()) <= 0.0

    def _is_training(self) -> bool:
        return self._session is not None and self._session.can_step

    def _session_has_work(self) -> bool:
        return self._session is not None and (self._session.has_job or self._session.can_step)

    def _carry_out(self, command: Message) -> None:
        if isinstance(command, OpenRun):
            self._open(command)
            return
        if isinstance(command, CloseRun):
            self._close()
            return
        if isinstance(command, Capturing):
            self._note_capturing(command.under_way)
            return
        if isinstance(command, ViewerCame):
            if self._session is not None:
                self._session.show()
            return
        session = self._require_session(type(command).__name__)
        match command:
            case AddView() | AddFile():
                session.add(command)
            case Train():
                if session.train(command):
                    self._publish()  # before the disk has it
                    session.save_if_changed()
            case StartJob():
                session.start_job(command)
            case CancelJob():
                session.cancel(command)
            case SaveSnapshot():
                session.save()

    def _note_capturing(self, under_way: bool) -> None:
        if under_way:
            self._capturing = self._asking
        elif self._asking != self._capturing:
            return  # a client that only watched is gone
        self._processor.note_rendering(under_way)

    def _open(self, request: OpenRun) -> None:
        from engine.service.session import Session

        former = self._session
        if former is not None and request.resume and former.name == request.run and not former.is_replaced:
            former.go_on(request)  # a client that came back: everything is still here
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

    def _close(self) -> None:
        if self._session is not None:
            self._session.save_if_changed()  # when this fails, it stays open
            self._session.close()
            self._session = None
        self._post(RunClosed())

    def _render(self, request: RequestFrame, client: int) -> None:
        began = time.monotonic()
        self._processor.share(self._processor.is_client_rendering or request.quality == "moving")
        session = self._require_session("RequestFrame")
        frame = session.render(request, lambda: self._commands.is_pressing, self._work_seconds)
        self._processor.note_frame(request, began)
        if self._commands.presses(request, client):
            self._moved_at = time.monotonic()
        if frame is not None:
            self._post(frame)
        else:
            self._commands.put_back(request, client)  # to go on with it when what pressed is done

    def _require_session(self, what: str) -> Session:
        if self._session is None:
            from engine.service.session import SessionError

            raise SessionError(f"{what}: no run is open")
        return self._session

    def _publish(self) -> None:
        status = _IDLE if self._session is None else self._session.status()
        if status.state == "training" and self._processor.is_left_to_client:
            # It isn't known here for how long the client renders.
            words = status.message or "rendering comes first on this CPU"
            status = dataclasses.replace(status, eta_seconds=None, message=words)
        self.status = status

    def _post(self, message: Message) -> None:
        self._post_to(message, self._asking)

    def _work(self, work: Callable[[], None], regarding: str, client: int | None = None) -> bool:
        """``_attempt`` a piece of work that pictures may have to wait for."""
        began = time.monotonic()
        went_well = self._attempt(work, regarding, client)
        self._work_seconds = time.monotonic() - began
        return went_well

    def _attempt(self, work: Callable[[], None], regarding: str = "", client: int | None = None) -> bool:
        """Do ``work``, for ``client`` if it is for another than what is being done; whatever it raises becomes a
        Problem. Returns whether it went well."""
        from engine.service.problems import describe

        former = self._asking, self._busy_since
        self._asking, self._busy_since = self._asking if client is None else client, time.monotonic()
        try:
            work()
        except Exception as error:
            problem = describe(error, regarding)
            log.warning("%s: %s", problem.code, problem.message, exc_info=problem.code == "internal")
            self._post(problem)
            return False
        finally:
            self._asking, self._busy_since = former
        return True


def _name_subject(command: Message) -> str:
    """The view, job or message that a problem with ``command`` regards."""
    match command:
        case AddView() | AddFile():
            return command.name
        case StartJob() | CancelJob():
            return command.job
        case OpenRun():
            return command.run
    return type(command).__name__
