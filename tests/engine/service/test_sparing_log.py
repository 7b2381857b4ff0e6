"""A log of which a flood of one event takes a line or two."""

from __future__ import annotations

import logging

import pytest

from engine.service import sparing_log
from engine.service.sparing_log import SparingLog


def test_of_a_flood_the_first_is_told_and_later_how_many_there_were(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(sparing_log.time, "monotonic", lambda: now)
    log = SparingLog(logging.getLogger("flooded"))
    for number in range(1000):
        log.warn(f"bad message {number}")
    assert caplog.messages == ["bad message 0"]
    now += 6.0
    log.warn("bad message 1000")
    assert caplog.messages[1:] == ["bad message 1000 (and 999 before it)"]
