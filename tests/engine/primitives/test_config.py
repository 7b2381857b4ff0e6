"""The settings of a kind that is not a radiance field: parts of them are held to their limits like all else."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import pytest

from engine.link.values import Limits
from engine.primitives.config import PRESET_NAMES, ConfigError, TrainConfig
from engine.primitives.presets import Presets


@dataclasses.dataclass(frozen=True)
class Drawing:
    points: Annotated[int, Limits(1, 1000)] = 10
    width: Annotated[float, Limits(0.1, 10.0)] = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class DrawnConfig(TrainConfig):
    drawing: Drawing = Drawing()


PRESETS = Presets({name: DrawnConfig(preset=name) for name in PRESET_NAMES})


@pytest.mark.parametrize("value", [-5, 1001, "many", 0.5, True, None])
def test_a_number_of_a_part_is_held_to_its_limits(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^drawing\.points: "):
        PRESETS.configure("cpu", "cpu", {"drawing.points": value})
    with pytest.raises(ConfigError, match=r"^drawing\.points: "):
        DrawnConfig(preset="cpu", drawing=Drawing(points=value))
    stored = DrawnConfig(preset="cpu").to_json() | {"drawing": {"points": value}}
    with pytest.raises(ConfigError, match=r"^drawing\.points: "):
        PRESETS.decode(stored)


@pytest.mark.parametrize("part", [None, 3, {"points": 3}])
def test_what_is_no_part_is_named(part: Any) -> None:
    with pytest.raises(ConfigError, match=r"^drawing: expected its settings, got "):
        DrawnConfig(preset="cpu", drawing=part)


def test_what_is_within_them_is_taken() -> None:
    config = PRESETS.configure("cpu", "cpu", {"drawing.points": 20})
    assert config.drawing == Drawing(points=20) and PRESETS.decode(config.to_json()) == config
