"""The curve between light and display values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from engine.link.color import decode_srgb, encode_srgb
from tests.device import TEST_DEVICE


def _on_device(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values).to(TEST_DEVICE)


@pytest.mark.parametrize("make", [np.asarray, _on_device])
def test_arrays_and_tensors_follow_the_standards_curve(make: Callable[[np.ndarray], Any]) -> None:
    encoded = np.linspace(0, 1, 1001)
    # IEC 61966-2-1: a line, then a power.
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    encoded_single, linear_single = encoded.astype(np.float32), linear.astype(np.float32)
    for found, expected in (
        (encode_srgb(make(linear_single)), encoded),
        (decode_srgb(make(encoded_single)), linear),
        (encode_srgb(make(np.float32([-1.0, 2.0, np.inf]))), [0.0, 1.0, 1.0]),
        (decode_srgb(make(np.float32([-1.0, 2.0, np.inf]))), [0.0, 1.0, 1.0]),
    ):
        assert type(found) is type(make(linear_single))
        values = found.cpu().numpy() if isinstance(found, torch.Tensor) else found
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, expected, atol=3e-7)
