"""How long a launch of a Taichi kernel takes, by how it gets its arguments: why kernels take bundles as they do, and
are launched as they are; kept in benchmarks/results/.

The same small kernel of four numbers and six tensors: each a parameter of its own, or in bundles (see
``taichi_kernels.launch``); and by Taichi's own way, for which a pack is made at each launch. And a kernel with the
parameters of the one that has most of them, the loss's: as it has them, sixteen, and with what only it takes in bundles
of its own, eight, which are made at each launch.

    python -m benchmarks.launches --device cuda
"""

import argparse
import dataclasses
import math
import time
from collections.abc import Callable

import taichi as ti
import torch

from benchmarks.results import add_no_result, write_result
from engine.device import PROFILES
from engine.machine import device_name, versions
from taichi_kernels import runtime
from taichi_kernels.bundles import FieldOutputs, OutputTensors
from taichi_kernels.launch import kernel, numbers_of, tensors_of
from taichi_kernels.stepping import StepNumbers, StepRule

ELEMENTS, LAUNCHES, ROUNDS = 64, 100, 200


@dataclasses.dataclass(frozen=True)
class Factors:
    a: float
    b: float
    c: float
    d: float


@dataclasses.dataclass(frozen=True, eq=False)
class First:
    x: torch.Tensor
    y: torch.Tensor
    z: torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Second:
    u: torch.Tensor
    v: torch.Tensor
    total: torch.Tensor


@dataclasses.dataclass(frozen=True)
class LossFactors:
    depth_weight: float
    depth_tolerance: float
    full_distance: float
    gradient_scale: float
    seed: int
    step: int


@dataclasses.dataclass(frozen=True, eq=False)
class LossRays:
    ray_samples: torch.Tensor
    targets: torch.Tensor
    losses: torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class LossGradients:
    grad_densities: torch.Tensor
    grad_colors: torch.Tensor


FactorNumbers, FirstTensors, SecondTensors = numbers_of(Factors), tensors_of(First), tensors_of(Second)
LossNumbers, LossRayTensors, GradientTensors = numbers_of(LossFactors), tensors_of(LossRays), tensors_of(LossGradients)


@kernel
def _add_flat(  # noqa: ANN202 - Taichi reads the annotations
    a: ti.f32, b: ti.f32, c: ti.f32, d: ti.f32,
    x: ti.types.ndarray(), y: ti.types.ndarray(), z: ti.types.ndarray(),
    u: ti.types.ndarray(), v: ti.types.ndarray(), total: ti.types.ndarray(),
):  # fmt: skip
    for i in range(x.shape[0]):
        total[i] = a * x[i] + b * y[i] + c * z[i] + d * u[i] + v[i]


@kernel
def _add_bundles(factors: FactorNumbers, first: FirstTensors, second: SecondTensors):  # noqa: ANN202
    for i in range(first.x.shape[0]):
        sum_of_first = factors.a * first.x[i] + factors.b * first.y[i] + factors.c * first.z[i]
        second.total[i] = sum_of_first + factors.d * second.u[i] + second.v[i]


@kernel
def _loss_flat(  # noqa: ANN202
    linear: ti.template(), steps: StepNumbers, grows: ti.template(), depth_weight: ti.f32, depth_tolerance: ti.f32,
    full_distance: ti.f32, gradient_scale: ti.f32, seed: ti.i32, step: ti.i32, ray_samples: ti.types.ndarray(),
    targets: ti.types.ndarray(), distances: ti.types.ndarray(), outputs: OutputTensors, losses: ti.types.ndarray(),
    grad_densities: ti.types.ndarray(), grad_colors: ti.types.ndarray(),
):  # fmt: skip
    for i in range(ray_samples.shape[0]):
        factor = depth_weight + depth_tolerance + full_distance + gradient_scale + steps.smallest
        losses[i] = factor * (seed + step) + targets[i, 0] + distances[i] + outputs.density_rows[i, 0]
        grad_densities[i, 0] = outputs.color_rows[i, 0]
        grad_colors[i, 0] = outputs.color_rows[i, 1]


