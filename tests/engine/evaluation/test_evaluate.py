"""Scoring of views: the compositing convention, means, and the report."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data.views import View
from engine.evaluation.curve import draw_curve, nice_ticks
from engine.evaluation.evaluate import evaluate, mean_psnr, score_view, truth_on
from engine.evaluation.report import HistoryPoint, error_picture, read_history, write_report
from engine.link.color import encode_srgb
from tests.engine.data.scenes import render_sphere, sphere_view
from tests.engine.rendering.sphere_renderer import SphereRenderer


@pytest.mark.parametrize("color_space", ["linear", "srgb"])
@pytest.mark.parametrize("background", ["black", "white"])
def test_a_perfect_renderer_scores_to_the_rounding_of_the_truth(color_space: Any, background: Any) -> None:
    views = [sphere_view(index, 3, color_space) for index in range(3)]
    scores = evaluate(SphereRenderer(color_space), views, background)
    assert scores.psnr > 55 and scores.ssim > 0.999
    assert list(scores.by_view) == ["view_000", "view_001", "view_002"]


def test_masked_pixels_are_not_scored() -> None:
    view = sphere_view(0, 3, "srgb", size=40)
    assert view.depth is not None
    view.depth[10:20, 10:20] = -np.inf
    view.color[10:20, 10:20] = [255, 0, 255, 255]  # somebody passes by
    masked = evaluate(SphereRenderer("srgb"), [view], "black")
    assert masked.psnr > 55 and masked.ssim > 0.999
    assert masked.subject_psnr is not None and masked.subject_psnr > 50
    assert mean_psnr(SphereRenderer("srgb"), [view])["black"] == pytest.approx(masked.psnr, abs=0.1)


def test_linear_fields_are_compared_after_srgb_encoding() -> None:
    view = sphere_view(0, 3, "linear")
    score = score_view(SphereRenderer("linear", brightness=0.5), view, "black")
    truth = np.clip(view.color[..., :3].astype(np.float64), 0, 1)
    error = encode_srgb(0.5 * truth).astype(np.float64) - encode_srgb(truth)
    assert score.psnr == pytest.approx(-10 * math.log10((error**2).mean()), abs=0.02)


def test_srgb_compositing_on_white_follows_the_benchmark() -> None:
    view = sphere_view(0, 3, "srgb")
    view.color[0, 0] = [200, 100, 0, 128]
    alpha = 128 / 255
    expected = np.array([200, 100, 0]) / 255 * alpha + (1 - alpha)
    np.testing.assert_allclose(truth_on(view, "white")[0, 0], expected, atol=1e-6)


def test_the_quick_mean_agrees_with_the_full_evaluation() -> None:
    renderer, views = SphereRenderer("srgb", brightness=0.8), [sphere_view(index, 3, "srgb") for index in range(3)]
    quick = mean_psnr(renderer, views)
    for background in ("black", "white"):
        assert quick[background] == pytest.approx(evaluate(renderer, views, background).psnr)


def test_without_keeping_pictures_only_figures_remain() -> None:
    scores = evaluate(SphereRenderer(), [sphere_view(0, 3)], "black", keep_images=False)
    assert scores.views[0].prediction is None


def test_the_subjects_score_does_not_depend_on_how_empty_pictures_are() -> None:
    near = sphere_view(0, 3, size=160)
    half = dataclasses.replace(near.camera, fx=near.camera.fx / 2, fy=near.camera.fy / 2)
    color, depth = render_sphere(half)
    far = View("far", half, color.astype(np.float16), "linear", depth)
    full, empty = (score_view(SphereRenderer(brightness=0.7), view, "black") for view in (near, far))
    assert empty.psnr == pytest.approx(full.psnr + 6.0, abs=0.1), "four times as much of nothing"
    assert empty.subject_psnr == pytest.approx(full.subject_psnr, abs=0.3), "its margin is a larger share of it"


def test_a_view_that_shows_nothing_has_no_score_of_the_subject() -> None:
    views = [sphere_view(0, 3), sphere_view(1, 3)]
    away = views[1].camera.camera_to_world.copy()
    away[:3, 3] += 100.0 * away[:3, 0]
    camera = dataclasses.replace(views[1].camera, camera_to_world=away)
    color, depth = render_sphere(camera)
    views[1] = View("away", camera, color.astype(np.float16), "linear", depth)
    scores = evaluate(SphereRenderer(brightness=0.7), views, "black")
    assert scores.views[1].subject_psnr is None and "subject_psnr" not in scores.by_view["away"]
    assert scores.subject_psnr == scores.views[0].subject_psnr
    assert scores.psnr > 50, "while over whole pictures it counts as perfect"


def test_what_lies_outside_the_bounds_does_not_count() -> None:
    view = sphere_view(0, 3)
    clean = score_view(SphereRenderer(brightness=0.9), view, "black")
    wall = view.color[..., 3] == 0
    view.color[wall] = 1.0
    view.depth[wall] = 50.0
    score = score_view(SphereRenderer(brightness=0.9), view, "black")
    assert score.psnr < 5
    assert score.subject_psnr == pytest.approx(clean.subject_psnr, abs=2.0)
    assert score.subject_ssim > 0.9 > score.ssim


def test_flip_is_only_there_when_asked_for() -> None:
    pytest.importorskip("flip_evaluator")
    view = sphere_view(0, 3)
    assert "subject_flip" not in score_view(SphereRenderer(brightness=0.7), view, "black").figures
    assert 0.0 < score_view(SphereRenderer(brightness=0.7), view, "black", with_flip=True).subject_flip < 1.0


class TestReport:
    def write(self, path: Path, history: list[HistoryPoint], views: int = 3) -> str:
        scores = evaluate(SphereRenderer(brightness=0.7), [sphere_view(i, views) for i in range(views)], "black")
        write_report(path, title="A <run>", history=history, scores=scores, facts={"device": "cpu & more", "steps": 12})
        return path.read_text(encoding="utf-8")

    def test_holds_everything_and_fetches_nothing(self, tmp_path: Path) -> None:
        page = self.write(tmp_path / "report.html", [HistoryPoint(1, 20), HistoryPoint(5, 25.5)])
        assert page.count("data:image/webp;base64,") == 9
        assert "<polyline" in page and "training time, seconds" in page and "cpu &amp; more" in page
        assert "A &lt;run&gt;" in page and "view_002" in page
        assert not re.search(r"(src|href)=\"(?!data:)|url\(|@import|<script", page)
        assert [path.name for path in tmp_path.iterdir()] == ["report.html"]

    def test_says_how_good_the_subject_is_in_a_word(self, tmp_path: Path) -> None:
        page = self.write(tmp_path / "report.html", [])
        assert re.search(r"<b>\d\d\.\d\d dB</b><span>PSNR of the subject: (blurred|soft|good|very good)</span>", page)
        assert "PSNR of whole pictures on black" in page

    def test_without_history_there_is_no_curve(self, tmp_path: Path) -> None:
        assert "<svg" not in self.write(tmp_path / "report.html", [])

    def test_many_views_are_thinned(self, tmp_path: Path) -> None:
        page = self.write(tmp_path / "report.html", [], views=40)
        assert page.count("<figure>") == 3 * 24 and "24 of 40 views" in page

    def test_error_picture_runs_from_black_to_pale(self) -> None:
        truth = np.zeros((1, 3, 3), np.uint8)
        prediction = np.array([[[0, 0, 0], [0, 32, 0], [200, 0, 0]]], np.uint8)
        low, middle, high = error_picture(prediction, truth)[0].astype(int).sum(axis=-1)
        assert low < 10 < middle < high and high > 600


def test_the_history_is_that_of_the_subject_where_it_was_scored() -> None:
    former = {"seconds": 1.0, "psnr": 30.0, "ssim": 0.9}
    later = {"seconds": 2.0, "psnr": 31.0, "ssim": 0.9, "subject_psnr": 24.0}
    assert read_history([former, later]) == [HistoryPoint(2.0, 24.0)]
    assert read_history([former, {"seconds": 3.0, "psnr": None}]) == [HistoryPoint(1.0, 30.0)]
    assert read_history([]) == []


@pytest.mark.parametrize(("low", "high"), [(0.0, 90.0), (19.2, 31.7), (25.0, 25.0), (0.0, 0.003)])
def test_ticks_are_even_and_enclose_the_range(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 9
    np.testing.assert_allclose(np.diff(ticks), ticks[1] - ticks[0])


def test_curve_leaves_out_what_is_not_finite() -> None:
    assert draw_curve([]) == draw_curve([(1.0, math.inf)]) == ""
    assert draw_curve([(1.0, 20.0), (2.0, math.inf), (3.0, 22.0)]).count("<circle") == 2
