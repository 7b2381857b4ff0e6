"""One version's side of ``benchmarks.versions``, which runs this file with that version on the module search path.

A command and a number of steps come in on each line: ``steps`` takes so many, ``card`` has the graphics card's time
recorded meanwhile, ``until`` goes on to the step of that number. An answer is a line that begins with ANSWER, of
milliseconds a step.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ANSWER = "milliseconds "


def main(dataset: Path, device: str) -> None:
    """Take commands until there are no more."""
    side = Side(dataset, device)
    commands: dict[str, Callable[[int], float]] = {"steps": side.time, "card": side.record, "until": side.go_on}
    side.time(1)
    print(ANSWER, 0.0, flush=True)
    for line in sys.stdin:
        command, number = line.split()
        print(ANSWER, commands[command](int(number)), flush=True)


class Side:
    """A training of a dataset by the preset of the device, all views at hand from the start."""

    def __init__(self, path: Path, device: str) -> None:
        load_dataset = importlib.import_module("engine.data.formats").load_dataset
        make_trainer = importlib.import_module("engine.training.trainer").Trainer
        dataset = load_dataset(path)
        overrides = dataset.train_settings() | {"seed": 0}
        self._device = device
        self._trainer: Any
        try:
            fields = importlib.import_module("engine.primitives.radiance_field.fields")
        except ModuleNotFoundError:  # a version that knew radiance fields alone
            config = importlib.import_module("engine.training.config").choose_preset("auto", device, overrides)
            self._trainer = make_trainer(config, dataset.bounds, dataset.color_space, device)
            add = self._trainer.add_view
        else:
            config = fields.choose_preset("auto", device, overrides)
            primitive = fields.make_primitive(config, dataset.bounds, dataset.color_space, device)
            self._trainer, add = make_trainer(primitive), primitive.add
        for view in dataset.train:
            add(view)

    def time(self, steps: int) -> float:
        """Of the host's clock."""
        self._wait()
        started = time.perf_counter()
        for _ in range(steps):
            self._trainer.step()
        self._wait()
        return (time.perf_counter() - started) / steps * 1e3

    def record(self, steps: int) -> float:
        """For which the card was busy; 0 where there is none."""
        from torch.profiler import ProfilerActivity, profile

        if self._device != "cuda":
            return 0.0
        with profile(activities=[ProfilerActivity.CUDA]) as profiler:
            self.time(steps)
        busy = [event.time_range.elapsed_us() for event in profiler.events() or () if event.device_type.name == "CUDA"]
        return float(sum(busy)) / steps * 1e-3

    def go_on(self, step: int) -> float:
        """The mean on the way."""
        left = step - int(self._trainer.step_count)
        return self.time(left) if left > 0 else 0.0

    def _wait(self) -> None:
        import torch

        if self._device == "cuda":
            torch.cuda.synchronize()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
