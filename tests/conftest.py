"""What all tests share. Nothing heavy is imported here: the tests inside Blender must never load torch."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def device() -> str:
    """The device that kernels, training and rendering are tested on ("cpu" or "cuda"), Taichi running on it."""
    from taichi_kernels import runtime
    from tests.device import TEST_DEVICE

    runtime.start(TEST_DEVICE)
    return TEST_DEVICE
