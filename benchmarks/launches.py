"""How long a launch of a Taichi kernel takes, by how it gets its arguments: why kernels take bundles as they do, and
are launched as they are; kept in benchmarks/results/.

The same small kernel of four numbers and six tensors: each a parameter of its own, or in bundles (see
``taichi_kernels.launch``); and by Taichi's own way, for which a pack is made at each launch.

    python -m benchmarks.launches --device cuda
"""

import argparse
import dataclasses
import time
from collections.abc import Callable

import taichi as ti
import torch

from benchmarks.results import add_no_result, write_result
from engine.device import PROFILES
from engine.machine import device_name, versions
from taichi_kernels import runtime
from taichi_kernels.launch import kernel, numbers_of, tensors_of

ELEMENTS, LAUNCHES, ROUNDS = 64, 2000, 5


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


FactorNumbers, FirstTensors, SecondTensors = numbers_of(Factors), tensors_of(First), tensors_of(Second)


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
    rows = []
    for name, launch in ways.items():
        total.zero_()
        launch()
        assert bool((total == 11.0).all()), name
        rows.append({"way": name, "microseconds": round(_microseconds(launch, device))})
        print(f"{name}: {rows[-1]['microseconds']} us")
    head = {"dataset": "kernel", "device": device, "device_name": device_name(device), "versions": versions()}
    if not options.no_result:
        write_result("launches", head | {"rows": rows})


def _microseconds(launch: Callable[[], None], device: str) -> float:
    """Of one launch, in the fastest of a few rounds."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(LAUNCHES):
            launch()
        PROFILES[device].wait()
        rounds.append(time.perf_counter() - started)
    return min(rounds) / LAUNCHES * 1e6


if __name__ == "__main__":
    main()
