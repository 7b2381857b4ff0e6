"""The image as the registry knows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.link.message_types import Split
from engine.link.messages import ImageSpec
from engine.link.primitives import SCORED_IMAGE
from engine.link.scoring import IMAGE_METRICS
from engine.primitives.kind import DataOptions, Kind, Progress, TrainingData

if TYPE_CHECKING:
    from engine.primitives.image.config import ImageConfig
    from engine.primitives.image.primitive import ImageItem, ImagePrimitive


class ImageKind(Kind[ImageSpec]):
    """Learnt from one file."""

    summary = "an image of up to some gigapixels, learnt from its file"
    spec_type = ImageSpec
    metrics = IMAGE_METRICS
    item = "image"

    def difference(self, own: ImageSpec, wanted: ImageSpec) -> str | None:
        """Anything but the same form: its pixels may be others."""
        if (first := _describe(own)) == (second := _describe(wanted)):
            return None
        return f"learnt an image of {first}, but there is one of {second}"

    def configure(self, spec: ImageSpec, preset: str, device: str, overrides: Mapping[str, Any]) -> ImageConfig:
        """See Kind: with a field of the size that the image asks for."""
        from engine.primitives.image.config import configure

        return configure(spec.width, spec.height, preset, device, overrides)

    def decode(self, spec: ImageSpec, values: Mapping[str, Any]) -> ImageConfig:
        """See Kind."""
        from engine.primitives.image.config import PRESETS

        return PRESETS.decode(values)

    def facts(self, primitive: ImagePrimitive) -> dict[str, str]:
        """See Kind."""
        return {"Image": _describe(primitive.spec), "Field": primitive.config.field.summary}

    def build(self, spec: ImageSpec, config: ImageConfig, device: str) -> ImagePrimitive:
        """See Kind."""
        from engine.primitives.image.config import configure, pixel_bytes
        from engine.primitives.image.primitive import ImagePrimitive
        from engine.primitives.memory import require_for_training

        smaller = configure(spec.width, spec.height, "cpu", device, {})
        require_for_training(config, smaller, device, pixel_bytes(spec, device))
        return ImagePrimitive(spec, config, device)

    def load(self, path: Path, options: DataOptions, progress: Progress) -> TrainingData:
        """The file to learn from, which is scored as well. Raises DatasetError."""
        from engine.primitives.base import DataError

        if options.holdout is not None:
            raise DataError(f"--holdout {options.holdout}: an image is scored by its own pixels: leave --holdout out")
        item = self.read_file(path, path.name, "train")
        header = item.file.header
        width, height = header.turned_size
        progress(1, 1)
        return TrainingData(
            ImageSpec(
                width=width,
                height=height,
                color_space=header.color_space,
                alpha=header.has_alpha,
                wraps=header.wraps,
            ),
            [item, self.read_file(path, SCORED_IMAGE, "test")],
            warnings=[f"{path}: not used: {', '.join(header.unused)}"] if header.unused else [],
        )

    def read_file(self, path: Path, name: str, split: Split) -> ImageItem:
        """See Kind: its header is read. Raises DatasetError."""
        from engine.data.image_file import ImageFile
        from engine.primitives.image.primitive import ImageItem

        return ImageItem(name, split, ImageFile(path))


def _describe(spec: ImageSpec) -> str:
    words = f"{spec.width}x{spec.height} pixels, {'linear' if spec.color_space == 'linear' else 'sRGB'}"
    return words + (", with alpha" if spec.alpha else "") + (", that wraps" if spec.wraps else "")


IMAGE = ImageKind()
