"""Pictures of scenes, beside what is known of them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from engine.link.geometry import Camera
from engine.priors.scenes import shapes
from engine.priors.scenes.cameras import draw_cameras
from engine.priors.scenes.materials import Materials
from engine.priors.scenes.mesh import Mesh, join
from engine.priors.scenes.rendering import SceneRenderer
from engine.priors.scenes.scene import Lights, Scene, draw_scene
from engine.priors.scenes.sheet import render_rows, tile

SIDE = 32
NO_SKY = torch.zeros(2, 3)


def _scene(mesh: Mesh, lights: Lights) -> Scene:
    """Of one white, rough material."""
    white = Materials(
        torch.zeros(1, dtype=torch.int64), torch.ones(1, 3, 3), torch.ones(1, 3), torch.zeros(1, 3),
        torch.ones(1), torch.zeros(1), (0,),
    )  # fmt: skip
    material = torch.zeros(len(mesh.faces), dtype=torch.int64)
    return Scene("alone", mesh.corners, mesh.corner_normals, mesh.rest[mesh.faces], material, white, lights)


def _light(position: tuple[float, float, float], strength: float = 1.0) -> Lights:
    """From a point, without a sky."""
    return Lights(torch.tensor([position]), torch.full((1, 3), strength), torch.zeros(1), NO_SKY)


def _camera(distance: float = 2.0, side: int = SIDE) -> Camera:
    """From above, onto the middle of the cube; up in the picture is y."""
    pose = np.eye(4)
    pose[:3, 3] = 0.5, 0.5, 0.5 + distance
    return Camera(pose, side, side, 2.0 * side, 2.0 * side, side / 2, side / 2)


def _ball(radius: float = 0.3) -> Mesh:
    return shapes.superquadric(1.0, 1.0, 65, 128).scale(radius).move(0.5, 0.5, 0.5)


def test_a_ball_covers_its_disc_and_is_as_far_away_as_it_is(device: str) -> None:
    views = SceneRenderer(_scene(_ball(), _light((0.5, 0.5, 9.0))), device).render([_camera()], 16)
    alpha, depth = views.colors[0, ..., 3].float().cpu(), views.depths[0].cpu()
    assert depth[SIDE // 2, SIDE // 2] == pytest.approx(1.7, abs=2e-3)  # planar, to the surface
    slope = 0.3 / math.sqrt(4.0 - 0.09)
    assert alpha.mean() == pytest.approx(math.pi * (2.0 * slope) ** 2, rel=0.03)
    assert ((alpha > 0.1) & (alpha < 0.9)).any()  # antialiased
    assert depth[0, 0].isinf() and alpha[0, 0] == 0.0 and not views.colors[0, 0, 0].any()
    row, column = SIDE // 2, SIDE // 2 + 6
    x = (column + 0.5 - SIDE / 2) / (2.0 * SIDE)
    y = -(row + 0.5 - SIDE / 2) / (2.0 * SIDE)
    a, b, c = 1.0 + x * x + y * y, -4.0, 4.0 - 0.09
    assert depth[row, column] == pytest.approx((-b - math.sqrt(b * b - 4 * a * c)) / (2 * a), abs=3e-3)


def test_what_is_to_the_right_and_above_is_shown_there(device: str) -> None:
    small = shapes.box(0.05, 0.05, 0.05).move(0.6, 0.75, 0.5)
    alpha = SceneRenderer(_scene(small, _light((0.5, 0.5, 9.0))), device).render([_camera()], 4).colors[0, ..., 3]
    rows, columns = (alpha.cpu() > 0.5).nonzero().float().mean(dim=0).tolist()
    assert columns + 0.5 == pytest.approx(SIDE / 2 + 0.1 / 2.0 * 2 * SIDE, abs=0.6)
    assert rows + 0.5 == pytest.approx(SIDE / 2 - 0.25 / 2.0 * 2 * SIDE, abs=0.6)


def test_a_white_floor_is_as_bright_as_the_light_that_falls_on_it_and_dark_in_a_shadow(device: str) -> None:
    floor = shapes.box(0.9, 0.9, 0.02).move(0.5, 0.5, 0.3)
    lights = _light((0.5, 0.5, 100.0))
    bare = SceneRenderer(_scene(floor, lights), device).render([_camera()], 4).colors[0].float().cpu()
    assert bare[SIDE // 2, SIDE // 2, :3].tolist() == pytest.approx([1.0] * 3, abs=0.05)
    # A plate between the floor and a light from the left hides a part of it, to the right of the plate.
    plate = shapes.box(0.2, 0.2, 0.01).move(0.35, 0.5, 0.5)
    aside = _light((-99.0, 0.5, 100.3))
    lit = SceneRenderer(_scene(floor, aside), device).render([_camera()], 4).colors[0, ..., 0].float().cpu()
    both = _scene(join([floor, plate]), aside)
    shaded = SceneRenderer(both, device).render([_camera()], 4).colors[0, ..., 0].float().cpu()
    column = SIDE // 2 + round(0.05 / 2.2 * 2 * SIDE)
    assert lit[SIDE // 2, column] == pytest.approx(math.cos(math.pi / 4), abs=0.05)
    assert shaded[SIDE // 2, column] == 0.0 and shaded[2, 2] == pytest.approx(float(lit[2, 2]))


def test_a_hull_is_lit_on_the_side_that_is_looked_at(device: str) -> None:
    """Faces have two sides."""
    floor = shapes.box(0.9, 0.9, 0.02).move(0.5, 0.5, 0.5)
    turned = dataclasses.replace(floor, faces=floor.faces.flip(1))
    one, other = (
        SceneRenderer(_scene(m, _light((0.4, 0.6, 9.0))), device).render([_camera()], 2) for m in (floor, turned)
    )
    torch.testing.assert_close(one.colors, other.colors, rtol=1e-2, atol=1e-2)


def test_the_sky_reaches_less_of_a_pits_floor(device: str) -> None:
    sky = Lights(torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0), torch.ones(2, 3))
    floor = shapes.box(0.9, 0.9, 0.02).move(0.5, 0.5, 0.2)
    walls = [shapes.box(0.02, 0.9, 0.5).move(0.5 + side * 0.15, 0.5, 0.45) for side in (-1, 1)]
    free, hidden = (
        SceneRenderer(_scene(mesh, sky), device)
        .render([_camera()], 64)
        .colors[0, 15:17, 15:17, 0]
        .float()
        .mean()
        .item()
        for mesh in (floor, join([floor, *walls]))
    )
    assert free == pytest.approx(1.0, abs=0.1) and hidden < 0.8 * free


def test_a_smooth_surface_mirrors_the_light_in_one_place_and_a_rough_one_all_over(device: str) -> None:
    def spread(roughness: float) -> float:
        scene = _scene(_ball(), _light((0.5, 0.5, 9.0)))
        materials = dataclasses.replace(
            scene.materials, colors=torch.zeros(1, 3, 3), roughness=torch.tensor([roughness])
        )
        colors = SceneRenderer(dataclasses.replace(scene, materials=materials), device).render([_camera()], 8).colors
        return float(colors[0, ..., 0].max() / colors[0, ..., 0].sum())

    assert spread(0.2) > 4.0 * spread(0.9)


@pytest.mark.parametrize("number", range(6))
def test_views_of_any_scene_show_it_lit_and_twice_alike(number: int, device: str) -> None:
    scene = draw_scene(1, number)
    cameras = draw_cameras(1, number, scene.setting, 3, SIDE)
    views = SceneRenderer(scene, device).render(cameras, 4)
    again = SceneRenderer(scene, device).render(cameras, 4)
    assert torch.equal(views.depths, again.depths)
    torch.testing.assert_close(views.colors, again.colors, rtol=1e-3, atol=1e-3)
    colors = views.colors.float()
    assert colors.isfinite().all() and (colors >= 0.0).all() and (colors[..., 3] <= 1.0).all()
    assert (views.depths > 0.0).all()
    shares = colors[..., 3].mean(dim=(1, 2))
    assert (shares > 0.001).all()
    straight = colors[..., :3][colors[..., 3] > 0.99]
    assert 0.01 < straight.mean() < 1.5


def test_a_sheet_has_all_scenes(device: str) -> None:
    rows = list(render_rows(0, 0, 3, 2, 16, 1, device))
    sheet = tile(rows, 2)
    assert sheet.shape == (32, 64, 3) and sheet.dtype == np.uint8
    assert np.array_equal(sheet[:16, :32], rows[0]) and not sheet[16:, 32:].any()
