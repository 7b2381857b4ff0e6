"""What a step is said to need, against what can be counted in other ways."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.step_budget import StepCounts, budget_stages, count_step
from benchmarks.step_stages import STAGES, WHOLE_STEP
from engine.optimizers.parameters import ParameterGroup
from engine.training.trainer import Trainer
from taichi_kernels.bundles import COARSE_FACTOR
from tests.engine.training.small_run import make_trainer
from tests.engine.training.textured_sphere import training_views

NOTHING = StepCounts(**{field.name: 0 for field in dataclasses.fields(StepCounts)})


@pytest.fixture(scope="module")
def trainer(device: str) -> Trainer:
    trainer = make_trainer(device, "srgb", training_views("srgb", count=6, size=32))
    for _ in range(100):
        trainer.step()
    return trainer


def test_counts_are_those_of_the_step(trainer: Trainer) -> None:
    counts = count_step(trainer)
    occupancy, capacity = trainer.primitive.sampler.grid, trainer.primitive.config.samples_per_step
    assert counts.rays > 0 and 0 < counts.samples_with_gradient < counts.samples <= capacity
    assert 0 < counts.samples_drawn <= counts.samples_with_gradient
    # Eight corners a level and sample, fewer than half of them its own.
    assert (
        0 < counts.rows_with_gradient <= counts.rows_read < 4 * trainer.primitive.field.config.levels * counts.samples
    )
    assert counts.cells == min(capacity, occupancy.candidate_count) and counts.rows_visited > 0
    bits = np.unpackbits(occupancy.occupied.bits.cpu().numpy().view(np.uint8), bitorder="little")
    side = occupancy.occupied.coarse_resolution
    blocks = bits.reshape(side, COARSE_FACTOR, side, COARSE_FACTOR, side, COARSE_FACTOR)
    assert counts.open_blocks == blocks.any(axis=(1, 3, 5)).sum() > 0


def test_adam_reads_all_gradients_and_all_else_where_there_is_one(trainer: Trainer) -> None:
    def all_bytes(group: ParameterGroup) -> int:
        both_ways = group.values.nbytes + group.gradients.nbytes + trainer.optimizer.moments[group.name].nbytes
        return 2 * both_ways + (0 if group.working is group.values else group.working.nbytes)

    table, weights = trainer.primitive.field.parameters()
    idle = budget_stages(trainer, NOTHING)["Adam"]
    assert idle.bytes == table.gradients.nbytes + all_bytes(weights)
    busy = budget_stages(trainer, dataclasses.replace(NOTHING, rows_with_gradient=table.values.shape[0]))["Adam"]
    assert busy.bytes == all_bytes(table) + all_bytes(weights)


def test_a_table_is_read_once_however_often_points_need_it(trainer: Trainer) -> None:
    counts = dataclasses.replace(NOTHING, rows_read=trainer.primitive.field.encoding.table.values.shape[0])
    assert budget_stages(trainer, counts)["encode"].bytes == trainer.primitive.field.encoding.table.working.nbytes
    more = dataclasses.replace(counts, samples=1000)
    activations = trainer.primitive.field.allocate(1000).work
    more_bytes = budget_stages(trainer, more)["encode"].bytes
    assert more_bytes == trainer.primitive.field.encoding.table.working.nbytes + activations.features.nbytes + 1000 * 12


def test_operations_of_the_networks_are_their_products(trainer: Trainer) -> None:
    samples = 1000
    with FlopCounterMode(display=False) as counter:
        trainer.primitive.field.forward(
            trainer.primitive.field.allocate(samples).first(samples), torch.ones(1, 3, device=trainer.primitive.device)
        )
    counts = dataclasses.replace(NOTHING, samples=samples, samples_with_gradient=samples, samples_drawn=samples)
    budgets = budget_stages(trainer, counts)
    # The kernel also works out a padding column.
    assert 0.95 * counter.get_total_flops() < budgets["networks"].operations < counter.get_total_flops()
    forward = budgets["networks"].operations
    assert 1.5 * forward < budgets["networks, backward"].operations < 2 * forward


def test_the_step_needs_what_its_stages_need(trainer: Trainer) -> None:
    budgets = budget_stages(trainer, count_step(trainer))
    assert [*budgets] == [*STAGES, WHOLE_STEP]
    assert all(budget.bytes > 0 and budget.operations > 0 for budget in budgets.values())
    assert budgets[WHOLE_STEP].bytes == pytest.approx(sum(budgets[name].bytes for name in STAGES))
