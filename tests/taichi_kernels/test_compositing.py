"""Compositing: values and hand-written gradients against float64 autograd, and pictures in rounds."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

from taichi_kernels import compositing
from taichi_kernels.activations import DENSITY_SCALE, FARTHEST_RAW, MAX_RAW
from taichi_kernels.bundles import ActiveRays, ActiveSamples, FieldOutputs, RayPixels
from taichi_kernels.compositing import TRAINING_MIN_TRANSMITTANCE, RayLoss
from taichi_kernels.rays import UNKNOWN_DEPTH
from taichi_kernels.stepping import StepRule
from taichi_kernels.twins import compositing as twin

RAYS, LONGEST = 200, 24
STEP_LENGTH = 0.02
STEPS = StepRule.constant(STEP_LENGTH)


@dataclasses.dataclass
class Samples:
    """Packed samples of RAYS rays, with gaps between rays that no ray owns."""

    ray_samples: torch.Tensor
    targets: torch.Tensor
    distances: torch.Tensor
    raw_densities: torch.Tensor
    raw_colors: torch.Tensor

    @classmethod
    def build(cls, device: str, linear: bool, with_depth: bool, dtype: torch.dtype = torch.float32) -> Samples:
        generator = torch.Generator().manual_seed(11)
        counts = torch.randint(1, LONGEST, (RAYS,), generator=generator)
        counts[::9] = 0
        starts = torch.cumsum(counts + 2, 0) - counts  # two orphans before each ray
        total = int(starts[-1] + counts[-1])
        raw_densities = 2.0 * torch.randn(total, 32, generator=generator)
        raw_colors = torch.randn(total, 4, generator=generator)
        targets = torch.rand(RAYS, 5, generator=generator)
        targets[::3, 3] = 1.0
        targets[1::3, :4] = 0.0
        if linear:
            targets[::5, :3] *= 8.0
            raw_colors[::11] += 2.0
            raw_colors[5::17] -= 12.0  # past the limit, where the gradient still passes
            raw_colors[::13] -= 6.0  # darker than where sRGB's curve is straight
        distances = torch.zeros(total)
        for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
            distances[start : start + count] = 1.0 + STEP_LENGTH * torch.arange(count)
            if count > 12:  # opaque early: what lies behind is cut off
                raw_densities[start + 6 : start + 9, 0] = 5.0
        targets[:, 4] = 1.0 + STEP_LENGTH * LONGEST * torch.rand(RAYS, generator=generator)
        targets[:: 4 if with_depth else 1, 4] = UNKNOWN_DEPTH
        ray_samples = torch.stack([starts, counts], dim=1).int()
        tensors = (ray_samples, targets, distances, raw_densities.to(dtype), raw_colors.to(dtype))
        return cls(*(tensor.to(device) for tensor in tensors))

    @property
    def outputs(self) -> FieldOutputs:
        return FieldOutputs(self.raw_densities, self.raw_colors)

    def train(
        self, function: Any, linear: bool, depth_weight: float = 0.3, scale: float = 1.0
    ) -> dict[str, torch.Tensor]:
        losses = torch.full((RAYS,), -1.0, device=self.targets.device)
        gradients = FieldOutputs(torch.full_like(self.raw_densities[:, :1], 7.0), torch.full_like(self.raw_colors, 7.0))
        loss = RayLoss(linear, depth_weight, depth_tolerance=0.05, gradient_scale=scale)
        function(
            self.ray_samples, self.targets, self.distances, self.outputs, losses, gradients,
            loss=loss, steps=STEPS, seed=3, step=17,
        )  # fmt: skip
        return {
            "losses": losses,
            "grad_raw_densities": gradients.densities,
            "grad_raw_colors": gradients.color_rows,
        }


@pytest.fixture(params=["srgb", "linear"])
def linear(request: pytest.FixtureRequest) -> bool:
    return request.param == "linear"


@pytest.mark.parametrize("with_depth", [False, True], ids=["colour", "colour and depth"])
def test_losses_and_gradients_equal_autograds(device: str, linear: bool, with_depth: bool) -> None:
    samples = Samples.build(device, linear, with_depth)
    found, expected = (samples.train(m.composite_training, linear) for m in (compositing, twin))
    torch.testing.assert_close(found["losses"], expected["losses"], rtol=1e-4, atol=1e-5)
    for name in ("grad_raw_densities", "grad_raw_colors"):
        torch.testing.assert_close(found[name], expected[name], rtol=2e-3, atol=2e-5)
    owned = expected["grad_raw_densities"] != 7.0
    assert expected["grad_raw_densities"][owned].abs().max() > 0.05
    assert (found["losses"][::9] == 0.0).all()


@pytest.mark.parametrize("side", [-1.0, 1.0], ids=["black", "white"])
def test_no_gradient_takes_a_colour_far_past_its_limit_further_out(device: str, linear: bool, side: float) -> None:
    """Or half precision would overflow in the end. One that takes it back passes; so do all, short of that, and where
    light has no upper limit."""
    samples = Samples.build(device, linear, False)
    samples.targets[::2, :3] = 1e4 * side  # further out than any colour is
    samples.targets[::2, 3] = 1.0
    gradients = {}
    for share in (0.99, 1.01):
        samples.raw_colors[:] = side * share * FARTHEST_RAW
        found, expected = (samples.train(m.composite_training, linear) for m in (compositing, twin))
        torch.testing.assert_close(found["losses"], expected["losses"], rtol=1e-4, atol=1e-5)
        owned = expected["grad_raw_densities"] != 7.0
        gradients[share] = found["grad_raw_colors"][owned, :3]
        torch.testing.assert_close(gradients[share], expected["grad_raw_colors"][owned, :3], rtol=2e-3, atol=1e-7)
    outward, back = ((sign * side * gradients[0.99] < 0.0) for sign in (1.0, -1.0))
    assert outward.sum() > 50 and back.sum() > 50
    assert (gradients[1.01][back] != 0.0).all()
    assert ((gradients[1.01][outward] != 0.0) == (linear and side > 0.0)).all()


def test_half_precision_gradients_equal_autograds(device: str, linear: bool) -> None:
    samples = Samples.build(device, linear, True, torch.float16)
    found, expected = (samples.train(m.composite_training, linear, scale=16.0) for m in (compositing, twin))
    for name in ("grad_raw_densities", "grad_raw_colors"):
        torch.testing.assert_close(found[name].float(), expected[name].float(), rtol=5e-3, atol=2e-3)


def test_the_twins_gradients_are_those_of_finite_differences(device: str, linear: bool) -> None:
    """Autograd shares the twin's forward pass; differences of losses share nothing with the backward one."""
    samples = Samples.build("cpu", linear, True)
    gradient = samples.train(twin.composite_training, linear)["grad_raw_densities"]
    h = 1e-2
    for ray in (1, 2, 5, 13):
        sample = int(samples.ray_samples[ray, 0])
        losses = []
        for sign in (1, -1):
            samples.raw_densities[sample, 0] += sign * h
            losses.append(float(samples.train(twin.composite_training, linear)["losses"][ray]))
            samples.raw_densities[sample, 0] -= sign * h
        assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(float(gradient[sample]), rel=0.02, abs=2e-4)


