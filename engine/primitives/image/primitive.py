"""An image that is learnt from its pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Self

import torch

from engine.data.image_file import ImageFile
from engine.data.selection import choose_evenly
from engine.device import PROFILES
from engine.fields.coordinate_field import CoordinateField, OutputActivation
from engine.link.message_types import Split
from engine.link.messages import ColorSpace, ImageSpec
from engine.optimizers.parameters import ParameterGroup
from engine.primitives.base import DataError, NoDataError, Primitive, Scores
from engine.primitives.image.config import ImageConfig
from engine.primitives.image.pixel_bands import BlankPixels, DrawnPixels, PixelBands
from engine.primitives.image.scored_pixels import PixelErrors, ScoredPixels
from engine.primitives.image.viewer import ImageViewer
from taichi_kernels import runtime

_SCRATCH_TABLE = 10
# Of relative errors: the square of light that is darker counts as this.
_RELATIVE_EPSILON = 0.01
# What the gradients of light are multiplied with beside the number of samples. Those of a sample are then at most
# 2/3 * shown * |error| / (shown^2 + 0.01) (the mean over three channels, the derivative of the exponential is what it
# shows), which is greatest where 0.1 is shown: 3.4 of the error. Stored light goes up to 65504, and so do half floats:
# at 1/64 the brightest sun leaves a factor of 19 for the sums of the layers below, and what an error of 1 % gives is
# still above the least normal number.
_LIGHT_SCALE = 1 / 64


@dataclasses.dataclass(frozen=True, eq=False)
class ImageItem:
    """A file to learn from, or to be scored by."""

    name: str
    split: Split
    file: ImageFile


class ImagePrimitive(Primitive):
    """Colour by position. What is scored is how well the image is known, not how well its like would be: it may be
    scored by the file that it is learnt from."""

    config: ImageConfig
    spec: ImageSpec

    def __init__(self, spec: ImageSpec, config: ImageConfig, device: str) -> None:
        runtime.start(device)
        self.spec, self.config, self.device = spec, config, device
        output: OutputActivation = "exponential" if spec.color_space == "linear" else "none"
        self.field = CoordinateField(config.field, 2, 4 if spec.alpha else 3, device, config.seed, output)
        is_half = self.field.dtype == torch.float16
        self.gradient_scale = half_gradient_scale(config.samples_per_step, spec.color_space) if is_half else 1.0
        self._bands: PixelBands | BlankPixels | None = None
        self._scored: dict[str, ScoredPixels] = {}
        self._items: dict[str, Split] = {}
        self._loss: torch.Tensor | None = None

    def parameters(self) -> list[ParameterGroup]:
        """Those of the field."""
        return self.field.parameters()

    def add(self, item: ImageItem) -> None:
        """See Primitive. A run learns one image. Raises DatasetError, too."""
        self._require_fit(item)
        learnt = next((name for name, split in self._items.items() if split == "train"), item.name)
        if item.split == "train" and learnt != item.name:
            raise DataError(f"{item.file.path}: {learnt} is learnt already, and a run learns one image")
        if self._items.get(item.name, item.split) != item.split:
            raise DataError(f"{item.file.path}: {item.name} was for the other purpose before: use another name")
        if item.split == "test":
            self._scored[item.name] = ScoredPixels.read(item.file)
        else:
            most = PROFILES[self.device].image_bytes
            self._bands = PixelBands(item.file, self.spec.wraps, self.device, most)
        self._items[item.name] = item.split

    def _require_fit(self, item: ImageItem) -> None:
        header, spec = item.file.header, self.spec
        if header.turned_size != (spec.width, spec.height):
            width, height = header.turned_size
            raise DataError(
                f"{item.file.path}: it is {width}x{height} pixels, but this run learns {spec.width}x{spec.height}"
            )
        if header.color_space != spec.color_space:
            raise DataError(
                f"{item.file.path}: it is {header.color_space}, but this run learns {spec.color_space} colour"
            )
        if header.has_alpha != spec.alpha:
            words = "has" if header.has_alpha else "has no"
            raise DataError(f"{item.file.path}: it {words} alpha, but this run learns {_alpha_words(spec)}")

    @property
    def items(self) -> Mapping[str, Split]:
        """See Primitive."""
        return self._items

    @property
    def is_ready(self) -> bool:
        """See Primitive."""
        return self._bands is not None

    def describe_data(self) -> dict[str, Any]:
        """Names of the files, and what each is for."""
        return {"images": [{"name": name, "split": split} for name, split in self._items.items()]}

    def step(self, step: int, progress: float | None) -> bool:
        """See Primitive."""
        if self._bands is None:
            raise NoDataError("no image: add one before training")
        self._learn_from(self._bands.draw(self.config.samples_per_step, self.config.seed, step))
        return True

    def _learn_from(self, drawn: DrawnPixels) -> None:
        features, shown = self.field.trace(drawn.points)
        self._loss = squared_errors(shown, drawn.colors, self.spec.color_space).mean()
        self.field.backward(drawn.points, features, self._loss * self.gradient_scale)

    def update(self, step: int) -> None:
        """See Primitive: of a large image, another band may come."""
        if self._bands is not None and step % self.config.exchange_every == 0:
            self._bands.exchange()

    def loss(self) -> float | None:
        """See Primitive."""
        return None if self._loss is None else float(self._loss.detach())

    def figures(self) -> dict[str, float]:
        """Pixels of a step, and how much of the image training has at hand."""
        share = {} if self._bands is None else {"share_at_hand": self._bands.share}
        return {"samples_per_step": float(self.config.samples_per_step), **share}

    def scratch(self) -> Self:
        """See Primitive: with a small table, which kernels don't depend on."""
        small = dataclasses.replace(self.config.field, log2_table_size=_SCRATCH_TABLE)
        config = dataclasses.replace(self.config, field=small)
        other = type(self)(self.spec, config, self.device)
        other._bands = BlankPixels(self.field.out_dims, self.device)
        return other

    def begin_anew(self, config: ImageConfig) -> Self:
        """One that has learnt nothing yet, of the same files as they were read."""
        other = type(self)(self.spec, config, self.device)
        other._bands, other._scored, other._items = self._bands, self._scored, self._items
        return other

    def viewer(self) -> ImageViewer:
        """See Primitive."""
        return ImageViewer(self.field, self.spec, self.device)

    def evaluate(self, viewer: ImageViewer, most: int | None = None) -> Iterator[int | Scores]:
        """See Primitive: an image is an item."""
        scores = dict[str, dict[str, float]]()
        for name in choose_evenly(list(self._scored), most):
            errors = PixelErrors(self.spec.color_space)
            for points, colors in self._scored[name].chunks():
                errors.add(viewer.color_at(points.to(self.device)).cpu(), colors)
                yield len(scores)
            scores[name] = errors.figures
            yield len(scores)
        if not scores:
            raise NoDataError("there is no image to score by")
        names = next(iter(scores.values()))
        means = {name: sum(figures[name] for figures in scores.values()) / len(scores) for name in names}
        yield Scores(means, scores)

    def state(self) -> dict[str, torch.Tensor]:
        """See Primitive."""
        return self.field.state()

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See Primitive."""
        self.field.load_state(state)


def squared_errors(shown: torch.Tensor, truth: torch.Tensor, color_space: ColorSpace) -> torch.Tensor:
    """Of ``shown`` [n, channels] f32, for training: those of light relative to what is shown (Lehtinen et al. 2018,
    section 3.2)."""
    errors = (shown - truth).square()
    return errors / (shown.detach().square() + _RELATIVE_EPSILON) if color_space == "linear" else errors


def half_gradient_scale(samples: int, color_space: ColorSpace) -> float:
    """What the mean of ``squared_errors`` is multiplied with for gradients in float16, which would round each sample's
    share of it away."""
    return samples * (_LIGHT_SCALE if color_space == "linear" else 1.0)


def _alpha_words(spec: ImageSpec) -> str:
    return "colour with alpha" if spec.alpha else "colour alone"
