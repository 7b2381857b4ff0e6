"""Renders colour, alpha and depth of any camera from a field, in rounds over the rays that are still alive."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from engine.data.color import decode_srgb, encode_srgb
from engine.device import PROFILES
from engine.fields.base import RadianceField, SampleBatch
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds, Camera, extent_of
from engine.link.messages import ColorSpace
from engine.rendering.display import Encoding, clip_light
from taichi_kernels.bundles import ActiveRays, OccupancyBits, RayPixels, Rays
from taichi_kernels.compositing import composite_rays
from taichi_kernels.marching import march_rays
from taichi_kernels.rays import generate_camera_rays
from taichi_kernels.stepping import StepRule

# Where a ray of a moving view stops: nobody sees the last hundredth of its light.
MOVING_TRANSMITTANCE = 0.01
# Alpha below which a pixel has no depth.
_MIN_DEPTH_ALPHA = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """A rendered picture on the device. ``color`` [H, W, 4] float32, premultiplied, in the field's own colour space;
    ``depth`` [H, W] float32 planar z in world units, +inf where alpha is 0."""

    color: torch.Tensor
    depth: torch.Tensor
    color_space: ColorSpace

    def to_scene_linear(self) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float32]]:
        """Colour [H, W, 4] float16 premultiplied scene-linear, and depth [H, W] float32."""
        color = self.color
        if self.color_space == "srgb":
            alpha = color[..., 3:]
            straight = color[..., :3] / alpha.clamp(min=1e-6)
            color = torch.cat([decode_srgb(straight) * alpha, alpha], dim=-1)
        return _to_host(color.clamp(0, 65504).half()), _to_host(self.depth)

    def to_srgb(self, background: float) -> torch.Tensor:
        """[H, W, 3] float32 in 0..1, display-referred, over a grey of ``background`` (0 black, 1 white).

        A field that learnt sRGB composites in sRGB, which is the convention of the benchmarks; a scene-linear one
        composites in linear light and is encoded last.
        """
        color = self.color[..., :3] + (1.0 - self.color[..., 3:]) * background
        return encode_srgb(color) if self.color_space == "linear" else color.clamp(0, 1)

    def to_bytes(self, background: float | None, encode: Encoding = encode_srgb) -> npt.NDArray[np.uint8]:
        """uint8 [H, W, 3] over ``background``, or [H, W, 4] with straight alpha when that is None.

        ``encode`` makes display values of a scene-linear field's light. One that learnt sRGB has such values already.
        """
        if self.color_space == "srgb":
            encode = clip_light
        if background is not None:
            result = encode(self.color[..., :3] + (1.0 - self.color[..., 3:]) * background)
        else:
            alpha = self.color[..., 3:].clamp(0, 1)
            straight = encode(self.color[..., :3] / alpha.clamp(min=1e-6))
            result = torch.cat([torch.where(alpha > 0, straight, 0.0), alpha], dim=-1)
        return _to_host((result * 255.0 + 0.5).to(torch.uint8))


def _to_host(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """A copy in page-locked memory, which a GPU writes ten times as fast; torch keeps and reuses such blocks."""
    if not tensor.is_cuda:
        return tensor.numpy()
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    host.copy_(tensor)
    return host.numpy()


class Renderer:
    """Renders a field that may still be training: each call shows it as it is."""

    def __init__(
        self,
        field: RadianceField,
        occupied: OccupancyBits,
        cube: UnitCube,
        color_space: ColorSpace,
        steps: StepRule,
        near_distance: float = 0.0,
    ) -> None:
        self.color_space = color_space
        self._field, self._occupied, self._cube = field, occupied, cube
        self._steps, self._near_distance = steps, near_distance
        self.device = field.device
        self._profile = PROFILES[field.device]
        self._batch: SampleBatch[Any] | None = None

    def frozen(self, *, with_field: bool = True) -> Renderer:
        """Renders the field as it is now, however long training goes on meanwhile. Without a copy ``with_field``, only
        views that are added have no part in it."""
        self._reserve()  # both need the same buffers, and never at the same time
        other = copy.copy(self)
        if with_field:
            other._field = self._field.frozen()
        other._occupied = self._occupied.clone()
        return other

    @property
    def frozen_bytes(self) -> int:
        """How much memory ``frozen`` takes."""
        return self._field.frozen_bytes + self._occupied.nbytes

    @property
    def bounds(self) -> Bounds:
        """The box in world space that holds the subject; without cascades there is nothing outside it."""
        return self._cube.bounds

    @property
    def extent(self) -> Bounds:
        """The box in world space outside of which the field is empty: the bounds, or the outermost cascade."""
        return extent_of(self._cube.bounds, self._occupied.cascades)

    def render(self, camera: Camera, min_transmittance: float = 1e-4) -> Picture:
        """Render ``camera`` at its own size. Rays stop where less than ``min_transmittance`` of the light gets through:
        1e-4 for measurements, MOVING_TRANSMITTANCE while a view moves."""
        device, pixels = self.device, camera.width * camera.height
        row, limits = self._cube.camera_row(camera, device), self._cube.ray_limits(device, self._near_distance)
        color = torch.zeros(pixels, 4, device=device)
        depth = torch.zeros(pixels, device=device)
        chunk = self._profile.chunk_rays
        for first in range(0, pixels, chunk):
            last = min(first + chunk, pixels)
            rays, cosines = Rays.allocate(last - first, device), torch.empty(last - first, device=device)
            generate_camera_rays(first, camera.width, row, limits, rays, cosines)
            self._render_rays(rays, cosines, color[first:last], depth[first:last], min_transmittance)
        shape = (camera.height, camera.width)
        return Picture(color.view(*shape, 4), depth.view(shape), self.color_space)

    def _render_rays(
        self,
        rays: Rays,
        cosines: torch.Tensor,
        color: torch.Tensor,
        depth: torch.Tensor,
        min_transmittance: float,
    ) -> None:
        """Fill ``color`` [n, 4] and ``depth`` [n] (planar z in world units) of ``rays`` with ``cosines`` [n] to the
        camera's axis."""
        device, n, t_range = self.device, len(rays), rays.t_range
        ray_samples = torch.empty(n, 2, dtype=torch.int32, device=device)
        counters = torch.zeros(2, dtype=torch.int32, device=device)
        batch = self._reserve()

        def march(ray_ids: torch.Tensor, per_ray: int) -> None:
            march_rays(ray_ids, per_ray, self._steps, rays, self._occupied, counters[:1], ray_samples, batch)

        # To the first sample of each ray: many meet nothing, and those that are left share a round's samples.
        march(torch.arange(n, dtype=torch.int32, device=device), 0)
        alive = (t_range[:, 0] < t_range[:, 1]).nonzero().view(-1).int()
        rounds = itertools.chain(self._profile.rounds, itertools.repeat(self._profile.rounds[-1]))
        while alive.shape[0]:
            per_ray = max(1, min(next(rounds), batch.capacity // alive.shape[0]))
            counters.zero_()
            march(alive, per_ray)
            # A GPU knows by itself how many samples there are; a CPU must not work on more.
            is_counted = not self._profile.is_asynchronous
            samples = batch.first(int(counters[0]) if is_counted else per_ray * alive.shape[0])
            if not samples.capacity:
                break
            outputs = self._field.forward(samples, rays.directions, counters[:1])
            next_alive = ActiveRays(torch.empty_like(alive), counters[1:])
            composite_rays(
                alive, ray_samples, samples.distances, outputs, t_range, RayPixels(color, depth), next_alive,
                linear=self.color_space == "linear", steps=self._steps, min_transmittance=min_transmittance,
            )  # fmt: skip
            alive = next_alive.ids[: int(counters[1])]
        alpha = color[:, 3]
        distance = torch.where(depth > 0.0, depth, -depth / alpha.clamp(min=_MIN_DEPTH_ALPHA))
        planar = distance * cosines / self._cube.scale
        depth.copy_(torch.where(alpha > _MIN_DEPTH_ALPHA, planar, torch.inf))

    def _reserve(self) -> SampleBatch[Any]:
        if self._batch is None:
            self._batch = self._field.allocate(self._profile.round_samples)
        return self._batch
