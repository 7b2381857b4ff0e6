"""Run by Blender itself (``blender --python``): installs the zip, runs the tests beside this file, reports, quits.

A test is a generator function ``test_*(window)``. What it yields says when to go on: after a number of seconds, or once
a function returns something true. Meanwhile Blender draws, handles events and runs timers as it does for a user.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import bpy

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from window import Steps, Window  # noqa: E402

Test = Callable[[Window], Steps]

PATIENCE = 240.0  # seconds for a condition to come true, on a busy machine
LOCK_PATIENCE = 10.0  # seconds for Blender to let timers change its data
TICK = 0.02


class Runner:
    """Drives one test after another from a timer."""

    def __init__(self, zip_file: Path, out: Path, tests: Iterable[tuple[str, Test]]) -> None:
        self._report_file = out / "report.txt"
        self._results_file = out / "results.json"
        self._results: dict[str, str] = {}
        if self._results_file.is_file():  # an earlier Blender died in the midst of the tests: here are the others
            self._results = json.loads(self._results_file.read_text("utf-8"))
        self._sign_of_life = out / "alive"  # see scripts/gui_watch.py
        self._signed_at = 0.0
        self._window = Window(out)
        self._steps = self._run_all(zip_file, tests)
        self._condition: Callable[[], object] | None = None
        self._since = 0.0
        self._locked_since: float | None = None

    def tick(self) -> float | None:
        """The timer: go on with the tests if what they wait for is there."""
        if time.monotonic() - self._signed_at > 1.0:
            self._signed_at = time.monotonic()
            self._sign_of_life.write_text(f"{self._signed_at}\n", "utf-8")
        try:
            if self._must_wait():
                return TICK
            if self._condition is not None:
                if not self._condition():
                    if time.monotonic() - self._since < PATIENCE:
                        return TICK
                    self._condition = None
                    return self._advance(TimeoutError(f"waited {PATIENCE:.0f} s in vain"))
                self._condition = None
            return self._advance(None)
        except StopIteration:
            self._quit()
            return None
        except BaseException:
            self._say(traceback.format_exc())
            os._exit(3)

    def _must_wait(self) -> bool:
        """Whether timers may not change Blender's data: for a moment, or it is the add-on's fault."""
        try:
            bpy.data.scenes[0].frame_current = "never a frame"  # refused in any case
        except TypeError:
            self._locked_since = None
            return False
        except AttributeError as error:
            if self._locked_since is None:
                self._locked_since = time.monotonic()
            if time.monotonic() - self._locked_since > LOCK_PATIENCE:
                raise RuntimeError("Blender does not let timers write any more") from error
        return True

    def _advance(self, error: Exception | None) -> float:
        step = next(self._steps) if error is None else self._steps.throw(error)
        if callable(step):
            self._condition, self._since = step, time.monotonic()
            return TICK
        return float(step)

    def _run_all(self, zip_file: Path, tests: Iterable[tuple[str, Test]]) -> Steps:
        yield 1.0  # the window draws itself
        bpy.context.preferences.view.show_splash = False
        bpy.ops.extensions.package_install_files(
            filepath=str(zip_file), repo="user_default", enable_on_install=True, overwrite=True
        )
        for name, test in tests:
            if name in self._results:
                continue
            started, used = time.monotonic(), time.process_time()
            try:
                yield from self._window.start_anew()
                yield 0.3
                yield from test(self._window)
                outcome = "passed"
            except Exception:
                outcome = traceback.format_exc()
                self._window.screenshot(f"failed {name.replace('::', ' ')}")
            self._window.end_engine()
            self._results[name] = outcome
            took = f"{time.monotonic() - started:.1f} s, {time.process_time() - used:.1f} s of Blender's processor time"
            self._say(f"{name}: {outcome} ({took})")
            self._results_file.write_text(json.dumps(self._results, indent=1), "utf-8")

    def _say(self, line: str) -> None:
        with self._report_file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _quit(self) -> None:
        self._window.end_engine()
        bpy.context.preferences.view.use_save_prompt = False
        bpy.ops.wm.quit_blender()


def start(find_tests: Callable[[list[str]], Iterable[tuple[str, Test]]]) -> None:
    """Run tests, given what the command line names, once the window is there."""
    zip_file, out, *wanted = sys.argv[sys.argv.index("--") + 1 :]
    runner = Runner(Path(zip_file), Path(out), find_tests(wanted))
    bpy.app.timers.register(runner.tick, first_interval=1.0, persistent=True)


def _tests(wanted: list[str]) -> Iterator[tuple[str, Test]]:
    for file in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(file.stem)
        for name, function in list(vars(module).items()):  # a warning adds to them
            full_name = f"{file.stem}::{name}"
            if name.startswith("test_") and (not wanted or any(part in full_name for part in wanted)):
                yield full_name, function


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the engines' torch, as tests/conftest.py has it
    start(_tests)
