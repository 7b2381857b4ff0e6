"""The watch over the window tests' Blender, with small programs in its place."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(SCRIPTS)
    import gui_watch

    yield gui_watch
    sys.modules.pop("gui_watch")


def _follow(watch: ModuleType, out: Path, program: str, **limits: float) -> tuple[object, float]:
    """How the watch finds ``program`` to end, and after how many seconds."""
    began = time.monotonic()
    with (out / "blender.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=log, stderr=subprocess.STDOUT, cwd=out)
        try:
            return watch.follow(process, out, limit=60.0, **limits), time.monotonic() - began
        finally:
            process.kill()
            process.wait()


def test_a_program_that_ends_by_itself(watch: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = "open('report.txt', 'w').write('one: passed\\n'); raise SystemExit(3)"
    outcome, _ = _follow(watch, tmp_path, program)
    assert outcome == watch.Outcome(3)
    assert capsys.readouterr().out == "one: passed\n"


@pytest.mark.parametrize("after", ["time.sleep(60)", "raise SystemExit(1)"])
def test_an_x_error_is_told_at_once_though_the_process_stays(watch: ModuleType, tmp_path: Path, after: str) -> None:
    lines = "X Error of failed request:  GLXBadContext\\n  Major opcode of failed request:  149 (GLX)\\n  Minor"
    program = f"import time; print('Blender 4.3'); print('{lines}', flush=True); {after}"
    outcome, seconds = _follow(watch, tmp_path, program)
    assert outcome.is_display_fault
    assert "GLXBadContext Major opcode" in outcome.words
    assert seconds < 30.0


def test_a_window_that_never_comes(watch: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "alive").touch()  # of an earlier one
    outcome, _ = _follow(watch, tmp_path, "import time; time.sleep(60)", start_seconds=0.5)
    assert outcome.code is None
    assert outcome.is_display_fault
    assert "did not come" in outcome.words


def test_standing_still_is_a_fault_and_nothing_to_try_again(watch: ModuleType, tmp_path: Path) -> None:
    program = "import pathlib, time; time.sleep(0.5); pathlib.Path('alive').touch(); time.sleep(60)"
    outcome, _ = _follow(watch, tmp_path, program, start_seconds=30.0, still_seconds=0.5)
    assert outcome.code is None
    assert not outcome.is_display_fault
    assert "stood still" in outcome.words
