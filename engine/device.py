"""What is decided by the kind of device that computes, once: a further kind is a further row."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from engine import hardware


@dataclasses.dataclass(frozen=True)
class DeviceProfile:
    """``name``: torch's. Sizes are what fits a CPU's cache, and what fills a GPU.

    ``is_asynchronous``: work is queued, and reading a number from the device waits for all of it. So counters stay
    there: they are read every ``read_every`` training steps, and what has room for all samples is worked on as a whole.
    """

    name: str
    hardware_name: Callable[[], str]
    free_memory: Callable[[], int | None]  # bytes that can be had, None where the system doesn't tell
    peak_memory: Callable[[], int | None]  # bytes that torch has had at once, None where it doesn't count them
    half_precision: bool  # of the fields that are made for it
    is_asynchronous: bool
    read_every: int
    runs_triton: bool  # where it is installed
    segments_rays: bool  # march with many threads a ray, in training
    shares_processor: bool  # with Blender
    chunk_rays: int  # rendered at a time
    round_samples: int  # at most, of a rendering round
    # Samples a ray takes in one rendering round after another, the last over and over. Most rays meet a surface within
    # a few and stop: what they take past it is wasted, but on a GPU so is a round's time for its launches. The few left
    # take many.
    rounds: tuple[int, ...]
    chunk_samples: int  # that a torch module evaluates at a time
    tensor_float_32: bool  # for a torch module's products, several times as fast
    chunk_colors: int  # looked up at a time in a view transform's table
    image_bytes: int  # of an image's pixels, at most, that training has at hand at once
    distance_grid: int  # vertices along an edge, for rays on their way to a surface
    most_band_pixels: int
    first_moving_pixels: int
    mixed_products: bool  # torch multiplies matrices of float16 and sums up in float32
    locks_pages: bool  # of the host's memory that it copies to, which is ten times as fast

    def wait(self) -> None:
        """Until the device has done all it was given."""
        if self.is_asynchronous:
            import torch

            torch.cuda.synchronize()


_CPU = DeviceProfile(
    name="cpu",
    hardware_name=hardware.processor_name,
    free_memory=hardware.machine_memory,
    peak_memory=lambda: None,
    half_precision=False,
    is_asynchronous=False,
    read_every=1,
    runs_triton=False,
    segments_rays=False,
    shares_processor=True,
    chunk_rays=1 << 14,
    round_samples=1 << 16,
    rounds=(4, 8, 16, 32, 64),
    chunk_samples=1 << 12,
    tensor_float_32=False,
    chunk_colors=1 << 18,
    image_bytes=1 << 30,
    distance_grid=49,
    most_band_pixels=1 << 13,
    first_moving_pixels=96 * 96,
    mixed_products=False,
    locks_pages=False,
)
_CUDA = DeviceProfile(
    name="cuda",
    hardware_name=hardware.gpu_name,
    free_memory=hardware.gpu_memory,
    peak_memory=hardware.gpu_peak_memory,
    half_precision=True,
    is_asynchronous=True,
    read_every=16,
    runs_triton=True,
    segments_rays=True,
    shares_processor=False,
    chunk_rays=1 << 21,
    round_samples=1 << 22,
    rounds=(8, 8, 16, 64, 256),
    chunk_samples=1 << 20,
    tensor_float_32=True,
    chunk_colors=1 << 25,
    image_bytes=4 << 30,
    distance_grid=129,
    most_band_pixels=1 << 22,
    first_moving_pixels=1280 * 720,
    mixed_products=True,
    locks_pages=True,
)
PROFILES = {profile.name: profile for profile in (_CPU, _CUDA)}
