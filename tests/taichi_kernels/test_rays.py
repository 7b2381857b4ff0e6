"""Rays of pictures and of training pixels, against camera maths in numpy and against the twins."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch

from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds, Camera
from taichi_kernels import rays
from taichi_kernels.bundles import Pictures, PixelTiles, Rays
from taichi_kernels.rays import CAMERA_FLOATS, TILE_SIDE, UNKNOWN_DEPTH
from taichi_kernels.stepping import StepRule
from taichi_kernels.twins import rays as twin

BOUNDS = Bounds(np.array([-1.0, -2.0, 0.5]), np.array([3.0, 1.0, 2.0]))
CUBE = UnitCube(BOUNDS)
EVEN_STEPS, GROWING_STEPS = StepRule.constant(0.01), StepRule(0.002, 0.05, 0.01)
LENSES = {
    "pinhole": (0.0, 0.0, 0.0, 0.0),
    "phone": (0.08, -0.05, 0.001, -0.0005),
    "barrel": (-0.28, 0.07, 0.0002, 0.0004),
    "action": (-0.25, 0.06, 0.0, 0.0),
    "pincushion": (0.2, 0.05, -0.001, 0.002),
}


def _camera(
    lens: str = "pinhole", width: int = 37, height: int = 23, position: tuple[float, ...] = (5.0, 1.0, 4.0)
) -> Camera:
    forward = BOUNDS.center + np.array([0.2, -0.1, 0.1]) - np.array(position)
    backward = -forward / np.linalg.norm(forward)
    right = np.cross([0.1, 0.2, 1.0], backward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(backward, right), backward, position], axis=1)
    return Camera(pose, width, height, 0.9 * width, 0.95 * width, 0.52 * width, 0.47 * height, *LENSES[lens])


def _picture_rays(camera: Camera, device: str, first: int = 0, n: int | None = None) -> dict[str, torch.Tensor]:
    return _generate(rays.generate_camera_rays, camera, device, first, n)


def _generate(function: Any, camera: Camera, device: str, first: int, n: int | None) -> dict[str, torch.Tensor]:
    n = camera.width * camera.height if n is None else n
    out, cosines = Rays.allocate(n, device), torch.zeros(n, device=device)
    function(first, camera.width, CUBE.camera_row(camera, device), CUBE.ray_limits(device), out, cosines)
    return vars(out) | {"cosines": cosines}


def _project(camera: Camera, points: np.ndarray) -> np.ndarray:
    """World points [n, 3] to pixels [n, 2], with OpenCV's distortion: independent of the code under test."""
    local = (points - camera.position) @ np.linalg.inv(camera.camera_to_world[:3, :3]).T
    x, y = local[:, 0] / -local[:, 2], -local[:, 1] / -local[:, 2]
    r2 = x * x + y * y
    radial = 1 + camera.k1 * r2 + camera.k2 * r2 * r2
    distorted_x = x * radial + 2 * camera.p1 * x * y + camera.p2 * (r2 + 2 * x * x)
    distorted_y = y * radial + camera.p1 * (r2 + 2 * y * y) + 2 * camera.p2 * x * y
    return np.stack([camera.fx * distorted_x + camera.cx, camera.fy * distorted_y + camera.cy], axis=1)


def _to_world(points: torch.Tensor) -> np.ndarray:
    return (points.double().cpu().numpy() - 0.5) / CUBE.scale + BOUNDS.center


