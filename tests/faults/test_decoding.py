"""Mutated messages against the decoder: each is read, or refused by a LinkError in words, within bounded memory."""

from __future__ import annotations

import collections
import resource
import sys

import pytest

from engine.link.codec import decode, encode
from engine.link.errors import LinkError
from engine.link.messages import CLIENT_MESSAGES, ENGINE_MESSAGES
from tests.faults.mutation import FROM_CLIENT, FROM_ENGINE, HELLO, Mutator, encoded
from tests.faults.tally import Tally

MEMORY_BOUND = 1 << 30  # bytes that decoding may add to the process: two messages of the largest legal size


def attack(count: int, seed: int, tally: Tally) -> None:
    """``count`` mutated messages, half of them in each direction."""
    from_engine = Mutator(seed, encoded(FROM_ENGINE))
    from_client = Mutator(seed + 1, encoded((*FROM_CLIENT, HELLO)))
    before, outcomes = _peak(), collections.Counter[str]()
    unhandled: list[str] = []
    for index in range(count):
        mutator, allowed = (from_engine, ENGINE_MESSAGES) if index % 2 else (from_client, CLIENT_MESSAGES)
        wire = mutator.next()
        try:
            message = decode(wire, allowed)
            encode(message)  # what was read can be said again
            outcomes["read"] += 1
        except LinkError as error:
            outcomes["refused"] += 1
            words = str(error)
            if not (0 < len(words) <= 400 and words.isascii() and words.isprintable()):
                unhandled.append(f"the refusal {words!r}")
        except Exception as error:
            unhandled.append(f"{type(error).__name__}: {error!s:.200} for {wire[:300]!r}")
    tally.add("mutated messages decoded", count, lost=len(unhandled))
    assert unhandled == []
    assert min(outcomes["read"], outcomes["refused"]) > count // 100, "the attack reaches both ends"
    assert _peak() - before < MEMORY_BOUND


def _peak() -> int:
    """The most memory that this process has had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def test_a_mutated_message_is_read_or_refused_in_words(tally: Tally) -> None:
    attack(4_000, 1, tally)


@pytest.mark.faults
def test_a_million_mutated_messages_are_read_or_refused_in_words(tally: Tally) -> None:
    attack(1_000_000, 2, tally)
