"""The occupancy grid: what exact views close and must not close, and what the field's own densities do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from engine.data.views import View
from engine.fields.base import SampleBatch
from engine.fields.hash_grid import HashGridConfig, HashGridField
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds, Camera
from engine.sampling.occupancy_grid import OccupancyGrid
from taichi_kernels.occupancy import CARVED
from taichi_kernels.twins.marching import is_occupied
from taichi_kernels.twins.occupancy import cell_centers
from tests.scenes import CENTER, RADIUS, as_fisheye, picture_of_sphere, sphere_bounds, sphere_cameras, sphere_views

STEP_LENGTH = 3**0.5 / 128


def _grid(device: str, resolution: int, bounds: Bounds | None = None) -> OccupancyGrid:
    return OccupancyGrid(resolution, 0.5, STEP_LENGTH, UnitCube(bounds or sphere_bounds()), device, seed=0)


def _is_open(grid: OccupancyGrid, points: np.ndarray, bounds: Bounds | None = None) -> np.ndarray:
    """Whether world ``points`` [n, 3] lie in cells that marching visits."""
    cube = UnitCube(bounds or sphere_bounds())
    inside = torch.from_numpy((points - cube.bounds.center) * cube.scale + 0.5)
    return is_occupied(grid.occupied.bits.cpu(), inside, grid.resolution).numpy()


def _is_carved(grid: OccupancyGrid, points: np.ndarray, bounds: Bounds) -> np.ndarray:
    """Whether some view ruled out the cells that hold world ``points`` [n, 3]."""
    cube = UnitCube(bounds)
    x, y, z = (((points - cube.bounds.center) * cube.scale + 0.5) * grid.resolution).astype(int).T
    flags = grid.flags.cpu().numpy().reshape([grid.resolution] * 3)
    return (flags[z, y, x] & CARVED) != 0


def _sphere_surface(count: int = 100_000) -> np.ndarray:
    directions = np.random.default_rng(0).normal(size=(count, 3))
    return CENTER + RADIUS * directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _empty_share_closed(grid: OccupancyGrid, softness: float = 0.0) -> float:
    """The share of cells wholly outside the sphere, and ``softness`` metres before it, that are closed."""
    cube = UnitCube(sphere_bounds())
    centers = (cell_centers(grid.resolution, "cpu").numpy() - 0.5) / cube.scale + cube.bounds.center
    cell_radius = 3**0.5 / 2 / grid.resolution / cube.scale
    empty = centers[np.linalg.norm(centers - CENTER, axis=1) > RADIUS + softness + cell_radius]
    return 1.0 - float(_is_open(grid, empty).mean())


def _without_depth(view: View) -> View:
    return dataclasses.replace(view, depth=None)


def _carve(grid: OccupancyGrid, view: View) -> None:
    alpha = view.color[..., 3].astype(np.float32)
    planes = [None if plane is None else torch.from_numpy(plane).to(grid.flags.device) for plane in (alpha, view.depth)]
    grid.take(f"view {len(grid._marks)}", grid.look(view.camera, *planes))


@pytest.mark.parametrize("with_depth", [True, False], ids=["depth", "alpha alone"])
@pytest.mark.parametrize(
    ("resolution", "size", "least"),
    [(32, 64, {True: 0.88, False: 0.75}), (64, 33, {True: 0.88, False: 0.5}), (16, 300, {True: 0.7, False: 0.3})],
)
def test_views_close_empty_space_and_never_the_surface(
    device: str, with_depth: bool, resolution: int, size: int, least: dict[bool, float]
) -> None:
    grid = _grid(device, resolution)
    surface = _sphere_surface()
    views = sphere_views(12, size)
    # From one view on, and all along: training starts with the first view there is.
    for count, view in enumerate(views):
        _carve(grid, view if with_depth else _without_depth(view))
        if count in (0, len(views) - 1):
            assert _is_open(grid, surface).all()
    # Where there is depth two pixels before the surface stay open, for antialiased pictures are that soft.
    softness = 2 * 2.0 / views[0].camera.fx if with_depth else 0.0
    assert _empty_share_closed(grid, softness) > least[with_depth]


def test_a_fisheye_closes_empty_space_and_never_the_surface(device: str) -> None:
    grid = _grid(device, 32)
    cameras = [as_fisheye(camera) for camera in sphere_cameras(12, 160, distance=1.0)]
    for view in sphere_views(12, 160, cameras):
        _carve(grid, view)
        assert _is_open(grid, _sphere_surface()).all()
    assert _empty_share_closed(grid, 2 * 2.0 / cameras[0].fx) > 0.8


def test_a_close_camera_that_sees_single_cells_large_closes_no_surface(device: str) -> None:
    """A cell's footprint is a hundred pixels wide here."""
    grid = _grid(device, 16)
    for camera in sphere_cameras(4, 900, distance=1.6):
        color, depth = picture_of_sphere(camera)
        _carve(grid, View("close", camera, color, "linear", depth))
    assert _is_open(grid, _sphere_surface()).all()


