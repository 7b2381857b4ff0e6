"""What the demo measures: scores over time, and how long each stage took."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from engine.link.messages import Evaluation, Frame, Status
from engine.link.part_files import write_whole
from engine.link.scoring import describe_psnr

RECOGNISABLE = 20.0  # dB of the subject: over whole pictures, empty ones are nearly there


class Record:
    """Listens to the engine. Times are taken when a message is pumped, so they may be late but never early."""

    def __init__(self, registry: ModuleType) -> None:
        self._began = time.monotonic()
        self._first_view_at: float | None = None
        self._score_asked_at = 0.0
        self.history: list[dict[str, Any]] = []
        self.last_evaluation: Evaluation | None = None
        self.status: Status | None = None
        self.frames = 0
        self.stages: dict[str, float] = {}
        registry.listen(((Evaluation, self._note_evaluation), (Status, self._note_status), (Frame, self._note_frame)))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Note how long a stage takes."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.stages[name] = round(time.monotonic() - began, 2)

    @property
    def seconds_to_recognisable(self) -> float | None:
        """Seconds from the moment the first view was handed over to the first mean of 20 dB of the subject in the
        held-out views; None if never."""
        return next((point["wall_seconds"] for point in self.history if _is_recognisable(point)), None)

    @property
    def training_seconds(self) -> float:
        """Seconds of training so far."""
        return 0.0 if self.status is None else self.status.seconds

    @property
    def planned_share(self) -> float:
        """How much of the planned training time is used up, 0 to 1."""
        return 0.0 if self.status is None else self.status.progress or 0.0

    def note_captured_view(self) -> None:
        """A view is about to be handed to the engine: from the first one on, seconds are counted."""
        if self._first_view_at is None:
            self._first_view_at = time.monotonic()

    def wants_score(self, every: float) -> bool:
        """Whether it is time, ``every`` seconds of training after the last time, to see if 20 dB are reached; no more
        once they are. Notes that a score was asked for."""
        has_held_out = self.status is not None and self.status.test_items > 0
        if self.seconds_to_recognisable is not None or not has_held_out:
            return False
        if self.training_seconds - self._score_asked_at < every:
            return False
        self._score_asked_at = self.training_seconds
        return True

    def describe(self) -> str:
        """How it stands, in a few words for a progress bar."""
        words = []
        if self.status is not None:
            words.append(f"{self.status.seconds:.0f} s trained")
        if self.last_evaluation is not None:
            means = _figures(self.last_evaluation)
            words.append(describe_psnr(means["subject_psnr"], means["psnr"]))
        return ", ".join(words)

    def write(self, path: Path, facts: dict[str, Any]) -> None:
        """Write all of it, and ``facts``, as JSON, whole or not at all. Needs at least one evaluation."""
        last, status = self.last_evaluation, self.status
        assert last is not None
        assert status is not None
        summary = facts | {
            **_figures(last),
            "views": last.items,
            "steps": status.step,
            "training_seconds": status.seconds,
            "seconds_to_20db": self.seconds_to_recognisable,
            "history": self.history,
            "preview_frames": self.frames,
            "stages": self.stages,
            "total_seconds": round(time.monotonic() - self._began, 2),
        }
        write_whole(path, json.dumps(summary, indent=1).encode())

    def _note_evaluation(self, _session: object, message: Evaluation) -> None:
        self.last_evaluation = message
        since = 0.0 if self._first_view_at is None else time.monotonic() - self._first_view_at
        point = {"seconds": message.seconds, "wall_seconds": since, "views": len(message.items)}
        self.history.append(point | _figures(message) | {"step": message.step})

    def _note_status(self, _session: object, message: Status) -> None:
        self.status = message

    def _note_frame(self, _session: object, _message: Frame) -> None:
        self.frames += 1


def _is_recognisable(point: dict[str, Any]) -> bool:
    score = point["subject_psnr"]  # None while no view shows it
    return score is not None and score >= RECOGNISABLE


def _figures(scores: Evaluation) -> dict[str, float | None]:
    """The means, by name."""
    return {name: scores.scores.get(name) for name in ("subject_psnr", "subject_ssim", "psnr", "ssim")}
