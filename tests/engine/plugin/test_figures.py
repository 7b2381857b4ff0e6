"""Figures that can't be told: a run goes on without them, or says which they are, and always tells how it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from engine.link import codec
from engine.link.file_lock import beside, is_held
from engine.link.messages import (
    ENGINE_MESSAGES,
    Evaluation,
    EvaluationSpec,
    Message,
    OpenRun,
    PluginSpec,
    Split,
    StartJob,
    Status,
    Train,
)
from engine.primitives import registry
from engine.primitives.base import DataError, Scores
from engine.primitives.item_primitive import Item
from engine.service.session import Session
from tests.device import TEST_DEVICE
from tests.engine.plugin import signal
from tests.engine.plugin.packages import install
from tests.engine.plugin.signal import Signal, SignalKind

REQUEST = OpenRun(run="run", primitive=PluginSpec(name="signal"))
TOO_MANY = {f"figure_{number}": 1.0 for number in range(63)}  # with loss and steps_per_second 65


class MeasuredSignal(Signal):
    """One with a loss, and with the figures that a test wants."""

    told: ClassVar[Mapping[str, float]] = {}

    def loss(self) -> float:
        return float(np.mean([self.score(self.viewer(), item)["mean_error"] for item in self.held("train")] or [0.0]))

    def figures(self) -> dict[str, float]:
        return {**self.told}


class MeasuredKind(SignalKind):
    build = staticmethod(MeasuredSignal)


MEASURED = MeasuredKind()


@pytest.fixture
def posted() -> list[Message]:
    return []


@pytest.fixture
def open_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, posted: list[Message]
) -> Iterator[Callable[[], Session]]:
    """Opens a run of such a signal."""
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "hashlight-signal", f"signal = {__name__}:MEASURED")
    registry._all_kinds.cache_clear()
    opened: list[Session] = []

    def open_one() -> Session:
        opened.append(Session(REQUEST, tmp_path / "root", TEST_DEVICE, posted.append))
        return opened[-1]

    yield open_one
    for session in opened:
        session._lock.release()
    registry._all_kinds.cache_clear()


def add(session: Session, split: Split, *values: float) -> None:
    session._primitive.add(Item(split, split, torch.tensor(values)[:, None]))


def as_read(message: Message) -> Any:
    """What a client reads."""
    return codec.decode(codec.encode(message), ENGINE_MESSAGES)


def test_nan_and_infinity_are_told_as_unknown(
    open_session: Callable[[], Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MeasuredSignal, "told", {"noise": np.inf, "waves": 8, "rate": np.float32(0.5)})
    session = open_session()
    add(session, "train", 0.5, np.nan)
    session.train(Train(running=True, steps=2))
    session.step()
    session.step()
    told: Status = as_read(session.status())
    assert told.step == 2 and told.metrics["loss"] is None
    assert [told.metrics[name] for name in ("noise", "waves", "rate")] == [None, 8.0, 0.5]


def test_so_are_scores(open_session: Callable[[], Session], posted: list[Message]) -> None:
    session = open_session()
    add(session, "test", 0.5, np.nan)
    session.start_job(StartJob(job="scores", specification=EvaluationSpec()))
    while session.has_job:
        session.advance_job()
    (told,) = (as_read(message) for message in posted if isinstance(message, Evaluation))
    assert told.scores == {"mean_error": None} and told.items == {"test": {"mean_error": None}}
    assert session._history.recent[0]["mean_error"] is None


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"Mean": 1.0}, "figures of a signal: expected up to 64 of a-z, 0-9 and _, a letter first, got Mean"),
        (TOO_MANY, "figures of a signal: 65 items exceed 64"),
        ({"mean": "high"}, "figures of a signal.mean: expected a number"),
    ],
)
def test_others_are_named_by_the_step_that_brings_them_and_the_status_is_told_all_the_same(
    open_session: Callable[[], Session], monkeypatch: pytest.MonkeyPatch, figures: Mapping[str, Any], words: str
) -> None:
    session = open_session()
    add(session, "train", 0.5, 0.25)
    session.train(Train(running=True, steps=1))
    monkeypatch.setattr(MeasuredSignal, "told", figures)
    with pytest.raises(DataError, match=words):
        session.step()
    assert as_read(session.status()).step == 1


def test_a_run_that_can_not_be_opened_for_them_is_not_held(
    open_session: Callable[[], Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MeasuredSignal, "told", {"Mean": 1.0})
    with pytest.raises(DataError, match="figures of a signal"):
        open_session()
    assert not is_held(beside(tmp_path / "root" / "run"))


@pytest.mark.parametrize("name", ["step", "seconds", "views", "Mean error"])
def test_a_score_has_a_name_that_messages_and_the_history_can_hold(name: str) -> None:
    with pytest.raises(DataError, match=name):
        Scores({name: 1.0}, {})
    with pytest.raises(DataError, match="scores of a: expected up to 64"):
        Scores({}, {"a": {"Mean error": 1.0}})


def test_a_kind_of_primitive_is_a_page_of_code() -> None:
    assert len(Path(signal.__file__).read_text(encoding="utf-8").splitlines()) < 80