def test_a_camera_inside_the_bounds_closes_no_surface(device: str) -> None:
    bounds = Bounds(CENTER - 2.0, CENTER + 2.0)
    grid = _grid(device, 32, bounds)
    camera = dataclasses.replace(sphere_cameras(1, 200, distance=1.3)[0], fx=120.0, fy=120.0)
    color, depth = picture_of_sphere(camera)
    _carve(grid, View("inside", camera, color, "linear", depth))
    assert not _is_carved(grid, _sphere_surface(), bounds).any()
    assert int((grid.flags & CARVED).bool().sum()) > 1000


def test_a_barrel_lens_does_not_close_what_lies_past_its_picture(device: str) -> None:
    """Far off the axis the distortion polynomial turns back and would put such points into the picture."""
    bounds = Bounds(np.full(3, -1.0), np.full(3, 1.0))
    grid = _grid(device, 32, bounds)
    pose = np.eye(4)
    pose[:3, 3] = [0.0, 0.0, 1.05]
    lens = Camera(pose, 64, 64, 64.0, 64.0, 32.0, 32.0, k1=-0.3)
    blank = np.zeros((64, 64, 4), np.float16)
    _carve(grid, View("blank", lens, blank, "linear", np.full((64, 64), np.inf, np.float32)))
    centers = cell_centers(32, "cpu").numpy() * 2 - 1
    tangent = np.linalg.norm(centers[:, :2], axis=1) / (1.05 - centers[:, 2])
    is_carved = ((grid.flags.cpu().numpy() & CARVED) != 0) & (centers[:, 2] < 1.0)
    assert is_carved.any()
    # The picture's corner lies at 0.71 before and about 0.9 after undoing the distortion.
    assert tangent[is_carved].max() < 1.0


def test_only_cells_inside_the_bounds_and_seen_are_open(device: str) -> None:
    bounds = Bounds(np.array([-1.0, -0.5, -0.25]), np.array([1.0, 0.5, 0.25]))
    grid = _grid(device, 32, bounds)
    assert not grid.occupied.bits.any()
    pose = np.eye(4)
    pose[:3, 3] = [0.0, 0.0, 3.0]
    # The right half of the picture is the right half of the box.
    camera = Camera(pose, 32, 32, 48.0, 48.0, 0.0, 16.0)
    opaque = np.ones((32, 32, 4), np.float16)
    _carve(grid, View("right", camera, opaque, "linear", None))
    points = np.random.default_rng(1).uniform(-1.0, 1.0, (5000, 3))
    expected = (points[:, 0] > 0.1) & (np.abs(points[:, 1]) < 0.5) & (np.abs(points[:, 2]) < 0.25)
    closed = (points[:, 0] < -0.1) | (np.abs(points[:, 1]) > 0.6) | (np.abs(points[:, 2]) > 0.35)
    assert _is_open(grid, points[expected], bounds).all()
    assert not _is_open(grid, points[closed], bounds).any()


