"""Twin of ``taichi_kernels.compositing``: differentiable torch in float64, gradients by autograd."""

from __future__ import annotations

import torch

from taichi_kernels.bundles import ActiveRays, ActiveSamples, FieldOutputs, RayPixels
from taichi_kernels.compositing import TRAINING_MIN_TRANSMITTANCE, RayLoss
from taichi_kernels.stepping import StepRule
from taichi_kernels.torch_functions.activations import activate_color, activate_density
from taichi_kernels.torch_functions.losses import compare_colors, compare_depths, draw_background
from taichi_kernels.twins.stepping import step_at, weighted_step_at


def terminate_rays(
    ray_samples: torch.Tensor,
    distances: torch.Tensor,
    raw_densities: torch.Tensor,
    active: ActiveSamples,
    *,
    steps: StepRule,
    in_order: bool = False,
) -> None:
    """As the kernel; always in order."""
    samples, is_sample = _pad(ray_samples)
    dt = weighted_step_at(distances.double(), steps)[samples]
    optical_depth = torch.where(is_sample, activate_density(raw_densities[:, 0].double()[samples]) * dt, 0.0)
    is_reached = is_sample & (_arriving(optical_depth, torch.ones_like(dt[:, 0])) >= TRAINING_MIN_TRANSMITTANCE)
    ray_samples[:, 1] = is_reached.sum(1)
    left = samples[is_reached]
    active.rows[: len(left)] = left.int()
    active.count.fill_(len(left))


def composite_training(
    ray_samples: torch.Tensor,
    targets: torch.Tensor,
    distances: torch.Tensor,
    outputs: FieldOutputs,
    losses: torch.Tensor,
    gradients: FieldOutputs,
    *,
    loss: RayLoss,
    steps: StepRule,
    seed: int,
    step: int,
) -> None:
    """Write each ray's loss, and the gradients of their sum for the samples that rays own."""
    n = ray_samples.shape[0]
    samples, is_sample = _pad(ray_samples)
    densities = outputs.densities.double().detach().requires_grad_()
    colors = outputs.colors.double().detach().requires_grad_()

    before = torch.ones(n, dtype=torch.float64, device=targets.device)
    dt = weighted_step_at(distances.double(), steps)[samples]
    weights, transmittance = _weigh(densities[samples], is_sample, dt, 0.0, before)
    index = torch.arange(n, device=targets.device)
    background = draw_background(seed, step, index, loss.linear)
    target = targets[:n].double()
    color = (weights[..., None] * activate_color(colors[samples], loss.linear)).sum(1)
    tolerance = loss.depth_tolerance
    margin = (target[:, 4:] * steps.cone_angle).clamp(tolerance, max(tolerance, steps.largest if steps.grows else 0.0))
    total = compare_colors(color, transmittance, background, target, loss.linear)
    total = total + loss.depth_weight * compare_depths(weights, distances[samples].double(), margin, target)
    total = torch.where(ray_samples[:, 1] > 0, total, 0.0)
    losses[:n] = total.detach().float()

    total.sum().backward()
    assert densities.grad is not None and colors.grad is not None
    owned = samples[is_sample]
    scale = torch.full_like(densities.grad[owned], loss.gradient_scale)
    if steps.grows:
        scale *= (distances[owned].double() / loss.full_distance).clamp(max=1.0) ** 2
    gradients.densities[owned] = (scale * densities.grad[owned]).to(gradients.densities.dtype)
    gradients.colors[owned] = (scale[:, None] * colors.grad[owned]).to(gradients.colors.dtype)


def composite_rays(
    ray_ids: torch.Tensor,
    ray_samples: torch.Tensor,
    distances: torch.Tensor,
    outputs: FieldOutputs,
    t_range: torch.Tensor,
    pixels: RayPixels,
    alive: ActiveRays,
    *,
    linear: bool,
    steps: StepRule,
    min_transmittance: float,
) -> None:
    """As the kernel; the rays that go on are listed in order."""
    rays, colors, depths = ray_ids.long(), pixels.colors, pixels.depths
    samples, is_sample = _pad(ray_samples[: len(rays)])
    before = 1.0 - colors[rays, 3].double()
    dt = weighted_step_at(distances.double(), steps)[samples]
    weights, transmittance = _weigh(outputs.densities.double()[samples], is_sample, dt, min_transmittance, before)
    color = colors[rays, :3].double()
    color += (weights[..., None] * activate_color(outputs.colors.double()[samples], linear)).sum(1)
    former = depths[rays].double()
    summed = former - (weights * distances[samples].double()).sum(1)
    optical_depth = torch.where(is_sample, activate_density(outputs.densities.double()[samples]) * dt, 0.0)
    half = _find_half(optical_depth, before, distances[samples].double(), steps)
    depth = torch.where(former > 0.0, former, torch.where(half > 0.0, half, summed))
    is_opaque = transmittance < min_transmittance
    whole = torch.where(is_opaque, 1.0 - transmittance, 1.0)
    colors[rays, :3] = (color / whole[:, None]).float()
    colors[rays, 3] = torch.where(is_opaque, 1.0, 1.0 - transmittance).float()
    depths[rays] = depth.float()
    goes_on = ray_ids[~is_opaque & (t_range[rays, 0] < t_range[rays, 1])]
    alive.ids[: len(goes_on)] = goes_on
    alive.count.fill_(len(goes_on))


def _find_half(
    optical_depth: torch.Tensor, before: torch.Tensor, distances: torch.Tensor, steps: StepRule
) -> torch.Tensor:
    """The distance [n] at which half of the light is absorbed, 0 where it isn't; samples [n, longest] are the middles
    of their steps."""
    to_half = torch.log(2.0 * _arriving(optical_depth, before))
    is_half = (optical_depth > 0.0) & (to_half <= optical_depth)
    first = is_half.int().argmax(1, keepdim=True)
    share = (to_half / optical_depth).gather(1, first).clamp(0.0, 1.0) - 0.5
    middle = distances.gather(1, first)
    return torch.where(is_half.any(1), (middle + share * step_at(middle, steps))[:, 0], 0.0)


def _pad(ray_samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sample numbers [n, longest] of each ray and which of them are real (the others point at sample 0)."""
    start, count = ray_samples.long().unbind(1)
    k = torch.arange(max(int(count.max()), 1), device=ray_samples.device)
    is_sample = k < count[:, None]
    return torch.where(is_sample, start[:, None] + k, 0), is_sample


def _weigh(
    raw: torch.Tensor, is_sample: torch.Tensor, dt: torch.Tensor, min_transmittance: float, before: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [n, longest] and the transmittance that is left [n], of rays that had ``before`` [n] left so far.

    A sample counts while at least ``min_transmittance`` of the light comes through to it.
    """
    optical_depth = torch.where(is_sample, activate_density(raw) * dt, 0.0)
    with torch.no_grad():
        is_reached = is_sample & (_arriving(optical_depth, before) >= min_transmittance)
    optical_depth = torch.where(is_reached, optical_depth, 0.0)
    weights = _arriving(optical_depth, before) * (1.0 - torch.exp(-optical_depth))
    return weights, before * torch.exp(-optical_depth.sum(1))


def _arriving(optical_depth: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    return before[:, None] * torch.exp(-(optical_depth.cumsum(1) - optical_depth))
