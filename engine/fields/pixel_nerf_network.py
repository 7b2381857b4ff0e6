"""PixelNeRF's networks (Yu et al. 2021, section 4): what a view says of a point, what all of them say together.

As published a network of residual blocks sees a point from each view, the mean over the views goes through a second
one. Here the views are weighted by whether they see the point, how much they differ counts too, and colour is a blend
of what the views show at the point, plus a residual: no network has to memorise what is seen. Density doesn't depend on
the direction that a point is seen along, as it does in the paper: the occupancy grid asks without one. All positions
and directions are in the views' camera spaces, so that it doesn't matter where in the world a scene is.
"""

from __future__ import annotations

import dataclasses

import torch
from torch.nn.functional import pad, relu

from engine.encodings.frequency import FrequencyEncoding
from engine.fields.mixed_precision import aligned, begin_linear
from engine.fields.source_channels import CHANNELS, encoder_channels
from engine.fields.source_views import SourcePicture, SourceViews
from engine.fields.view_choice import Sightings
from engine.networks.image_encoder import EncoderSize, ImageEncoder
from taichi_kernels.torch_functions.activations import invert_color

# Gaps between a point and captured depth are told in units of each of these (of the network's lengths): near a surface
# finely, far from it at all.
_GAP_SCALES = (0.0025, 0.01, 0.04, 0.16, 0.64)
# The raw density of what no view sees: nothing.
EMPTY = -15.0
# How much of a colour there must be in the views' pixels for it to be told from their alpha.
_LEAST_ALPHA = 1e-3


@dataclasses.dataclass(frozen=True)
class PixelNerfSize:
    """``features``: columns of a picture's features, after the pyramid. ``octaves``: of the encoding of positions.
    ``width`` of both networks, ``view_blocks`` and ``point_blocks``: their residual blocks. ``stretch``: the network's
    lengths to one of the unit cube."""

    encoder: EncoderSize
    features: int
    octaves: int
    width: int
    view_blocks: int
    point_blocks: int
    stretch: float


