"""The trainer's step in plain torch: what the Taichi path is measured against.

The same model, rays, samples, loss and optimiser as engine.training.trainer, in single precision, every operation over
all rays, samples or rows at once, gradients by autograd. One cascade, pinhole cameras.

It stays beside the twins of single kernels, which tests compare values with: how much faster the kernels are than what
one would write without them is a question of whole steps, and only a step that comes to the same says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from engine.fields.hash_grid import FEATURES
from engine.fields.mlp import FASTEST_NETWORKS
from engine.training.trainer import Trainer
from taichi_kernels.compositing import HUBER_DELTA, TRAINING_MIN_TRANSMITTANCE
from taichi_kernels.occupancy import SURFACE
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.rays import UNKNOWN_DEPTH, WHOLE_SHARE
from taichi_kernels.torch_functions.activations import activate_color, activate_density
from taichi_kernels.torch_functions.losses import display, draw_background
from taichi_kernels.torch_functions.random_numbers import uniform
from taichi_kernels.twins.occupancy import sample_cells, update_densities
from taichi_kernels.twins.rays import captured_span, draw_pixels
from taichi_kernels.twins.spherical_harmonics import evaluate_harmonics

# Features at points [n, 3] from a layout and a table.
Interpolate = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
_PRIMES = (1, 2654435761, 805459861)
_BETA1, _BETA2, _EPSILON = 0.9, 0.99, 1e-15
_THRESHOLD = 0.01


class TorchTrainer:
    """Does the steps of ``trainer`` from where that stands at each ``take_over``."""

    def __init__(self, trainer: Trainer, interpolate: Interpolate) -> None:
        if trainer.primitive.config.cascades != 1 or trainer.primitive.device != "cpu":
            raise ValueError("the torch twin knows one cascade, on the CPU")
        if trainer.primitive.pixels.cameras[: len(trainer.primitive.pixels), 16:].any():
            raise ValueError("the torch twin knows no lens distortion")
        self._trainer, self._interpolate = trainer, interpolate
        self._shape = trainer.primitive.field.config.networks
        self._limits = trainer.primitive.limits
        self.take_over()

    def take_over(self) -> None:
        """Start from a copy of all that the other trainer has learnt."""
        field, occupancy = self._trainer.primitive.field, self._trainer.primitive.sampler.grid
        moments = self._trainer.optimizer.moments
        self.table, self.table_moments = field.encoding.table.values.clone(), moments["field.table"].clone()
        self.weights = field.networks.weights.values.view(-1).clone()
        self.weights_moments = moments["field.weights"].clone()
        self.densities, self._candidates = occupancy.densities.clone(), occupancy.candidates.clone()
        self.step_count, self.rays = self._trainer.step_count, self._trainer.primitive.sampler.ray_count
        self.loss = math.nan
        self._mark_occupied()

    def step(self) -> None:
        """One optimisation step, as Trainer.step without a budget."""
        config = self._trainer.primitive.config
        origins, directions, spans, targets = self.draw_rays()
        points, distances, rays, starts, counts = self.march(origins, directions, spans)
        table = self.table.requires_grad_()
        features = self.encode(points, table)
        leaf_features = features.detach().requires_grad_()
        weights = self.weights.requires_grad_()
        raw_densities, raw_colors = self.evaluate_networks(weights, leaf_features, directions, rays)
        leaves = raw_densities.detach().requires_grad_(), raw_colors.detach().requires_grad_()
        self.composite(*leaves, distances, starts, counts, targets)
        self.backward_networks(raw_densities, raw_colors, *leaves)
        self.backward_encode(features, leaf_features)
        # The learning rate of a training without a budget, before it falls.
        rate = config.learning_rate
        self.update_table(rate)
        self.update_weights(min(rate, FASTEST_NETWORKS))
        self.step_count += 1
        if self.step_count % config.occupancy_every == 0:
            self.refresh_occupancy()

    def draw_rays(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Random pixels: origins and directions [n, 3], where to march [n, 2], targets [n, 5]."""
        trainer, n, pixels = self._trainer, self.rays, self._trainer.primitive.pixels
        seed, step = trainer.primitive.config.seed, self.step_count
        tiles = None if pixels.errors is None else pixels.errors.tiles(step)
        view, px, py = draw_pixels(n, seed, step, pixels.pictures, tiles)
        streams = (RandomStream.RAY_START, RandomStream.WHOLE_RAY)
        jitter, whole = (uniform(seed, step, torch.arange(n), stream) for stream in streams)
        first, width, height, has_depth, _ = pixels.images[view].long().unbind(1)
        cameras = pixels.cameras[view]
        fx, fy, cx, cy = cameras[:, 12:16].unbind(1)
        local = torch.stack([(px + 0.5 - cx) / fx, (cy - py - 0.5) / fy, -torch.ones(n)], dim=1)
        cosines = 1.0 / local.norm(dim=1)
        poses = cameras[:, :12].view(n, 3, 4)
        directions = torch.bmm(poses[:, :, :3], local[:, :, None])[:, :, 0] * cosines[:, None]
        origins = poses[:, :, 3]

        safe = torch.where(directions.abs() > 1e-12, directions, 1e-12)
        borders = (self._limits.box[:, None] - origins) / safe
        near = borders.amin(0).amax(1).clamp(min=0.0)
        far = borders.amax(0).amin(1)
        pixel = first + py * width + px
        color, z = pixels.colors[pixel].float(), pixels.depths[pixel]
        is_known = (has_depth != 0) & (z > 0.0) & (z < 1e9) & (color[:, 3] > 0.999)
        surface = torch.where(is_known, z * self._limits.scale / cosines, UNKNOWN_DEPTH)
        nearest, farthest = captured_span(pixels.colors, pixels.depths, first, width, height, px, py)
        reach, margin = self._limits.scale / cosines, self._limits.depth_margin
        far = torch.where(is_known, torch.minimum(far, farthest.float() * reach + margin), far)
        is_cut = is_known & (whole >= WHOLE_SHARE)
        near = torch.where(is_cut, torch.maximum(near, nearest.float() * reach - margin), near)
        start = near.clamp(min=self._limits.near_distance) + jitter * trainer.primitive.config.steps.smallest
        targets = torch.cat([color, surface[:, None]], dim=1)
        return origins, directions, torch.stack([start, far], dim=1), targets

    def march(self, origins: torch.Tensor, directions: torch.Tensor, spans: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Samples in occupied cells, ray after ray: points [m, 3], distances [m], their rays [m]; each ray's first
        sample and count [n]."""
        config, step = self._trainer.primitive.config, self._trainer.primitive.config.steps.smallest
        most = math.ceil(float((spans[:, 1] - spans[:, 0]).max()) / step)
        t = spans[:, :1] + torch.arange(max(most, 1)) * step
        ray, lattice = (t < spans[:, 1:]).nonzero(as_tuple=True)
        t = t[ray, lattice]
        points = torch.addcmul(origins[ray], directions[ray], t[:, None])
        side = config.occupancy_resolution
        x, y, z = (points * side).int().clamp(0, side - 1).unbind(1)
        hits = self._is_occupied[(z * side + y) * side + x].nonzero().view(-1)
        ray = ray[hits]
        wanted = torch.bincount(ray, minlength=self.rays)
        rank = torch.arange(len(hits)) - (wanted.cumsum(0) - wanted)[ray]
        counts = wanted.clamp(max=config.max_samples_per_ray)
        total = int(counts.sum())
        # A ray that doesn't fit gets nothing.
        fits = counts.cumsum(0) <= config.samples_per_step
        self._adjust_rays(total)
        counts = torch.where(fits, counts, 0)
        kept = fits[ray] & (rank < config.max_samples_per_ray)
        hits, ray = hits[kept], ray[kept]
        return points[hits], t[hits], ray, counts.cumsum(0) - counts, counts

    def encode(self, points: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """Features [m, levels * FEATURES], differentiable in ``table``."""
        return self._interpolate(points, self._trainer.primitive.field.encoding.levels, table)

    def evaluate_networks(
        self, weights: torch.Tensor, features: torch.Tensor, directions: torch.Tensor, rays: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Raw densities [m] and raw colours [m, 3], differentiable in ``weights`` and ``features``."""
        matrices = self._shape.split(weights)
        geometry = torch.relu(features @ matrices[0]) @ matrices[1]
        # Once a ray, not once a sample.
        harmonics = evaluate_harmonics(directions).float()[rays]
        value = torch.cat([geometry, harmonics], dim=1)
        for matrix in matrices[2:-1]:
            value = torch.relu(value @ matrix)
        return geometry[:, 0], (value @ matrices[-1])[:, :3]

    def composite(
        self,
        raw_densities: torch.Tensor,
        raw_colors: torch.Tensor,
        distances: torch.Tensor,
        starts: torch.Tensor,
        counts: torch.Tensor,
        targets: torch.Tensor,
    ) -> None:
        """The loss, and its gradients in ``raw_densities`` and ``raw_colors``."""
        trainer, config = self._trainer, self._trainer.primitive.config
        linear, step = trainer.primitive.color_space == "linear", trainer.primitive.config.steps.smallest
        place = torch.arange(max(int(counts.max()), 1))
        is_sample = place < counts[:, None]
        samples = torch.where(is_sample, starts[:, None] + place, 0)
        optical_depth = torch.where(is_sample, activate_density(raw_densities)[samples] * step, 0.0)
        with torch.no_grad():
            is_reached = (optical_depth.cumsum(1) - optical_depth) <= -math.log(TRAINING_MIN_TRANSMITTANCE)
        optical_depth = torch.where(is_reached, optical_depth, 0.0)
        arriving = torch.exp(-(optical_depth.cumsum(1) - optical_depth))
        weights = arriving * (1.0 - torch.exp(-optical_depth))
        left = torch.exp(-optical_depth.sum(1, keepdim=True))
        index = torch.arange(self._drawn)
        background = draw_background(config.seed, self.step_count, index, linear).float()
        color = torch.bmm(weights[:, None], activate_color(raw_colors, linear)[samples])[:, 0]
        predicted = display(color + left * background, linear)
        wanted = display(targets[:, :3] + (1.0 - targets[:, 3:4]) * background, linear)
        losses = torch.nn.functional.huber_loss(predicted, wanted, reduction="none", delta=HUBER_DELTA)
        losses = losses.sum(1) / HUBER_DELTA
        surface = targets[:, 4:]
        if (surface > 0.0).any():
            offset = ((distances[samples] - surface) / (config.depth_tolerance * config.unit)) ** 2
            line_loss = (weights * offset.clamp(max=1.0)).sum(1)
            losses = losses + config.depth_weight_at(self.step_count) * torch.where(surface[:, 0] > 0.0, line_loss, 0.0)
        losses = torch.where(counts > 0, losses, 0.0)
        losses.sum().backward()
        self.loss = float(losses.detach().mean())

    def backward_networks(
        self, raw_densities: torch.Tensor, raw_colors: torch.Tensor, leaf_densities: torch.Tensor,
        leaf_colors: torch.Tensor,
    ) -> None:  # fmt: skip
        """Gradients of the weights and the features."""
        torch.autograd.backward([raw_densities, raw_colors], [leaf_densities.grad, leaf_colors.grad])

    def backward_encode(self, features: torch.Tensor, leaf_features: torch.Tensor) -> None:
        """Gradient of the table."""
        features.backward(leaf_features.grad)

    def update_table(self, rate: float) -> None:
        """Adam on the table's rows that have a gradient."""
        self.table = _adam_step(self.table, self.table_moments, rate, self._trainer.primitive.config.weight_decay)

    def update_weights(self, rate: float) -> None:
        """Adam on the networks' weights."""
        self.weights = _adam_step(self.weights, self.weights_moments, rate, self._trainer.primitive.config.weight_decay)

    @torch.no_grad()
    def refresh_occupancy(self) -> None:
        """Look at the field in some open cells, and mark anew which are occupied."""
        config = self._trainer.primitive.config
        n = min(config.samples_per_step, len(self._candidates))
        cells, points = torch.empty(n, dtype=torch.int32), torch.empty(n, 3)
        sample_cells(config.occupancy_resolution, config.seed, self.step_count, self._candidates, cells, points)
        matrices = self._shape.split(self.weights)
        geometry = torch.relu(self.encode(points, self.table) @ matrices[0]) @ matrices[1]
        update_densities(
            cells, geometry, self.densities, config.occupancy_decay, self._trainer.primitive.config.steps.smallest
        )
        self._mark_occupied()

    def _mark_occupied(self) -> None:
        mean = float(self.densities.sum()) / max(len(self._candidates), 1)
        is_surface = (self.densities > 0.0) & ((self._trainer.primitive.sampler.grid.flags & SURFACE) != 0)
        self._is_occupied = (self.densities > max(min(_THRESHOLD, mean), 1e-6)) | is_surface

    def _adjust_rays(self, wanted: int) -> None:
        config = self._trainer.primitive.config
        self._drawn = self.rays
        grown = int(self.rays * config.samples_per_step * 0.95 / max(wanted, 1))
        self.rays = min(max(grown, 64), self.rays * 2, config.max_rays_per_step)


def interpolate_by_level(points: torch.Tensor, layout: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """As taichi_kernels.twins.hash_grid.interpolate, for speed: a level's eight corners at once."""
    levels = layout.tolist()
    features = []
    for (resolution, _, size), level in zip(levels, table.split([size for _, _, size in levels]), strict=True):
        scaled = points.clamp(0.0, 1.0) * resolution
        cell = scaled.floor().clamp(max=resolution - 1)
        inside, side = scaled - cell, resolution + 1
        is_dense = side**3 <= size
        strides = torch.tensor((1, side, side * side) if is_dense else _PRIMES)
        near = cell.long() * strides
        x, y, z = torch.stack([near, near + strides], dim=1).unbind(2)
        x, y, z = x[:, None, None, :], y[:, None, :, None], z[:, :, None, None]
        rows = x + y + z if is_dense else (x ^ y ^ z) & (size - 1)
        x, y, z = torch.stack([1.0 - inside, inside], dim=1).unbind(2)
        shares = x[:, None, None, :] * y[:, None, :, None] * z[:, :, None, None]
        corners = level.index_select(0, rows.view(-1)).view(-1, 8, table.shape[1])
        features.append(torch.bmm(shares.view(-1, 1, 8), corners)[:, 0])
    return torch.cat(features, dim=1)


@torch.no_grad()
def _adam_step(parameters: torch.Tensor, moments: torch.Tensor, rate: float, weight_decay: float) -> torch.Tensor:
    """One step on the rows of four that have a gradient, in place; returns the parameters without it."""
    assert parameters.grad is not None
    gradients = parameters.grad.view(-1, FEATURES)
    parameters = parameters.detach()
    first, second = moments[:, :-1], moments[:, -1]
    # Over all rows with weights of 0: half the time of gathering the rows that have a gradient.
    is_active = (gradients != 0.0).any(1).float()
    gradients.add_(parameters.view(-1, FEATURES), alpha=weight_decay)
    square = gradients.square().mean(1)
    second.lerp_(square, is_active * (1.0 - _BETA2))
    first.lerp_(gradients, (is_active * (1.0 - _BETA1))[:, None])
    rates = rate * is_active / (second.sqrt() + _EPSILON)
    parameters.view(-1, FEATURES).addcmul_(first, rates[:, None], value=-1.0)
    return parameters