def _terminate(function: Any, samples: Samples, in_order: bool = False) -> tuple[torch.Tensor, list[int]]:
    """What is left of ``ray_samples``, and the listed samples in ascending order."""
    ray_samples = samples.ray_samples.clone()
    rows = torch.full((len(samples.distances),), -1, dtype=torch.int32, device=ray_samples.device)
    active = ActiveSamples(rows, torch.zeros(1, dtype=torch.int32, device=ray_samples.device))
    function(ray_samples, samples.distances, samples.raw_densities, active, steps=STEPS, in_order=in_order)
    count = int(active.count)
    listed = rows[:count].tolist()
    assert (rows[count:] == -1).all()
    return ray_samples, listed if in_order else sorted(listed)


@pytest.mark.parametrize("in_order", [False, True], ids=["as they come", "in order"])
def test_rays_are_terminated_as_the_twins_are(device: str, in_order: bool) -> None:
    samples = Samples.build(device, False, False)
    (found, listed), (expected, expected_listed) = (
        _terminate(function, samples, in_order) for function in (compositing.terminate_rays, twin.terminate_rays)
    )
    assert torch.equal(found, expected) and listed == expected_listed
    before, after = samples.ray_samples[:, 1].sum(), found[:, 1].sum()
    assert before / 3 < after < before and after == len(listed)


