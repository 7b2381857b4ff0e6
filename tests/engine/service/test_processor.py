"""What training leaves of the processor to pictures and scores."""

from __future__ import annotations

import time

import pytest

from engine.service.processor import SharedProcessor


def test_scores_wait_for_training_three_times_as_long_as_they_took(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    processor = SharedProcessor()
    assert processor.may_score
    began, now = now, now + 2.0
    processor.note_score(began)
    now += 5.9
    assert not processor.may_score
    now += 0.2
    assert processor.may_score
