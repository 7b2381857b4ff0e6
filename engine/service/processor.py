"""How a CPU is shared with Blender, which draws on it and may render on it: when the engine's work rests, and on how
many threads it runs. On a GPU only final pictures and scores wait."""

from __future__ import annotations

import time

from engine.device import PROFILES
from engine.link.messages import RequestFrame

# While training goes on, so much time is left to it for each second spent on a final picture, and on scheduled scores:
# large pictures would take most of the time otherwise.
_TRAINING_SHARE = 3.0
# On a CPU all else rests for so many seconds after a picture of a moving view: the next one is soon wanted, and whoever
# shows this one needs the processor as well. But it never rests longer than the second number.
HOLD_SECONDS = 0.15
_LONGEST_HOLD_SECONDS = 0.5
# On a CPU that the client renders views on, all but pictures of a moving view rests for so many seconds after each
# second of work.
_CAPTURE_REST = 3.0


class SharedProcessor:
    """Asked and told by the device thread alone."""

    def __init__(self) -> None:
        self.is_client_rendering = False  # on this CPU, if it is one
        self._is_shared = False  # with Blender
        self._threads = 1  # of torch, while no other program needs the processor
        self._final_from = self._score_from = self._hold_until = self._rest_until = self._worked_at = 0.0

    def take(self, device: str) -> None:
        """Work on ``device`` from now on."""
        import torch

        self._is_shared = PROFILES[device].shares_processor
        self._threads = torch.get_num_threads()

    @property
    def is_left_to_client(self) -> bool:
        """Whether most of it is left to a client that renders views."""
        return self.is_client_rendering and self._is_shared

    def note_rendering(self, under_way: bool) -> None:
        """The client renders views, or no longer does."""
        self.is_client_rendering, self._rest_until = under_way, 0.0

    def share(self, is_shared: bool) -> None:
        """Where torch's threads wait for each other some hundred times a step or picture, and one of them is not let
        onto the processor because Blender renders or draws there, that takes ten times as long: half of them do."""
        if self._is_shared:
            import torch

            torch.set_num_threads(max(1, self._threads // 2) if is_shared else self._threads)

    def begin_work(self) -> None:
        """Training or a piece of a job begins."""
        self._worked_at = time.monotonic()
        self.share(self.is_client_rendering)

    def end_work(self) -> None:
        """It has ended."""
        self._rest_after(self._worked_at)

    def note_frame(self, request: RequestFrame, began: float) -> None:
        """A picture that was begun at ``began`` is done."""
        now = time.monotonic()
        if request.quality == "moving" and self._is_shared:
            self._hold_until = now + HOLD_SECONDS
        elif request.quality == "final":
            rest = self._rest_after(began)
            self._final_from = now + rest + _TRAINING_SHARE * (now - began + rest)

    def note_score(self, began: float) -> None:
        """A piece of a scheduled evaluation that was begun at ``began`` is done."""
        now = time.monotonic()
        self._score_from = now + _TRAINING_SHARE * (now - began)

    @property
    def may_score(self) -> bool:
        """Whether training has had its share of time since the last piece of a scheduled evaluation."""
        return time.monotonic() >= self._score_from

    def rest_seconds(self) -> float:
        """How long training and jobs are to rest from now on; 0 or less when they may go on."""
        held_until = min(self._hold_until, self._worked_at + _LONGEST_HOLD_SECONDS)
        return max(held_until, self._rest_until) - time.monotonic()

    def seconds_to(self, request: RequestFrame, is_training: bool) -> float:
        """How long ``request`` has to wait from now on: a final picture, until training has had its share of time."""
        return self._final_from - time.monotonic() if request.quality == "final" and is_training else 0.0

    def _rest_after(self, began: float) -> float:
        """After work since ``began``: leave the CPU to a client that renders views on it; returns for how long."""
        if not self.is_left_to_client:
            return 0.0
        now = time.monotonic()
        rest = _CAPTURE_REST * (now - began)
        self._rest_until = now + rest
        return rest