def test_a_ray_ends_behind_an_opaque_sample(device: str) -> None:
    samples = Samples.build(device, False, False)
    samples.raw_densities[:, 0] = -20.0
    ray = next(ray for ray, (_, count) in enumerate(samples.ray_samples.tolist()) if count > 12)
    start = int(samples.ray_samples[ray, 0])
    samples.raw_densities[start + 5, 0] = MAX_RAW
    found, listed = _terminate(compositing.terminate_rays, samples)
    assert found[ray].tolist() == [start, 6]
    others = torch.arange(RAYS, device=device) != ray
    assert torch.equal(found[others], samples.ray_samples[others])
    assert listed.count(start + 5) == 1 and start + 6 not in listed


def test_a_blown_up_density_gets_a_gradient_that_brings_it_back(device: str) -> None:
    """Past its limit the activation is flat, but the gradient has to pass, or a cell would be stuck for good."""
    samples = Samples.build(device, False, False)
    samples.raw_densities[:, 0] = 0.0
    samples.raw_densities[:, 0] += MAX_RAW + 1.0
    samples.targets[:, :4] = 0.0
    thin = 1e-9  # so thin a step that even this density lets light through
    gradients = FieldOutputs.allocate(len(samples.distances), device, torch.float32)
    compositing.composite_training(
        samples.ray_samples, samples.targets, samples.distances, samples.outputs, torch.zeros(RAYS, device=device),
        gradients, loss=RayLoss(linear=False), steps=StepRule.constant(thin), seed=3, step=17,
    )  # fmt: skip
    assert gradients.densities.abs().max() > 0.0


def test_a_perfect_prediction_costs_nothing(device: str) -> None:
    """One opaque sample on the captured surface, of the captured colour."""
    samples = Samples.build(device, False, True)
    start = samples.ray_samples[:, 0].long()
    samples.ray_samples[:, 1] = 1
    samples.raw_densities[start, 0] = 8.0
    samples.targets[:, :3] = torch.sigmoid(samples.raw_colors[start, :3])
    samples.targets[:, 3] = 1.0
    samples.distances[start] = 1.0
    samples.targets[:, 4] = 1.0
    found = samples.train(compositing.composite_training, False, depth_weight=1.0)
    assert found["losses"].abs().max() < 1e-5
    assert found["grad_raw_densities"][start].abs().max() < 1e-3


def test_weight_off_the_captured_surface_costs_and_weight_on_it_does_not(device: str) -> None:
    samples = Samples.build(device, False, True)
    samples.ray_samples[:, 1] = 1
    start = samples.ray_samples[:, 0].long()
    samples.raw_densities[start, 0] = 8.0
    samples.targets[:, 4] = 1.0
    losses = []
    for distance in (1.0, 0.975, 0.95, 0.5):
        samples.distances[start] = distance
        both = [samples.train(compositing.composite_training, False, weight)["losses"] for weight in (0.0, 1.0)]
        losses.append(float((both[1] - both[0]).mean()))
    assert losses == pytest.approx([0.0, 0.25, 1.0, 1.0], abs=1e-3)


