"""Scenes, their materials and their cameras, by seed and number."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.priors.scenes.cameras import draw_cameras
from engine.priors.scenes.materials import PATTERNS, draw_materials
from engine.priors.scenes.scene import draw_scene

NUMBERS = range(12)


def test_a_scene_is_that_of_its_seed_and_number() -> None:
    one, same = draw_scene(3, 5), draw_scene(3, 5)
    assert torch.equal(one.corners, same.corners) and torch.equal(one.materials.colors, same.materials.colors)
    assert torch.equal(one.lights.positions, same.lights.positions)
    for other in (draw_scene(3, 6), draw_scene(4, 5)):
        assert one.corners.shape != other.corners.shape or not torch.equal(one.corners, other.corners)


def test_every_kind_of_scene_fills_the_unit_cube_and_fits_in_it() -> None:
    scenes = [draw_scene(0, number) for number in NUMBERS]
    assert {scene.setting for scene in scenes} == {"alone", "table", "room"}
    for scene in scenes:
        low, high = scene.corners.amin(dim=(0, 1)), scene.corners.amax(dim=(0, 1))
        assert (low >= 0.0).all() and (high <= 1.0).all() and 0.75 < float((high - low).amax()) < 1.0
        assert torch.allclose((low + high) / 2, torch.full((3,), 0.5), atol=1e-3)
        assert scene.corners.shape == scene.normals.shape == scene.rest.shape
        assert scene.material.shape == scene.corners.shape[:1]
        assert int(scene.material.max()) < len(scene.materials.patterns)
        for tensor in (scene.corners, scene.normals, scene.rest, *vars(scene.lights).values()):
            assert tensor.isfinite().all() and tensor.dtype == torch.float32


@pytest.mark.parametrize("pattern", range(len(PATTERNS)), ids=lambda pattern: PATTERNS[pattern].__name__.strip("_"))
def test_a_pattern_mixes_its_three_colours(pattern: int) -> None:
    points = torch.rand(2000, 3, generator=torch.Generator().manual_seed(0)) * 6.0 - 3.0
    for seed in range(3):
        shares = PATTERNS[pattern](points, seed)
        assert shares.shape == (2000, 2) and (shares >= 0.0).all() and (shares <= 1.0).all()
        assert (shares[:, 0].std() > 0.02) == (pattern > 0)  # the first is plain


def test_a_surface_has_the_colour_of_its_own_material() -> None:
    materials = draw_materials(np.random.default_rng(2), 4)
    ids, points = torch.randint(0, 4, (500,)), torch.rand(500, 3) * 4.0
    colors = materials.colors_at(ids, points)
    for material in range(4):
        own = ids == material
        assert torch.equal(colors[own], materials.colors_at(ids[own], points[own]))
        low, high = materials.colors[material].amin(dim=0), materials.colors[material].amax(dim=0)
        assert (colors[own] >= low - 1e-5).all() and (colors[own] <= high + 1e-5).all()


def test_cameras_look_at_the_scene_from_all_around_and_differ_from_scene_to_scene() -> None:
    lenses, distances = set(), []
    for number in NUMBERS:
        cameras = draw_cameras(0, number, "alone", 8, 64)
        again = draw_cameras(0, number, "alone", 8, 64)
        assert all(np.array_equal(a.camera_to_world, b.camera_to_world) for a, b in zip(cameras, again, strict=True))
        for camera in cameras:
            to_middle = 0.5 - camera.position
            cosine = -camera.camera_to_world[:3, 2] @ to_middle / np.linalg.norm(to_middle)
            assert cosine > 0.95 and np.linalg.norm(to_middle) > 0.4
            assert np.linalg.det(camera.camera_to_world[:3, :3]) == pytest.approx(1.0)
            lenses.add(round(camera.fx, 3))
            distances.append(np.linalg.norm(to_middle))
        directions = np.array([camera.position - 0.5 for camera in cameras])
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        apart = directions @ directions.T - 2.0 * np.eye(8)
        assert np.degrees(np.arccos(apart.max())) > 8.0 and apart.min() < 0.0
    assert len(lenses) >= len(NUMBERS) and max(distances) > 3.0 * min(distances)


def test_a_room_is_looked_at_from_where_it_has_no_walls() -> None:
    for camera in draw_cameras(0, 3, "room", 8, 64):
        x, y, z = camera.position - 0.5
        assert x > 0.0 > y and z > 0.0
