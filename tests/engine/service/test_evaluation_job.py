"""Held-out views are scored in pieces, as if each were rendered at once."""

from __future__ import annotations

import dataclasses

import pytest

from engine.device import PROFILES
from engine.evaluation.evaluate import evaluate
from engine.link.messages import JobUpdate
from engine.primitives.base import Scores
from engine.primitives.radiance_field.primitive import RadianceFieldPrimitive
from engine.service.jobs import EvaluationJob
from tests.device import TEST_DEVICE
from tests.scenes import sphere_views


def test_views_are_scored_a_band_at_a_time(primitive: RadianceFieldPrimitive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.rendering.bands._MIN_PIXELS", 32)
    monkeypatch.setitem(PROFILES, TEST_DEVICE, dataclasses.replace(PROFILES[TEST_DEVICE], most_band_pixels=32 * 8))
    views = [dataclasses.replace(view, name=f"held out {view.name}", split="test") for view in sphere_views(3, 32)[:2]]
    for view in views:
        primitive.add(view)
    told: list[Scores] = []
    updates: list[JobUpdate] = []
    job = EvaluationJob("scores", primitive, told.append, updates.append)
    job.begin(primitive.viewer())
    pieces = 1
    while job.advance():
        assert not told
        pieces += 1
    assert pieces >= 2 * 4, "a view of 32 rows takes 8 of them at a time"
    stages = [(update.job, update.state, update.done, update.total) for update in updates]
    assert stages == [("scores", "running", 0, 2), ("scores", "running", 1, 2), ("scores", "done", 2, 2)]
    whole = evaluate(primitive.viewer(), views, "black")
    assert list(told[0].items) == [view.name for view in views]
    assert told[0].means == pytest.approx(whole.means, abs=1e-3)
