"""Progress: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import io

import pytest

from engine.cli import output
from engine.cli.output import Progress, loading_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, as its only item."""
    now = [100.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    return now


def test_a_pipe_gets_a_line_now_and_then_and_one_at_the_end(clock: list[float]) -> None:
    pipe = io.StringIO()
    with Progress("Rendering", 1000, "frames", stream=pipe) as progress:
        for frame in range(1, 1001):
            clock[0] += 0.025  # 25 s in all
            progress.tell(frame, f"frame {frame}")
    lines = pipe.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "Rendering: 400/1000 frames",
        "Rendering: 800/1000 frames",
        "Rendering: 1000/1000 frames",
    ]
    assert "ETA" in lines[0] and lines[0].endswith(", frame 400") and "\r" not in pipe.getvalue()


def test_what_is_soon_done_is_one_line_in_a_pipe(clock: list[float]) -> None:
    pipe = io.StringIO()
    progress = Progress("Loading views", 8, stream=pipe)
    for view in range(1, 9):
        progress.tell(view)
    progress.close()
    progress.close()
    assert pipe.getvalue().count("\n") == 1 and pipe.getvalue().startswith("Loading views: 8/8")


def test_in_a_pipe_reading_is_told_of_before_the_first_view_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    update, close = loading_progress("Loading views")
    update(0, 8)
    assert capsys.readouterr().err.startswith("Loading views: 0/8")
    update(8, 8)
    close()
    assert capsys.readouterr().err.startswith("Loading views: 8/8")


def test_a_terminal_gets_a_bar() -> None:
    terminal = Terminal()
    with Progress("Training", 60.0, "s", done=30.0, stream=terminal) as progress:
        progress.tell(60.0, "step 7")
    shown = terminal.getvalue()
    assert "Training  50%|" in shown and "Training 100%|" in shown and shown.endswith("\n")


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_more_than_all_is_all(stream: io.StringIO) -> None:
    # A training that went on while its views came in may be past its time before anybody looks.
    with Progress("Training", 90.0, "s", done=220.0, stream=stream) as progress:
        progress.tell(221.0)
    assert "90/90 s" in stream.getvalue() and progress.done == 90.0
