"""Trains again and again on the same views, and measures: quality over training time, and the rates behind it."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from engine.device import PROFILES

if TYPE_CHECKING:
    from engine.data.views import View
    from engine.primitives.radiance_field.config import RadianceFieldConfig
    from engine.primitives.radiance_field.primitive import RadianceFieldPrimitive
    from engine.training.trainer import Trainer

GOAL_DB = 34.0
# Between budgets the score is looked at each time training has gone on by this factor.
CHECKPOINT_FACTOR = 1.3
FIRST_CHECKPOINT = 0.5
FRAME_SIZES = ((800, 800), (1920, 1080))
FRAMES = 30
WARM_UP_FRAMES = 3


class TrainingBenchmark:
    """Trains again and again on the same views, and measures."""

    def __init__(
        self, config: RadianceFieldConfig, bounds: Any, train: Sequence[View], test: Sequence[View], device: str
    ) -> None:
        self.config, self.bounds, self.train, self.test, self.device = config, bounds, train, test, device

    def measure(self, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
        """All figures: medians over seeds and their spread, the rest of the last one. Anew after each seed, so that a
        measurement cut short has not been for nothing."""
        startup_seconds = self._start_up(options.started)
        runs = []
        last: Trainer[RadianceFieldPrimitive] | None = None
        for seed in range(options.seed, options.seed + options.seeds):
            trained: dict[float, dict[str, Any]] = {}
            points: list[dict[str, float]] = []
            for budget in options.budgets:
                last = None  # its memory is needed
                _say(f"seed {seed}: {budget:g} s of training ...")
                last, curve = self._train(budget, seed, with_curve=budget == options.budgets[-1])
                trained[budget] = curve[-1]
                points += curve
                _say(f"  {curve[-1]['psnr_black']:.2f} dB on black after {curve[-1]['step']:.0f} steps")
            runs.append({"seed": seed, "budgets": trained, "seconds_to_34db": time_to_reach(points, GOAL_DB)})
            assert last is not None  # there is a budget at least
            yield (
                _summarise(runs, options.budgets)
                | self._rates(last)
                | {"seeds": len(runs), "curve": curve, "startup_seconds": startup_seconds}
                | {"frame_ms": {} if options.no_frames else self._frame_times(last)}
                | {"peak_gpu_memory_bytes": PROFILES[self.device].peak_memory()}
            )

    def _start_up(self, started: float) -> float:
        """Seconds from the command's start to its first step: all imported, the dataset read, its views on the device,
        every kernel compiled. ``started``: of time.perf_counter."""
        _say("warming up ...")
        trainer = self._new_trainer(self.config.seed)
        trainer.warm_up()
        trainer.step()
        self._wait()
        return time.perf_counter() - started

    def _new_trainer(self, seed: int) -> Trainer[RadianceFieldPrimitive]:
        from engine.primitives.radiance_field.fields import make_primitive
        from engine.training.trainer import Trainer

        trainer = Trainer(
            make_primitive(
                dataclasses.replace(self.config, seed=seed), self.bounds, self.train[0].color_space, self.device
            )
        )
        for view in self.train:
            trainer.primitive.add(view)
        return trainer

    def _train(
        self, budget: float, seed: int, with_curve: bool
    ) -> tuple[Trainer[RadianceFieldPrimitive], list[dict[str, float]]]:
        """Train for ``budget`` seconds of wall clock; the scores at the end, and with the curve before it too."""
        from engine.training.loop import TrainingLoop

        trainer = self._new_trainer(seed)
        loop = TrainingLoop(trainer)
        trainer.set_budget(budget, None)
        stops = [*(_checkpoints(budget) if with_curve else ()), budget]
        self._wait()
        points: list[dict[str, float]] = []
        spent = 0.0
        for stop in stops:
            started = time.perf_counter()
            end = started + stop - spent
            loop.run(functools.partial(_is_past, end))
            self._wait()  # what was launched is part of the time
            spent += time.perf_counter() - started
            points.append(self._score(trainer, spent))
        return trainer, points

    def _score(self, trainer: Trainer[RadianceFieldPrimitive], seconds: float) -> dict[str, float]:
        from engine.evaluation.evaluate import mean_psnr

        psnr = mean_psnr(trainer.primitive.viewer(), self.test)
        step = float(trainer.step_count)
        return {"seconds": seconds, "step": step, "psnr_black": psnr["black"], "psnr_white": psnr["white"]}

    def _rates(self, trainer: Trainer[RadianceFieldPrimitive]) -> dict[str, float]:
        return trainer.stats().figures

    def _frame_times(self, trainer: Trainer[RadianceFieldPrimitive]) -> dict[str, float]:
        """Median milliseconds a frame as a moving view shows it, copy to the host included; test cameras in turn."""
        renderer = trainer.primitive.viewer()
        medians = {}
        for width, height in FRAME_SIZES:
            _say(f"frames of {width}x{height} ...")
            cameras = [_at_size(view.camera, width, height) for view in self.test[:FRAMES]]
            times = []
            for index in range(-WARM_UP_FRAMES, FRAMES):
                started = time.perf_counter()
                renderer.render(cameras[index % len(cameras)], "moving").to_bytes(0.0)
                if index >= 0:
                    times.append((time.perf_counter() - started) * 1000.0)
            medians[f"{width}x{height}"] = statistics.median(times)
        return medians

    def _wait(self) -> None:
        PROFILES[self.device].wait()


def time_to_reach(points: Sequence[dict[str, float]], goal: float) -> float | None:
    """Seconds after which PSNR on black first reached ``goal``, from scores in the order they were made.

    Between two scores of one training, time is interpolated; a training starts where seconds fall. None: never reached.
    """
    best: float | None = None
    for index, point in enumerate(points):
        if point["psnr_black"] < goal:
            continue
        reached = point["seconds"]
        former = points[index - 1] if index else None
        if former is not None and former["seconds"] < point["seconds"] and former["psnr_black"] < goal:
            share = (goal - former["psnr_black"]) / (point["psnr_black"] - former["psnr_black"])
            reached = former["seconds"] + share * (point["seconds"] - former["seconds"])
        best = reached if best is None else min(best, reached)
    return best


def _at_size(camera: Any, width: int, height: int) -> Any:
    """The same view filling another format: focal length by height, optical axis in the middle."""
    scale = height / camera.height
    return dataclasses.replace(
        camera, width=width, height=height, fx=camera.fx * scale, fy=camera.fy * scale, cx=width / 2, cy=height / 2
    )


def _checkpoints(budget: float) -> Iterator[float]:
    seconds = FIRST_CHECKPOINT
    while seconds < budget / CHECKPOINT_FACTOR**0.5:
        yield seconds
        seconds *= CHECKPOINT_FACTOR


def _summarise(runs: list[dict[str, Any]], budgets: Sequence[float]) -> dict[str, Any]:
    """Medians over seeds, with the lowest and highest where there are several."""
    rows = []
    for budget in budgets:
        ends = [run["budgets"][budget] for run in runs]
        row: dict[str, Any] = {"budget": budget}
        row |= {field: statistics.median(end[field] for end in ends) for field in ends[0]}
        if len(ends) > 1:
            row["psnr_black_spread"] = [min(e["psnr_black"] for e in ends), max(e["psnr_black"] for e in ends)]
        rows.append(row)
    times = [run["seconds_to_34db"] for run in runs]
    reached = [seconds for seconds in times if seconds is not None]
    return {
        "budgets": rows,
        "seconds_to_34db": statistics.median(reached) if len(reached) == len(times) else None,
        "steps_per_second": rows[-1]["step"] / rows[-1]["seconds"],
    }


def _is_past(moment: float) -> bool:
    return time.perf_counter() >= moment


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
