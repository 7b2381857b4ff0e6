"""PixelNeRF (Yu et al. 2021): a field that is conditioned on pictures. What is learnt is how to read a scene from any
views of it, of which each is encoded once for as long as the encoder stays as it is."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

import torch

from engine.fields.autograd import AutogradField, EvaluatedField, split_rows
from engine.fields.base import FieldError, SampleBatch, SampledFieldConfig
from engine.fields.nerf import choose_dtype
from engine.fields.pixel_nerf_network import EMPTY, PixelNerfNetwork, PixelNerfSize
from engine.fields.source_views import SourceViews
from engine.fields.view_choice import Sightings
from engine.link.values import Limits
from engine.networks.image_encoder import BLOCKS, FEATURE_STRIDE, EncoderSize
from engine.optimizers.parameters import load_tensors
from taichi_kernels.bundles import ActiveSamples, FieldOutputs

# Parameters, their gradients and two moments, float32.
_PARAMETER_BYTES = 4 * 4
# What a source's pixel takes: colour as it is kept and as it is read, depth.
_PIXEL_BYTES = 4 * 2 + 4 * 4 + 2 * 4


@dataclasses.dataclass(frozen=True)
class PixelNerfConfig(SampledFieldConfig):
    """Size of the encoder (see EncoderSize) and of the networks (see PixelNerfSize). Views are encoded at
    ``picture_side`` pixels a side at most. Each point is looked at in at most ``most_views``: what more there are cost
    no more time. ``stretch``: lengths in the unit cube times this are those that the networks know."""

    kind: ClassVar[str] = "pixelnerf"

    encoder_layers: Annotated[int, Limits(10, 34)] = 18
    encoder_width: Annotated[int, Limits(8, 128)] = 64
    encoder_most_width: Annotated[int, Limits(8, 1024)] = 256
    encoder_groups: Annotated[int, Limits(0, 128)] = 16
    picture_side: Annotated[int, Limits(16, 4096)] = 400
    features: Annotated[int, Limits(8, 1024)] = 128
    position_octaves: Annotated[int, Limits(0, 16)] = 6
    width: Annotated[int, Limits(16, 1024)] = 192
    view_blocks: Annotated[int, Limits(0, 16)] = 3
    point_blocks: Annotated[int, Limits(0, 16)] = 2
    most_views: Annotated[int, Limits(1, 64)] = 4
    stretch: Annotated[float, Limits(1e-6, 1e6)] = 1.0

    @property
    def encoder(self) -> EncoderSize:
        """The size of the pictures' encoder."""
        return EncoderSize(self.encoder_layers, self.encoder_width, self.encoder_most_width, self.encoder_groups)

    @property
    def size(self) -> PixelNerfSize:
        """The sizes of all networks."""
        return PixelNerfSize(
            self.encoder,
            self.features,
            self.position_octaves,
            self.width,
            self.view_blocks,
            self.point_blocks,
            self.stretch,
        )

    @property
    def summary(self) -> str:
        """As FieldConfig.summary."""
        return (
            f"an encoder of {self.encoder_layers} layers from {self.encoder_width} channels on, "
            f"{self.view_blocks} and {self.point_blocks} residual blocks of {self.width}, "
            f"at most {self.most_views} views"
        )

    def check(self) -> None:
        """As FieldConfig.check."""
        if self.encoder_layers not in BLOCKS:
            raise FieldError(f"encoder_layers: {self.encoder_layers} is not one of {', '.join(map(str, BLOCKS))}")
        for width in self.encoder.stage_widths if self.encoder_groups else ():
            if width % self.encoder_groups:
                raise FieldError(
                    f"encoder_groups: {self.encoder_groups} groups don't divide the {width} channels of a stage"
                )
        if self.width % 2:
            raise FieldError(f"width: {self.width} is odd")

    def fit(self, growth: float, finest: float) -> Self:
        """As FieldConfig.fit: what the networks know are lengths of what the views show."""
        return dataclasses.replace(self, stretch=self.stretch * growth)

    def build(self, device: str, seed: int) -> PixelNerfField:
        """As SampledFieldConfig.build. It knows no views yet."""
        return PixelNerfField(self, device, seed)

    def needed_bytes(self, samples: int, device: str) -> int:
        """As FieldConfig.needed_bytes: with what is kept of the views that a step encodes, for the encoder's
        gradients."""
        widths, blocks = self.encoder.stage_widths, BLOCKS[self.encoder_layers]
        inputs = (self.encoder_width, *widths)
        convolutions = sum(
            9 * width * ((2 * count - 1) * width + before)
            for width, before, count in zip(widths, inputs, blocks, strict=False)
        )
        layers = 2 * (self.view_blocks + self.point_blocks) + 6
        parameters = convolutions + self.encoder.channels * self.features + layers * self.width**2
        # Each block keeps two convolutions, each normalised and rectified; each stage has a quarter of the places.
        kept = sum(
            6 * count * width * 0.25**stage for stage, (width, count) in enumerate(zip(widths, blocks, strict=True))
        )
        places = self.most_views * math.ceil(self.picture_side / FEATURE_STRIDE) ** 2
        encoding = 4 * places * (kept + 2 * self.encoder.channels + self.features)
        activations = layers * self.width * choose_dtype(device).itemsize // 4 + 2 * self.features
        work = AutogradField.needed_bytes(samples, activations, device)
        return parameters * _PARAMETER_BYTES + math.ceil(encoding) + work

    def view_bytes(self, pixels: int) -> int:
        """What is kept of a view of so many pixels, as it is encoded: these, and its features."""
        return math.ceil(pixels * (_PIXEL_BYTES + 4 * self.features / FEATURE_STRIDE**2))


