"""A run of a day: what it has on disk and in memory, and the work of a save, don't grow with it."""

from __future__ import annotations

import gc
import re
import statistics
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.link.messages import Evaluation, Message, OpenRun, RunOpened
from engine.primitives.base import Scores
from engine.run_info import read_info
from engine.service.session import SNAPSHOT_EVERY, Session
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.faults.tally import Tally
from tests.scenes import sphere_field, sphere_views

_EVALUATE_EVERY = 10.0  # seconds
_VIEWS = 100


def _scores() -> Scores:
    means = {"psnr": 20.5, "ssim": 0.9, "subject_psnr": 18.0, "subject_ssim": 0.8}
    return Scores(means, {f"view_{index:03d}": means | {"psnr": 20.0 + index / 100} for index in range(_VIEWS)})


def _work_of(save: Callable[[], None]) -> tuple[int, int]:
    """How many functions ``save`` calls, of Python and of C, and how many bytes it reads from files or writes (Linux):
    what it does, however busy the machine is."""
    calls, before = 0, _bytes_moved()

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        save()
    finally:
        sys.setprofile(None)
    return calls, _bytes_moved() - before


def _bytes_moved() -> int:
    """By this process, from and to files."""
    words = Path("/proc/self/io").read_text(encoding="ascii")
    return sum(int(count) for count in re.findall(r"^[rw]char: (\d+)", words, re.MULTILINE))


class _Day:
    """Simulates hours of training: a score each ten seconds, a save each half minute, and the work of these."""

    def __init__(self, root: Path) -> None:
        self.posted: list[Message] = []
        request = OpenRun(run="run", primitive=sphere_field(), overrides=TINY)
        self.session = Session(request, root, TEST_DEVICE, self._post)
        self.session._trainer.primitive.add(sphere_views(1, 16)[0])
        self.session._trainer.step()
        self.session._is_running = True
        self.scores = _scores()
        self.saves: list[tuple[int, int]] = []  # functions called, bytes moved

    def _post(self, message: Message) -> None:
        self.posted[:] = [message]  # a client takes them

    def simulate(self, hours: float) -> None:
        trainer, end = self.session._trainer, self.session._trainer.training_seconds + 3600 * hours
        since_save = 0.0
        while trainer.training_seconds < end:
            trainer.training_seconds += _EVALUATE_EVERY
            trainer.step_count += 100
            since_save += _EVALUATE_EVERY
            self.session._jobs.begun_at = (trainer.step_count, trainer.training_seconds)
            self.session._note_scores(self.scores)
            if since_save >= SNAPSHOT_EVERY:
                since_save = 0.0
                self.saves.append(_work_of(self.session.save))


def _steps_of(hours: float) -> list[int]:
    """The steps that are scored in the first ``hours`` of a day."""
    return [1 + 100 * number for number in range(1, round(3600 * hours / _EVALUATE_EVERY) + 1)]


def _run_file(root: Path) -> int:
    return (root / "run" / "run.json").stat().st_size


def test_run_json_does_not_grow_with_the_hours(tmp_path: Path) -> None:
    day = _Day(tmp_path)
    day.simulate(0.1)
    early = _run_file(tmp_path)
    day.simulate(0.9)
    assert _run_file(tmp_path) < early + 200
    assert [entry["step"] for entry in read_info(tmp_path / "run")["history"]] == _steps_of(1.0)
    day.session.close()
    posted: list[Message] = []
    again = Session(OpenRun(run="run", primitive=sphere_field(), resume=True), tmp_path, TEST_DEVICE, posted.append)
    again.announce()
    told = [message for message in posted if isinstance(message, Evaluation)]
    assert isinstance(posted[0], RunOpened) and len(told) == 200 and len(told[-1].items) == _VIEWS
    again.close()


@pytest.mark.faults
def test_a_day_is_flat_in_memory_and_in_the_work_of_a_save(tmp_path: Path, tally: Tally) -> None:
    day = _Day(tmp_path)
    day.simulate(1.0)
    day.saves.clear()
    tracemalloc.start()
    gc.collect()
    early_memory, early_file = tracemalloc.get_traced_memory()[0], _run_file(tmp_path)
    day.simulate(23.0)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - early_memory
    tracemalloc.stop()
    tenth = len(day.saves) // 10
    calls, moved = ([saved[kind] for saved in day.saves] for kind in (0, 1))
    first_calls, last_calls = statistics.median(calls[:tenth]), statistics.median(calls[-tenth:])
    first_bytes, last_bytes = statistics.median(moved[:tenth]), statistics.median(moved[-tenth:])
    lost = len(set(_steps_of(24.0)) - {entry["step"] for entry in read_info(tmp_path / "run")["history"]})
    tally.add("simulated hours of training", 24, lost=int(lost > 0))
    print(f"a save calls {first_calls:.0f} functions at first, {last_calls:.0f} at last")
    print(f"and moves {first_bytes:.0f} and {last_bytes:.0f} bytes; {grown / 1e6:.2f} MB more in memory")
    assert lost == 0 and _run_file(tmp_path) < early_file + 200
    assert grown < 4e6
    assert last_calls < 1.1 * first_calls and last_bytes < 1.1 * first_bytes  # history was once written anew each time
