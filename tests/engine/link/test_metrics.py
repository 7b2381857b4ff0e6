"""Figures in words, also those that nobody has words for."""

from __future__ import annotations

import pytest

from engine.link.codec import decode, encode
from engine.link.messages import Status
from engine.link.metrics import METRICS, describe_metric


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("subject_psnr", 31.204, "PSNR 31.20 dB"),
        ("steps_per_second", 1298.4, "Steps per second 1298"),
        ("ssim", 0.98765, "SSIM of whole pictures 0.988"),
        ("loss", None, "Loss unknown"),
        ("chamfer_distance", 0.0123456, "Chamfer distance 0.01235"),
    ],
)
def test_a_figure_in_words(name: str, value: float | None, words: str) -> None:
    assert describe_metric(name, value) == words


def test_every_figure_that_there_are_words_for_can_be_sent() -> None:
    figures: dict[str, float | None] = dict.fromkeys(METRICS, 1.0)
    received = decode(encode(Status(state="training", metrics=figures)), [Status])
    assert isinstance(received, Status) and received.metrics == figures
