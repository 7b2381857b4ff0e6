"""Values from outside: numbers held to stated limits, and anything at all quoted in messages."""

from __future__ import annotations

import dataclasses
import math
import numbers
import re
import reprlib
from typing import Any

_UNPRINTABLE = re.compile(r"[^ -~]")
_UNSENDABLE = re.compile("[\\0-\\x08\\x0b-\\x1f\\x7f\\ud800-\\udfff]")


class ValueRefused(ValueError):
    """A value that can't be used; the message says what was expected and what came."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """The range of a number, both ends included: written behind its type, ``Annotated[float, Limits(0.0, 240.0)]``."""

    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.least:.10g}..{self.most:.10g}"


# What a number may be where nothing narrower is said: wide enough for any scene, and a product of several still finite.
ANY = Limits(-1e30, 1e30)


def finite(value: Any, limits: Limits = ANY) -> float:
    """``value`` as a float within ``limits``. Raises ValueRefused: for text, booleans, NaN, infinity, and whole numbers
    too large for a float."""
    if type(value) is float and limits.least <= value <= limits.most:
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueRefused(f"expected a number, got {quoted(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueRefused(f"expected a finite number, got {shorten(value)}")
    if not limits.least <= number <= limits.most:
        raise ValueRefused(f"{shorten(value)} is outside {limits}")
    return number


def whole(value: Any, limits: Limits) -> int:
    """``value`` as an int within ``limits``. Raises ValueRefused, for 2.0 too."""
    if type(value) is int and limits.least <= value <= limits.most:
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ValueRefused(f"expected a whole number, got {quoted(value)}")
    if not limits.least <= int(value) <= limits.most:
        raise ValueRefused(f"{shorten(value)} is outside {limits}")
    return int(value)


def shorten(value: Any, limit: int = 60) -> str:
    """``value`` for an error message: printable ASCII, of at most ``limit`` characters, however large or deep it is."""
    text = value if isinstance(value, str) else _quote(value, limit)
    text = _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 3] + "..."


def quoted(value: Any) -> str:
    """A value that is no number, shortened: a text in quotes, for it may look like one."""
    return f"'{shorten(value)}'" if isinstance(value, str) else shorten(value)


def printable(text: str, limit: int) -> str:
    """``text`` as a message may hold it: NUL, other control characters but line ends, and halves of characters are
    escaped, and no more than ``limit`` characters are left."""
    text = _UNSENDABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text[:limit])
    return text if len(text) <= limit else text[: limit - 3] + "..."


def one_line(text: str, limit: int) -> str:
    """``text`` for a line of a log: printable, without line ends."""
    return " ".join(printable(text, limit).split())


class _Quoting(reprlib.Repr):
    """``repr`` bounded in length and depth."""

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to write very long whole numbers."""
        return super().repr_int(x, level) if x.bit_length() < 4096 else "a number of over 1000 digits"


def _quote(value: Any, limit: int) -> str:
    quoting = _Quoting()
    quoting.maxlevel = 3
    quoting.maxstring = quoting.maxother = quoting.maxlong = limit
    return quoting.repr(value)
