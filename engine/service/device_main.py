"""The device process: the worker, with the server at the other end of its standard input and output.

It is a process of its own because a Taichi kernel holds the global interpreter lock (GIL) for as long as it runs: the
server must be able to answer, to notice and to end a device that does not.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from engine.link import codec
from engine.link.message_queue import LinkBusy, MessageQueue
from engine.link.messages import CLIENT_MESSAGES, Frame, Message, Problem, RunOpened, Shutdown
from engine.link.ring import RingWriter
from engine.service import pipe
from engine.service.packing import pack_or_explain
from engine.service.worker import Worker

log = logging.getLogger("hashlight.device")

LOG_FORMAT = "%(asctime)s %(name)s %(levelname)s: %(message)s"
BEAT_SECONDS = 0.2
_FULL_POLL_SECONDS = 0.01
_FLUSH_SECONDS = 5.0
_MAX_OUTGOING_BYTES = 512 << 20
_PR_SET_PDEATHSIG = 1


class _SendQueue:
    """Sends what the worker posts, from one thread: the pixel ring has one writer."""

    def __init__(self, outgoing: IO[bytes], worker: Worker) -> None:
        self._outgoing, self._worker = outgoing, worker
        self._ring = RingWriter()
        self._queue = MessageQueue(_MAX_OUTGOING_BYTES)
        self._wake = threading.Event()
        self._ends = False
        self._thread = threading.Thread(target=self._run, name="hashlight-send", daemon=True)
        self._thread.start()

    @property
    def ring(self) -> Path:
        """The folder that frames go through."""
        return self._ring.folder

    def post(self, message: Message, client: int) -> None:
        """Queue ``message``, an answer to ``client``."""
        try:
            self._queue.put(message, client)
        except LinkBusy:
            log.error("%s is lost: the server takes nothing any more", type(message).__name__)
        self._wake.set()

    def close(self) -> None:
        """Send what is queued, then end."""
        self._ends = True
        self._wake.set()
        self._thread.join(_FLUSH_SECONDS)
        self._ring.close()

    def _run(self) -> None:
        beat_at = 0.0
        try:
            while True:
                self._wake.clear()
                ends = self._ends
                while (item := self._queue.pop_addressed()) is not None:
                    if isinstance(item[0], RunOpened):
                        self._send_beat()  # first: what the server repeats until the next is not the former run's
                    self._send(*item)
                if ends:
                    return
                if time.monotonic() >= beat_at:
                    beat_at = time.monotonic() + BEAT_SECONDS
                    self._send_beat()
                self._wake.wait(BEAT_SECONDS)
        except OSError:
            os._exit(1)  # the server is gone
        except Exception:
            log.exception("nothing can be sent to the server any more: saving the run and ending")
            self._worker.submit(Shutdown())

    def _send_beat(self) -> None:
        beat = pipe.Heartbeat(status=self._worker.status, busy_seconds=self._worker.busy_seconds)
        self._send(beat, pipe.NO_CLIENT)

    def _send(self, message: Message, client: int) -> None:
        ring = self._ring if isinstance(message, Frame) else None
        pipe.write(self._outgoing, pack_or_explain(message, ring=ring), client)


def main(root: str, device: str, make_worker: Callable[..., Worker] = Worker) -> int:
    """Work until told to shut down; returns the process's exit code: 1 when the run could not be saved.

    ``make_worker`` is called with the arguments of Worker."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=LOG_FORMAT)
    _leave_signals_to_the_server()
    incoming, outgoing = _take_over_standard_streams()
    ended = threading.Event()

    def announce(trouble: str | None) -> None:
        ready = pipe.DeviceReady(device=worker.device, device_name=worker.device_name, ring=str(send_queue.ring))
        send_queue.post(ready if trouble is None else pipe.DeviceFailed(message=trouble), pipe.NO_CLIENT)

    def post(message: Message, client: int) -> None:
        send_queue.post(message, client)

    worker = make_worker(Path(root), device, post, announce, ended.set)
    send_queue = _SendQueue(outgoing, worker)
    worker.start()
    threading.Thread(target=_receive, args=(incoming, worker, post), name="hashlight-receive", daemon=True).start()
    ended.wait()
    send_queue.close()
    return 0 if worker.is_saved else 1


def _receive(incoming: IO[bytes], worker: Worker, post: Callable[[Message, int], None]) -> None:
    try:
        while (item := pipe.read(incoming)) is not None:
            data, client = item
            try:
                message = codec.decode(data, (*CLIENT_MESSAGES, pipe.ClientGone, pipe.ViewerCame))
            except Exception as error:  # memory may be short: the next one may be read
                log.exception("a message can't be read")
                words = f"a message can't be read: {type(error).__name__}: {error}"
                post(Problem(code="internal", message=words, hint="The engine's log has the details."), client)
                continue
            finally:
                del item, data  # a view's bytes need not live beside its pixels
            while worker.is_full:
                time.sleep(_FULL_POLL_SECONDS)
            if isinstance(message, pipe.ClientGone):
                worker.forget_client(client)
            else:
                worker.submit(message, client)
    except Exception:
        log.exception("nothing can be heard from the server any more: saving the run and ending")
        worker.submit(Shutdown())
        return
    os._exit(1)  # the server is gone: another may begin in its place at any moment


def _leave_signals_to_the_server() -> None:
    """A terminal and a service manager send theirs to every process. One that dies takes this one with it: a thread
    that looks out for that can't run while a kernel holds the GIL."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _take_over_standard_streams() -> tuple[IO[bytes], IO[bytes]]:
    """The pipes to and from the server; whatever else is printed goes into the log."""
    incoming, outgoing = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  # a device, not a path
        os.dup2(nothing.fileno(), 0)
    # Unbuffered: a thread that waits in a buffer's lock would keep the process from ending.
    return os.fdopen(incoming, "rb", buffering=0), os.fdopen(outgoing, "wb", buffering=0)