class PixelNerfNetwork(torch.nn.Module):
    """Features of pictures, and raw density and colour at points from these. Products and outputs are of ``dtype``, but
    for the encoder's, which are float32."""

    def __init__(self, size: PixelNerfSize, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.size, self.dtype = size, dtype
        self._positions = FrequencyEncoding(3, size.octaves)
        width, half = size.width, size.width // 2
        self.encoder = ImageEncoder(size.encoder, CHANNELS, generator)
        self.features = begin_linear(size.encoder.channels, size.features, generator)
        # Features, colour and alpha, position, gaps, whether depth is known, visibility.
        inputs = size.features + 4 + self._positions.out_dims + len(_GAP_SCALES) + 2
        self.view_layer = begin_linear(inputs, width, generator)
        self.view_blocks = torch.nn.ModuleList(_Block(width, generator) for _ in range(size.view_blocks))
        # Mean and variance over the views, and how many these are.
        self.point_layer = begin_linear(2 * width + 1, width, generator)
        self.point_blocks = torch.nn.ModuleList(_Block(width, generator) for _ in range(size.point_blocks))
        self.density_layer = begin_linear(width, 1, generator)
        self.blend_view = begin_linear(width, half, generator)
        self.blend_point = begin_linear(width, half, generator)
        # The direction in the view's camera space, and its cosine with the view's own.
        self.blend_direction = begin_linear(4, half, generator)
        self.blend_layer = begin_linear(half, 1, generator)
        self.residual_layer = begin_linear(half, 3, generator)
        torch.nn.init.zeros_(self.residual_layer.weight)

    def encode(self, picture: SourcePicture, linear: bool) -> torch.Tensor:
        """Its features [rows, size.features] f32, as SourceViews.features_at takes them."""
        return self.read(encoder_channels(picture, linear, self.size.stretch))

    def read(self, channels: torch.Tensor) -> torch.Tensor:
        """The features [rows, size.features] f32 of pictures of one size, one behind the other; ``channels`` [n,
        CHANNELS, h, w]: see encoder_channels."""
        result: torch.Tensor = self.features(self.encoder(channels).flatten(2).transpose(1, 2).flatten(0, 1))
        return result

    def density(self, sources: SourceViews, table: torch.Tensor, seen: Sightings) -> torch.Tensor:
        """Raw densities [n] at the points of which ``seen`` says what some of ``sources`` see; ``table``: the features
        of these."""
        views = self._look(table, seen, sources, sources.colors_at(seen.views, seen.places))
        return self._density(self._gather(views, seen.visibility), seen)

    def forward(
        self, sources: SourceViews, table: torch.Tensor, seen: Sightings, directions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Raw densities [n] and colours [n, 3], as seen along unit ``directions`` [n, 3] in the unit cube."""
        pixels = sources.colors_at(seen.views, seen.places)
        views = self._look(table, seen, sources, pixels)
        point = self._gather(views, seen.visibility)
        turned = seen.turn(sources, directions)
        angles = torch.cat([turned, seen.cosines(turned)[..., None]], dim=-1)
        hidden = relu(
            self.blend_view(views.flatten(0, 1)).unflatten(0, views.shape[:2])
            + self.blend_point(point)[:, None]
            + self.blend_direction(_aligned(angles.flatten(0, 1), self.dtype)).unflatten(0, views.shape[:2])
        )
        scores = self.blend_layer(hidden.flatten(0, 1)).float().view(views.shape[:2])
        weights = seen.visibility * torch.exp(scores - scores.amax(dim=1, keepdim=True))
        weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12)
        blended = (weights[..., None] * pixels).sum(dim=1)
        straight = blended[:, :3] / blended[:, 3:].clamp(min=_LEAST_ALPHA)
        residual = self.residual_layer((weights[..., None].to(self.dtype) * hidden).sum(dim=1))
        return self._density(point, seen), invert_color(straight, sources.linear).to(self.dtype) + residual

    def _look(self, table: torch.Tensor, seen: Sightings, sources: SourceViews, pixels: torch.Tensor) -> torch.Tensor:
        """What each view says of each point: [n, m, width]."""
        features = sources.features_at(table, seen.views, seen.places)
        positions = features.new_empty(seen.gaps.numel(), self._positions.out_dims)
        self._positions.forward(seen.points.flatten(0, 1) * self.size.stretch, positions)
        gaps = [torch.tanh(seen.gaps / scale) for scale in _GAP_SCALES]
        facts = torch.stack([*gaps, seen.is_known.float(), seen.visibility], dim=-1)
        columns = torch.cat([features, pixels, positions.view(*seen.gaps.shape, -1), facts], dim=-1)
        value: torch.Tensor = self.view_layer(_aligned(columns.flatten(0, 1), self.dtype))
        for block in self.view_blocks:
            value = block(value)
        return value.view(*seen.gaps.shape, -1)

    def _gather(self, views: torch.Tensor, visibility: torch.Tensor) -> torch.Tensor:
        """What ``views`` [n, m, width] say together: [n, width]."""
        total = visibility.sum(dim=1, keepdim=True)
        weights = (visibility / total.clamp(min=1e-12))[..., None].to(self.dtype)
        mean = (weights * views).sum(dim=1)
        variance = (weights * (views - mean[:, None]).square()).sum(dim=1)
        together = torch.cat([mean, variance, (total / (1.0 + total)).to(self.dtype)], dim=1)
        value: torch.Tensor = self.point_layer(_aligned(together, self.dtype))
        for block in self.point_blocks:
            value = block(value)
        return value

    def _density(self, point: torch.Tensor, seen: Sightings) -> torch.Tensor:
        raw: torch.Tensor = self.density_layer(relu(point))[:, 0]
        return torch.where((seen.visibility > 0.0).any(dim=1), raw, EMPTY)


class _Block(torch.nn.Module):
    """Two layers, and the way around them; the second begins without a say."""

    def __init__(self, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.first = begin_linear(width, width, generator)
        self.second = begin_linear(width, width, generator)
        torch.nn.init.zeros_(self.second.weight)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        more: torch.Tensor = self.second(self.first(relu(value), rectified=True))
        return value + more


def _aligned(columns: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """[n, columns] in ``dtype``, with zeros behind where its products need these."""
    return pad(columns.to(dtype), (0, aligned(columns.shape[1], dtype) - columns.shape[1]))
