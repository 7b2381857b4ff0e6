"""The radiance field as the registry knows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.link.messages import AddView, ColorSpace, Message, RadianceFieldSpec
from engine.link.presets import DEFAULT_FIELD
from engine.link.scoring import RADIANCE_FIELD_METRICS, describe_psnr
from engine.primitives.config import ConfigError
from engine.primitives.kind import DataOptions, Kind, Progress, TrainingData
from engine.primitives.prior_use import PriorUse

if TYPE_CHECKING:
    from engine.data.views import View
    from engine.primitives.radiance_field.config import RadianceFieldConfig
    from engine.primitives.radiance_field.field_kind import FieldKind
    from engine.primitives.radiance_field.primitive import RadianceFieldPrimitive


class RadianceFieldKind(Kind[RadianceFieldSpec]):
    """Learnt from views. ``fields`` says what kinds of it there are."""

    summary = "a scene, learnt from pictures of it"
    spec_type = RadianceFieldSpec
    metrics = RADIANCE_FIELD_METRICS
    item = "view"
    items_are_views = True

    def variant(self, spec: RadianceFieldSpec) -> str:
        """Which field."""
        return spec.field

    def prior_use(self, spec: RadianceFieldSpec) -> PriorUse | None:
        """See Kind. Raises ConfigError."""
        return _field_of(spec).prior_use

    def difference(self, own: RadianceFieldSpec, wanted: RadianceFieldSpec) -> str | None:
        """Another colour space. Bounds may differ: those of the run stay."""
        if own.color_space == wanted.color_space:
            return None
        return f"learnt {own.color_space} colour, but there is {wanted.color_space}"

    def configure(
        self, spec: RadianceFieldSpec, preset: str, device: str, overrides: Mapping[str, Any]
    ) -> RadianceFieldConfig:
        """See Kind."""
        from engine.primitives.radiance_field.fields import choose_preset

        return choose_preset(preset, device, overrides, spec.field)

    def decode(self, spec: RadianceFieldSpec, values: Mapping[str, Any]) -> RadianceFieldConfig:
        """See Kind."""
        return _field_of(spec).decode(values)

    def facts(self, primitive: RadianceFieldPrimitive) -> dict[str, str]:
        """See Kind: which field, its size, and its colour space."""
        config = primitive.config
        return {"Field": f"{config.kind} ({config.fit(config.field).summary})", "Colour": primitive.color_space}

    def build(self, spec: RadianceFieldSpec, config: RadianceFieldConfig, device: str) -> RadianceFieldPrimitive:
        """See Kind."""
        from engine.primitives.radiance_field.fields import make_primitive

        return make_primitive(config, spec.bounds, spec.color_space, device)

    def load(self, path: Path, options: DataOptions, progress: Progress) -> TrainingData:
        """A dataset of any format that is read. Raises DatasetError."""
        from engine.data.formats import load_dataset

        dataset = load_dataset(path, options.holdout, progress)
        field = options.variant or DEFAULT_FIELD
        return TrainingData(
            RadianceFieldSpec(bounds=dataset.bounds, color_space=dataset.color_space, field=field),
            dataset.views,
            dataset.train_settings(),
            dataset.about_holdout(options.holdout) + dataset.warnings,
        )

    def read_item(self, message: Message, locate: Callable[[str], Path]) -> View:
        """That of an AddView. Raises ViewError."""
        from engine.data.views import View

        if not isinstance(message, AddView):
            raise self.refuse(message)
        color_space: ColorSpace = "linear" if message.color.dtype == np.float16 else "srgb"
        return View(message.name, message.camera, message.color, color_space, message.depth, message.split)

    def describe_scores(self, means: Mapping[str, float | None]) -> str:
        """The subject's figure first: that of whole pictures rises with how much of them is empty."""
        whole = means["psnr"]
        assert whole is not None
        subject = describe_psnr(means["subject_psnr"], whole)
        return f"PSNR {subject} on the subject, {whole:.2f} dB over whole pictures on black"


def _field_of(spec: RadianceFieldSpec) -> FieldKind:
    from engine.primitives.radiance_field.fields import field_named

    try:
        return field_named(spec.field)
    except ConfigError as error:
        raise ConfigError(f"primitive.field: {error}") from None


RADIANCE_FIELD = RadianceFieldKind()
