"""The random numbers of kernels and of torch against the same hash on numpy's 32-bit integers."""

import numpy as np
import pytest
import taichi as ti
import torch

from taichi_kernels.random_numbers import RandomStream, uniform, uniform_u32
from taichi_kernels.torch_functions import random_numbers as by_torch

COUNT = 4096


@ti.kernel
def _draw(  # noqa: ANN202 - Taichi reads the annotations
    n: ti.i32, seed: ti.i32, step: ti.i32, dimension: ti.i32, bits: ti.types.ndarray(), unit: ti.types.ndarray()
):
    for i in range(n):
        bits[i] = ti.cast(uniform_u32(seed, step, i, dimension), ti.i32)
        unit[i] = uniform(seed, step, i, dimension)


def _draw_with_kernel(device: str, seed: int, step: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    bits = torch.zeros(COUNT, dtype=torch.int32, device=device)
    unit = torch.zeros(COUNT, device=device)
    _draw(COUNT, seed, step, dimension, bits, unit)
    return bits.cpu().numpy().view(np.uint32), unit.cpu().numpy()


def _pcg(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        state = x * np.uint32(747796405) + np.uint32(2891336453)
        word = ((state >> ((state >> np.uint32(28)) + np.uint32(4))) ^ state) * np.uint32(277803737)
    return (word >> np.uint32(22)) ^ word


@pytest.mark.parametrize(("seed", "step", "dimension"), [(0, 0, 0), (1, 0, 3), (7, 123_456, 17), (2**31 - 1, 999, 10)])
def test_same_bits_as_numpy_and_by_torch(device: str, seed: int, step: int, dimension: int) -> None:
    bits, unit = _draw_with_kernel(device, seed, step, dimension)

    key = np.array([(seed + 0x9E3779B9 * dimension) % 2**32], dtype=np.uint32)
    expected = _pcg(_pcg(_pcg(key) ^ np.uint32(step)) ^ np.arange(COUNT, dtype=np.uint32))
    assert np.array_equal(bits, expected)
    assert np.array_equal(unit, (expected >> np.uint32(8)).astype(np.float32) / np.float32(2**24))

    index = torch.arange(COUNT)
    assert np.array_equal(by_torch.uniform_u32(seed, step, index, dimension).numpy(), expected)
    assert np.array_equal(by_torch.uniform(seed, step, index, dimension).numpy(), unit)


def test_draws_are_uniform_and_of_each_other_independent(device: str) -> None:
    draws = np.stack([_draw_with_kernel(device, 0, step, dimension)[1] for step in (0, 1) for dimension in (0, 1, 2)])
    assert draws.min() >= 0.0 and draws.max() < 1.0
    counts = np.stack([np.histogram(row, bins=16, range=(0, 1))[0] for row in draws])
    # 15 degrees of freedom: a chi-square above 45 has odds of about 1 in 10,000.
    assert (((counts - COUNT / 16) ** 2) / (COUNT / 16)).sum(1).max() < 45
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 5 / np.sqrt(COUNT)


def test_no_stream_reaches_into_the_next() -> None:
    several = {RandomStream.BACKGROUND: 3, RandomStream.CELL_POINT: 3}
    taken = [stream + k for stream in RandomStream for k in range(several.get(stream, 1))]
    assert len(taken) == len(set(taken))
