"""What the demo notes of a run, from the engine's messages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.link.messages import Evaluation


@pytest.fixture
def record_class(monkeypatch: pytest.MonkeyPatch) -> type:
    """The demo's ``Record``; its folder is no package."""
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[1] / "examples" / "still_life")
    monkeypatch.delitem(sys.modules, "record", raising=False)
    from record import Record

    return Record


@pytest.mark.parametrize(
    ("subject_psnr", "is_recognisable"), [([15.0, 21.0], True), ([15.0, 19.9], False), ([None, None], False)]
)
def test_a_field_is_recognisable_when_its_subject_is(
    record_class: type, subject_psnr: list[float | None], is_recognisable: bool
) -> None:
    told: dict[type, Callable[[object, object], None]] = {}
    record = record_class(SimpleNamespace(listen=lambda listeners: told.update(listeners)))
    record.note_captured_view()
    for step, score in enumerate(subject_psnr):
        # Over whole pictures, most of which are empty, the score is high from the first step on.
        told[Evaluation](None, evaluation(step, score, psnr=24.0))
    assert (record.seconds_to_recognisable is not None) == is_recognisable
    if is_recognisable:
        assert record.seconds_to_recognisable == record.history[1]["wall_seconds"]


def evaluation(step: int, subject_psnr: float | None, psnr: float) -> Evaluation:
    scores = {"psnr": psnr, "ssim": 0.9, "subject_psnr": subject_psnr, "subject_ssim": None}
    return Evaluation(step=step, seconds=10.0 * step, scores=scores, items={})
