"""The frequency encoding against the paper's formula."""

from __future__ import annotations

import math

import pytest
import torch

from engine.encodings.frequency import FrequencyEncoding
from taichi_kernels.bundles import ActiveSamples


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_octaves_double_in_frequency_and_further_columns_are_0(device: str, dtype: torch.dtype) -> None:
    encoding, point = FrequencyEncoding(2, 2), [0.25, -0.5]
    waves = [wave(2**k * math.pi * x) for wave in (math.sin, math.cos) for k in (0, 1) for x in point]
    features = torch.full((1, 12), 7.0, dtype=dtype, device=device)
    encoding.forward(torch.tensor([point], device=device), features)
    assert encoding.out_dims == 10 and encoding.in_dims == 2 and encoding.parameters() == []
    assert features[0].tolist() == pytest.approx(
        [*point, *waves, 0.0, 0.0], abs=1e-3 if dtype == torch.float16 else 1e-6
    )


def test_the_papers_encodings_have_63_and_27_values() -> None:
    assert FrequencyEncoding(3, 10).out_dims == 63 and FrequencyEncoding(3, 4).out_dims == 27
    assert FrequencyEncoding(3, 0).out_dims == 3


@pytest.mark.parametrize("octaves", [0, 3])
def test_listed_points_get_the_gradient_that_torch_finds(device: str, octaves: int) -> None:
    encoding, generator = FrequencyEncoding(2, octaves), torch.Generator().manual_seed(0)
    points = torch.rand(5, 2, generator=generator).to(device).requires_grad_()
    features = torch.empty(5, encoding.out_dims + 3, device=device)
    encoding.forward(points, features)
    listed = [4, 0, 1]
    upstream = torch.randn(3, encoding.out_dims + 3, generator=generator).to(device)
    features[listed].backward(upstream)
    assert points.grad is not None
    active = ActiveSamples(
        torch.tensor([*listed, 3], dtype=torch.int32, device=device),
        torch.tensor([3], dtype=torch.int32, device=device),
    )
    gradient = torch.ones(5, 2, device=device)
    encoding.position_gradient(points.detach(), active, upstream, gradient)
    torch.testing.assert_close(gradient, 1.0 + points.grad)  # what is there already is added to


def test_torch_finds_the_gradient_of_points(device: str) -> None:
    encoding = FrequencyEncoding(1, 3)
    points = torch.tensor([[0.1], [0.7]], device=device, requires_grad=True)
    features = torch.empty(2, 7, device=device)
    encoding.forward(points, features)
    features.sum().backward()
    scales = [math.pi * 2**k for k in range(3)]
    expected = [[1.0 + sum(s * (math.cos(s * x) - math.sin(s * x)) for s in scales)] for x in (0.1, 0.7)]
    torch.testing.assert_close(points.grad, torch.tensor(expected, device=device), rtol=1e-4, atol=1e-4)
