"""What ``make demo`` came to when its figures were last recorded is good enough to be shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.results import RESULTS

DEMOS = sorted(RESULTS.glob("demo-demo-*.json"))


def test_a_demo_is_recorded() -> None:
    assert DEMOS


@pytest.mark.parametrize("path", DEMOS, ids=lambda path: path.stem)
def test_the_recorded_demos_subject_is_good_and_its_frames_are_sharp(path: Path) -> None:
    demo = json.loads(path.read_text("utf-8"))
    assert demo["subject_psnr"] >= 30.0
    assert demo["enlargement"] <= 1.2
