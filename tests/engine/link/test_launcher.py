"""How long an engine is given to end: by a client in its place that says so, and a process that only waits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.link import launcher
from engine.link.launcher import Address, EngineProcess
from engine.link.messages import Message, Shutdown

SAVED, KILLED = 0, -9


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    """Ends, as if it had saved its run, when a line comes; not when it is terminated."""
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('there', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as waiting:
        assert waiting.stdout is not None
        waiting.stdout.readline()
        yield waiting
        waiting.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("answers", [True, False])
def test_an_engine_that_answers_is_given_the_time_that_it_takes_to_save(
    tmp_path: Path, process: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    told: list[Message] = []

    class Client:
        """Of an engine that has saved when it was asked five times how it stands."""

        is_open = answers
        asked = 0

        def __init__(self, *arguments: Any, **options: Any) -> None: ...
        def connect(self, timeout: float) -> None: ...
        def close(self) -> None: ...
        def send(self, message: Message) -> None:
            told.append(message)

        def poll(self) -> None:
            self.asked += 1
            if self.asked == 5:
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()

    monkeypatch.setattr(launcher, "EngineClient", Client)
    monkeypatch.setattr(launcher, "_TERMINATE_SECONDS", 0.0)
    engine = EngineProcess(sys.executable, tmp_path / "root")
    engine._process, engine._address = process, Address("127.0.0.1", 1, "token")  # type: ignore[assignment]
    engine.stop(0.0)
    assert isinstance(told[0], Shutdown)
    assert process.wait() == (SAVED if answers else KILLED)