@kernel
def _loss_bundles(  # noqa: ANN202
    linear: ti.template(), steps: StepNumbers, grows: ti.template(), factors: LossNumbers, rays: LossRayTensors,
    distances: ti.types.ndarray(), outputs: OutputTensors, gradients: GradientTensors,
):  # fmt: skip
    for i in range(rays.ray_samples.shape[0]):
        factor = factors.depth_weight + factors.depth_tolerance + factors.full_distance + factors.gradient_scale
        factor += steps.smallest
        rays.losses[i] = factor * (factors.seed + factors.step)
        rays.losses[i] += rays.targets[i, 0] + distances[i] + outputs.density_rows[i, 0]
        gradients.grad_densities[i, 0] = outputs.color_rows[i, 0]
        gradients.grad_colors[i, 0] = outputs.color_rows[i, 1]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=sorted(PROFILES), default="cpu")
    add_no_result(parser)
    options = parser.parse_args()
    device = options.device
    runtime.start(device)
    x, y, z, u, v, total = (torch.ones(ELEMENTS, device=device) for _ in range(6))
    factors, first, second = Factors(1.0, 2.0, 3.0, 4.0), First(x, y, z), Second(u, v, total)
    ways: dict[str, Callable[[], None]] = {
        "a parameter each": lambda: _add_flat(1.0, 2.0, 3.0, 4.0, x, y, z, u, v, total),
        "bundles": lambda: _add_bundles(factors, first, second),
        "a parameter each, Taichi's own way": lambda: _add_flat.launch_publicly(
            1.0, 2.0, 3.0, 4.0, x, y, z, u, v, total
        ),
        "bundles, Taichi's own way": lambda: _add_bundles.launch_publicly(factors, first, second),
    }
    for name, launch in ways.items():
        total.zero_()
        launch()
        assert bool((total == 11.0).all()), name
    ways |= _loss_ways(device)
    best = dict.fromkeys(ways, math.inf)
    for _ in range(ROUNDS):  # in turns, each for a moment: some of the moments are free of other work
        for name, launch in ways.items():
            best[name] = min(best[name], _microseconds(launch, device))
    rows = [{"way": name, "microseconds": round(microseconds)} for name, microseconds in best.items()]
    for row in rows:
        print(f"{row['way']}: {row['microseconds']} us")
    head = {"dataset": "kernel", "device": device, "device_name": device_name(device), "versions": versions()}
    if not options.no_result:
        write_result("launches", head | {"rows": rows})


def _loss_ways(device: str) -> dict[str, Callable[[], None]]:
    rule, outputs = StepRule.constant(0.01), FieldOutputs.allocate(ELEMENTS, device, torch.float32)
    samples = torch.zeros(ELEMENTS, 2, dtype=torch.int32, device=device)
    targets, colors = (torch.zeros(ELEMENTS, columns, device=device) for columns in (5, 4))
    distances, losses, densities = (torch.zeros(shape, device=device) for shape in (ELEMENTS, ELEMENTS, (ELEMENTS, 1)))
    numbers = (0.1, 0.01, 0.1, 128.0, 1, 2)

    def in_bundles() -> None:
        rays, gradients = LossRays(samples, targets, losses), LossGradients(densities, colors)
        _loss_bundles(False, rule, False, LossFactors(*numbers), rays, distances, outputs, gradients)

    return {
        "the loss's, sixteen parameters": lambda: _loss_flat(
            False, rule, False, *numbers, samples, targets, distances, outputs, losses, densities, colors
        ),
        "the loss's, eight, with bundles of its own": in_bundles,
    }


def _microseconds(launch: Callable[[], None], device: str) -> float:
    """Of one launch among a few."""
    started = time.perf_counter()
    for _ in range(LAUNCHES):
        launch()
    PROFILES[device].wait()
    return (time.perf_counter() - started) / LAUNCHES * 1e6


if __name__ == "__main__":
    main()
