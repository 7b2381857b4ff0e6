"""Looking at a step's stages: each call once, and nothing left behind."""

from __future__ import annotations

import collections
from typing import Any

import pytest

from benchmarks.stages import measure_stages
from benchmarks.step_launches import Launches, count_launches, sum_device_work
from benchmarks.step_stages import STAGES, WHOLE_STEP, Function, stages_wrapped
from benchmarks.training_tables import stages_table
from engine.training.trainer import Trainer
from taichi_kernels.launch import KernelLauncher
from tests.engine.training.small_run import make_trainer
from tests.engine.training.textured_sphere import training_views


@pytest.fixture(scope="module")
def trainer(device: str) -> Trainer:
    trainer = make_trainer(device, "srgb", training_views("srgb", count=6, size=32))
    for _ in range(32):
        trainer.step()
    return trainer


def test_a_stage_within_a_stage_is_part_of_the_outer_one(trainer: Trainer) -> None:
    calls: collections.Counter[str] = collections.Counter()

    def count(name: str, function: Function) -> Function:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls[name] += 1
            return function(*args, **kwargs)

        return call

    every = trainer.primitive.config.occupancy_every
    with stages_wrapped(count):
        for _ in range(every):
            trainer.step()
    # The refresh of the occupancy encodes points too.
    assert calls["encode"] == calls["march"] == every and calls["occupancy"] == 1


def test_launches_are_counted_by_stage(trainer: Trainer) -> None:
    every = trainer.primitive.config.occupancy_every
    launches = count_launches(trainer, every)
    if not launches:
        assert trainer.primitive.device == "cuda"
        pytest.skip("the driver's record of kernels can't be read here")
    # On a card Taichi works out a loop's bounds in a kernel of their own.
    most = 1 if trainer.primitive.device == "cpu" else 3
    for name, kernels in (("encode", 1), ("encode, backward", 1), ("Adam", 2)):
        assert kernels <= launches[name].kernels <= kernels * most
    # The error map is a few operations of torch's.
    assert 1 <= launches["draw rays"].kernels <= (1 if trainer.primitive.pixels.errors is None else 16) * most
    # At least: cells and points, features, two layers, densities and bits.
    assert 6 <= launches["occupancy"].kernels * every < 20 * most
    # Counters are zeroed between the stages.
    inside = sum(_all_work(launches[name]) for name in STAGES)
    assert inside < _all_work(launches[WHOLE_STEP]) < inside + 10
    if trainer.primitive.device == "cuda":
        assert all(0.0 < (launches[name].seconds or 0.0) < 1e-2 for name in STAGES)


def _all_work(launches: Launches) -> float:
    return launches.kernels + (launches.copies or 0.0)


def test_counting_leaves_everything_as_it_was(trainer: Trainer) -> None:
    places = [place for places in STAGES.values() for place in places] + [(KernelLauncher, "__call__")]
    before = [vars(owner)[attribute] for owner, attribute in places]
    count_launches(trainer, 1)
    assert [vars(owner)[attribute] for owner, attribute in places] == before


def test_work_on_the_card_belongs_to_the_range_it_lies_in() -> None:
    def event(category: str, name: str, start: float, duration: float) -> dict[str, Any]:
        return {"ph": "X", "cat": category, "name": name, "ts": start, "dur": duration}

    ranges = [
        event("user_annotation", name, *span) for name, span in {"step": (0.0, 100.0), "march": (10.0, 30.0)}.items()
    ]
    host = [event("cpu_op", "aten::zero_", 12.0, 3.0), event("cuda_runtime", "cudaLaunchKernel", 13.0, 1.0)]
    assert sum_device_work([*ranges, *host], ["step", "march"]) == {}
    card = [
        event("kernel", "mark", 12.0, 10.0),
        event("kernel", "write", 25.0, 8.0),
        event("gpu_memset", "Memset (Device)", 60.0, 2.0),
        event("kernel", "elsewhere", 150.0, 5.0),
        event("gpu_user_annotation", "march", 12.0, 21.0),
    ]
    found = sum_device_work([{"ph": "M", "name": "process_name"}, *ranges, *host, *card], ["step", "march"])
    assert (found["march"].kernels, found["march"].copies) == (2, 0)
    assert (found["step"].kernels, found["step"].copies) == (2, 1)
    assert found["march"].seconds == pytest.approx(18e-6) and found["step"].seconds == pytest.approx(20e-6)


@pytest.mark.slow
def test_what_is_measured_fills_the_table(trainer: Trainer) -> None:
    every = trainer.primitive.config.occupancy_every
    measured = measure_stages(trainer, every, every)
    assert [row["stage"] for row in measured["stages"]] == [*STAGES, WHOLE_STEP]
    for row in measured["stages"]:
        assert row["ms"] > row["floor_ms"] > 0.0 and row["ms"] > row["operations_floor_ms"] > 0.0
    table = stages_table([measured | {"dataset": "sphere", "size": [32, 32], "device_name": "here"}])
    assert "nan" not in table and len(table.splitlines()) == 2 + len(STAGES) + 1
