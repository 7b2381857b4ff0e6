"""Fields learnt from noisy captures: means over scenes, and their table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from benchmarks import make_tables
from benchmarks.render_noise import means
from benchmarks.results import read_results


def run(scene: str, samples: int, views: int, seconds: float, score: float) -> dict[str, Any]:
    kind = {"scene": scene, "samples": samples, "denoised": False, "views": views}
    return kind | {"render_seconds": seconds, "subject_psnr": score}


RUNS = [run("demo", 64, 24, 40.0, 27.0), run("room", 64, 24, 60.0, 25.0), run("demo", 16, 48, 30.0, 28.0)]


def test_means_are_over_the_scenes_of_one_kind_of_capture() -> None:
    first, second = means(RUNS)
    assert (first["samples"], first["scenes"], first["render_seconds"], first["subject_psnr"]) == (64, 2, 50.0, 26.0)
    assert (second["views"], second["scenes"], second["subject_psnr"]) == (48, 1, 28.0)


def test_the_table_goes_by_render_time_so_that_equal_times_are_neighbours() -> None:
    result = {"dataset": "scenes", "size": [128, 128], "device_name": "a card", "runs": RUNS, "means": means(RUNS)}
    lines = make_tables.noise_table([result]).splitlines()
    assert lines[2] == "| scenes 128x128 | a card | 16 | no | 48 | 30.0 | 28.00 | demo 28.00 |"
    assert lines[3] == "| scenes 128x128 | a card | 64 | no | 24 | 50.0 | 26.00 | demo 27.00, room 25.00 |"


def test_figures_of_fast_capture_are_those_of_the_results() -> None:
    kinds = [
        (16, True, 16, 7.0, 23.3),
        (16, True, 8, 3.5, 21.8),
        (16, False, 16, 6.0, 22.9),
        (256, False, 16, 87.0, 23.5),
    ]
    runs = [run("demo", samples, views, *figures) | {"denoised": den} for samples, den, views, *figures in kinds]
    cost = "1/12 of the time of 256 samples, for 0.2 dB (0.6 dB where Blender has no denoiser)"
    assert make_tables.fast_capture_words([{"means": means(runs)}]) == f"{cost}; half as many views cost 1.5 dB"


def test_the_tooltip_says_what_was_measured() -> None:
    source = Path(__file__).resolve().parents[2] / "blender_addon" / "capture" / "fast_capture.py"
    said = re.search(r'^MEASURED = "(.*)"', source.read_text("utf-8"), re.MULTILINE)
    assert said is not None
    assert make_tables.fast_capture_words(read_results()["noise"]).startswith(f"{said[1]} ("), "measured anew"
