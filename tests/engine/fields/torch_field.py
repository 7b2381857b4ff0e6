"""The whole field in plain differentiable torch, float64: the twin of HashGridField's forward and backward."""

from __future__ import annotations

import torch

from engine.fields.hash_grid import FEATURES, HashGridConfig, HashGridField
from engine.fields.mlp import COLOR_INPUTS, GEOMETRY_VALUES
from taichi_kernels.bundles import COLOR_COLUMNS
from taichi_kernels.twins.hash_grid import interpolate
from taichi_kernels.twins.spherical_harmonics import evaluate_harmonics


class TorchField:
    """Takes over a field's parameters as ``table`` and flat ``weights``, float64 leaves that gather gradients."""

    def __init__(self, field: HashGridField) -> None:
        self.layout = field.encoding.levels
        self.shapes = matrix_shapes(field.config)
        # What computes is the working copy: on CUDA the parameters rounded to float16.
        self.table = field.encoding.table.working.double().requires_grad_()
        self.weights = field.networks.weights.working.view(-1).double().requires_grad_()

    def evaluate(self, points: torch.Tensor, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Raw density [n] and raw colour [n, 3] at ``points`` [n, 3] seen along ``directions`` [n, 3]."""
        features = interpolate(points, self.layout, self.table)
        return evaluate_networks(self.weights, self.shapes, features, evaluate_harmonics(directions))


def matrix_shapes(config: HashGridConfig) -> list[tuple[int, int]]:
    """Shapes of the networks' matrices in the order they lie in the flat weights."""
    width = config.hidden_width
    first = [(config.levels * FEATURES, width), (width, GEOMETRY_VALUES), (COLOR_INPUTS, width)]
    return [*first, *[(width, width)] * (config.color_layers - 1), (width, COLOR_COLUMNS)]


def evaluate_networks(
    weights: torch.Tensor, shapes: list[tuple[int, int]], features: torch.Tensor, harmonics: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Raw density [n] and raw colour [n, 3] from grid ``features`` and the directions' ``harmonics`` [n, 16]."""
    flat = weights.split([rows * columns for rows, columns in shapes])
    matrices = [part.view(shape) for part, shape in zip(flat, shapes, strict=True)]
    geometry = torch.relu(features @ matrices[0]) @ matrices[1]
    value = torch.cat([geometry, harmonics], dim=1)
    for matrix in matrices[2:-1]:
        value = torch.relu(value @ matrix)
    return geometry[:, 0], (value @ matrices[-1])[:, :3]
