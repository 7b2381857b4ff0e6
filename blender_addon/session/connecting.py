"""Getting hold of an engine without making Blender wait: start one or find one, then shake hands."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from engine.link.client import EngineClient, LinkError
from engine.link.launcher import EngineProcess
from engine.link.messages import Welcome
from engine.link.tls import TlsError, client_context

START_TIMEOUT = 180.0  # a cold disk can take a minute over torch's libraries
CONNECT_TIMEOUT = 15.0
CLIENT_NAME = "Blender"


@dataclass(frozen=True)
class LocalEngine:
    """An engine of our own: a child process with its files under ``root``, its output in ``log``."""

    python: str
    root: Path
    device: str = "auto"

    @property
    def subfolder(self) -> str:
        """Where under the engine's root this scene's files are."""
        return ""

    @property
    def log(self) -> Path:
        """Where the engine's output goes."""
        return self.root / "engine.log"


@dataclass(frozen=True)
class RunningEngine:
    """An engine that someone else started, here or on another machine.

    ``subfolder``: where under its root this scene's files are, ending in a slash; others may use the engine too.
    ``ca_file``: whom to trust with ``use_tls``; "" for the authorities that the system trusts.
    """

    host: str
    port: int
    token: str
    subfolder: str = ""
    use_tls: bool = False
    ca_file: str = ""


EngineSource = LocalEngine | RunningEngine


class Connecting:
    """One attempt to reach an engine. A thread does the waiting; ``result`` is polled.

    ``process``: that of a local engine which runs already; without it, one is started. ``take_over``: from another
    client. Raises LaunchError when the engine's process can't even be started. A started process stays in ``process``
    whatever comes of the attempt: ending it is the caller's duty.
    """

    def __init__(self, source: EngineSource, process: EngineProcess | None = None, take_over: bool = False) -> None:
        self.process = process
        self._take_over = take_over
        self._outcome: tuple[EngineClient, Welcome] | LinkError | None = None
        self._abandoned = False
        self._lock = threading.Lock()
        if isinstance(source, LocalEngine) and process is None:
            self.process = EngineProcess(source.python, source.root, device=source.device, log=source.log)
            self.process.start()
        threading.Thread(target=self._run, args=(source,), name="hashlight-connect", daemon=True).start()

    def result(self) -> tuple[EngineClient, Welcome] | None:
        """The open connection, or None while it is still being made. Raises LinkError: what went wrong."""
        with self._lock:
            if isinstance(self._outcome, LinkError):
                raise self._outcome
            return self._outcome

    def abandon(self) -> None:
        """Give up: a connection that is still made closes itself."""
        with self._lock:
            self._abandoned = True

    def _run(self, source: EngineSource) -> None:
        outcome: tuple[EngineClient, Welcome] | LinkError
        try:
            outcome = self._connect(source)
        except LinkError as error:
            outcome = error
        except TlsError as error:
            outcome = LinkError(str(error))
        except Exception as error:
            outcome = LinkError(f"{type(error).__name__}: {error}")
        with self._lock:
            self._outcome = outcome
            if self._abandoned and not isinstance(outcome, LinkError):
                outcome[0].close()

    def _connect(self, source: EngineSource) -> tuple[EngineClient, Welcome]:
        if isinstance(source, LocalEngine):
            assert self.process is not None
            address = self.process.wait_ready(START_TIMEOUT)
            client = EngineClient(address.host, address.port, address.token, CLIENT_NAME, take_over=self._take_over)
        else:
            tls = client_context(source.ca_file or None) if source.use_tls else None
            client = EngineClient(
                source.host, source.port, source.token, CLIENT_NAME, tls=tls, take_over=self._take_over
            )
        return client, client.connect(CONNECT_TIMEOUT)