def _render(
    function: Any, samples: Samples, linear: bool, min_transmittance: float, part: int
) -> dict[str, torch.Tensor]:
    """Composite all rays, ``part`` samples of each a round."""
    device = samples.targets.device
    colors, depths = torch.zeros(RAYS, 4, device=device), torch.zeros(RAYS, device=device)
    t_range = torch.zeros(RAYS, 2, device=device)
    alive = torch.arange(RAYS, dtype=torch.int32, device=device)
    rounds = 0
    for first in range(0, LONGEST, part):
        # What a march would hand over: the next samples of those alive, in their order.
        start, count = samples.ray_samples[alive.long()].unbind(1)
        taken = (count - first).clamp(0, part)
        t_range[alive.long(), 1] = (count > first + part).float()
        listed = torch.full_like(alive, -1)
        number = torch.zeros(1, dtype=torch.int32, device=device)
        function(
            alive, torch.stack([start + first, taken], dim=1).int(), samples.distances, samples.outputs, t_range,
            RayPixels(colors, depths), ActiveRays(listed, number),
            linear=linear, steps=STEPS, min_transmittance=min_transmittance,
        )  # fmt: skip
        alive = listed[: int(number)].sort().values
        rounds += 1
        if not len(alive):
            break
    assert not len(alive)
    return {"colors": colors, "depths": depths, "rounds": torch.tensor(rounds)}


@pytest.mark.parametrize("min_transmittance", [1e-4, 1e-2])
def test_pictures_equal_the_twins(device: str, linear: bool, min_transmittance: float) -> None:
    samples = Samples.build(device, linear, False)
    found, expected = (
        _render(m.composite_rays, samples, linear, min_transmittance, LONGEST) for m in (compositing, twin)
    )
    torch.testing.assert_close(found["colors"], expected["colors"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found["depths"], expected["depths"], rtol=1e-4, atol=1e-5)
    alpha = found["colors"][:, 3]
    assert (alpha == 1.0).sum() > 20 and (alpha == 0.0).sum() >= len(alpha[::9])
    assert alpha.max() == 1.0 and alpha.min() == 0.0


@pytest.mark.parametrize("part", [1, 5])
def test_several_rounds_equal_one(device: str, linear: bool, part: int) -> None:
    samples = Samples.build(device, linear, False)
    whole, parts = (_render(compositing.composite_rays, samples, linear, 1e-4, size) for size in (LONGEST, part))
    assert whole["rounds"] == 1 and parts["rounds"] > 2
    # A ray's transmittance is kept as 1 - alpha between rounds: six decimals.
    torch.testing.assert_close(parts["colors"], whole["colors"], rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(parts["depths"], whole["depths"], rtol=1e-3, atol=1e-5)


def test_depth_is_where_half_of_the_light_is_absorbed(device: str) -> None:
    """A thin veil of 40 % before a wall: the wall's depth, not one between the two."""
    n, veil, wall = 8, 2, 6
    distances = torch.arange(n, dtype=torch.float32, device=device) * 0.1 + 1.0
    raw = torch.full((n, 1), -100.0, device=device)
    raw[veil] = math.log(-math.log(0.6) / 0.1 / DENSITY_SCALE)
    raw[wall] = 10.0
    colors, depths = torch.zeros(1, 4, device=device), torch.zeros(1, device=device)
    number, alive = (torch.zeros(1, dtype=torch.int32, device=device) for _ in range(2))
    compositing.composite_rays(
        torch.zeros(1, dtype=torch.int32, device=device), torch.tensor([[0, n]], dtype=torch.int32, device=device),
        distances, FieldOutputs(raw, torch.zeros(n, 4, device=device)), torch.zeros(1, 2, device=device),
        RayPixels(colors, depths), ActiveRays(alive, number),
        linear=True, steps=StepRule.constant(0.1), min_transmittance=1e-4,
    )  # fmt: skip
    assert float(colors[0, 3]) == 1.0
    # At the near side of the wall's step, which reaches half a step to both sides of its sample.
    assert float(depths[0]) == pytest.approx(1.55, abs=1e-3)


def test_training_and_rendering_composite_alike(device: str, linear: bool) -> None:
    """Trained on its own picture, a field has nothing to learn."""
    samples = Samples.build(device, linear, False)
    picture = _render(compositing.composite_rays, samples, linear, TRAINING_MIN_TRANSMITTANCE, LONGEST)
    samples.targets[:, :4] = picture["colors"]
    found = samples.train(compositing.composite_training, linear)
    assert found["losses"].max() < 1e-4
