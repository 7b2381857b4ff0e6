"""Volume rendering along packed samples: for training with loss and hand-written gradients, and for pictures.

Max (1995) as used by NeRF (Mildenhall et al. 2020, equation 3): w_i = T_i (1 - exp(-sigma_i dt)).
"""

import dataclasses
import math

import taichi as ti
import torch

from taichi_kernels.activations import activate_color, activate_density, raw_color_gradient, read_color
from taichi_kernels.bundles import (
    ActiveRays,
    ActiveRayTensors,
    ActiveSamples,
    ActiveSampleTensors,
    FieldOutputs,
    OutputTensors,
    PixelTensors,
    RayPixels,
)
from taichi_kernels.launch import func, kernel
from taichi_kernels.random_numbers import RandomStream, uniform
from taichi_kernels.stepping import StepNumbers, StepRule, step_at, step_no_less_than, weighted_step_at
from taichi_kernels.vectors import read_vector

# Early ray termination: in training, samples behind this transmittance are left out (Instant-NGP uses the same).
TRAINING_MIN_TRANSMITTANCE = 1e-4
_TRAINING_MAX_OPTICAL_DEPTH = -math.log(TRAINING_MIN_TRANSMITTANCE)
HUBER_DELTA = 0.1
# Slope of the sRGB curve at 1; above 1 the display curve goes on as a logarithm with it.
_SLOPE_AT_ONE = 1.055 / 2.4


@func
def _display(x: ti.f32, linear: ti.template()):
    """The value the loss compares, and its slope: sRGB's curve for scene-linear light, going on as a logarithm above
    1 so that highlights keep a gradient without outweighing the rest; the identity for values that are sRGB already."""
    value, slope = x, 1.0
    if ti.static(linear):
        if x > 1.0:
            value, slope = 1.0 + _SLOPE_AT_ONE * ti.log(x), _SLOPE_AT_ONE / x
        elif x > 0.0031308:
            value = 1.055 * ti.pow(x, 1.0 / 2.4) - 0.055
            slope = (value + 0.055) / (2.4 * x)
        else:
            value, slope = 12.92 * x, 12.92
    return value, slope


@func
def _light(value: ti.f32, linear: ti.template()) -> ti.f32:
    """What a display value of 0 to 1 stands for in the field's own colour space: the inverse of ``_display``."""
    light = value
    if ti.static(linear):
        light = value / 12.92 if value <= 0.04045 else ti.pow((value + 0.055) / 1.055, 2.4)
    return light


@kernel
def _terminate_rays(
    in_order: ti.template(),
    steps: StepNumbers,
    grows: ti.template(),
    distances: ti.types.ndarray(),
    raw_densities: ti.types.ndarray(),
    ray_samples: ti.types.ndarray(),
    active: ActiveSampleTensors,
):
    ti.loop_config(serialize=in_order)
    for ray in range(ray_samples.shape[0]):
        start, most = ray_samples[ray, 0], ray_samples[ray, 1]
        optical_depth = 0.0
        reached = 0
        while reached < most and optical_depth <= _TRAINING_MAX_OPTICAL_DEPTH:
            i = start + reached
            dt = weighted_step_at(distances[i], steps, grows)
            optical_depth += activate_density(ti.cast(raw_densities[i, 0], ti.f32)) * dt
            reached += 1
        if reached > 0:
            first = ti.atomic_add(active.count[0], reached)
            for k in range(reached):
                active.rows[first + k] = start + k
        ray_samples[ray, 1] = reached


def terminate_rays(
    ray_samples: torch.Tensor,
    distances: torch.Tensor,
    raw_densities: torch.Tensor,
    active: ActiveSamples,
    *,
    steps: StepRule,
    in_order: bool = False,
) -> None:
    """Early ray termination: end each ray below TRAINING_MIN_TRANSMITTANCE, and list the samples before.

    ``ray_samples`` [n, 2] int32 (first sample, count): counts are lowered. ``distances`` [samples], ``raw_densities``
    [samples, any] (column 0 counts). Writes ``active``, the samples that are left, ray after ray; its count must be 0.
    ``in_order``: as in ``marching.march_rays``.
    """
    _terminate_rays(in_order, steps, steps.grows, distances, raw_densities, ray_samples, active)


