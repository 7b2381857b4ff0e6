"""Held-out views are scored in pieces, as if each were rendered at once."""

from __future__ import annotations

import dataclasses

import pytest

from engine.device import PROFILES
from engine.evaluation.evaluate import Scores, evaluate
from engine.link.messages import JobUpdate
from engine.rendering.renderer import Renderer
from engine.service.jobs import EvaluationJob
from tests.device import TEST_DEVICE
from tests.scenes import sphere_views


def test_views_are_scored_a_band_at_a_time(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.rendering.bands._MIN_PIXELS", 32)
    monkeypatch.setitem(PROFILES, TEST_DEVICE, dataclasses.replace(PROFILES[TEST_DEVICE], most_band_pixels=32 * 8))
    views = sphere_views(3, 32)[:2]
    told: list[Scores] = []
    updates: list[JobUpdate] = []
    job = EvaluationJob("scores", renderer, views, told.append, updates.append)
    pieces = 1
    while job.advance():
        assert not told
        pieces += 1
    assert pieces >= 2 * 4, "a view of 32 rows takes 8 of them at a time"
    stages = [(update.job, update.state, update.done, update.total) for update in updates]
    assert stages == [("scores", "running", 0, 2), ("scores", "running", 1, 2), ("scores", "done", 2, 2)]
    whole = evaluate(renderer, views, "black")
    assert [view.name for view in told[0].views] == [view.name for view in views]
    assert told[0].psnr == pytest.approx(whole.psnr, abs=1e-3) and told[0].ssim == pytest.approx(whole.ssim, abs=1e-4)