@pytest.mark.parametrize("lens", LENSES)
def test_points_on_a_ray_project_back_onto_its_pixel(device: str, lens: str) -> None:
    # At photo resolution, so that the error is in the pixels users have.
    camera = _camera(lens).resized(1850, 1150)
    if lens == "action":  # 90 degrees wide
        camera = dataclasses.replace(camera, fx=925.0, fy=925.0)
    for start in (0, 1850 * 575):  # the top row with its corners, and the middle
        found = _picture_rays(camera, device, start, 1850)
        pixels = _project(camera, _to_world(found["origins"] + 0.7 * found["directions"]))
        expected = np.stack([np.arange(1850) + 0.5, np.full(1850, start // 1850 + 0.5)], axis=1)
        assert np.abs(pixels - expected).max() < 0.002


@pytest.mark.parametrize("lens", LENSES)
def test_picture_rays_equal_the_twins(device: str, lens: str) -> None:
    camera = _camera(lens)
    found = _picture_rays(camera, device)
    expected = _generate(twin.generate_camera_rays, camera, device, 0, None)
    for name in ("origins", "directions", "cosines"):
        torch.testing.assert_close(found[name], expected[name], atol=2e-5, rtol=0)
    hits = expected["t_range"][:, 0] + 1e-3 < expected["t_range"][:, 1]
    assert 0.1 < hits.float().mean() < 1.0
    torch.testing.assert_close(found["t_range"][hits], expected["t_range"][hits], atol=2e-4, rtol=0)
    assert (found["t_range"][~hits, 0] + 2e-3 > found["t_range"][~hits, 1]).all()


@pytest.mark.parametrize(
    "terms", [(0.0, 0.0, 0.0, 0.0), (0.11, -0.025, 0.004, -0.0006), (-0.03, 0.008, -0.003, 0.0004)]
)
def test_rays_of_a_fisheye_go_where_its_formula_says(device: str, terms: tuple[float, ...]) -> None:
    """OpenCV's, at photo resolution and out to 85 degrees off the axis."""
    k1, k2, k3, k4 = terms
    camera = dataclasses.replace(
        _camera(width=2000, height=2000), fx=640.0, fy=650.0, k1=k1, k2=k2, k3=k3, k4=k4, projection="fisheye"
    )
    first = 2000 * 1000
    found = _picture_rays(camera, device, first, 2000)
    local = found["directions"].double().cpu().numpy() @ np.linalg.inv(camera.camera_to_world[:3, :3]).T
    radius = np.hypot(local[:, 0], local[:, 1])
    theta = np.arctan2(radius, -local[:, 2])
    theta_d = theta * (1 + k1 * theta**2 + k2 * theta**4 + k3 * theta**6 + k4 * theta**8)
    x = camera.fx * theta_d * local[:, 0] / radius + camera.cx
    y = camera.fy * theta_d * -local[:, 1] / radius + camera.cy
    is_used = theta < math.radians(85.0)
    assert theta[is_used].max() > math.radians(75.0)
    assert np.abs(x - (np.arange(2000) + 0.5))[is_used].max() < 0.003
    assert np.abs(y - 1000.5)[is_used].max() < 0.003
    expected = _generate(twin.generate_camera_rays, camera, device, first, 2000)
    for name in ("origins", "directions", "cosines"):
        torch.testing.assert_close(found[name], expected[name], atol=2e-5, rtol=0)


def test_directions_are_unit_and_cosines_turn_distance_into_planar_depth(device: str) -> None:
    camera = _camera("phone")
    found = _picture_rays(camera, device)
    torch.testing.assert_close(found["directions"].norm(dim=1), torch.ones_like(found["cosines"]), atol=1e-5, rtol=0)
    points = _to_world(found["origins"] + 0.5 * found["directions"])
    planar = (points - camera.position) @ -camera.camera_to_world[:3, 2]
    np.testing.assert_allclose(0.5 / CUBE.scale * found["cosines"].cpu().numpy(), planar, rtol=1e-4)


def test_rays_enter_and_leave_on_the_faces_of_the_box(device: str) -> None:
    found = _picture_rays(_camera(), device)
    box = torch.from_numpy(CUBE.box()).to(device)
    t = found["t_range"]
    for end in (0, 1):
        points = (found["origins"] + t[:, end : end + 1] * found["directions"])[t[:, 0] < t[:, 1]]
        assert ((points > box[0] - 1e-4) & (points < box[1] + 1e-4)).all()
        assert torch.minimum((points - box[0]).abs(), (points - box[1]).abs()).amin(1).max() < 1e-4


def test_a_camera_inside_the_box_starts_at_itself(device: str) -> None:
    found = _picture_rays(_camera(position=tuple(BOUNDS.center)), device)
    assert (found["t_range"][:, 0] == 0.0).all() and (found["t_range"][:, 1] > 0.0).all()


def test_an_axis_aligned_camera_has_finite_rays(device: str) -> None:
    pose = np.eye(4)
    pose[:3, 3] = BOUNDS.center + np.array([0.0, 0.0, 4.0])
    found = _picture_rays(Camera(pose, 3, 3, 5.0, 5.0, 1.5, 1.5), device)
    assert all(torch.isfinite(tensor).all() for tensor in found.values())
    assert found["directions"][4].tolist() == [0.0, 0.0, -1.0]
    near, far = found["t_range"][4].tolist()
    assert (near, far) == pytest.approx(((4.0 - 0.75) * CUBE.scale, (4.0 + 0.75) * CUBE.scale), abs=1e-5)


def _training_set(device: str) -> Pictures:
    """Three views of different sizes and lenses; the second has no depth; the store is longer than what is used."""
    cameras = [_camera("pinhole", 11, 7), _camera("barrel", 8, 13, (-4.0, 2.0, 3.0)), _camera("phone", 6, 5)]
    rows = torch.zeros(5, CAMERA_FLOATS, device=device)
    images = torch.zeros(5, 5, dtype=torch.int32, device=device)
    offset = tile = 0
    for row, camera in enumerate(cameras):
        rows[row] = CUBE.camera_row(camera, device)[0]
        images[row] = torch.tensor([offset, camera.width, camera.height, row != 1, tile])
        offset += camera.width * camera.height
        tile += -(-camera.width // TILE_SIDE) * -(-camera.height // TILE_SIDE)
    generator = torch.Generator().manual_seed(4)
    colors = torch.rand(offset + 9, 4, generator=generator)
    colors[::2, 3] = 1.0
    depths = 1.0 + 6.0 * torch.rand(offset + 9, generator=generator)
    depths[::5] = torch.inf
    depths[1::7] = UNKNOWN_DEPTH
    depths[3::11] = -torch.inf  # masked, where the view has depth
    return Pictures(3, rows, images, colors.half().to(device), depths.to(device))


def _seen_colors(device: str) -> torch.Tensor:
    """Colour of every pixel of the three views but those that are masked."""
    pictures = _training_set(device)
    colors, depths = pictures.colors, pictures.depths
    has_depth = torch.ones(11 * 7 + 8 * 13 + 6 * 5, dtype=torch.bool, device=device)
    has_depth[11 * 7 : 11 * 7 + 8 * 13] = False
    is_masked = has_depth & torch.isneginf(depths[: len(has_depth)])
    return colors.float()[: len(has_depth)][~is_masked]


def _tiles(device: str, n: int, share: float = 0.6) -> PixelTiles:
    """The tiles of the three views (2, 2 and 1 of them), the fourth of which is never drawn by its weight."""
    corners = torch.tensor([[0, 0, 0], [0, 8, 0], [1, 0, 0], [1, 0, 8], [2, 0, 0]], dtype=torch.int32)
    weights = torch.tensor([1.0, 8.0, 2.0, 0.0, 1.0])
    drawn = torch.full((n,), -1, dtype=torch.int32)
    return PixelTiles(corners.to(device), weights.cumsum(0).to(device), share, drawn.to(device))


def _sample(
    function: Any,
    device: str,
    n: int,
    seed: int,
    step: int,
    tiles: PixelTiles | None = None,
    steps: StepRule = EVEN_STEPS,
) -> dict[str, torch.Tensor]:
    limits = CUBE.ray_limits(device, depth_margin=0.03)
    out, targets = Rays.allocate(n, device), torch.zeros(n, 5, device=device)
    function(seed, step, steps, _training_set(device), tiles, limits, out, targets)
    return vars(out) | {"targets": targets}


@pytest.mark.parametrize("steps", [EVEN_STEPS, GROWING_STEPS], ids=["even", "growing"])
@pytest.mark.parametrize(("seed", "step", "with_tiles"), [(0, 0, False), (5, 1234, False), (2, 77, True)])
def test_training_rays_equal_the_twins(device: str, seed: int, step: int, with_tiles: bool, steps: StepRule) -> None:
    tiles = [_tiles(device, 2000) for _ in range(2)] if with_tiles else [None, None]
    found = _sample(rays.sample_training_rays, device, 2000, seed, step, tiles[0], steps)
    expected = _sample(twin.sample_training_rays, device, 2000, seed, step, tiles[1], steps)
    if tiles[0] is not None and tiles[1] is not None:
        assert torch.equal(tiles[0].drawn, tiles[1].drawn)
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, expected[name], atol=2e-4, rtol=1e-4)
    is_known = expected["targets"][:, 4] > 0
    assert 0.05 < is_known.float().mean() < 0.5


def test_training_rays_visit_every_pixel_of_every_view(device: str) -> None:
    targets = _sample(rays.sample_training_rays, device, 6000, 0, 0)["targets"]
    distance = torch.cdist(_seen_colors(device), targets[:, :4]).amin(1)
    assert distance.max() < 1e-3


def test_masked_pixels_teach_nothing(device: str) -> None:
    """Their rays have no length, and nothing as their target, whatever the picture shows there."""
    camera = _camera("pinhole", 12, 6)
    images = torch.tensor([[0, 12, 6, 1, 0]], dtype=torch.int32, device=device)
    depths = torch.where(torch.arange(72) < 36, -torch.inf, 0.0).to(device)
    colors = torch.ones(72, 4, device=device).half()
    pictures = Pictures(1, CUBE.camera_row(camera, device), images, colors, depths)
    out, targets = Rays.allocate(500, device), torch.zeros(500, 5, device=device)
    limits = CUBE.ray_limits(device, depth_margin=0.02)
    rays.sample_training_rays(0, 0, StepRule.constant(0.01), pictures, None, limits, out, targets)
    is_masked = targets[:, 3] == 0.0
    assert 0.4 < is_masked.float().mean() < 0.6
    assert (targets[is_masked, :4] == 0.0).all() and (targets[~is_masked, :4] == 1.0).all()
    length = out.t_range[:, 1] - out.t_range[:, 0]
    assert (length[is_masked] < 0.0).all() and (length[~is_masked] > 0.0).any()


def test_steps_draw_different_pixels_and_the_same_step_the_same(device: str) -> None:
    first, again, next_step = (
        _sample(rays.sample_training_rays, device, 100, 0, step)["targets"] for step in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, next_step)


def test_tiles_are_drawn_by_their_weight_and_every_pixel_now_and_then(device: str) -> None:
    tiles = _tiles(device, 20_000, share=0.9)
    targets = _sample(rays.sample_training_rays, device, 20_000, 1, 1, tiles)["targets"]
    shares = torch.bincount(tiles.drawn.long(), minlength=5).cpu() / 20_000
    evenly = torch.tensor([8 / 11, 3 / 11, 8 / 13, 5 / 13, 1.0]) / 3
    wanted = 0.9 * torch.tensor([1.0, 8.0, 2.0, 0.0, 1.0]) / 12 + 0.1 * evenly
    torch.testing.assert_close(shares, wanted, atol=0.02, rtol=0)
    assert torch.cdist(_seen_colors(device), targets[:, :4]).amin(1).max() < 1e-3


def test_rays_look_at_captured_surfaces_from_before_to_behind_them(device: str) -> None:
    """Half of the picture lies 0.3 m nearer than the other: only pixels beside the step see both."""
    camera = _camera("pinhole", 12, 6)
    middle = float(np.linalg.norm(camera.position - BOUNDS.center))
    images = torch.tensor([[0, 12, 6, 1, 0]], dtype=torch.int32, device=device)
    depths = torch.where(torch.arange(12) < 6, middle - 0.1, middle + 0.2).repeat(6).to(device)
    colors = torch.ones(72, 4, device=device).half()
    colors[-1, 3] = 0.5  # what is behind it may be seen, also from its neighbours
    n, margin = 4000, 0.02
    pictures = Pictures(1, CUBE.camera_row(camera, device), images, colors, depths)
    out, targets = Rays.allocate(n, device), torch.zeros(n, 5, device=device)
    limits = CUBE.ray_limits(device, depth_margin=margin)
    rays.sample_training_rays(0, 0, StepRule.constant(1e-4), pictures, None, limits, out, targets)
    box = limits.box
    axis = -torch.from_numpy(camera.camera_to_world[:3, 2]).float().to(device)
    cosine = out.directions @ axis
    surface = targets[:, 4] * cosine / CUBE.scale
    before, behind = (out.t_range.T * cosine / CUBE.scale).cpu()
    near, far = (surface.cpu() - before) / (margin / CUBE.scale), (behind - surface.cpu()) / (margin / CUBE.scale)
    points = out.origins + targets[:, 4:] * out.directions
    is_inside = ((points - box[0]).amin(1).cpu() > 0.1) & ((box[1] - points).amin(1).cpu() > 0.1)
    near, far = near[is_inside], far[is_inside]
    # Three quarters begin just before the surface, or before the nearer one beside it; the rest where they enter the
    # box. Those that have a nearer surface beside what is farther go on to behind that.
    assert 0.60 < ((near > 0.5) & (near < 1.1)).float().mean() < 0.76
    assert 0.15 < (near > 8.0).float().mean() < 0.4
    assert 0.1 < (far > 4.0).float().mean() < 0.3
    assert ((far > 0.9) & (far < 1.1)).float().mean() > 0.7