@dataclasses.dataclass(frozen=True)
class RayLoss:
    """What a training ray is compared by: Huber (delta 0.1) on the display value of each channel, of light where
    ``linear``; plus ``depth_weight`` times the composited squared distance to the captured surface in units of
    ``depth_tolerance`` (or a step, if that is more), at most 1 a sample: weight in front of the surface costs, weight
    on it doesn't.

    Where steps grow, gradients of samples nearer to the camera than ``full_distance`` are lessened by the square of
    their share of it (Philip and Deschaintre 2023): a camera's rays lie that much denser there, and would rather fill
    the air before it than find what it shows. Gradients are times ``gradient_scale``.
    """

    linear: bool
    depth_weight: float = 0.0
    depth_tolerance: float = 1.0
    full_distance: float = 1.0
    gradient_scale: float = 1.0


@kernel
def _composite_training(
    linear: ti.template(),
    steps: StepNumbers,
    grows: ti.template(),
    depth_weight: ti.f32,
    depth_tolerance: ti.f32,
    full_distance: ti.f32,
    gradient_scale: ti.f32,
    seed: ti.i32,
    step: ti.i32,
    ray_samples: ti.types.ndarray(),
    targets: ti.types.ndarray(),
    distances: ti.types.ndarray(),
    outputs: OutputTensors,
    losses: ti.types.ndarray(),
    grad_densities: ti.types.ndarray(),
    grad_colors: ti.types.ndarray(),
):
    for ray in range(ray_samples.shape[0]):
        start, count = ray_samples[ray, 0], ray_samples[ray, 1]
        background = ti.math.vec3(0.0)
        for k in ti.static(range(3)):
            background[k] = _light(uniform(seed, step, ray, RandomStream.BACKGROUND + k), linear)
        surface = targets[ray, 4]
        # No less than a step: there must be a sample near the surface.
        margin = ti.max(depth_tolerance, step_no_less_than(0.0, surface, steps, grows))

        color = ti.math.vec3(0.0)
        line_loss = 0.0
        transmittance = 1.0
        for i in range(start, start + count):
            dt = weighted_step_at(distances[i], steps, grows)
            alpha = 1.0 - ti.exp(-activate_density(ti.cast(outputs.density_rows[i, 0], ti.f32)) * dt)
            weight = alpha * transmittance
            color += weight * activate_color(read_color(outputs.color_rows, i), linear)
            if surface > 0.0:
                offset = (distances[i] - surface) / margin
                line_loss += weight * ti.min(offset * offset, 1.0)
            transmittance *= 1.0 - alpha

        loss = depth_weight * line_loss
        # d loss / d composited colour.
        g = ti.math.vec3(0.0)
        for k in ti.static(range(3)):
            predicted, slope = _display(color[k] + transmittance * background[k], linear)
            wanted, _ = _display(targets[ray, k] + (1.0 - targets[ray, 3]) * background[k], linear)
            residual = predicted - wanted
            if ti.abs(residual) < HUBER_DELTA:
                loss += 0.5 * residual * residual / HUBER_DELTA
                g[k] = residual / HUBER_DELTA * slope
            else:
                loss += ti.abs(residual) - 0.5 * HUBER_DELTA
                g[k] = (1.0 if residual > 0.0 else -1.0) * slope
        losses[ray] = loss if count > 0 else 0.0

        # v_i = d loss / d w_i. Sigma_i raises w_i and dims all that lies behind it:
        # d loss / d sigma_i = dt (T_{i+1} v_i - sum_{j > i} w_j v_j).
        behind = g.dot(color - (1.0 - transmittance) * background) + depth_weight * line_loss
        transmittance = 1.0
        for i in range(start, start + count):
            sigma = activate_density(ti.cast(outputs.density_rows[i, 0], ti.f32))
            dt = weighted_step_at(distances[i], steps, grows)
            alpha = 1.0 - ti.exp(-sigma * dt)
            weight = alpha * transmittance
            transmittance *= 1.0 - alpha
            raw_color = read_color(outputs.color_rows, i)
            c = activate_color(raw_color, linear)
            v = g.dot(c - background)
            if surface > 0.0:
                offset = (distances[i] - surface) / margin
                v += depth_weight * ti.min(offset * offset, 1.0)
            behind -= weight * v
            grad_sigma = dt * (transmittance * v - behind)
            scale = gradient_scale
            if ti.static(grows):
                share = ti.min(distances[i] / full_distance, 1.0)
                scale *= share * share
            grad_densities[i] = scale * grad_sigma * sigma
            grad_raw_color = raw_color_gradient(raw_color, c, scale * weight * g, linear)
            for channel in ti.static(range(3)):
                grad_colors[i, channel] = grad_raw_color[channel]


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
    """Composite each ray over a random background, compare with its target, and write the gradients of the loss.

    Backgrounds are drawn evenly among display values, in which the loss compares: evenly among amounts of light, most
    would be bright, and what shows over dark ones would hardly count.

    ``ray_samples`` [n, 2] int32; ``targets`` [n, 5] (see rays.sample_training_rays); ``distances`` [samples] and
    ``outputs`` of the samples. Writes ``losses`` [n] and, for the samples that rays have, ``gradients``.
    """
    _composite_training(
        loss.linear, steps, steps.grows,
        loss.depth_weight, loss.depth_tolerance, loss.full_distance, loss.gradient_scale, seed, step,
        ray_samples, targets, distances, outputs, losses, gradients.densities, gradients.color_rows,
    )  # fmt: skip


