"""Start the engine in a process of its own, and end it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from engine.link.child_environment import child_environment
from engine.link.client import EngineClient
from engine.link.errors import LinkError
from engine.link.messages import Shutdown
from engine.link.temporary_folder import TemporaryFolder

TOKEN_VARIABLE = "HASHLIGHT_TOKEN"
_LOG_TAIL_LINES = 12
_LOG_TAIL_BYTES = 8192
_POLL_SECONDS = 0.05
_TERMINATE_SECONDS = 5.0


class LaunchError(LinkError):
    """The engine could not be started or has ended too early; the message has the last lines of its log."""


@dataclasses.dataclass(frozen=True)
class Address:
    """Where an engine listens, and the token that it wants."""

    host: str
    port: int
    token: str


class EngineProcess:
    """One engine process.

    ``python``: the interpreter of the engine's environment. ``root``: the folder that all runs and outputs live under.
    ``log``: a file for the engine's output, a temporary one when None. The engine ends by itself when this process
    dies.
    """

    def __init__(
        self, python: str | Path, root: str | Path, device: str = "auto", log: str | Path | None = None
    ) -> None:
        self.python, self.root, self.device = Path(python), Path(root), device
        self._folder = TemporaryFolder("engine")
        self._ready_file = self._folder.path / "ready.json"
        self.log = Path(log) if log is not None else self._folder.path / "engine.log"
        self._token = secrets.token_urlsafe(32)
        self._log_start = 0  # what former engines wrote comes before
        self._process: subprocess.Popen[bytes] | None = None
        self._address: Address | None = None

    def start(self) -> None:
        """Start the process, without waiting for it. Raises LaunchError."""
        if self._process is not None:
            raise LaunchError("the engine has been started already")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                self._log_start = log.tell()
                self._process = self._spawn(log)
        except FileNotFoundError as error:
            if not self.python.exists():
                raise LaunchError(
                    f"the engine's Python {self.python} doesn't exist: set up the engine again"
                ) from error
            raise LaunchError(f"can't start the engine: {error}") from error
        except OSError as error:
            raise LaunchError(f"can't start the engine with {self.python}: {error}") from error

    def poll(self) -> Address | None:
        """The engine's address once it listens, None before; never waits. Raises LaunchError when it has ended."""
        if self._process is None:
            raise LaunchError("the engine has not been started")
        if (code := self._process.poll()) is not None:
            raise LaunchError(self._describe_end(code))
        if self._address is None and self._ready_file.exists():
            self._address = self._read_address()
        return self._address

    def wait_ready(self, timeout: float = 60.0) -> Address:
        """Wait until the engine listens. Raises LaunchError when it dies first or takes longer."""
        deadline = time.monotonic() + timeout
        while (address := self.poll()) is None:
            if time.monotonic() > deadline:
                raise LaunchError(f"the engine did not get ready within {timeout:g} s{self._quote_log()}")
            time.sleep(_POLL_SECONDS)
        return address

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id, None before ``start``."""
        return None if self._process is None else self._process.pid

    def stop(self, timeout: float = 10.0) -> None:
        """End the engine: ask it to save and shut down, and wait for that as long as it answers. One that has not
        answered for ``timeout`` seconds is terminated, then killed."""
        if self._process is None:
            return
        deadline = time.monotonic() + timeout
        was_asked = self._ask_to_shut_down(timeout)
        if not was_asked or not self._has_ended_within(deadline - time.monotonic()):
            self._process.terminate()  # except on Windows this, too, lets it save
            if not self._has_ended_within(max(deadline - time.monotonic(), _TERMINATE_SECONDS)):
                self._process.kill()
                self._has_ended_within(_TERMINATE_SECONDS)
        self._folder.close()

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        options: dict[str, Any] = {"start_new_session": True}  # the terminal's Ctrl-C is for this process, not for it
        if sys.platform == "win32":
            options = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
        arguments = ["--root", self.root, "--device", self.device, "--port", 0]
        arguments += ["--ready-file", self._ready_file, "--parent-pid", os.getpid()]
        return subprocess.Popen(
            # -P: a file torch.py in the current folder must not be taken for the library
            [str(self.python), "-P", "-m", "engine", "serve", *map(str, arguments)],
            env=child_environment() | {TOKEN_VARIABLE: self._token},
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **options,
        )

    def _read_address(self) -> Address:
        try:
            ready = json.loads(self._ready_file.read_text(encoding="utf-8"))
            return Address(str(ready["host"]), int(ready["port"]), self._token)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LaunchError(f"the engine wrote a ready file that can't be read: {error}") from error

    def _ask_to_shut_down(self, timeout: float) -> bool:
        """Send Shutdown and wait; returns whether it could be sent: not to an engine that isn't ready. One that is busy
        with another client hangs up on that one."""
        with contextlib.suppress(LinkError):
            if not self.is_running or (address := self.poll()) is None:
                return False
            client = EngineClient(address.host, address.port, address.token, name="launcher", take_over=True)
            try:
                client.connect(timeout)
                client.send(Shutdown())
                while client.is_open and not self._has_ended_within(_POLL_SECONDS):
                    client.poll()  # it says how it stands, and ends a device that can't save by itself
                self._has_ended_within(timeout)
                return True
            finally:
                client.close()
        return False

    def _has_ended_within(self, timeout: float) -> bool:
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(timeout, 0.0))
        return self._process.poll() is not None

    def _describe_end(self, code: int) -> str:
        tail = self._quote_log()
        if "No module named engine" in tail:
            return f"{self.python} has no engine package: set up the engine again"
        return f"the engine {_describe_exit(code)}{tail}"

    def _quote_log(self) -> str:
        try:
            with self.log.open("rb") as log:
                log.seek(max(self._log_start, self.log.stat().st_size - _LOG_TAIL_BYTES))
                lines = log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        lines = [line for line in lines if line.strip()][-_LOG_TAIL_LINES:]
        return "\nThe end of its log:\n" + "\n".join(lines) if lines else ""


def _describe_exit(code: int) -> str:
    if code < 0:
        return f"was killed by signal {-code}"
    if code - 128 in (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")):
        return f"was told to end by {signal.Signals(code - 128).name}, and saved its run"
    return f"ended with exit code {code}"