class EncodedViews:
    """The features of ``sources`` as one encoder has them, found when they are first asked for: ``table``, as
    SourceViews.features_at takes it."""

    def __init__(self, sources: SourceViews, columns: int, former: EncodedViews | None = None) -> None:
        """``former``: by the same encoder, some of the same pictures."""
        self.sources = sources
        self._is_encoded = [False] * len(sources)
        rows = sources.feature_rows[-1].stop if len(sources) else 0
        device = sources.pictures[0].colors.device if len(sources) else "cpu"
        self.table = torch.empty(rows, columns, device=device)
        if former is None:
            return
        places = {id(picture): view for view, picture in enumerate(former.sources.pictures)}
        for view, picture in enumerate(sources.pictures):
            place = places.get(id(picture))
            if place is not None and former._is_encoded[place]:
                self.table[sources.feature_rows[view]] = former.table[former.sources.feature_rows[place]]
                self._is_encoded[view] = True

    @property
    def is_complete(self) -> bool:
        """Whether all views are encoded."""
        return all(self._is_encoded)

    @torch.no_grad()
    def require(self, network: PixelNerfNetwork, views: Sequence[int]) -> None:
        """Encode those of ``views`` that aren't yet."""
        for view in views:
            if not self._is_encoded[view]:
                picture = self.sources.pictures[view]
                self.table[self.sources.feature_rows[view]] = network.encode(picture, self.sources.linear)
                self._is_encoded[view] = True


@dataclasses.dataclass(frozen=True, eq=False)
class _StepViews:
    """What a training step is conditioned on: ``features`` of ``sources``, with the encoder's gradients behind them,
    and ``table``, the same numbers, which gathers the gradients of all samples before they go through the encoder."""

    sources: SourceViews
    features: torch.Tensor
    table: torch.Tensor


