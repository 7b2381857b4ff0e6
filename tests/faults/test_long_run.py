"""A run of a day: what it has on disk and in memory, and the time that a save takes, don't grow with it."""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
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


class _Day:
    """Simulates hours of training: a score each ten seconds, a save each half minute, and the seconds they took."""

    def __init__(self, root: Path) -> None:
        self.posted: list[Message] = []
        request = OpenRun(run="run", primitive=sphere_field(), overrides=TINY)
        self.session = Session(request, root, TEST_DEVICE, self._post)
        self.session._trainer.primitive.add(sphere_views(1, 16)[0])
        self.session._trainer.step()
        self.session._is_running = True
        self.scores = _scores()
        self.saves: list[float] = []

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
                started = time.perf_counter()
                self.session.save()
                self.saves.append(time.perf_counter() - started)


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
def test_a_day_is_flat_in_memory_and_in_time_for_each_save(tmp_path: Path, tally: Tally) -> None:
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
    first, last = statistics.median(day.saves[:tenth]), statistics.median(day.saves[-tenth:])
    lost = len(set(_steps_of(24.0)) - {entry["step"] for entry in read_info(tmp_path / "run")["history"]})
    tally.add("simulated hours of training", 24, lost=int(lost > 0))
    print(f"a save at first {1000 * first:.1f} ms, at last {1000 * last:.1f} ms; {grown / 1e6:.2f} MB more in memory")
    assert lost == 0 and _run_file(tmp_path) < early_file + 200
    assert grown < 4e6
    assert last < 2 * first + 0.01  # it was 240 times as much
