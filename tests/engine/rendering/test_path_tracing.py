"""Pictures of scenes as Blender's side hands them over."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from engine.device import PROFILES
from engine.link.path_scenes import PathSceneError
from engine.rendering.path_tracing import PathTracedView, prepare_scene
from engine.rendering.renderer import RenderedImage
from taichi_kernels.surfaces.path_tracing.bundles import Strategy
from taichi_kernels.surfaces.path_tracing.tracing import PathSettings
from tests.path_scene_data import SIDE, one_square


def _picture(device: str, settings: PathSettings | None = None, passes: int = 1, **others: Any) -> RenderedImage:
    data = one_square(**others)
    view = PathTracedView(prepare_scene(data, device), data.camera, settings or PathSettings(), at_once=4)
    for number in range(passes):
        view.add_samples()
        assert view.samples == 4 * (number + 1)
    return view.image()


def test_a_square_under_a_sun_has_its_colour_and_distance(device: str) -> None:
    image = _picture(device, passes=2)
    assert image.color.shape == (SIDE, SIDE, 4) and image.color_space == "linear"
    assert torch.allclose(image.color[..., :3].cpu(), torch.tensor([0.6, 0.4, 0.2]), rtol=1e-4)
    assert torch.allclose(image.depth.cpu(), torch.full((SIDE, SIDE), 2.0), rtol=1e-4)


def test_a_scene_that_needs_more_memory_than_there_is_is_refused_in_words(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = dataclasses.replace(PROFILES[device], free_memory=lambda: 10_000_000)
    monkeypatch.setitem(PROFILES, device, little)
    prepare_scene(one_square(), device)
    texels = np.zeros((512 * 512, 3), np.float16)
    data = one_square(texels=texels, texture_sizes=np.array([[512, 512]], np.int32))
    with pytest.raises(PathSceneError, match=r"most of it for textures, and .* are free: use"):
        prepare_scene(data, device)


def test_where_nothing_is_the_world_is_seen_or_nothing(device: str) -> None:
    half = one_square().corners * np.float32(0.5)
    world = np.full((1, 1, 3), 0.25, np.float32)
    no_sun = {"sun_irradiances": np.zeros((1, 3), np.float32)}
    # By chance a matt surface in even light is without noise.
    kinds = [PathSettings(hides_environment=hides, strategy=Strategy.BY_CHANCE) for hides in (False, True)]
    seen, hidden = (_picture(device, kind, corners=half, environment=world, **no_sun) for kind in kinds)
    middle = SIDE // 2
    assert torch.allclose(seen.color[0, 0].cpu(), torch.tensor([0.25, 0.25, 0.25, 1.0]))
    assert torch.equal(hidden.color[0, 0].cpu(), torch.zeros(4))
    for image in (seen, hidden):
        expected = torch.tensor([0.15, 0.10, 0.05, 1.0])
        assert torch.allclose(image.color[middle, middle].cpu(), expected, rtol=1e-3)
        assert image.depth[0, 0] == torch.inf and image.depth[middle, middle] == pytest.approx(2.0, rel=1e-4)


def test_a_level_of_nothing_takes_the_shine_away_and_more_adds_to_it(device: str) -> None:
    """A black surface under an even World shows its layer alone."""
    black = {"base_colors": np.zeros((1, 3), np.float32), "environment": np.ones((1, 1, 3), np.float32)}
    black |= {"sun_irradiances": np.zeros((1, 3), np.float32), "roughness": np.zeros(1, np.float32)}
    shown = [
        float(_picture(device, specular_levels=np.full(1, level, np.float32), **black).color[4, 4, 0])
        for level in (0.0, 0.5, 1.0)
    ]
    assert shown[0] == 0.0
    # Seen straight on: ((1.5 - 1) / (1.5 + 1))^2, and twice as much.
    assert shown[1:] == pytest.approx([0.04, 0.08], rel=0.05)
