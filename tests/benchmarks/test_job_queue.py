"""Jobs over several workers: longest first, results kept, failures and time limits."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.job_queue import Job, JobQueue

JOBS = [Job("short", "a", 1.0), Job("long", "a", 300.0), Job("middle", "b", 5.0)]
# Writes what it was asked for, with which GPU it saw, into the folder; fails at "bad", is silent and gone at "gone".
WORKER = """
import os, pathlib, sys
for line in sys.stdin:
    name = line.strip()
    if name == "bad": raise RuntimeError("bad")
    if name == "gone": os._exit(3)
    with open(pathlib.Path(sys.argv[1]) / "order.txt", "a") as order: order.write(name + "\\n")
    (pathlib.Path(sys.argv[1]) / f"{name}.json").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "none"))
    print("something else\\n" + name + " done", flush=True)
"""


def _run(jobs: list[Job], folder: Path, until: float = 1e9, gpus: tuple[int | None, ...] = (None,)) -> JobQueue:
    queue = JobQueue(jobs, folder, until)
    queue.run([sys.executable, "-c", WORKER, str(folder)], gpus)
    return queue


def _order(folder: Path) -> list[str]:
    return (folder / "order.txt").read_text().split()


def test_the_longest_is_first_and_what_is_there_is_not_done_again(tmp_path: Path) -> None:
    queue = _run(JOBS, tmp_path)
    assert _order(tmp_path) == ["long", "middle", "short"] and not queue.left and not queue.failed
    (tmp_path / "middle.json").unlink()
    _run(JOBS, tmp_path)
    assert _order(tmp_path) == ["long", "middle", "short", "middle"]


def test_what_would_not_end_in_time_is_left(tmp_path: Path) -> None:
    queue = _run(JOBS, tmp_path, until=JobQueue.FIRST_EXTRA + 10.0)
    assert _order(tmp_path) == ["middle", "short"] and queue.left == ["long"]


def test_every_gpu_has_a_process_that_sees_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    jobs = [Job(f"job-{index}", "a", float(index)) for index in range(1, 9)]
    queue = _run(jobs, tmp_path, gpus=(0, 1))
    seen = {queue.result(job).read_text() for job in jobs}
    assert seen <= {"0", "1"} and sorted(_order(tmp_path)) == sorted(job.name for job in jobs)


@pytest.mark.parametrize("name", ["bad", "gone"])
def test_after_a_failure_the_others_are_done_by_another_process(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    queue = _run([*JOBS, Job(name, "a", 10.0)], tmp_path)
    assert queue.failed == [name] and _order(tmp_path) == ["long", "middle", "short"]
    assert f"{name} failed" in capfd.readouterr().err
