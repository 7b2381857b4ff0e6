"""Figures in words, also those that nobody has described."""

from __future__ import annotations

from typing import Any

import pytest

from engine.link.codec import decode, encode
from engine.link.errors import LinkError
from engine.link.geometry import Bounds
from engine.link.messages import PluginSpec, RunOpened, Status
from engine.link.metrics import (
    COMMON,
    Grade,
    Metric,
    describe_first,
    describe_metric,
    known_by_weight,
    read_descriptions,
    write_descriptions,
)
from engine.link.scoring import RADIANCE_FIELD_METRICS

ERROR = Metric(label="Mean error", unit="V", digits=3)
GRADED = Metric(label="Overlap", better="higher", grades=(Grade(word="good", least=0.9), Grade(word="fair", least=0.5)))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("subject_psnr", 31.204, "PSNR 31.20 dB (good)"),
        ("steps_per_second", 1298.4, "Steps per second 1298"),
        ("ssim", 0.98765, "SSIM of whole pictures 0.988"),
        ("loss", None, "Loss unknown"),
        ("chamfer_distance", 0.0123456, "Chamfer distance 0.01235"),
    ],
)
def test_a_figure_in_words(name: str, value: float | None, words: str) -> None:
    assert describe_metric(name, value, RADIANCE_FIELD_METRICS) == words


@pytest.mark.parametrize(("value", "words"), [(0.95, "0.95 (good)"), (0.5, "0.5 (fair)"), (0.49, "0.49")])
def test_a_value_below_all_grades_has_no_word(value: float, words: str) -> None:
    assert GRADED.describe(value) == f"Overlap {words}"


def test_the_first_figure_is_the_first_that_is_described_and_known() -> None:
    described = {"overlap": GRADED, "error": ERROR}
    figures = {"own": 1.0, "error": 0.25, "overlap": None}
    assert list(known_by_weight(figures, described)) == ["error", "own"]
    assert describe_first(figures, described) == "Mean error 0.250 V"
    assert describe_first({"own": 1.0}, described) == "Own 1" and describe_first({"own": None}, described) == ""


def test_every_figure_that_is_described_can_be_sent() -> None:
    figures: dict[str, float | None] = dict.fromkeys({**COMMON, **RADIANCE_FIELD_METRICS}, 1.0)
    received = decode(encode(Status(state="training", metrics=figures)), [Status])
    assert isinstance(received, Status) and received.metrics == figures


def test_descriptions_travel_with_the_run() -> None:
    described = {**RADIANCE_FIELD_METRICS, "overlap": GRADED}
    box = Bounds([0.0] * 3, [1.0] * 3)
    opened = RunOpened(run="r", step=0, preset="cpu", primitive=PluginSpec(name="s"), bounds=box, metrics=described)
    received = decode(encode(opened), [RunOpened])
    assert isinstance(received, RunOpened)
    assert list(received.metrics.items()) == list(described.items()), "in the order of their weight"
    assert read_descriptions("metrics", write_descriptions("metrics", described)) == described


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"Mean error": ERROR}, "metrics: expected up to 64 of a-z"),
        ({"error": Metric(label="")}, "metrics.error.label: 0 characters"),
        ({"error": Metric(label="Error", digits=99)}, "metrics.error.digits"),
    ],
)
def test_descriptions_that_can_not_be_sent_are_named(described: dict[str, Any], words: str) -> None:
    with pytest.raises(LinkError, match=words):
        write_descriptions("metrics", described)
