"""Messages to bytes, whatever they hold: one that can't be packed is replaced by words that can."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any, TypeVar

from engine.link import codec
from engine.link.errors import LinkError
from engine.link.messages import Message, Problem, Tagged
from engine.link.ring import RingWriter
from engine.link.values import printable

log = logging.getLogger("hashlight.packing")

_MAX_WORDS = 4000  # characters

P = TypeVar("P", Message, Tagged)


def pack_or_explain(
    message: Message, packing: codec.Packing = codec.RAW, ring: RingWriter | None = None
) -> Sequence[codec.BytesLike]:
    """The parts of ``message``'s bytes; where its texts stand in the way, with those made printable, and else those of
    a Problem that says why it can't be sent. Never raises."""
    try:
        return codec.encode_parts(message, packing, ring)
    except Exception as error:  # whatever it is: who waits for an answer must get one
        is_foreseen = isinstance(error, LinkError)
        log.error("%s can't be sent as it is: %s", type(message).__name__, error, exc_info=not is_foreseen)
        reason = error
    try:
        return codec.encode_parts(_with_printable_texts(message), packing, ring)
    except Exception:
        words = printable(str(reason) or type(reason).__name__, _MAX_WORDS)
        return codec.encode_parts(
            Problem(
                code="unsendable",
                message=f"{type(message).__name__} can't be sent: {words}",
                regarding=_subject_of(message),
                fatal=isinstance(message, Problem) and message.fatal is True,
            )
        )


def _with_printable_texts(part: P) -> P:
    """A message, or a tagged part of one, with its texts made printable."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if isinstance(value, str):
            changes[field.name] = printable(value, _MAX_WORDS)
        elif isinstance(value, Tagged):
            changes[field.name] = _with_printable_texts(value)
    return dataclasses.replace(part, **changes)


def _subject_of(message: Message) -> str:
    """The view, job, run or file that ``message`` is about."""
    named = (getattr(message, name, None) for name in ("regarding", "job", "name", "path", "run"))
    return next((printable(name, 500) for name in named if isinstance(name, str)), "")
