"""From the start of the process to the first training step, on empty caches and on warm ones; kept in
benchmarks/results/.

    python -m benchmarks.startup path/to/lego [--device cpu] [--repeats 3]

Each start is a new ``hashlight train``. Caches of compiled kernels (Taichi's, Triton's, the CUDA driver's, torch's) are
in a folder of their own: empty for the first start, warm from then on. What the operating system keeps of files it has
read, it keeps.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.results import describe, write_result
from engine.cli.arguments import add_device

REPOSITORY = Path(__file__).resolve().parents[1]
CACHES = {
    "TI_OFFLINE_CACHE_FILE_PATH": "taichi",
    "TRITON_CACHE_DIR": "triton",
    "CUDA_CACHE_PATH": "cuda",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
}
# The child writes into this file when each phase ended, then ends itself.
MARK = "HASHLIGHT_FIRST_STEP"
PHASES = ("reading", "views", "kernels", "step")
TIMEOUT = 300.0


class StartupError(RuntimeError):
    """A start that failed; the message says how."""


def main() -> int:
    """Measure and write; or, started by ourselves, train until the first step."""
    if MARK in os.environ:
        return train_until_first_step(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    add_device(parser)
    parser.add_argument("--repeats", type=int, default=3, help="starts on warm caches")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hashlight-startup-") as folder:
        starts = [measure(options, Path(folder), number) for number in range(1 + options.repeats)]
    cold, warm = starts[0], starts[1:]
    write_result("startup", describe_start(options) | {"cold": cold, "warm": summarise(warm)})
    return 0


def measure(options: argparse.Namespace, folder: Path, number: int) -> dict[str, float]:
    """One start: seconds to the first step and to the first words, the longest silence after those, and each phase."""
    mark, caches = folder / f"first-step-{number}", folder / "caches"
    environment = os.environ | {name: str(caches / sub) for name, sub in CACHES.items()} | {MARK: str(mark)}
    arguments = [
        "train",
        str(options.dataset.resolve()),
        "--out",
        str(folder / f"run-{number}"),
        "--device",
        options.device,
    ]
    command = [sys.executable, "-u", "-m", "benchmarks.startup", *arguments]
    # Wall-clock time, for it is the same in both processes.
    started = time.time()
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment, cwd=REPOSITORY, **output) as child:
        words = []
        assert child.stdout is not None
        while chunk := os.read(child.stdout.fileno(), 65536):
            words.append((time.time() - started, chunk.decode(errors="replace")))
        code = child.wait(TIMEOUT)
    text = "".join(part for _, part in words)
    if code != 0 or not mark.exists():
        raise StartupError(f"hashlight {' '.join(arguments)}: ended with {code} before its first step:\n{text}")
    if not any((caches / CACHES["TI_OFFLINE_CACHE_FILE_PATH"]).rglob("*.tic")):
        raise StartupError("Taichi kept its kernels elsewhere: a start on empty caches can't be measured")
    ends = json.loads(mark.read_text(encoding="utf-8"))
    phases = dict(zip(PHASES, (end - begin for begin, end in itertools.pairwise([started, *ends])), strict=True))
    first_step = ends[-1] - started
    times = [*(seconds for seconds, _ in words if seconds < first_step), first_step]
    silence = max((later - earlier for earlier, later in itertools.pairwise(times)), default=first_step)
    result = {"seconds": first_step, "first_words": times[0], "longest_silence": silence} | phases
    print(("cold" if number == 0 else "warm") + "".join(f", {name} {value:.2f}" for name, value in result.items()))
    return result


def summarise(starts: list[dict[str, float]]) -> dict[str, Any]:
    """Medians, and the spread of the time to the first step."""
    row: dict[str, Any] = {name: statistics.median(start[name] for start in starts) for name in starts[0]}
    return row | {"seconds_spread": [min(s["seconds"] for s in starts), max(s["seconds"] for s in starts)]}


def describe_start(options: argparse.Namespace) -> dict[str, Any]:
    """What was started, and where."""
    from engine.data.formats import load_dataset
    from taichi_kernels.runtime import choose_device

    dataset = load_dataset(options.dataset)
    return describe(options.dataset, dataset, choose_device(options.device)) | {"repeats": options.repeats}


def train_until_first_step(arguments: list[str]) -> int:
    """Run ``hashlight`` with ``arguments``; note when each phase is over, and end after the first step."""
    from engine import cli

    sys.meta_path.insert(0, TrainerWatch())
    return cli.main(arguments)


class TrainerWatch(MetaPathFinder):
    """Puts ``watch`` to work when the command imports the trainer, and no earlier: when is the command's choice."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """As every finder of modules."""
        if name != "engine.training.trainer":
            return None
        spec = PathFinder.find_spec(name, path)
        assert spec is not None and spec.loader is not None
        run = spec.loader.exec_module

        def run_and_watch(module: ModuleType) -> None:
            run(module)
            watch(module.Trainer)

        spec.loader.exec_module = run_and_watch  # type: ignore[method-assign]
        return spec


def watch(trainer_class: Any) -> None:
    """Note when the trainer is made, warmed up and has done a step. The trainer that warms the kernels up is another
    one; what it does counts as theirs."""
    ends: list[float] = []
    begin, warm_up, step = trainer_class.__init__, trainer_class.warm_up, trainer_class.step

    def note_reading(trainer: Any, *given: Any, **named: Any) -> None:
        if not ends:
            ends.append(time.time())
        begin(trainer, *given, **named)

    def note_kernels(trainer: Any) -> None:
        ends.append(time.time())
        warm_up(trainer)
        ends.append(time.time())

    def note_first_step(trainer: Any) -> None:
        step(trainer)
        if len(ends) < len(PHASES) - 1:
            return
        if trainer.primitive.device == "cuda":
            import torch

            torch.cuda.synchronize()
        ends.append(time.time())
        Path(os.environ[MARK]).write_text(json.dumps(ends), encoding="utf-8")
        import taichi

        taichi.reset()  # writes Taichi's cache
        raise SystemExit(0)

    trainer_class.__init__, trainer_class.warm_up, trainer_class.step = note_reading, note_kernels, note_first_step


if __name__ == "__main__":
    sys.exit(main())
