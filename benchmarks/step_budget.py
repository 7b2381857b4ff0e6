"""What each stage of a training step must do at least: bytes through memory and floating-point operations.

**Bytes**: a stage begins with empty caches and has caches without bounds. So it reads every datum that it needs from
memory once and writes every result once, however often it comes back to it, and nothing but the datum itself (no rest
of a cache line). What it hands on to itself costs nothing; what it hands on to the next stage does.

**Operations**: additions, multiplications, divisions, roots and exponentials of floats, one each; a fused
multiply-add is two. Comparisons, rounding and integer work (hashes, bits, addresses) are free.

Both are for what a step needs, not for what it does today: samples that belong to rays up to the networks, from there
on those that got a gradient. Empty space costs nothing to cross.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import torch

from benchmarks.step_stages import STAGES, WHOLE_STEP, Function, Stages, stages_wrapped
from engine.fields.hash_grid import FEATURES
from engine.fields.mlp import GEOMETRY_VALUES
from engine.primitives.radiance_field import occupancy_primitive as learning_module
from engine.training.trainer import Trainer
from taichi_kernels.bundles import COARSE_FACTOR, COLOR_COLUMNS, FieldOutputs
from taichi_kernels.spherical_harmonics import SH_VALUES
from taichi_kernels.twins.hash_grid import interpolate

_F32 = _I32 = 4
# Colour and alpha in half precision.
_PIXEL = 4 * 2
_VECTOR = 3 * _F32
# A bit for each cell that a coarse bit stands for.
_BLOCK = COARSE_FACTOR**3 / 8
# A point in a level: scaled (3), the place in its cell (3) and its complement (3), the eight corners' weights with
# shared products (4 + 8), and a weighted sum of eight rows, or the same turned round.
_INTERPOLATION = 3 + 3 + 3 + 12 + 8 * FEATURES * 2
# Of one direction: six products of coordinates, and what the 16 polynomials need on top.
_HARMONICS = 6 + 34


@dataclasses.dataclass(frozen=True)
class StepCounts:
    """What was counted in a step. Rows are of the table; ``cells`` and ``rows_visited`` belong to a refresh of the
    occupancy."""

    rays: int
    samples: int
    samples_with_gradient: int
    samples_drawn: int  # of these, the ones that are backpropagated
    rows_read: int
    rows_with_gradient: int
    open_blocks: int
    cells: int
    rows_visited: int


@dataclasses.dataclass(frozen=True)
class Budget:
    """The least ``bytes`` and ``operations`` of a stage in one step."""

    bytes: float
    operations: float


def count_step(trainer: Trainer) -> StepCounts:
    """Take steps up to one that refreshes the occupancy, and count in the last two."""
    seen: dict[str, Any] = {}

    def look(name: str, function: Function) -> Function:
        signature = inspect.signature(function)

        def call(*args: Any, **kwargs: Any) -> Any:
            arguments = signature.bind(*args, **kwargs).arguments
            if name == "Adam":
                seen["rows_with_gradient"] = int(
                    (trainer.primitive.field.encoding.table.gradients != 0).any(dim=1).sum()
                )
            result = function(*args, **kwargs)
            if name == "march":
                # Copied, for the samples behind a surface are taken off again.
                seen["samples_of_rays"] = arguments["ray_samples"][:, 1].clone()
                seen["points"] = arguments["samples"].points
            elif name == "composite":
                seen["samples_with_gradient"] = _count_with_gradient(arguments["ray_samples"], arguments["gradients"])
            elif name == "draw":
                seen["samples_drawn"] = int(arguments["active"].count)
            elif name == "encode":
                seen["encoded"] = arguments["points"]
            return result

        return call

    places: Stages = {
        "march": STAGES["march"],
        "encode": STAGES["encode"],
        "composite": [(learning_module, "composite_training")],
        "draw": [(learning_module, "draw_gradients")],
        "Adam": STAGES["Adam"],
    }
    every = trainer.primitive.config.occupancy_every
    with stages_wrapped(look, places):
        trainer.step()
        while trainer.step_count % every != every - 1:
            trainer.step()
        rays = trainer.stats().figures["rays_per_step"]
        samples = int(seen["samples_of_rays"][:rays].sum())
        rows_read = _count_rows(trainer, seen["points"][:samples])
        samples_with_gradient, rows_with_gradient = seen["samples_with_gradient"], seen["rows_with_gradient"]
        # The last points that this one encodes are those of the refresh.
        trainer.step()
    return StepCounts(
        rays=rays,
        samples=samples,
        samples_with_gradient=samples_with_gradient,
        samples_drawn=seen.get("samples_drawn", samples_with_gradient),
        rows_read=rows_read,
        rows_with_gradient=rows_with_gradient,
        open_blocks=_count_bits(trainer.primitive.sampler.grid.occupied.coarse_bits),
        cells=seen["encoded"].shape[0],
        rows_visited=_count_rows(trainer, seen["encoded"]),
    )


def budget_stages(trainer: Trainer, counts: StepCounts) -> dict[str, Budget]:
    """The budget of every stage, and of the whole step: their sum."""
    field, weights = trainer.primitive.field, trainer.primitive.field.networks.weights.values
    item = field.encoding.table.working.element_size()
    levels = field.config.levels
    row, features = FEATURES * item, levels * FEATURES * item
    rays, samples, composited, back = counts.rays, counts.samples, counts.samples_with_gradient, counts.samples_drawn
    width = field.config.hidden_width
    density_weights = levels * FEATURES * width + width * GEOMETRY_VALUES
    harmonics_weights = SH_VALUES * width
    # Density and three channels; the fourth column of raw colours is padding.
    raw = (1 + 3) * item
    useful_weights = weights.numel() - (COLOR_COLUMNS - 3) * width
    has_copy = field.encoding.table.working is not field.encoding.table.values
    has_depth = float((trainer.primitive.pixels.images[: len(trainer.primitive.pixels), 3] != 0).float().mean())
    tiles = 0 if trainer.primitive.pixels.errors is None else trainer.primitive.pixels.errors.tile_count
    interpolation = levels * _INTERPOLATION
    occupancy, every = trainer.primitive.sampler.grid, trainer.primitive.config.occupancy_every
    budgets = {
        # A pixel's colour (and depth) in; origin, direction, span and target out. A pinhole's ray (30), where it enters
        # and leaves the box (12), target and jittered start (6). The error of each tile is read and written.
        "draw rays": Budget(
            rays * (_PIXEL + has_depth * _F32 + (3 + 3 + 2 + 5) * _F32) + tiles * 2 * _F32, rays * 48 + tiles
        ),
        # Ray in; coarse bits and the blocks that they call open; first sample and count of each ray, and point,
        # distance and ray of each sample out. o + t d (6), the cell (3) and t + dt (1) for each sample, 1 / d a ray.
        "march": Budget(
            rays * ((3 + 3 + 2) * _F32 + 2 * _I32)
            + occupancy.occupied.coarse_bits.nbytes
            + counts.open_blocks * _BLOCK
            + samples * (_VECTOR + _F32 + _I32),
            samples * 10 + rays * 3,
        ),
        # Points and the rows around them in, features out.
        "encode": Budget(samples * (_VECTOR + features) + counts.rows_read * row, samples * interpolation),
        # Features, ray, its direction and the weights in; raw density and colour out, nothing in between. Two
        # operations a weight and sample; harmonics once a ray.
        "networks": Budget(
            samples * (features + _I32 + raw) + rays * _VECTOR + useful_weights * item,
            samples * 2 * useful_weights + rays * _HARMONICS,
        ),
        # Ray's samples, target and loss; distance, raw density and colour in, their gradients out. A sample's opacity,
        # weight and colour (25), what is behind it and the chain rule (30), loss of a ray (30).
        "composite, loss, gradients": Budget(
            rays * (2 * _I32 + 5 * _F32 + _F32) + composited * (_F32 + 2 * raw), composited * 55 + rays * 30
        ),
        # As forward, with the gradients of its outputs in, of its inputs and weights out. Two operations a weight and
        # sample for each of the two; the harmonics need none. Activations are known: neither read nor worked out anew.
        "networks, backward": Budget(
            back * (2 * features + _I32 + raw) + rays * _VECTOR + useful_weights * (item + _F32),
            back * 2 * (2 * useful_weights - harmonics_weights),
        ),
        # Points and gradients in; a row is read, added to and written.
        "encode, backward": Budget(
            back * (_VECTOR + features) + counts.rows_with_gradient * 2 * FEATURES * _F32, back * interpolation
        ),
        # All rows of the networks have a gradient.
        "Adam": _budget_adam(
            field.encoding.table.values.shape[0] + weights.shape[0],
            counts.rows_with_gradient + weights.shape[0],
            has_copy,
            item,
        ),
        # Which cells, the rows around a point in each, the density network; then all densities, of which the visited
        # are written, and all bits. A point (6), its density and what becomes of the old one (6); the mean of all.
        "occupancy": Budget(
            (
                counts.cells * (_I32 + _F32)
                + counts.rows_visited * row
                + density_weights * item
                + occupancy.densities.nbytes
                + occupancy.occupied.nbytes
            )
            / every,
            (counts.cells * (12 + interpolation + 2 * density_weights) + occupancy.densities.numel()) / every,
        ),
    }
    budgets[WHOLE_STEP] = Budget(
        sum(budget.bytes for budget in budgets.values()), sum(budget.operations for budget in budgets.values())
    )
    return budgets


def _budget_adam(rows: int, active: int, has_copy: bool, item: int) -> Budget:
    """Adam with one second moment a row: all gradients are read, and for rows that have one, moments and parameters
    are read and written, the gradient is zeroed and the working copy written.

    Operations: the square of a gradient tells whether there is one (2 a value); second moment and rate (8), then decay
    (3), its square (2), first moment (3) and parameter (2) a value.
    """
    state = 2 * (FEATURES + 1) * _F32 + 2 * FEATURES * _F32 + FEATURES * _F32 + has_copy * FEATURES * item
    return Budget(rows * FEATURES * _F32 + active * state, rows * FEATURES * 2 + active * (8 + FEATURES * 10))


def _count_with_gradient(ray_samples: torch.Tensor, gradients: FieldOutputs) -> int:
    """Samples of the rays [n, 2] (first, count) with a gradient that isn't zero; those of no ray hold what they may."""
    starts = ray_samples[:, 0].long()
    borders = torch.zeros(len(gradients.density_rows) + 1, dtype=torch.int32, device=ray_samples.device)
    is_ray = (ray_samples[:, 1] > 0).int()
    borders.index_add_(0, starts * is_ray, is_ray)
    borders.index_add_(0, (starts + ray_samples[:, 1]) * is_ray, -is_ray)
    is_sample = borders.cumsum(0)[:-1] > 0
    has_gradient = (gradients.densities != 0) | (gradients.colors != 0).any(dim=1)
    return int((is_sample & has_gradient).sum())


def _count_rows(trainer: Trainer, points: torch.Tensor) -> int:
    """Rows of the table that interpolating at ``points`` [n, 3] reads: those that a gradient reaches."""
    table = torch.zeros(
        trainer.primitive.field.encoding.table.values.shape[0], 1, device=points.device, requires_grad=True
    )
    interpolate(points, trainer.primitive.field.encoding.levels, table).sum().backward()
    assert table.grad is not None
    return int((table.grad > 0).sum())


def _count_bits(words: torch.Tensor) -> int:
    return sum(int(((words >> bit) & 1).sum()) for bit in range(32))
