"""What few views are compared by: which views, what points alone draw, which rows there are, the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.few.data import DataOptions, has_depth, know_by
from benchmarks.few.methods import METHODS, Setup, show_mean
from benchmarks.few.points import Points, fill_gaps
from benchmarks.few_tables import few_views_table, goal_of, prior_cost_table
from benchmarks.few_views import collect, plan
from benchmarks.view_scores import score
from engine.data.dataset import Dataset
from engine.priors.weights import load_prior, save_prior
from tests.engine.priors.tiny_prior import tiny_prior
from tests.scenes import sphere_bounds, sphere_views


@pytest.fixture(scope="module")
def scene() -> Dataset:
    views = sphere_views(12, 48)
    return Dataset(views[:10], views[10:], sphere_bounds(), "linear", [], Path("sphere"))


@pytest.fixture
def prior(tmp_path: Path) -> Path:
    config = tiny_prior().field
    file = tmp_path / "prior.safetensors"
    save_prior(file, config.build("cpu", 1), config, {"seed": 5})
    return file


def _options(tmp_path: Path) -> DataOptions:
    return DataOptions({"photos": tmp_path / "photos", "capture": tmp_path / "capture"}, 5, 2, 4, None, "cpu")


def test_views_are_chosen_evenly_and_known_without_depth(scene: Dataset) -> None:
    assert [view.name for view in know_by(scene, 3, True).train] == ["v000", "v003", "v006"]
    assert [view.name for view in know_by(scene, 1, True).train] == ["v000"]
    assert all(view.depth is None for view in know_by(scene, 3, False).train)
    assert know_by(scene, 3, True).test is scene.test


def test_points_draw_the_view_that_they_are_of(scene: Dataset) -> None:
    view = scene.train[4]
    whole, subject = score(Points.of([view]).draw, scene.bounds, [view])
    assert whole > 30.0 and subject is not None and subject > 28.0


def test_points_of_more_views_show_another_one_better(scene: Dataset) -> None:
    one, many = (score(Points.of(know_by(scene, n, True).train).draw, scene.bounds, scene.test)[0] for n in (1, 10))
    assert many > 17.0 and many > one + 5.0


def test_the_nearest_point_is_in_front() -> None:
    camera = sphere_views(1, 9)[0].camera
    middle = camera.position + (camera.camera_to_world[:3, :3] @ np.array([0.0, 0.0, -1.0]))
    behind = camera.position + (camera.camera_to_world[:3, :3] @ np.array([0.0, 0.0, -3.0]))
    colors = np.array([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0]], np.float32)
    for order in ([0, 1], [1, 0]):
        positions = np.stack([middle, behind])[order]
        shown = Points(positions, colors[order], np.zeros(2)).draw(camera)
        assert tuple(shown[4, 4]) == (1.0, 0.0, 0.0, 1.0) and not shown[0].any()


def test_no_points_draw_nothing() -> None:
    camera = sphere_views(1, 8)[0].camera
    shown = Points(np.zeros((0, 3)), np.zeros((0, 4), np.float32), np.zeros(0)).draw(camera)
    assert shown.shape == (8, 8, 4) and not shown.any()


def test_gaps_have_the_nearest_value_and_nothing_stays_nothing() -> None:
    picture, is_drawn = np.zeros((32, 32, 4), np.float32), np.zeros((32, 32), bool)
    is_drawn[8:24, 8:24] = True
    is_drawn[10:12, 10:13] = False
    picture[is_drawn] = 1.0
    picture[12, 8:24] = 2.0
    filled = fill_gaps(picture, is_drawn)
    assert (filled[10, 10:13] == 1.0).all() and (filled[11, 11] == 2.0).all()
    assert not filled[:7].any() and not filled[25:].any()


def test_the_mean_colour_is_that_of_the_views(scene: Dataset) -> None:
    shown = show_mean(scene, Setup(Path(), None, "cpu"))(scene.test[0].camera)
    assert shown.shape == (48, 48, 4) and not shown[..., 3].any() and np.ptp(shown[..., 0]) == 0.0
    assert 8.0 < score(lambda _: shown, scene.bounds, scene.test)[0] < 20.0


def test_depth_is_looked_for_beside_the_pictures(tmp_path: Path) -> None:
    assert not has_depth(tmp_path)
    (tmp_path / "depth").mkdir()
    assert not has_depth(tmp_path)
    (tmp_path / "depth" / "train_000.exr").touch()
    assert has_depth(tmp_path)


def test_there_are_rows_of_what_can_be_compared(prior: Path, tmp_path: Path) -> None:
    (tmp_path / "capture" / "depth").mkdir(parents=True)
    (tmp_path / "capture" / "depth" / "v.exr").touch()
    rows = plan(_options(tmp_path), Setup(prior, None, "cpu"))
    found = {(row.data, row.depth, row.views, row.method) for row in rows}
    assert len({row.name for row in rows}) == len(found) == len(rows)
    assert {("procedural", True, 3, "points"), ("capture", True, 1, "points"), ("photos", False, 8, "prior")} <= found
    assert {("procedural, first 4", False, 2, "grid 5 s"), ("photos", False, 100, "grid 15 s")} <= found
    for data, _, views, method in found:
        assert method in METHODS and method != "published"
        assert not (data == "photos" and method == "points")
        assert not (data.startswith("procedural") and (views > 8 or method == "grid 60 s"))
    with_both = plan(_options(tmp_path), Setup(prior, prior, "cpu"))
    assert {row.method for row in with_both} == set(METHODS)


def test_rows_that_are_measured_become_a_result(prior: Path, tmp_path: Path) -> None:
    rows = plan(_options(tmp_path), Setup(prior, None, "cpu"))
    measured: dict[str, Any] = {"data": "photos", "depth": False, "views": 1, "method": "prior", "psnr": 17.04}
    first, second = (row for row in rows if row.data == "photos" and row.method == "prior" and row.views in (1, 2))
    (tmp_path / f"{first.name}.json").write_text(json.dumps(measured | {"subject_psnr": None}))
    (tmp_path / f"{second.name}.json").write_text("null")  # the data has fewer views
    result = collect(rows, tmp_path, "cpu", load_prior(prior), "prior")
    assert [row["psnr"] for row in result["rows"]] == [17.04] and result["prior"]["seed"] == 5
    assert few_views_table([result]).endswith("| photos | no | 1 | 17.0 / - | - |")


def test_goals_stand_beside_the_figures() -> None:
    assert goal_of("lego400", False, 2, {}) == 18.0 and goal_of("lego400", False, 8, {"grid 5 s": 20.0}) is None
    others = {"points": 17.0, "grid 5 s": 18.0, "grid 60 s": 18.5, "mean": 30.0, "prior": 30.0}
    assert goal_of("still-life", True, 1, others) == 20.5 and goal_of("still-life", True, 3, others) == 19.5
    assert goal_of("still-life", True, 8, others) is None and goal_of("still-life", True, 1, {"mean": 9.0}) is None
    assert goal_of("procedural", True, 3, others) == 27.0 and goal_of("procedural", False, 3, others) is None


def test_costs_have_a_line_for_each_number_of_views() -> None:
    row = {"views": 50, "encoding_seconds": 0.1234, "first_seconds": 0.4567, "frame_ms": 12.34}
    table = prior_cost_table([{"size": [400, 400], "device_name": "a card", "rows": [row]}])
    assert table.endswith("| a card | 400x400 | 50 | 0.123 | 0.46 | 12.3 |")
