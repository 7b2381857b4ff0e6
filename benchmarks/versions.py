"""Two versions in turns on one machine: what a training step and a start take; kept in benchmarks/results/.

    git worktree add build/former v0.1.0
    python -m benchmarks.versions build/former . path/to/lego [--device cpu] [--turns 12] [--starts 3]

Machines differ from hour to hour, most of all in how fast they launch: so both versions train in processes of their own
that take steps in turns, the first of a turn being the second of the next. A version is called as its folder is. Starts
are those of ``benchmarks.startup``, in turns too, each version with caches of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import write_result
from benchmarks.version_side import ANSWER
from engine.cli.arguments import add_device
from engine.machine import device_name
from taichi_kernels.runtime import choose_device

SIDE = Path(__file__).with_name("version_side.py")
# Training steps after which steps are timed: while training is coarse, and when it no longer is.
PHASES = {"cuda": (400, 6100), "cpu": (50,)}
STEPS = {"cuda": 104, "cpu": 10}
MEASURE_START = """
import argparse, json, sys
from pathlib import Path
from benchmarks import startup
options = argparse.Namespace(dataset=Path(sys.argv[1]), device=sys.argv[2])
print(json.dumps(startup.measure(options, Path(sys.argv[3]), int(sys.argv[4]))))
"""


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", type=Path, nargs=2, metavar="VERSION", help="the folder of one's sources")
    parser.add_argument("dataset", type=Path)
    add_device(parser)
    parser.add_argument("--turns", type=int, default=12, help="of training steps (%(default)s)")
    parser.add_argument("--starts", type=int, default=3, help="on warm caches, of each version (%(default)s)")
    options = parser.parse_args()
    device, dataset = choose_device(options.device), options.dataset.resolve()
    trees = [path.resolve() for path in options.versions]
    rows = time_steps(trees, dataset, device, options.turns)
    starts = time_starts(trees, dataset, device, options.starts)
    for row in [*rows, *starts]:
        print(", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{value}" for key, value in row.items()))
    head = {"dataset": dataset.name, "device": device, "device_name": device_name(device), "turns": options.turns}
    write_result("versions", head | {"rows": rows, "starts": starts})
    return 0


class Version:
    """A training by the sources in ``tree``, in a process of its own."""

    def __init__(self, tree: Path, dataset: Path, device: str) -> None:
        self.name = tree.name
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(SIDE), str(dataset), device],
            **_as_in(tree),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def ask(self, command: str, number: int) -> float:
        """Milliseconds a step; see version_side."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command} {number}\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _read(self) -> float:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(ANSWER):
                return float(line.removeprefix(ANSWER))
        raise SystemExit(f"{self.name}: ended with {self._process.wait()}")


def time_steps(trees: Sequence[Path], dataset: Path, device: str, turns: int) -> list[dict[str, Any]]:
    """A row for each version and phase: the least and the median turn's time a step, and the card's."""
    sides = [Version(tree, dataset, device) for tree in trees]
    rows = []
    for phase in PHASES[device]:
        for side in sides:
            side.ask("until", phase)
        times: dict[str, list[float]] = {side.name: [] for side in sides}
        card: dict[str, list[float]] = {side.name: [] for side in sides}
        for turn in range(turns):
            for side in sides if turn % 2 == 0 else reversed(sides):
                times[side.name].append(side.ask("steps", STEPS[device]))
                if turn % 4 == 3 and device == "cuda":
                    card[side.name].append(side.ask("card", STEPS[device]))
        rows += [
            {
                "version": name,
                "after_steps": phase,
                "least_ms": min(milliseconds),
                "median_ms": statistics.median(milliseconds),
                "card_ms": statistics.median(card[name]) if card[name] else None,
            }
            for name, milliseconds in times.items()
        ]
    for side in sides:
        side.close()
    return rows


def time_starts(trees: Sequence[Path], dataset: Path, device: str, warm: int) -> list[dict[str, Any]]:
    """A row for each version: seconds to the first step on empty caches, and all of those on warm ones."""
    seconds: dict[str, list[float]] = {tree.name: [] for tree in trees}
    with tempfile.TemporaryDirectory(prefix="hashlight-versions-") as folder:
        for number in range(1 + warm):
            for tree in trees if number % 2 == 0 else reversed(trees):
                own = Path(folder) / tree.name
                own.mkdir(exist_ok=True)
                command = [sys.executable, "-c", MEASURE_START, str(dataset), device, str(own), str(number)]
                done = subprocess.run(command, **_as_in(tree), stdout=subprocess.PIPE, text=True, check=True)
                seconds[tree.name].append(json.loads(done.stdout.splitlines()[-1])["seconds"])
    return [{"version": name, "cold": every[0], "warm": sorted(every[1:])} for name, every in seconds.items()]


def _as_in(tree: Path) -> dict[str, Any]:
    """How a process is started for which the modules of ``tree`` come before all others."""
    former = os.environ.get("PYTHONPATH")
    paths = [str(tree), *([former] if former else [])]
    return {"cwd": tree, "env": os.environ | {"PYTHONPATH": os.pathsep.join(paths)}}


if __name__ == "__main__":
    sys.exit(main())
