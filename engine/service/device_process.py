"""The device process as the server sees it: started, spoken to, watched over and ended."""

from __future__ import annotations

import collections
import logging
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from engine.link import codec
from engine.link.messages import Shutdown, Status
from engine.service import pipe
from engine.service.cpu_time import cpu_seconds_of

log = logging.getLogger("hashlight.server")

ENTRY = "from engine.service import device_main; sys.exit(device_main.main(*sys.argv[1:]))"
MAX_PENDING_BYTES = 32 << 20  # the process itself takes more
_END_SECONDS = 10.0  # between closed pipes and the end of the process


class DeviceProcess:
    """Owns the process. What it says is handed on from a thread of its own.

    ``post`` takes each message for a client: its type's name, its bytes and the client's number. ``on_ready`` is called
    with None once the device is there or with words why not, ``on_end`` when the process has ended. ``entry``: the
    Python code that the process runs, None for the engine's own.
    """

    def __init__(
        self,
        root: Path,
        device: str,
        post: Callable[[str, bytes, int], None],
        on_ready: Callable[[str | None], None],
        on_end: Callable[[], None],
        entry: str | None = None,
    ) -> None:
        self.device, self.device_name = device, ""
        self.ring: Path | None = None
        self.exit_code: int | None = None  # negative: the signal that killed it
        self._root, self._post, self._on_ready, self._on_end = root, post, on_ready, on_end
        self._entry = entry or ENTRY
        self._process: subprocess.Popen[bytes] | None = None
        self._changed = threading.Condition()
        self._commands: collections.deque[tuple[bytes, int]] = collections.deque()
        self._command_bytes = 0
        self._frame_requests: dict[tuple[int, int], bytes] = {}  # by client and channel, in the order of their turns
        self._is_ready = False
        self._beat = pipe.Heartbeat(status=Status(state="idle"), busy_seconds=0.0)
        self._heard_at = time.monotonic()

    # --- any thread ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process. From the main thread: on Linux the process ends with the thread that started it."""
        # The module search path as it is here, also where that follows from the current folder.
        code = f"import sys; sys.path[:] = {sys.path!r}; {self._entry}"
        command = [sys.executable, "-c", code, str(self._root), self.device]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        threading.Thread(target=self._receive, name="hashlight-device-in", daemon=True).start()
        threading.Thread(target=self._send, name="hashlight-device-out", daemon=True).start()

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be done that nothing more should be submitted."""
        return self._command_bytes > MAX_PENDING_BYTES

    @property
    def status(self) -> Status:
        """How training stood when the device process last said so."""
        return self._beat.status

    @property
    def silent_seconds(self) -> float:
        """For how long the process has said nothing: a kernel holds the GIL, or it is stopped."""
        return time.monotonic() - self._heard_at if self._is_ready else 0.0

    @property
    def cpu_seconds(self) -> float | None:
        """The CPU time that the process has used so far, None where that isn't known."""
        return None if self._process is None else cpu_seconds_of(self._process.pid)

    @property
    def busy_seconds(self) -> float:
        """For how long the device has not finished the piece of work at hand."""
        return self._beat.busy_seconds + self.silent_seconds

    def submit(self, data: bytes, client: int, channel: int | None = None) -> None:
        """Have a client's message, encoded, carried out. A frame request, which has a ``channel``, overtakes the
        others; the newest of its channel counts."""
        with self._changed:
            if channel is not None:
                self._frame_requests[client, channel] = data
            else:
                self._commands.append((data, client))
                self._command_bytes += len(data)
            self._changed.notify_all()

    def forget_client(self, client: int) -> None:
        """A client is gone: its pictures are no longer wanted, nor does it render on this CPU."""
        with self._changed:
            for asker in [asker for asker in self._frame_requests if asker[0] == client]:
                del self._frame_requests[asker]
        self.submit(codec.encode(pipe.ClientGone()), client)

    def show_run(self, client: int) -> None:
        """Have a client that has just come told what run is open, and how it was scored."""
        self.submit(codec.encode(pipe.ViewerCame()), client)

    def shut_down(self) -> None:
        """Have it save the run and end; at once while it still starts, for then there is no run."""
        self.submit(codec.encode(Shutdown()), pipe.NO_CLIENT)
        if not self._is_ready:
            self.kill()

    def kill(self) -> None:
        """End it at once; what was learnt since the last save is lost."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """See that nothing of it is left, neither the process nor its ring."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self.ring is not None:
            shutil.rmtree(self.ring, ignore_errors=True)

    # --- threads of its own -------------------------------------------------------------------------------------------

    def _send(self) -> None:
        outgoing = self._stream("stdin")
        try:
            while True:
                data, client = self._next_command()
                pipe.write(outgoing, (data,), client)
        except OSError:
            return  # the process has ended, which the other thread notices
        except Exception:
            log.exception("nothing can be sent to the device process any more: ending it")
            self.kill()

    def _next_command(self) -> tuple[bytes, int]:
        with self._changed:
            while not self._frame_requests and not self._commands:
                self._changed.wait()
            if self._frame_requests:
                asker = next(iter(self._frame_requests))
                return self._frame_requests.pop(asker), asker[0]
            item = self._commands.popleft()
            self._command_bytes -= len(item[0])
            return item

    def _receive(self) -> None:
        incoming = self._stream("stdout")
        try:
            while (item := pipe.read(incoming)) is not None:
                self._heard_at = time.monotonic()
                self._take(*item)
        except Exception:
            log.exception("the device process can't be understood: ending it")
            self.kill()
        assert self._process is not None
        try:
            self.exit_code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.exit_code = self._process.wait()
        if not self._is_ready:
            self._on_ready(f"the device process ended early, with exit code {self.exit_code}: the log has the details")
        self._on_end()

    def _take(self, data: bytes, client: int) -> None:
        name, _ = codec.peek(data)
        if all(name != cls.__name__ for cls in (pipe.Heartbeat, pipe.DeviceReady, pipe.DeviceFailed)):
            self._post(name, data, client)
            return
        message = codec.decode(data, (pipe.Heartbeat, pipe.DeviceReady, pipe.DeviceFailed))
        if isinstance(message, pipe.Heartbeat):
            self._beat = message
        elif isinstance(message, pipe.DeviceReady):
            self.device, self.device_name, self.ring = message.device, message.device_name, Path(message.ring)
            self._is_ready = True
            self._on_ready(None)
        elif isinstance(message, pipe.DeviceFailed):
            self._is_ready = True
            self._on_ready(message.message)

    def _stream(self, name: str) -> IO[bytes]:
        assert self._process is not None
        stream: IO[bytes] | None = getattr(self._process, name)
        assert stream is not None
        return stream
