"""Training settings: presets, overrides, and what is refused."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from engine.link import presets
from engine.primitives import memory
from engine.primitives.config import ConfigError
from engine.primitives.memory import MemoryShortage
from engine.primitives.radiance_field.fields import choose_preset
from engine.primitives.radiance_field.hash_grid import HASH_GRID


def test_the_device_chooses_the_preset() -> None:
    assert choose_preset("auto", "cpu").preset == "cpu"
    assert choose_preset("auto", "cuda").preset == "gpu"
    assert choose_preset("cpu", "cuda").preset == "cpu"


def test_settings_survive_json() -> None:
    config = choose_preset("auto", "cpu", {"seed": 3, "field.levels": 6, "pixels_across": 80.5})
    assert HASH_GRID.decode(config.to_json()) == config


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
    assert coarse.fit(coarse.field).max_resolution == 250
    widest = choose_preset("gpu", "cpu", {"pixels_across": 1e6})
    assert widest.fit(widest.field) == choose_preset("gpu", "cpu").field


def test_lengths_follow_what_pictures_show_of_the_bounds() -> None:
    whole = choose_preset("cpu", "cpu", {"pixels_across": 120.0, "picture_side": 100.0})
    part = choose_preset("cpu", "cpu", {"pixels_across": 400.0, "picture_side": 100.0})
    assert whole.steps == choose_preset("cpu", "cpu").steps
    assert part.shown_share == pytest.approx(0.5)
    assert part.steps.smallest == pytest.approx(0.5 * whole.steps.smallest)
    assert part.unit == pytest.approx(0.5 * whole.unit)
    loss, expected = part.ray_loss(0, True, 1.0), whole.ray_loss(0, True, 1.0)
    assert loss.depth_tolerance == pytest.approx(0.5 * expected.depth_tolerance)


def test_what_pictures_show_may_have_all_cells_that_the_preset_allows() -> None:
    cells = choose_preset("cpu", "cpu").field.max_resolution
    close = choose_preset("cpu", "cpu", {"pixels_across": 1600.0, "picture_side": 300.0})
    assert close.fit(close.field).max_resolution == 2400 <= cells / close.shown_share
    farther = choose_preset("cpu", "cpu", {"pixels_across": 1e6, "picture_side": 400.0})
    assert farther.fit(farther.field).max_resolution == cells / farther.shown_share


def test_the_names_that_others_offer_are_those_of_the_presets() -> None:
    assert set(presets.PRESETS) == {presets.AUTO, *HASH_GRID.presets}
    for name in presets.PRESETS:
        assert choose_preset(name, "cpu").preset == ("cpu" if name == presets.AUTO else name)


def test_captured_depth_counts_most_at_the_beginning() -> None:
    config = choose_preset("gpu", "cpu", {"depth_weight": 0.08, "depth_half_life": 100})
    assert config.depth_weight_at(0) == 0.08 and config.depth_weight_at(100) == pytest.approx(0.04)
    assert config.depth_weight_at(10_000) == pytest.approx(0.008)


_BAD = {int: (0.5, True, "1", None, [], 10**30, -(10**30), math.nan), float: (math.nan, math.inf, "1", None, 10**400)}


def test_every_number_has_limits_and_is_held_to_them() -> None:
    """Whoever adds a setting without limits, or one that takes anything, hears of it here."""
    config = choose_preset("cpu", "cpu")
    for prefix, part in (("", config), ("field.", config.field)):
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            if field.name in ("preset", "field"):
                continue
            for bad in _BAD[type(value)]:
                with pytest.raises(ConfigError, match=f"^{prefix}{field.name}: ") as caught:
                    choose_preset("cpu", "cpu", {prefix + field.name: bad})
                assert len(str(caught.value)) < 200
                values = config.to_json()
                (values if not prefix else values["field"])[field.name] = bad
                with pytest.raises(ConfigError, match=f"^{prefix}{field.name}: "):
                    HASH_GRID.decode(values)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"march_steps": 10**9}, "march_steps"),
        ({"cascades": 8, "cone_angle": 0.0, "march_steps": 4096}, "march_steps"),
        ({"march_steps": 16384, "render_refinement": 16}, "march_steps"),
        ({"max_rays_per_step": 1 << 20, "max_samples_per_ray": 1 << 14, "march_steps": 1 << 13}, "max_samples_per_ray"),
        ({"occupancy_resolution": 512, "cascades": 2}, "occupancy_resolution"),
        ({"occupancy_resolution": 100}, "occupancy_resolution"),
        ({"field.levels": 32, "field.log2_table_size": 24}, "field.log2_table_size"),
    ],
)
def test_settings_that_are_too_much_together_are_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=f"^{named}: "):
        choose_preset("gpu", "cpu", settings)


@pytest.mark.parametrize("preset", HASH_GRID.presets)
@pytest.mark.parametrize("cascades", range(1, 9))
def test_every_preset_is_within_its_limits(preset: str, cascades: int) -> None:
    config = choose_preset(preset, "cpu", {"cascades": cascades})
    assert 50 < config.longest_ray < 10_000 and config.needed_bytes("cpu") < 8e9


def test_the_smaller_preset_is_offered_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 1_000_000_000)
    small, large = choose_preset("cpu", "cpu"), choose_preset("gpu", "cpu")
    memory.require_for_training(small, small, "cpu")
    with pytest.raises(MemoryShortage, match=r"2\.0 GB of memory, and 1\.0 GB are free: use the cpu preset, which"):
        memory.require_for_training(large, small, "cpu")
