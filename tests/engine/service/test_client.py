"""What a client does while it waits for an engine, and before it sends anything."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from engine.link.client import EngineClient, LinkError, LinkTimeout
from engine.link.messages import SnapshotSaved, Status, Train

pytestmark = pytest.mark.slow

Connect = Callable[..., EngineClient]


def test_status_comes_several_times_a_second(connect: Connect) -> None:
    client = connect()
    started = time.monotonic()
    for _ in range(5):
        client.wait_for(Status, 5)
    assert time.monotonic() - started < 2.5


def test_waiting_in_vain_ends_in_time(connect: Connect) -> None:
    client = connect()
    with pytest.raises(LinkTimeout, match="no SnapshotSaved came"):
        client.wait_for(SnapshotSaved, 0.2)


def test_a_malformed_message_is_refused_before_it_is_sent(connect: Connect) -> None:
    client = connect()
    with pytest.raises(LinkError, match=r"Train\.running"):
        client.send(Train(running="yes"))  # type: ignore[arg-type]
    assert client.is_open
