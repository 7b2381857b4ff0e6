"""Cycles' tiles: small enough that Esc is minded soon, and of no consequence for the picture."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import numpy as np
import pytest

Import = Callable[[str], ModuleType]


@pytest.fixture
def cycles_scene(small_scene: bpy.types.Scene) -> bpy.types.Scene:
    """1080p with Cycles."""
    small_scene.render.engine = "CYCLES"
    small_scene.render.resolution_x, small_scene.render.resolution_y = 1920, 1080
    return small_scene


def test_a_slow_view_makes_tiles_smaller_and_a_quick_one_larger(addon: Import, cycles_scene: bpy.types.Scene) -> None:
    tiles = addon("capture.tiles")
    cycles_scene.cycles.tile_size = 1024
    tiles.adapt_tiles(cycles_scene, 1920 * 1080, 200.0)
    slow = cycles_scene.cycles.tile_size
    assert slow**2 * 200.0 / (1920 * 1080) == pytest.approx(tiles.TILE_SECONDS, rel=0.5)
    tiles.adapt_tiles(cycles_scene, 1920 * 1080, 6.0)
    assert cycles_scene.cycles.tile_size > 4 * slow


def test_a_very_slow_view_is_not_cut_into_thousands_of_tiles(addon: Import, cycles_scene: bpy.types.Scene) -> None:
    addon("capture.tiles").adapt_tiles(cycles_scene, 1920 * 1080, 100_000.0)
    assert 500 < 1920 * 1080 / cycles_scene.cycles.tile_size**2 < 1000


def test_tiles_that_are_about_right_stay(addon: Import, cycles_scene: bpy.types.Scene) -> None:
    tiles = addon("capture.tiles")
    cycles_scene.cycles.tile_size = 128
    tiles.adapt_tiles(cycles_scene, 1920 * 1080, tiles.TILE_SECONDS * 1.5 * 1920 * 1080 / 128**2)
    assert cycles_scene.cycles.tile_size == 128


def test_a_view_of_one_tile_stays_one(addon: Import, cycles_scene: bpy.types.Scene) -> None:
    tiles = addon("capture.tiles")
    cycles_scene.render.resolution_x = cycles_scene.render.resolution_y = 160
    cycles_scene.cycles.tile_size = 2048
    tiles.adapt_tiles(cycles_scene, 160 * 160, 0.6)
    assert cycles_scene.cycles.tile_size == 2048


def test_more_samples_begin_with_smaller_tiles(addon: Import, cycles_scene: bpy.types.Scene) -> None:
    sides = []
    for samples in (4, 64, 1024):
        cycles_scene.cycles.samples = samples
        addon("capture.tiles").guess_tiles(cycles_scene)
        sides.append(cycles_scene.cycles.tile_size)
    assert sides == sorted(sides, reverse=True) and sides[0] > sides[-1]


def test_tiles_make_no_difference_to_the_picture(addon: Import, small_scene: bpy.types.Scene, tmp_path: object) -> None:
    scene = small_scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 4
    scene.cycles.use_auto_tile = True
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    scene.camera = bpy.data.objects["train_000"]
    pictures = []
    for side in (16, 2048):
        scene.cycles.tile_size = side
        scene.render.filepath = f"{tmp_path}/{side}.exr"
        bpy.ops.render.render(write_still=True)
        pictures.append(addon("capture.passes").read_exr(tmp_path / f"{side}.exr"))
    assert pictures[0].std() > 0.01
    np.testing.assert_allclose(*pictures, atol=1e-5)
