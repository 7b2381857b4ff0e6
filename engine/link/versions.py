"""What is said where engine and client speak different protocols: which of them is too old, and how it is updated."""

from __future__ import annotations

from typing import Any

import engine
from engine.link import codec
from engine.link.errors import LinkError
from engine.link.messages import PROTOCOL, Problem, Welcome
from engine.link.values import shorten

_CODE = "version"
_UPDATE_ENGINE = "Both must be of one version. Set up the engine again, on the machine that it runs on."
_UPDATE_CLIENT = "Both must be of one version. Update the client: in Blender, the Hashlight extension."
# In the frame that closes a WebSocket there is room for 123 bytes.
CLIENT_TOO_OLD = "the client is too old for this engine: update it (in Blender, the Hashlight extension)"


def find_mismatch(fields: dict[str, Any], *, of_engine: bool) -> Problem | None:
    """What to say to a Welcome (``of_engine``) or Hello with these ``fields``, which may be of any protocol; None where
    it is of this side's, or of none."""
    protocol = fields.get("protocol")
    if type(protocol) is not int or protocol == PROTOCOL:
        return None
    other = f"{shorten(fields.get('version'), 100)} speaks {shorten(protocol)}"
    own = f"{engine.__version__} speaks protocol {PROTOCOL}"
    words = f"the client {own}, the engine {other}" if of_engine else f"the engine {own}, the client {other}"
    is_engine_older = (protocol < PROTOCOL) == of_engine
    older, hint = ("engine", _UPDATE_ENGINE) if is_engine_older else ("client", _UPDATE_CLIENT)
    return Problem(code=_CODE, message=f"{words}: the {older} is too old", hint=hint, fatal=True)


def find_mismatch_in_answer(data: bytes | str) -> Problem | None:
    """What an engine's answer to a Hello says of its version; None where that is the client's.

    An engine of this protocol or a newer one reads every Hello so far as to know its protocol. One that calls the whole
    of it a bad message is older.
    """
    try:
        name, fields = codec.peek(data)
    except LinkError:
        return None
    if name == Welcome.__name__:
        return find_mismatch(fields, of_engine=True)
    if name == Problem.__name__ and fields.get("code") == "bad message":
        own = f"what the client {engine.__version__} (protocol {PROTOCOL}) begins with"
        words = f"the engine can't read {own}: the engine is too old ({shorten(fields.get('message'), 200)})"
        return Problem(code=_CODE, message=words, hint=_UPDATE_ENGINE, fatal=True)
    return None