def test_a_thin_field_closes_cells_and_a_dense_one_keeps_them(device: str) -> None:
    grid = _grid(device, 16)
    pose = np.eye(4)
    pose[:3, 3] = CENTER + np.array([0.0, 0.0, 2.0])
    opaque = np.ones((16, 16, 4), np.float16)
    _carve(grid, View("all", Camera(pose, 16, 16, 12.0, 12.0, 8.0, 8.0), opaque, "linear", None))
    config = HashGridConfig(
        levels=2, log2_table_size=10, base_resolution=4, max_resolution=8, hidden_width=16, color_layers=1
    )
    field = HashGridField(config, device)
    batch = field.allocate(4096)
    before = int(grid.occupied.bits.ne(0).sum())
    assert before > 10

    for step in range(12):  # the fresh field's density is 16 a unit: an optical depth of 0.2 a step
        grid.refresh(field.density, batch, step)
    assert int(grid.occupied.bits.ne(0).sum()) == before

    # The same field with every feature zero has raw density 0; a first column of -20 makes it empty.
    field.load_state({**field.state(), "field.table": torch.ones_like(field.encoding.table.values)})
    matrices = field.networks.weights.values.view(-1).split([8 * 16, 16 * 16, 32 * 16, 16 * 4])
    matrices[0].fill_(0.1)
    matrices[1].zero_()
    matrices[1].view(16, 16)[:, 0] = -20.0
    field.load_state({name: tensor.clone() for name, tensor in field.state().items()})
    for step in range(30):
        grid.refresh(field.density, batch, step)
    assert not grid.occupied.bits.any()


def test_exploring_finds_what_the_field_shows_and_forgets_what_was_found_before(device: str) -> None:
    """A ball, faint but not nothing: cells stay open around it alone, more of them than a batch holds."""
    grid = _grid(device, 32)
    opaque = np.ones((16, 16, 4), np.float16)
    pose = np.eye(4)
    pose[:3, 3] = CENTER + np.array([0.0, 0.0, 2.0])
    _carve(grid, View("all", Camera(pose, 16, 16, 12.0, 12.0, 8.0, 8.0), opaque, "linear", None))
    small = HashGridConfig(levels=2, log2_table_size=10, base_resolution=4, max_resolution=8, hidden_width=16)
    batch = HashGridField(small, device).allocate(4096)
    assert grid.candidate_count > 3 * batch.capacity

    def ball(middle: float) -> Callable[[SampleBatch[Any]], torch.Tensor]:
        def density(batch: SampleBatch[Any]) -> torch.Tensor:
            distances = (batch.points - torch.tensor([0.5, 0.5, middle], device=device)).norm(dim=1)
            return torch.where(distances < 0.2, -4.0, -30.0)[:, None]

        return density

    grid.explore(ball(0.3), batch, 4)
    grid.explore(ball(0.6), batch, 4)
    first = grid.occupied.bits.clone()
    centers = (cell_centers(32, "cpu").numpy() - 0.5) / UnitCube(sphere_bounds()).scale + sphere_bounds().center
    distances = np.linalg.norm((cell_centers(32, "cpu").numpy() - [0.5, 0.5, 0.6]), axis=1)
    assert _is_open(grid, centers[distances < 0.17]).all()
    assert not _is_open(grid, centers[distances > 0.23]).any()
    grid.explore(ball(0.6), batch, 4)
    assert torch.equal(grid.occupied.bits, first)


def test_state_round_trip_keeps_the_bits(device: str) -> None:
    grid, other = _grid(device, 32), _grid(device, 32)
    for view in sphere_views(3, 32):
        _carve(grid, view)
    other.load({"occupancy.densities": grid.densities, "occupancy.flags": grid.flags})
    assert torch.equal(grid.occupied.bits, other.occupied.bits) and torch.equal(
        grid.occupied.coarse_bits, other.occupied.coarse_bits
    )
    assert grid.candidate_count == other.candidate_count
    with pytest.raises(ValueError, match=r"occupancy\.flags"):
        other.load({"occupancy.densities": grid.densities})


@pytest.mark.parametrize("resolution", [24, 0, -16, 1024])
def test_a_resolution_that_does_not_pack_is_refused(device: str, resolution: int) -> None:
    with pytest.raises(ValueError, match="occupancy_resolution"):
        _grid(device, resolution)
