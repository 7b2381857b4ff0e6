"""Whether two renders show the same field."""

from __future__ import annotations

import torch


def assert_same_picture(one: torch.Tensor, other: torch.Tensor) -> None:
    """The same but for rounding: samples lie in a batch as threads came to write them, and a row of a matrix product
    may be rounded otherwise in another place."""
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
