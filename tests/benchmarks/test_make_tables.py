"""The tables in the docs: made from the results, and up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import make_tables
from benchmarks.demo import take_figures
from benchmarks.results import read_results

REPOSITORY = Path(__file__).resolve().parents[2]
RESULT: dict[str, Any] = {
    "dataset": "lego",
    "size": [400, 400],
    "device_name": "a card",
    "budgets": [{"budget": 5.0, "step": 2000.0, "psnr_black": 33.333, "psnr_white": 32.0}],
    "steps_per_second": 400.0,
    "samples_per_step": 262144,
    "seconds_to_34db": None,
    "frame_ms": {"800x800": 3.04},
    "startup_seconds": 8.0,
    "peak_gpu_memory_bytes": 2**30,
    "versions": {"torch": "2"},
    "train_views": 100,
    "test_views": 200,
    "preset": "gpu",
    "seed": 0,
    "seeds": 1,
}


def test_only_what_is_between_the_markers_changes() -> None:
    page = "before\n<!-- table: quality -->\nold\n<!-- end of table -->\nafter\n"
    filled = make_tables.fill_in(page, {"quality": [RESULT]})
    assert filled.startswith("before\n") and filled.endswith("\nafter\n") and "old" not in filled
    assert "| lego 400x400 | a card | 5 | 2000 | 33.33 | 32.00 |" in filled
    assert make_tables.fill_in(filled, {"quality": [RESULT]}) == filled


def test_figures_within_a_sentence_are_written_too() -> None:
    page = "It takes <!-- figures: fast_capture -->long<!-- end of figures -->, at most."
    filled = make_tables.fill_in(page, read_results())
    assert filled.startswith("It takes <!-- figures: fast_capture -->1/") and filled.endswith(
        "<!-- end of figures -->, at most."
    )
    assert "long" not in filled and "\n" not in filled


def test_missing_figures_are_dashes() -> None:
    assert "| 400.0 | 262144 | - | 3.0 | - | 8.0 | 1.00 |" in make_tables.rates_table([RESULT])


def test_stages_measured_by_older_versions_have_dashes_too() -> None:
    stages = [{"stage": "march", "ms": 1.5, "floor_ms": None}, {"stage": "encode", "ms": 0.0961, "floor_ms": 0.01}]
    table = make_tables.stages_table([RESULT | {"stages": stages}]).splitlines()
    assert table[-2].endswith("| march | 1.500 | - | - | - | - | - | - |")
    assert table[-1].endswith("| encode | 0.096 | - | - | - | 0.010 | - | - |")
    new = {"bytes": 42.5e6, "operations": 1.25e9, "operations_floor_ms": 0.002, "launches": 1.0, "device_ms": 0.05}
    table = make_tables.stages_table([RESULT | {"stages": [stages[1] | new]}]).splitlines()
    assert table[-1].endswith("| encode | 0.096 | 0.050 | 1 | 42.50 | 0.010 | 1.2500 | 0.002 |")


def test_a_demo_is_kept_with_the_scores_of_whole_evaluations() -> None:
    point = {"seconds": 20.0, "step": 700, "subject_psnr": 27.5, "views": 8}
    figures = {"training_seconds": 110.4, "subject_psnr": 30.552, "psnr": 33.0, "enlargement": 1.178, "steps": 3877}
    figures |= {"subject_ssim": 0.9, "ssim": 0.95, "background": "black", "stages": {}, "blender": "5.0.1"}
    views = {"size": [384, 384], "training_views": 48, "held_out_views": 8, "total_seconds": 416.0}
    summary = figures | views | {"device": "cpu", "device_name": "a card", "history": [point, point | {"views": 1}]}
    kept = take_figures(summary)
    assert kept["history"] == [{"seconds": 20.0, "step": 700, "subject_psnr": 27.5}]
    assert kept["versions"]["blender"] == "5.0.1"
    row = make_tables.demo_table([kept]).splitlines()[-1]
    assert row == "| a card | 48 of 384x384 | 110 | 3877 | 30.55 | 33.00 | 1.18 | 6.9 |"


def test_every_budget_of_an_encoding_has_a_row() -> None:
    figures = {"seconds": 15.0, "steps_per_second": 31.25, "psnr_black": 27.004, "subject_psnr": None}
    row = {"encoding": "nerf", "network": "10 octaves", "budgets": [figures, figures | {"subject_psnr": 20.0}]}
    result = RESULT | {"rows": [row], "speedup": 97.4}
    lines = make_tables.encodings_table([result]).splitlines()
    assert lines[2].endswith("| a card | nerf | 10 octaves | 15 | 31.2 | 27.00 | - |") and lines[3].endswith("20.00 |")
    assert lines[5].endswith("](images/encodings-lego-a-card.svg)") and " 97 times " in lines[7]
    assert make_tables.encodings_table([result | {"speedup": None}]).splitlines() == lines[:6]


def test_spreads_stand_beside_their_figure() -> None:
    row = {"ms": 100.0, "ratio": 5.04, "ratio_spread": [4.9, 5.26]}
    stage = {"stage": "whole step", "ms": 20.0, "twin": row, "tuned": {"ms": 50.0, "ratio": 2.5}}
    table = make_tables.twins_table([RESULT | {"stages": [stage]}])
    assert table.endswith("| whole step | 20.00 | 100.00 | 5.0 (4.9 to 5.3) | 50.00 | 2.5 |")


def test_the_worst_seed_and_what_went_wrong_are_told() -> None:
    runs = [{"seed": seed, "psnr": psnr, "trouble": None} for seed, psnr in enumerate((31.0, 29.0, 30.0))]
    runs[1]["trouble"] = "loss nan at step 64"
    table = make_tables.stability_table([RESULT | {"seconds": 5.0, "runs": runs}])
    assert table.endswith("| 5 | 3 | 29.00 | 30.00 | 31.00 | seed 1: loss nan at step 64 |")


@pytest.mark.parametrize(
    "page",
    [
        "<!-- table: quality -->\nno end",
        "<!-- table: lies -->\n<!-- end of table -->",
        "<!-- figures: quality --><!-- end of figures -->",
    ],
)
def test_bad_markers_are_refused(page: str) -> None:
    with pytest.raises(ValueError, match=r"end of table|lies|no figures"):
        make_tables.fill_in(page, {"quality": [RESULT]})


def test_the_page_is_up_to_date() -> None:
    command = [sys.executable, "-m", "benchmarks.make_tables", "--check"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_contention_is_told_as_a_factor_of_the_time_alone() -> None:
    result = {"device_name": "a card", "size": [400, 400], "samples": 256, "steps": 120}
    result |= {"alone_s": [[2.0, 4.0], [3.0, 7.0]], "training_s": [5.0, 7.0]}
    row = make_tables.TABLES["contention"][1]([result]).splitlines()[-1]
    assert row == "| a card | 400x400, 256 samples | 3.00 to 5.00 | 6.00 | 1.50 | 120 |"


def test_colors_are_told_for_each_view_transform() -> None:
    views = [{"view_transform": "AgX", "pixels": 4000, "baked": 2.345, "field": 2.3}]
    row = make_tables.TABLES["colors"][1]([{"device_name": "a card", "views": views}]).splitlines()[-1]
    assert row == "| a card | AgX | 4000 | 2.35 | 2.30 |"
