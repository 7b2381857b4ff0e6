"""A signed distance learnt from meshes: to a stated error in seconds, by the right points, kept and gone on with; and
what is said of meshes that leave something open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data.meshes import Mesh, MeshError
from engine.fields.unit_cube import UnitCube
from engine.link.primitives import SignedDistanceSpec
from engine.primitives import memory
from engine.primitives.base import DataError, NoDataError, Scores
from engine.primitives.config import ConfigError
from engine.primitives.item_primitive import Item
from engine.primitives.kind import DataOptions
from engine.primitives.memory import MemoryShortage
from engine.primitives.registry import kind_named
from engine.primitives.signed_distance.kind import MARGIN, SIGNED_DISTANCE
from engine.primitives.signed_distance.primitive import SignedDistance
from engine.primitives.signed_distance.samples import SamplePool
from engine.primitives.signed_distance.truth import SurfaceTruth, bytes_for
from engine.runs import load_run, save_run
from engine.training.trainer import Trainer
from tests.taichi_kernels.surfaces.solids import box, sphere

SMALL = {
    "field.log2_table_size": 16,
    "field.levels": 3,
    "field.base_resolution": 8,
    "field.max_resolution": 32,
    "field.hidden_width": 16,
    "samples_per_step": 2048,
    "fresh_points": 512,
    "pool_points": 4096,
    "scored_points": 4096,
}


def as_mesh(triangles: torch.Tensor) -> Mesh:
    """``triangles`` [n, 3, 3]."""
    return Mesh(triangles.reshape(-1, 3).double().numpy(), np.arange(3 * len(triangles)).reshape(-1, 3))


def torus(major: float = 1.0, minor: float = 0.4, rows: int = 48, columns: int = 24) -> Mesh:
    """Around the z axis."""
    u, v = (2 * np.pi * np.arange(count) / count for count in (rows, columns))
    ring = major + minor * np.cos(v)[None]
    heights = np.repeat(minor * np.sin(v)[None], rows, axis=0)
    vertices = [ring * np.cos(u)[:, None], ring * np.sin(u)[:, None], heights]
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    a, b = row * columns + column, (row + 1) % rows * columns + column
    c, d = (row + 1) % rows * columns + (column + 1) % columns, row * columns + (column + 1) % columns
    faces = np.concatenate([np.stack(each, axis=-1).reshape(-1, 3) for each in ((a, b, c), (a, c, d))])
    return Mesh(np.stack(vertices, axis=-1).reshape(-1, 3), faces)


def make(mesh: Mesh, device: str, **settings: object) -> SignedDistance:
    """A small one that has ``mesh`` to learn from and to be scored by."""
    spec = SignedDistanceSpec(bounds=mesh.bounds(MARGIN))
    config = SIGNED_DISTANCE.configure(spec, "cpu", device, {**SMALL, **settings})
    primitive = SIGNED_DISTANCE.build(spec, config, device)
    primitive.add(Item("mesh", "train", mesh))
    primitive.add(Item("points", "test", mesh))
    return primitive


def scores_of(primitive: SignedDistance) -> Scores:
    *pieces, scores = primitive.evaluate(primitive.viewer())
    assert isinstance(scores, Scores) and pieces
    return scores


@pytest.fixture(scope="module")
def learnt(device: str) -> Trainer[SignedDistance]:
    trainer = Trainer(make(torus(), device))
    trainer.set_budget(None, 250)
    while not trainer.is_finished:
        trainer.step()
    return trainer


def test_a_torus_is_learnt(learnt: Trainer[SignedDistance], device: str) -> None:
    figures = scores_of(learnt.primitive).means
    iou, distance = figures["iou"], figures["surface_distance"]
    assert iou is not None and distance is not None
    assert iou > 0.93 and distance < 0.5
    points = np.random.default_rng(1).uniform([-1.3, -1.3, -0.35], [1.3, 1.3, 0.35], (2000, 3))
    known = np.hypot(np.hypot(points[:, 0], points[:, 1]) - 1.0, points[:, 2]) - 0.4
    off = np.abs(learnt.primitive.viewer().distances_at(points) - known)
    assert off.mean() < 0.03


def test_normals_are_the_gradient_of_what_was_learnt(learnt: Trainer[SignedDistance], device: str) -> None:
    surface = learnt.primitive.viewer().surface
    points = torch.rand(400, 3, generator=torch.Generator().manual_seed(3)).to(device)
    _, gradients = surface.gradients(points)
    step = (
        2e-4  # far less than a cell: a grid's gradient jumps from one to the next, and where a unit of the network does
    )
    for axis in range(3):
        offset = torch.zeros(3, device=device)
        offset[axis] = step
        slope = (surface.distances(points + offset) - surface.distances(points - offset)) / (2 * step)
        tolerance = 0.02 if device == "cpu" else 0.3
        assert (slope - gradients[:, axis]).abs().quantile(0.8) < tolerance


def test_a_run_is_saved_and_goes_on(learnt: Trainer[SignedDistance], device: str, tmp_path: Path) -> None:
    save_run(tmp_path / "run", learnt, {})
    run = load_run(tmp_path / "run", device)
    primitive = run.trainer.primitive
    assert isinstance(primitive, SignedDistance) and run.trainer.step_count == learnt.step_count
    assert run.info["data"]["meshes"][0] == {"name": "mesh", "split": "train", "triangles": 2304, "open": 0.0}
    points = torch.rand(100, 3, device=device)
    assert torch.equal(primitive.field.forward(points), learnt.primitive.field.forward(points))
    with pytest.raises(NoDataError):
        run.trainer.step()
    primitive.add(Item("mesh", "train", torus()))
    run.trainer.step()
    assert primitive.loss() is not None


def test_half_of_the_points_are_on_the_surface_and_the_others_know_their_distance(device: str) -> None:
    mesh = as_mesh(sphere(1.0, 4))
    cube = UnitCube(mesh.bounds(MARGIN))
    truth = SurfaceTruth([mesh], cube, device)
    primitive = make(mesh, device)
    pool = SamplePool(primitive.config, torch.from_numpy(cube.box()).to(device))
    points, distances = pool.draw(truth, 0)
    for step in range(1, 10):  # more than the pool holds
        points, distances = pool.draw(truth, step)
    known = (points - 0.5).norm(dim=1) - cube.scale
    assert (distances - known).abs().max() < 2e-3
    on_surface = distances == 0.0
    assert on_surface[:1024].all() and not on_surface[1024:].any()
    near = distances[1024:].abs() < 0.1
    assert 0.6 < near.float().mean() < 0.9 and (distances < 0).any() and (distances > 0.2).any()
    again, _ = SamplePool(primitive.config, torch.from_numpy(cube.box()).to(device)).draw(truth, 9)
    assert torch.equal(again[:1024], points[:1024])  # drawn by seed and step


def test_points_near_a_surface_at_the_border_stay_in_the_box_and_know_their_distance(device: str) -> None:
    mesh = as_mesh(box())
    cube = UnitCube(mesh.bounds(0.0))
    truth, limits = SurfaceTruth([mesh], cube, device), torch.from_numpy(cube.box()).to(device)
    points, distances = SamplePool(make(mesh, device).config, limits).draw(truth, 0)
    assert (points >= limits[0] - 1e-6).all() and (points <= limits[1] + 1e-6).all()
    assert (distances.abs() - points.minimum(1.0 - points).amin(dim=1)).abs().max() < 1e-5


def test_viewers_look_again_when_another_mesh_comes_and_while_it_is_learnt(device: str) -> None:
    primitive = make(as_mesh(box()), device)
    for step in range(1000):
        primitive.update(step)
    before = primitive._generation
    primitive.add(Item("mesh", "train", as_mesh(box() * 0.5)))
    assert primitive._generation == before + 1
    for step in range(1000, 1040):
        primitive.update(step)
    assert primitive._generation == before + 3


def test_a_mesh_that_memory_has_no_room_for_is_refused_and_nothing_changes(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    primitive = make(torus(), device)
    before = dict(primitive.items)
    monkeypatch.setattr(memory, "free_memory", lambda device: bytes_for(2304) - 1)
    with pytest.raises(MemoryShortage, match=r"^mesh other: its triangles need .* simplify the mesh"):
        primitive.add(Item("other", "test", torus(0.9)))
    primitive.add(Item("again", "test", torus()))  # the one that is learnt takes nothing more
    assert primitive.items == {**before, "again": "test"}


def test_points_are_spread_evenly_over_the_surface(device: str) -> None:
    """A side of a box that is four times as large has four times as many."""
    triangles = box()
    triangles[..., 2] *= 4.0
    truth = SurfaceTruth([as_mesh(triangles)], UnitCube(as_mesh(triangles).bounds(0.0)), device)
    points = truth.draw_on_surface(0, 0, torch.arange(18_000, device=device))
    ends = ((points[:, 2] < 1e-5) | (points[:, 2] > 1.0 - 1e-5)).sum()
    assert int(ends) == pytest.approx(2000, abs=150)
    assert truth.distances(points).abs().max() < 1e-6


def test_what_several_meshes_or_turned_ones_surround_is_inside(device: str) -> None:
    first, second = sphere(1.0), sphere(1.0) + torch.tensor([0.5, 0.0, 0.0])
    cube = UnitCube(as_mesh(torch.cat([first, second])).bounds(MARGIN))
    points = torch.tensor([[-0.8, 0.0, 0.0], [0.25, 0.0, 0.0], [1.4, 0.0, 0.0], [1.45, 0.9, 0.0]], dtype=torch.float64)
    places = ((points - torch.from_numpy(cube.bounds.center)) * cube.scale + 0.5).float().to(device)
    both = SurfaceTruth([as_mesh(first), as_mesh(second)], cube, device)
    assert both.is_inside(places).tolist() == [True, True, True, False]
    turned = SurfaceTruth([as_mesh(first.flip(1))], cube, device)
    assert turned.is_inside(places).tolist() == [True, True, False, False]


def test_an_open_mesh_says_how_much_is_unsure(device: str) -> None:
    closed, opened = (make(as_mesh(box()[start:]), device) for start in (0, 2))
    assert closed.remark == "" and "neither surely inside the mesh nor outside" in opened.remark
    assert 0.005 < opened.describe_data()["unsure"] < 0.5


def test_a_mesh_that_reaches_out_of_the_box_is_refused_and_nothing_changes(device: str) -> None:
    primitive = make(torus(), device)
    before = dict(primitive.items)
    with pytest.raises(DataError, match=r"^mesh large: it reaches from \(-3, .* start another run"):
        primitive.add(Item("large", "train", torus(2.5, 0.5)))
    assert primitive.items == before


def test_without_a_mesh_there_is_nothing_to_train_on_or_to_score(device: str) -> None:
    spec = SignedDistanceSpec(bounds=torus().bounds(MARGIN))
    primitive = SIGNED_DISTANCE.build(spec, SIGNED_DISTANCE.configure(spec, "cpu", device, SMALL), device)
    assert not primitive.is_ready
    with pytest.raises(NoDataError):
        primitive.step(0, None)
    with pytest.raises(NoDataError):
        list(primitive.evaluate(primitive.viewer()))
    Trainer(primitive).warm_up()
    assert primitive.loss() is None and not primitive.items


def test_the_frequency_encoding_learns_and_is_saved_too(device: str, tmp_path: Path) -> None:
    spec = SignedDistanceSpec(bounds=torus().bounds(MARGIN), encoding="frequency")
    sizes = {"field.octaves": 4, "field.hidden_width": 32, "field.hidden_layers": 2}
    settings = {name: value for name, value in SMALL.items() if not name.startswith("field.")} | sizes
    primitive = SIGNED_DISTANCE.build(spec, SIGNED_DISTANCE.configure(spec, "cpu", device, settings), device)
    primitive.add(Item("mesh", "train", torus()))
    trainer = Trainer(primitive)
    losses = []
    for _ in range(60):
        trainer.step()
        losses.append(primitive.loss())
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:10])
    save_run(tmp_path / "run", trainer, {})
    points = torch.rand(50, 3, device=device)
    kept = load_run(tmp_path / "run", device).trainer.primitive
    assert torch.equal(kept.field.forward(points), primitive.field.forward(points))
    values, gradients = primitive.field.gradient(points)
    assert torch.equal(values, primitive.field.forward(points)) and gradients.abs().sum() > 0.0


def test_the_kind_reads_a_mesh_and_tells_what_it_cant(tmp_path: Path) -> None:
    kind = kind_named("signed-distance")
    path = tmp_path / "tri.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    data = kind.load(path, DataOptions(), lambda done, of: None)
    assert [(item.name, item.split) for item in data.items] == [("tri", "train"), ("tri (points)", "test")]
    assert len(data.warnings) == 1 and "holes" in data.warnings[0]
    assert (data.spec.bounds.size > 0.0).all()  # though the mesh is flat
    with pytest.raises(DataError, match="leave --holdout out"):
        kind.load(path, DataOptions(holdout=8), lambda done, of: None)
    with pytest.raises(MeshError):
        kind.read_file(tmp_path / "none.obj", "none", "train")
    other = SignedDistanceSpec(bounds=torus().bounds(0.0))
    words = kind.mismatch(data.spec, other) or ""
    assert (
        words.startswith("learnt a surface within (-0.05, ") and "but there is one within (-1.4, -1.4, -0.4)" in words
    )
    slow = SignedDistanceSpec(bounds=torus().bounds(0.0), encoding="frequency")
    assert kind.mismatch(other, other) is None and kind.mismatch(slow, other) is None  # it goes on as it began
    for setting in ({"near_deviation": 0.5}, {"fresh_points": 1 << 20}, {"field.base_resolution": 4096}):
        with pytest.raises(ConfigError, match=next(iter(setting)).removeprefix("field.")):
            kind.configure(other, "cpu", "cpu", setting)
