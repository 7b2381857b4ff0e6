"""The image on its plane: what cameras see of it, from afar and from near."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import numpy as np
import pytest
import torch

from engine.link.geometry import Camera
from engine.link.image_plane import Rectangle
from engine.link.messages import ImageSpec
from engine.primitives.image.viewer import ImageViewer
from engine.rendering.viewer import FlatViewer, looking_at
from tests.device import TEST_DEVICE

WIDTH, HEIGHT = 80, 40
SPEC = ImageSpec(width=WIDTH, height=HEIGHT)


class Ramp:
    """What has learnt that red is the column and green the row, and that blue is a fine checkerboard."""

    frozen_bytes = 0

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        places = points * max(WIDTH, HEIGHT)
        blue = (places.floor().sum(1) % 2.0)[:, None]
        return torch.cat((places / 100.0, blue), dim=1)


def viewer_of(spec: ImageSpec = SPEC) -> ImageViewer:
    return ImageViewer(cast(Any, Ramp()), spec, TEST_DEVICE)


def rendered(camera: Camera, spec: ImageSpec = SPEC) -> tuple[np.ndarray, np.ndarray]:
    picture = viewer_of(spec).render(camera)
    return picture.color.cpu().numpy(), picture.depth.cpu().numpy()


def test_the_whole_of_it_at_its_own_size_is_its_pixels() -> None:
    viewer = viewer_of()
    assert isinstance(viewer, FlatViewer)
    color, depth = rendered(viewer.facing(Rectangle(0, 0, WIDTH, HEIGHT), (WIDTH, HEIGHT)))
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    assert np.abs(color[..., 0] * 100 - x).max() < 1e-3 and np.abs(color[..., 1] * 100 - y).max() < 1e-3
    assert np.array_equal(color[..., 2], (x.astype(int) + y.astype(int)) % 2)
    assert (color[..., 3] == 1.0).all() and np.allclose(depth, 2.0)


def test_a_rectangle_of_it_is_shown_at_the_size_that_is_asked_for() -> None:
    color, _ = rendered(viewer_of().facing(Rectangle(10, 5, 8, 4), (160, 80)))
    x = 10 + (np.arange(160) + 0.5) / 20
    assert np.abs(color[0, :, 0] * 100 - x).max() < 1e-3 and color[0, 0, 1] * 100 == pytest.approx(5.025, abs=1e-3)


def test_what_is_finer_than_the_pictures_pixels_is_averaged() -> None:
    whole = viewer_of().facing(Rectangle(0, 0, WIDTH, HEIGHT), (16, 8))
    color, _ = rendered(whole)
    assert np.abs(color[..., 2] - 0.5).max() < 0.25 and np.abs(color[..., 2] - 0.5).mean() < 0.08
    assert np.abs(color[..., 0] * 100 - np.arange(2.5, 80, 5)).max() < 0.6
    moving = viewer_of().render(whole, "moving").color.cpu().numpy()
    assert np.abs(moving[..., 0] * 100 - np.arange(2.5, 80, 5)).max() < 2.0


def test_beside_it_and_from_behind_there_is_nothing_or_its_mirror_image() -> None:
    color, depth = rendered(viewer_of().facing(Rectangle(-80, -40, 160, 80), (160, 80)))
    assert not color[:39].any() and np.isinf(depth[:39]).all()
    assert (color[40:, 80:, 3] == 1.0).all()
    pose = np.diag([-1.0, 1.0, -1.0, 1.0])
    pose[2, 3] = -2.0
    color, depth = rendered(Camera(pose, WIDTH, HEIGHT, 80.0, 80.0, 40.0, 20.0))
    assert (np.diff(color[20, :, 0]) < 0).all() and np.allclose(depth, 2.0)
    away = np.eye(4)
    away[2, 3] = -1.0
    assert not rendered(Camera(away, 8, 8, 8.0, 8.0, 4.0, 4.0))[0].any()


def test_an_oblique_camera_sees_it_in_perspective_with_its_depths() -> None:
    angle = np.radians(40.0)
    pose = np.eye(4)
    pose[:3, :3] = [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    pose[:3, 3] = [0.0, -2.0 * np.sin(angle), 2.0 * np.cos(angle)]  # looks at the middle
    color, depth = rendered(Camera(pose, 101, 101, 400.0, 400.0, 50.5, 50.5))
    assert color[50, 50, :2] * 100 == pytest.approx([40.0, 20.0], abs=0.2) and depth[50, 50] == pytest.approx(2.0)
    assert depth[20, 50] > 2.02 and depth[80, 50] < 1.98


def test_one_that_wraps_is_repeated_over_its_plane() -> None:
    tile = dataclasses.replace(SPEC, wraps=True)
    color, _ = rendered(viewer_of(tile).facing(Rectangle(-80, 0, 240, 40), (240, 40)), tile)
    assert (color[..., 3] == 1.0).all()
    assert np.allclose(color[:, :80], color[:, 80:160], atol=1e-4) and np.allclose(
        color[:, :80], color[:, 160:], atol=1e-4
    )


def test_a_pixel_that_shows_a_whole_tile_is_its_mean() -> None:
    tile = dataclasses.replace(SPEC, wraps=True)
    color, _ = rendered(viewer_of(tile).facing(Rectangle(30, 15, 320, 160), (4, 4)), tile)
    assert np.abs(color[..., 0] - 0.4).max() < 0.03 and np.abs(color[..., 1] - 0.2).max() < 0.02


@pytest.mark.parametrize("wraps", [False, True])
def test_a_level_camera_sees_as_far_as_the_horizon(wraps: bool) -> None:
    spec = dataclasses.replace(SPEC, wraps=wraps)
    level = np.array([[1.0, 0, 0, 0], [0, 0, -1, -1.2], [0, 1, 0, 0.5], [0, 0, 0, 1]])  # along +Y, above it
    color, _ = rendered(Camera(level, 7, 3, 2.0, 2.0, 3.5, 1.5), spec)
    assert not color[0].any() and np.isfinite(color).all() and color[2, 3, 3] > 0.0
    if wraps:
        assert color[2].min(axis=0)[3] == 1.0 and np.abs(color[1, :, 0] / color[1, :, 3] - 0.4).max() < 0.2, (
            "moire, rather than a mean of many tiles"
        )


def test_its_bounds_are_in_view_of_what_looks_at_them() -> None:
    color, _ = rendered(looking_at(viewer_of().bounds, 64))
    assert 0.02 < (color[..., 3] > 0.5).mean() < 0.5
    assert viewer_of().bounds.size.tolist() == pytest.approx([2.0, 1.0, 1e-3])
