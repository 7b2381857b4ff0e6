"""Engines to attack, and clients for them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.link.client import EngineClient
from engine.link.launcher import TOKEN_VARIABLE
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import address, connect, process, start_engine  # noqa: F401  # fixtures

TOKEN = "the token of the tests"
HANGS_AFTER = 600.0  # seconds for what takes a few: a busy machine may take a hundred times as long


class Served:
    """An engine in a process of its own, begun by ``hashlight serve`` after ``patch``: Python code that puts a fault in
    place."""

    def __init__(self, folder: Path, patch: str = "", *arguments: str) -> None:
        self.root, self.log = folder / "root", folder / "engine.log"
        self._told = 0  # bytes of the log that are of a former test
        ready = folder / "ready.json"
        ready.unlink(missing_ok=True)  # of one that served from here before
        code = f"{patch}\nimport sys; from engine.cli import main; sys.exit(main(sys.argv[1:]))"
        command = [
            sys.executable,
            "-c",
            code,
            "serve",
            "--port",
            "0",
            "--root",
            str(self.root),
            "--device",
            TEST_DEVICE,
        ]
        command += ["--ready-file", str(ready), *arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**os.environ, TOKEN_VARIABLE: TOKEN}, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(lambda: ready.exists() or self.process.poll() is not None, HANGS_AFTER)
        assert ready.exists(), self.words
        self.port = int(json.loads(ready.read_text())["port"])
        self._clients: list[EngineClient] = []

    @property
    def words(self) -> str:
        """Its log, from where it was left."""
        return self.log.read_bytes()[self._told :].decode("utf-8", "replace")

    @property
    def device_pid(self) -> int:
        """The process that the device works in."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=True)
        return int(children.stdout.split()[0])

    def client(self, **options: object) -> EngineClient:
        """A connected client."""
        client = EngineClient("127.0.0.1", self.port, TOKEN, "test", **options)  # type: ignore[arg-type]
        self._clients.append(client)
        client.connect(20)
        return client

    def leave(self) -> None:
        """Close its clients, and have the next test read from here on what it says."""
        while self._clients:
            self._clients.pop().close()
        self._told = self.log.stat().st_size

    def close(self) -> None:
        """End it, whatever state it is in."""
        self.leave()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


def wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Whether ``condition`` came true in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts engines, with a fault in place if wanted, and ends them."""
    served: list[Served] = []

    def start(patch: str = "", *arguments: str) -> Served:
        served.append(Served(tmp_path, patch, *arguments))
        return served[-1]

    yield start
    for engine in served:
        engine.close()


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One engine for those tests of a module that leave it as they found it: to start one takes seconds."""
    served = Served(tmp_path_factory.mktemp("shared"))
    yield served
    served.close()


@pytest.fixture
def engine(shared_engine: Served) -> Iterator[Served]:
    """The module's engine, without clients; it is to be left as it is."""
    yield shared_engine
    shared_engine.leave()
