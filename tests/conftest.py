"""What all tests share. Nothing heavy is imported here: the tests inside Blender must never load torch."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def device() -> str:
    """The device that kernels, training and rendering are tested on: "cpu" or "cuda".

    One process runs Taichi on one device, so it is chosen once: HASHLIGHT_TEST_DEVICE (auto, cpu or cuda), by default
    CUDA where there is one.
    """
    from taichi_kernels import runtime

    chosen = runtime.choose_device(os.environ.get("HASHLIGHT_TEST_DEVICE", "auto"))
    runtime.start(chosen)
    return chosen
