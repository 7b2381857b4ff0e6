"""What the charts of a training show of its loss and scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

Import = Callable[[str], ModuleType]


def test_a_long_training_keeps_a_short_even_history(addon: Import) -> None:
    scores = addon("review.scores")
    history = scores.LossHistory()
    for tick in range(20_000):
        history.add(tick * 0.2, 1.0 / (1 + tick))
    seconds = [point[0] for point in history.points]
    assert 100 < len(seconds) <= scores.MAX_POINTS
    assert seconds[0] == 0.0 and seconds[-1] > 0.97 * 4000.0
    gaps = np.diff(seconds)
    assert gaps.max() < 3.0 * np.median(gaps)
    history.add(0.2, 5.0)  # begun anew
    assert list(history.points) == [(0.2, 5.0)]


def test_the_loss_of_a_former_run_is_not_that_of_the_next(addon: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = addon("review.scores")
    monkeypatch.setattr(scores, "loss_history", scores.LossHistory())
    monkeypatch.setattr(scores, "_run", (None, ""))
    engine = addon("session.connecting").LocalEngine("python", Path("/unsaved/scene"))
    session = SimpleNamespace(source=engine, run_name="run")
    scores.note_run(session, SimpleNamespace(run="run", step=0))
    scores.loss_history.add(1.0, 0.5)
    assert list(scores.losses_of(session)) == [(1.0, 0.5)]
    session.run_name = "takes/take-2/run"  # is wanted, and not opened yet
    assert not scores.losses_of(session)
    scores.note_run(session, SimpleNamespace(run="takes/take-2/run", step=0))
    assert not scores.losses_of(session)


def test_the_loss_of_another_files_run_is_not_shown_and_that_of_a_moved_run_is(
    addon: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, local_engine = addon("review.scores"), addon("session.connecting").LocalEngine
    monkeypatch.setattr(scores, "loss_history", scores.LossHistory())
    monkeypatch.setattr(scores, "_run", (None, ""))
    one, moved, other = (
        SimpleNamespace(source=local_engine("python", Path("scenes") / name), run_name="run")
        for name in ("unsaved", "car.hashlight", "boat.hashlight")
    )
    scores.note_run(one, SimpleNamespace(run="run", step=0))
    scores.loss_history.add(1.0, 0.5)
    scores.note_moved(Path("scenes/unsaved"), Path("scenes/car.hashlight"))
    scores.note_run(moved, SimpleNamespace(run="run", step=900))
    assert list(scores.losses_of(moved)) == [(1.0, 0.5)]
    assert not scores.losses_of(other)
    scores.note_run(other, SimpleNamespace(run="run", step=700))
    assert not scores.losses_of(other), "runs of all files are called the same"


def test_a_chart_follows_its_points(addon: Import) -> None:
    draw_chart = addon("review.chart").draw_chart
    color = (1.0, 0.0, 0.0)
    points = [(0.0, 0.0), (1.0, 4.0), (2.0, 1.0)]
    chart = draw_chart(points, color, 100)
    is_line = (chart[..., 0] > 0.9) & (chart[..., 1] < 0.2)
    for (x, _), height in zip(points, (0.0, 1.0, 0.25), strict=True):
        column, row = (round((0.06 + 0.88 * share) * 100) for share in (x / 2.0, height))
        near = is_line[max(row - 4, 0) : row + 4, min(max(column - 2, 7), 90) : min(column + 2, 93)]
        assert near.any(), f"no line at {x}"
    assert is_line.sum() < 0.12 * is_line.size
    assert is_line[:, 10:90].any(axis=0).all(), "the line has gaps"
    assert not ((draw_chart(points[:1], color, 100)[..., 0]) > 0.9).any()


def test_a_chart_of_hardly_any_change_is_level(addon: Import) -> None:
    chart = addon("review.chart").draw_chart([(0.0, 0.831), (1.0, 0.830)], (1.0, 0.0, 0.0), 100)
    rows = np.nonzero(((chart[..., 0] > 0.9) & (chart[..., 1] < 0.2)).any(axis=1))[0]
    assert rows.min() > 40 and rows.max() < 60


# --- with an engine ---------------------------------------------------------------------------------------------------
