"""How to train: one frozen dataclass, and a preset for each kind of device."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from engine.fields.hash_grid_field import FieldConfig
from taichi_kernels.activations import DENSITY_SCALE
from taichi_kernels.stepping import StepRule

# instant-ngp's limit too: an aabb_scale of 128.
MAX_CASCADES = 8
_LASTING_TRUST = 0.1
_COUNTS = (
    "samples_per_step", "max_rays_per_step", "max_samples_per_ray", "march_steps", "occupancy_every", "depth_half_life",
)  # fmt: skip
_POSITIVE = (
    "learning_rate", "final_rate_fraction", "depth_margin", "depth_tolerance", "cells_per_pixel", "full_distance",
)  # fmt: skip


class ConfigError(ValueError):
    """A setting that can't be used; the message names it."""


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Every setting of training. Lengths are in units of the bounds' longest edge; what the properties give is in
    unit-cube lengths."""

    preset: str
    field: FieldConfig
    # Samples evaluated in a step; the number of rays is adjusted to fill them.
    samples_per_step: int
    max_rays_per_step: int
    max_samples_per_ray: int
    # Steps along the diagonal of a cube around the bounds, near the camera.
    march_steps: int
    occupancy_resolution: int
    occupancy_every: int
    # Of an open cell's running maximum, each time it is visited.
    occupancy_decay: float
    # Adam's rate at the start and, with a budget, the fraction of it that is left at the end.
    learning_rate: float = 1e-2
    final_rate_fraction: float = 0.05
    # Without a budget the rate halves each time the step count doubles past this.
    open_ended_half_step: int = 20_000
    # Of the table and the networks, added to the gradient (see adam_step): what no ray insists on fades, where views
    # would otherwise be learnt by heart. Half a decibel after a minute on a GPU, as much in the first second.
    weight_decay: float = 1e-3
    # Until there is detail to place, rays are marched at twice the step, with half of the samples: for so many training
    # steps, but no longer than this part of a budget.
    coarse_until: int = 0
    coarse_progress: float = 0.6
    # Captured depth: how far behind the surface rays go on, and weight and unit of length of the line-of-sight loss.
    # The weight halves every so many steps, down to a tenth, and when it is there, that distance becomes ten times as
    # long: at once depth puts surfaces where they are, later it would hold them harder than antialiased pictures allow.
    depth_margin: float = 0.06
    depth_weight: float = 0.05
    depth_half_life: int = 400
    depth_tolerance: float = 0.02
    # Pixels that the bounds' longest edge spans in a typical view (see geometry.pixels_across), 0 when not known, and
    # how many cells of the finest level to a pixel. Cells much finer than pixels learn nothing but grain.
    pixels_across: float = 0.0
    cells_per_pixel: float = 2.0
    # Cubes of occupancy, each twice as large as the one before: 1 where there is nothing outside the bounds.
    cascades: int = 1
    # How fast steps grow with the distance from the camera, how near to it rays begin, and from where on samples teach
    # in full (see composite_training).
    cone_angle: float = 0.0
    near_distance: float = 0.0
    full_distance: float = 1.0
    # Of an untrained field, with several cascades: optical thickness of the bounds' longest edge.
    initial_density: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.cascades <= MAX_CASCADES:
            raise ConfigError(f"cascades: {self.cascades} is outside 1..{MAX_CASCADES}")
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: {getattr(self, name)} is not a positive number")
        for name in _POSITIVE:
            if not getattr(self, name) > 0.0:
                raise ConfigError(f"{name}: {getattr(self, name)} is not a positive number")
        field = self.field
        if not 1 <= field.levels <= 32:
            raise ConfigError(f"field.levels: {field.levels} is outside 1..32")
        if not 8 <= field.log2_table_size <= 24:
            raise ConfigError(f"field.log2_table_size: {field.log2_table_size} is outside 8..24")
        if not 2 <= field.base_resolution <= field.max_resolution <= 16384:
            raise ConfigError(
                f"field.base_resolution: {field.base_resolution} must be at least 2, "
                f"and field.max_resolution: {field.max_resolution} from there to 16384"
            )
        if field.hidden_width not in (16, 32, 64, 128):
            raise ConfigError(f"field.hidden_width: {field.hidden_width} is not one of 16, 32, 64, 128")
        if not 1 <= field.color_layers <= 4:
            raise ConfigError(f"field.color_layers: {field.color_layers} is outside 1..4")

    @property
    def growth(self) -> int:
        """How many times as large as the bounds' longest edge the unit cube is."""
        return int(2 ** (self.cascades - 1))

    def depth_weight_at(self, step: int) -> float:
        """The line-of-sight loss's weight in a training step."""
        return self.depth_weight * self._trust_depth(step)

    def depth_margin_at(self, step: int) -> float:
        """How far behind a captured surface a training step's rays go on, in unit-cube lengths."""
        trust = self._trust_depth(step)
        margin = self.depth_margin / trust if trust == _LASTING_TRUST else self.depth_margin
        return margin / self.growth

    def _trust_depth(self, step: int) -> float:
        return max(0.5 ** (step / self.depth_half_life), _LASTING_TRUST)

    @property
    def steps(self) -> StepRule:
        """How far apart the samples of a ray lie."""
        return self._space_samples(1.0)

    @property
    def coarse_steps(self) -> StepRule:
        """The same for the first, coarse part of training."""
        return self._space_samples(2.0)

    def _space_samples(self, stretch: float) -> StepRule:
        smallest = stretch * float(3**0.5 / self.march_steps) / self.growth
        # No sample steps over a whole cell of the outermost cascade.
        largest = max(float(3**0.5 / self.occupancy_resolution), smallest)
        return StepRule(
            smallest, largest, stretch * self.cone_angle, self.initial_density * self.growth / DENSITY_SCALE
        )

    @property
    def scaled_field(self) -> FieldConfig:
        """The field's size over the whole unit cube: as fine in the bounds as ``field`` says and the views show."""
        finest = self.field.max_resolution
        if self.pixels_across:
            finest = min(finest, max(round(self.cells_per_pixel * self.pixels_across), 2 * self.field.base_resolution))
        return dataclasses.replace(self.field, max_resolution=finest * self.growth)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict that ``from_json`` reads back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Read what ``to_json`` wrote. Raises ConfigError that names an unknown or missing setting."""
        try:
            return cls(**{**values, "field": FieldConfig(**values["field"])})
        except (TypeError, KeyError) as error:
            raise ConfigError(f"training configuration: {error}") from None


PRESETS = {
    "cpu": TrainConfig(
        preset="cpu",
        field=FieldConfig(
            levels=8, log2_table_size=16, base_resolution=16, max_resolution=512, hidden_width=32, color_layers=1
        ),
        samples_per_step=12_288,
        max_rays_per_step=16_384,
        max_samples_per_ray=96,
        march_steps=384,
        occupancy_resolution=96,
        occupancy_every=16,
        occupancy_decay=0.4,
    ),
    "gpu": TrainConfig(
        preset="gpu",
        field=FieldConfig(
            levels=8, log2_table_size=19, base_resolution=16, max_resolution=2048, hidden_width=64, color_layers=2
        ),
        samples_per_step=1 << 19,
        max_rays_per_step=1 << 17,
        max_samples_per_ray=512,
        march_steps=1024,
        occupancy_resolution=128,
        occupancy_every=16,
        occupancy_decay=0.95,
        coarse_until=6000,
        cells_per_pixel=1.5,
    ),
}


# With several cascades a ray crosses a whole room, not a carved subject.
_SEVERAL_CASCADES: dict[str, dict[str, Any]] = {
    "cpu": {
        "samples_per_step": 24_576,
        # There is no time for small steps: half a decibel after 600 of them.
        "learning_rate": 2e-2,
        "cone_angle": 1 / 32,
        "near_distance": 0.1,
        "max_samples_per_ray": 512,
        "march_steps": 96,
        "occupancy_resolution": 64,
        "occupancy_decay": 0.8,
    },
    # Few views see the same corner of a room: a finer field fits their grain.
    "gpu": {
        "field.log2_table_size": 20,
        "cells_per_pixel": 1.0,
        "cone_angle": 1 / 256,
        "near_distance": 0.1,
        "max_samples_per_ray": 1024,
        "occupancy_decay": 0.8,
    },
}


def choose_preset(preset: str, device: str, overrides: Mapping[str, Any] | None = None) -> TrainConfig:
    """The named preset ("auto": by device), with single settings replaced. With more than one of ``cascades`` among
    them, the preset is one for scenes that go on around their subject.

    ``overrides`` keys are TrainConfig fields, or FieldConfig's as ``field.NAME``. Raises ConfigError that names an
    unknown preset or setting, or a value of the wrong type.
    """
    name = {"cpu": "cpu", "cuda": "gpu"}[device] if preset == "auto" else preset
    if name not in PRESETS:
        raise ConfigError(f"preset: {preset!r} is not one of auto, {', '.join(PRESETS)}")
    config, overrides = PRESETS[name], dict(overrides or {})
    if overrides.get("cascades", 1) != 1:
        overrides = _SEVERAL_CASCADES[name] | overrides
    for key, value in overrides.items():
        if key.startswith("field."):
            config = dataclasses.replace(config, field=_replace(config.field, key, key[len("field.") :], value))
        else:
            config = _replace(config, key, key, value)
    return config


def _replace(config: Any, key: str, name: str, value: Any) -> Any:
    current = getattr(config, name, None)
    if name not in {f.name for f in dataclasses.fields(config)} or dataclasses.is_dataclass(current):
        raise ConfigError(f"{key}: no such training setting")
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(current):
        raise ConfigError(f"{key}: expected {type(current).__name__}, got {value!r}")
    return dataclasses.replace(config, **{name: value})
