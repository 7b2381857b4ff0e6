"""The device that the tests of the engine run on."""

from __future__ import annotations

import os

from taichi_kernels.runtime import choose_device

# HASHLIGHT_TEST_DEVICE: auto, cpu or cuda; by default CUDA where there is one. One process runs Taichi on one device,
# so it is the same for all tests, also for the engines that they start.
TEST_DEVICE = choose_device(os.environ.get("HASHLIGHT_TEST_DEVICE", "auto"))
