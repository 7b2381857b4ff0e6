"""Jobs over several workers: a process for each GPU of a host (or one for the CPU), longest job first.

A worker is a command that reads a job's name a line from its standard input and answers each with a line that begins
with the name, when its result is a file. So it loads data and compiles kernels once. Results are files: jobs that have
one already are not done again, and a queue that was cut short goes on at the next call.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Job:
    """``name``: of its result, a file ``name``.json; ``group``: of jobs that cost as much on top of their
    ``seconds``."""

    name: str
    group: str
    seconds: float


class JobQueue:
    """Runs ``jobs`` whose results are not in ``folder`` yet, longest first, none of which is started that would not
    end before ``until``, seconds from now."""

    # What a job takes besides its seconds, until one of its group has ended.
    FIRST_EXTRA = 40.0

    def __init__(self, jobs: Sequence[Job], folder: Path, until: float) -> None:
        self._folder, self._began, self._until = folder, time.perf_counter(), until
        self._open = sorted(
            (job for job in jobs if not self.result(job).exists()), key=lambda job: job.seconds, reverse=True
        )
        self._extra: dict[str, float] = {}
        self._lock = threading.Lock()
        self.failed: list[str] = []

    def result(self, job: Job) -> Path:
        """Where the job's result is or will be."""
        return self._folder / f"{job.name}.json"

    @property
    def left(self) -> list[str]:
        """Names of the jobs that were not begun."""
        return [job.name for job in self._open]

    def run(self, command: Sequence[str], gpus: Sequence[int | None]) -> None:
        """Work with one process of ``command`` for each of ``gpus`` (None: whatever the process finds)."""
        self._folder.mkdir(parents=True, exist_ok=True)
        threads = [threading.Thread(target=self._work, args=(command, gpu)) for gpu in gpus]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, command: Sequence[str], gpu: int | None) -> None:
        worker: subprocess.Popen[str] | None = None
        while job := self._take():
            worker = worker or _start(command, gpu)
            began = time.perf_counter()
            if _ask(worker, job.name) and self.result(job).exists():
                took = time.perf_counter() - began
                with self._lock:
                    self._extra[job.group] = took - job.seconds
                self._say(f"GPU {gpu}: {job.name} in {took:.1f} s")
                continue
            # What has failed once may have left the device unusable: the next job gets a process of its own.
            _end(worker)
            worker = None
            self.failed.append(job.name)
            self._say(f"GPU {gpu}: {job.name} failed")
        if worker:
            _end(worker)

    def _take(self) -> Job | None:
        """The longest job that still ends in time."""
        with self._lock:
            left = self._until - (time.perf_counter() - self._began)
            for job in self._open:
                if job.seconds + self._extra.get(job.group, self.FIRST_EXTRA) <= left:
                    self._open.remove(job)
                    return job
            return None

    def _say(self, words: str) -> None:
        print(f"{time.perf_counter() - self._began:6.1f} s  {words}", file=sys.stderr, flush=True)


def _start(command: Sequence[str], gpu: int | None) -> subprocess.Popen[str]:
    environment = dict(os.environ)
    if gpu is not None:
        # What this process sees may be a choice already.
        visible = environment.get("CUDA_VISIBLE_DEVICES", "").split(",")
        environment["CUDA_VISIBLE_DEVICES"] = visible[gpu] if gpu < len(visible) and visible[gpu] else str(gpu)
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _ask(worker: subprocess.Popen[str], name: str) -> bool:
    """Whether the worker has done the job; what else it prints goes to the standard error."""
    assert worker.stdin is not None and worker.stdout is not None
    try:
        worker.stdin.write(name + "\n")
        worker.stdin.flush()
        for line in worker.stdout:
            if line.split()[:1] == [name]:
                return True
            print(line, end="", file=sys.stderr, flush=True)
    except BrokenPipeError:
        pass
    return False


def _end(worker: subprocess.Popen[str]) -> None:
    assert worker.stdin is not None
    try:
        worker.stdin.close()
        worker.wait(10.0)
    except (BrokenPipeError, subprocess.TimeoutExpired):
        worker.kill()
        worker.wait()
