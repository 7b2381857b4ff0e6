"""Training settings: presets, overrides, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from engine.link import presets
from engine.training.config import PRESETS, ConfigError, TrainConfig, choose_preset


def test_the_device_chooses_the_preset() -> None:
    assert choose_preset("auto", "cpu").preset == "cpu"
    assert choose_preset("auto", "cuda").preset == "gpu"
    assert choose_preset("cpu", "cuda").preset == "cpu"


def test_settings_survive_json() -> None:
    config = choose_preset("auto", "cpu", {"seed": 3, "field.levels": 6, "pixels_across": 80.5})
    assert TrainConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("field.levels", 0),
        ("march_steps", 0),
        ("field.hidden_width", 33),
        ("field.max_resolution", 4),
        ("learning_rate", 0.0),
        ("cascades", 9),
        ("seed", "one"),
        ("field.nonsense", 1),
        ("nonsense", 1),
        ("field", 1),
    ],
)
def test_a_bad_setting_is_named(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=key.removeprefix("field.")):
        choose_preset("auto", "cpu", {key: value})


def test_cells_are_no_finer_than_pixels_can_show() -> None:
    coarse = choose_preset("gpu", "cpu", {"pixels_across": 100.0, "cells_per_pixel": 2.5})
    assert coarse.scaled_field.max_resolution == 250
    assert choose_preset("gpu", "cpu", {"pixels_across": 1e6}).scaled_field == choose_preset("gpu", "cpu").field


def test_the_names_that_others_offer_are_those_of_the_presets() -> None:
    assert set(presets.PRESETS) == {presets.AUTO, *PRESETS}
    for name in presets.PRESETS:
        assert choose_preset(name, "cpu").preset == ("cpu" if name == presets.AUTO else name)


def test_captured_depth_counts_most_at_the_beginning() -> None:
    config = choose_preset("gpu", "cpu", {"depth_weight": 0.08, "depth_margin": 0.05, "depth_half_life": 100})
    assert config.depth_weight_at(0) == 0.08 and config.depth_weight_at(100) == pytest.approx(0.04)
    assert config.depth_weight_at(10_000) == pytest.approx(0.008)
    # Then rays look farther behind the surface, too.
    assert config.depth_margin_at(0) == config.depth_margin_at(300) == 0.05
    assert config.depth_margin_at(400) == config.depth_margin_at(10_000) == pytest.approx(0.5)
