"""Depth whose sky is one large number."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data.depth_unit import check_depth
from engine.data.exr import write_exr
from engine.data.flat_skies import forget_skies
from engine.data.formats import load_dataset
from engine.data.remarks import Remarks
from engine.data.views import View
from engine.link.geometry import Camera
from tests.engine.data.balls import balls_color, balls_depth, orbit, write_balls
from tests.engine.data.rooms import ring, wall


def views_before(cameras: list[Camera], sky: float) -> list[View]:
    """Photographs of three balls with a sky, or a wall, at that planar depth."""
    views = []
    for at, camera in enumerate(cameras):
        color, depth = balls_color(camera), balls_depth(camera)
        color[..., 3] = 255
        depth = np.where(np.isfinite(depth), depth, sky).astype(np.float32)
        views.append(View(f"{at}", camera, color, "srgb", depth))
    return views


@pytest.mark.parametrize("sky", [20.0, 65504.0])
def test_a_sky_at_some_depth_is_read_as_one_that_is_not_known(tmp_path: Path, sky: float) -> None:
    cameras = orbit(6)
    write_balls(tmp_path / "transforms.json", cameras, depth=True)
    for path in tmp_path.glob("*.png"):
        Image.open(path).convert("RGB").save(path)

    def load(far: float) -> tuple[list[np.ndarray | None], list[str]]:
        for at, camera in enumerate(cameras):
            depth = balls_depth(camera)
            depth = np.where(np.isfinite(depth), depth, far).astype(np.float32)
            write_exr(tmp_path / f"transforms_{at:02d}.exr", {"V": depth})
        dataset = load_dataset(tmp_path)
        return [view.depth for view in dataset.train], dataset.warnings

    wanted, warnings = load(0.0)
    read, others = load(sky)
    np.testing.assert_array_equal(read, wanted)
    (told,) = [warning for warning in others if warning not in warnings]
    assert f"exactly {sky:g} m" in told and "(6, first transforms_00)" in told and "store 0" in told
    assert [warning for warning in others if warning != told] == warnings


def test_pictures_without_any_sky_do_not_hide_that_of_others() -> None:
    views = views_before(orbit(12), 100.0)
    for at in range(8):
        depth = views[at].depth
        assert depth is not None
        views[at] = dataclasses.replace(views[at], depth=np.where(depth == 100.0, np.float32(0.0), depth))
    remarks = Remarks()
    checked = check_depth(views, remarks)
    assert all(view.depth is not None and view.depth.max() < 10.0 for view in checked)
    (sentence,) = remarks.sentences()
    assert "(4, first 8)" in sentence


def test_skies_of_two_clip_planes_are_both_forgotten_and_told() -> None:
    views = views_before(orbit(4), 20.0) + views_before(orbit(4, 0.5), 26.0) + views_before(orbit(1, 0.2), 100.0)
    remarks = Remarks()
    for view in forget_skies(views, remarks):
        assert view.depth is not None and view.depth.max() < 10.0
    told = remarks.sentences()
    assert [far in each for far, each in zip(("20 m", "26 m", "100 m"), told, strict=True)] == [True] * 3
    assert "(4, first 0)" in told[0] and "once, first" not in told[1]


@pytest.mark.parametrize("cameras", [wall(4, 3), ring(12, 2.5, 0.0)], ids=["side by side", "around"])
def test_a_wall_that_cameras_face_is_a_surface(cameras: list[Camera]) -> None:
    """Exactly as deep for cameras side by side; and for two of those around, and at all depths for the others."""
    views = views_before(cameras, 8.0)
    if len({tuple(camera.camera_to_world[:3, 2]) for camera in cameras}) > 1:
        for at in range(2, 12):
            depth = views[at].depth
            assert depth is not None
            slanted = np.linspace(6.0, 12.0, depth.size, dtype=np.float32).reshape(depth.shape)
            views[at] = dataclasses.replace(views[at], depth=np.where(depth == 8.0, slanted, depth))
    remarks = Remarks()
    kept = forget_skies(views, remarks)
    assert remarks.sentences() == []
    for view, before in zip(kept, views, strict=True):
        np.testing.assert_array_equal(view.depth, before.depth)