@kernel
def _composite_rays(
    linear: ti.template(),
    steps: StepNumbers,
    grows: ti.template(),
    min_transmittance: ti.f32,
    ray_ids: ti.types.ndarray(),
    ray_samples: ti.types.ndarray(),
    distances: ti.types.ndarray(),
    outputs: OutputTensors,
    t_range: ti.types.ndarray(),
    pixels: PixelTensors,
    alive: ActiveRayTensors,
):
    for item in range(ray_ids.shape[0]):
        ray = ray_ids[item]
        start, end = ray_samples[item, 0], ray_samples[item, 0] + ray_samples[item, 1]
        color = read_vector(pixels.colors, ray)
        transmittance = 1.0 - pixels.colors[ray, 3]
        depth = pixels.depths[ray]
        for i in range(start, end):
            if transmittance < min_transmittance:
                break
            dt = weighted_step_at(distances[i], steps, grows)
            optical_depth = activate_density(ti.cast(outputs.density_rows[i, 0], ti.f32)) * dt
            alpha = 1.0 - ti.exp(-optical_depth)
            weight = alpha * transmittance
            color += weight * activate_color(read_color(outputs.color_rows, i), linear)
            if depth <= 0.0:
                depth -= weight * distances[i]
                to_half = ti.log(2.0 * transmittance)
                if optical_depth > 0.0 and to_half <= optical_depth:
                    step = step_at(distances[i], steps, grows)
                    depth = distances[i] + (ti.math.clamp(to_half / optical_depth, 0.0, 1.0) - 0.5) * step
            transmittance *= 1.0 - alpha
        if transmittance < min_transmittance:
            # What little light is left counts as absorbed, so that an opaque pixel is exactly opaque.
            color /= 1.0 - transmittance
            transmittance = 0.0
        elif t_range[ray, 0] < t_range[ray, 1]:
            alive.ids[ti.atomic_add(alive.count[0], 1)] = ray
        for k in ti.static(range(3)):
            pixels.colors[ray, k] = color[k]
        pixels.colors[ray, 3] = 1.0 - transmittance
        pixels.depths[ray] = depth


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
    """Add the samples of each ray in ``ray_ids`` to what it has gathered so far, and list the rays that go on.

    ``pixels`` of all rays are updated in place; colours and depths begin at 0. A depth is the distance at which half of
    the light is absorbed (at an edge that is one of the two surfaces, not something between them); until that is
    reached, minus the sum of weighted distances. Writes ``alive``, the rays with transmittance left and distance to go;
    its count must be 0.
    """
    _composite_rays(
        linear, steps, steps.grows, min_transmittance, ray_ids, ray_samples, distances, outputs, t_range, pixels, alive,
    )  # fmt: skip