class PixelNerfField(EvaluatedField):
    """RadianceField of PixelNerfNetwork. Where no view sees anything, or there is none, nothing is."""

    def __init__(self, config: PixelNerfConfig, device: str, seed: int) -> None:
        dtype = choose_dtype(device)
        super().__init__(PixelNerfNetwork(config.size, torch.Generator().manual_seed(seed), dtype), device, dtype)
        self.module: PixelNerfNetwork
        self._config = config
        self._encoded = EncodedViews(SourceViews((), linear=True), config.features)
        self._step: _StepViews | None = None

    @property
    def sources(self) -> SourceViews:
        """What the field is conditioned on."""
        return self._encoded.sources

    @property
    def encoded(self) -> EncodedViews:
        """The same as its encoder has them: others whenever the views are, or the field has learnt."""
        return self._encoded

    @property
    def stretch(self) -> float:
        """The network's lengths to one of the unit cube."""
        return self._config.stretch

    def condition_on(self, sources: SourceViews) -> None:
        """Be conditioned on these views from now on. Of pictures that it knows the features are kept."""
        self._encoded = EncodedViews(sources, self._config.features, self._encoded)

    @contextlib.contextmanager
    def learning_from(self, views: Sequence[int]) -> Iterator[None]:
        """A training step, for which only these of the views are known, at least one. Past it all are encoded anew, as
        their encoder is another one."""
        sources = self.sources.select(views)
        with torch.enable_grad():
            features = torch.cat([self.module.encode(picture, sources.linear) for picture in sources.pictures])
        self._step = _StepViews(sources, features, features.detach().requires_grad_())
        try:
            yield
        finally:
            self._step = None
            self._encoded = EncodedViews(self.sources, self._config.features)

    def backward(self, batch: SampleBatch[Any], active: ActiveSamples, gradients: FieldOutputs) -> None:
        """As RadianceField.backward. Within ``learning_from`` the encoder learns, too."""
        super().backward(batch, active, gradients)
        if self._step is not None and self._step.table.grad is not None:
            torch.autograd.backward(self._step.features, self._step.table.grad)

    @property
    def frozen_bytes(self) -> int:
        return super().frozen_bytes + self._encoded.table.nbytes

    def state(self) -> dict[str, torch.Tensor]:
        """As RadianceField.state, with the views: without them there would be nothing to see."""
        return super().state() | self.sources.state()

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """As RadianceField.load_state."""
        sources = self.sources.read(state, self.device)
        load_tensors(super().state(), state)
        self._encoded = EncodedViews(sources, self._config.features)

    def _density(self, points: torch.Tensor) -> torch.Tensor:
        if not self._known:
            return points.new_full((len(points),), EMPTY)
        sources, table, seen = self._see(points, None)
        return self.module.density(sources, table, seen)

    def _evaluate(self, points: torch.Tensor, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if not self._known:
            return points.new_full((len(points),), EMPTY), torch.zeros_like(points)
        sources, table, seen = self._see(points, directions)
        outputs: tuple[torch.Tensor, torch.Tensor] = self.module(sources, table, seen, directions)
        return outputs

    def _chunks(self, samples: int) -> Iterator[slice]:
        # A sample takes as much memory as one of another field for each of the views that are asked.
        asked = max(1, min(len(self._known), self._config.most_views))
        return split_rows(samples, self._profile.chunk_samples // asked)

    @property
    def _known(self) -> SourceViews:
        return self.sources if self._step is None else self._step.sources

    def _see(
        self, points: torch.Tensor, directions: torch.Tensor | None
    ) -> tuple[SourceViews, torch.Tensor, Sightings]:
        """What is known of ``points`` from the views that see them best. Waits for the device when there are views that
        are not encoded yet, or more than are asked."""
        sources = self._known
        seen = Sightings.find(sources, points, self._config.stretch)
        seen = seen.choose(sources, self._config.most_views, directions)
        if self._step is not None:
            return sources, self._step.table, seen
        if not self._encoded.is_complete:
            self._encoded.require(self.module, seen.views.unique().tolist())
        return sources, self._encoded.table, seen
