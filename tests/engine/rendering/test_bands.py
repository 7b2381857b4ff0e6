"""How a picture is cut into bands."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from engine.device import PROFILES
from engine.rendering.bands import Bands, cut_band
from tests.engine.rendering.sphere_renderer import SphereRenderer
from tests.scenes import sphere_cameras

CAMERA = sphere_cameras(3, 64)[0].resized(64, 160)


def test_bands_together_are_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES, "cpu", dataclasses.replace(PROFILES["cpu"], most_band_pixels=64 * 7))
    renderer = SphereRenderer()
    parts = list(Bands("cpu").render(CAMERA, renderer.render))
    assert len(parts) > 10 and sum(len(part.color) for part in parts) == 160
    whole = renderer.render(CAMERA)
    torch.testing.assert_close(torch.cat([part.color for part in parts]), whole.color)
    torch.testing.assert_close(torch.cat([part.depth for part in parts]), whole.depth)


def test_a_band_has_at_least_one_row() -> None:
    assert [cut_band(CAMERA, top, 1).height for top in (0, 159)] == [1, 1]


def test_bands_take_as_long_as_others_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES, "cpu", dataclasses.replace(PROFILES["cpu"], most_band_pixels=4096))
    clock = iter(np.cumsum([0.0, *[step for _ in range(100) for step in (0.06, 0.0)]]))  # every band takes 60 ms
    monkeypatch.setattr("engine.rendering.bands.time.perf_counter", lambda: next(clock))
    heights = list(Bands("cpu").render(CAMERA, lambda band: band.height))
    assert heights[:3] == [64, 32, 16] and sum(heights) == 160
