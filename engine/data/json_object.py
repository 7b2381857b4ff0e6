"""JSON files of datasets, read within bounds: every value is of the type and size that is asked for, or refused."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.data.dataset import DatasetError
from engine.data.loose_json import read_loosely
from engine.data.other_formats import describe_file
from engine.link.json_files import JsonError, read_object
from engine.link.values import ANY, Limits, ValueRefused, finite, shorten

MAX_ITEMS = 65_536
MAX_TEXT_LENGTH = 4096
_OFF = {"", "0", "false", "no", "none", "off"}


class JsonObject:
    """A JSON object, and which of its values were asked for. null counts as not there, everywhere.

    ``where`` names it in errors. ``is_loose``: it was read without comments and commas that no JSON has.
    All methods raise DatasetError that names the value at fault.
    """

    def __init__(self, values: Any, where: str, is_loose: bool = False) -> None:
        if not isinstance(values, dict):
            raise DatasetError(f"{where}: expected a JSON object, got {type(values).__name__}")
        self.where = where
        self.is_loose = is_loose
        self._values: Mapping[str, Any] = {name: value for name, value in values.items() if value is not None}
        self._used: set[str] = set()
        self._spellings: dict[str, list[str]] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def get(self, name: str) -> Any:
        """The value as it stands, None where there is none."""
        self._used.add(name)
        return self._values.get(name)

    def peek(self, name: str) -> Any:
        """The same, without counting as having asked for it."""
        return self._values.get(name)

    def spelled(self, names: Sequence[str]) -> list[str]:
        """The names of what is there that are one of ``names`` but for case and what stands between words: those
        that are exactly so first, in the order of ``names``."""
        if self._spellings is None:
            self._spellings = {}
            for name in self._values:
                self._spellings.setdefault(name_key(name), []).append(name)
        exact = [name for name in names if name in self._values]
        others = [name for wanted in names for name in self._spellings.get(name_key(wanted), ())]
        return list(dict.fromkeys(exact + others))

    def number(self, name: str, limits: Limits = ANY) -> float | None:
        """A finite number within ``limits``."""
        value = self.get(name)
        return None if value is None else self._finite(name, value, limits)

    def numbers(self, name: str, limits: Limits = ANY) -> list[float] | None:
        """A list of finite numbers within ``limits``."""
        values = self._list(name)
        return None if values is None else [self._finite(name, value, limits) for value in values]

    def matrix(self, name: str, side: int = 0) -> npt.NDArray[np.float64] | None:
        """A list of lists of as many finite numbers each: float64 [rows, columns]. With ``side``, a list of side^2
        numbers is a square matrix, row by row."""
        rows = self._list(name)
        if rows is None:
            return None
        if side and len(rows) == side**2 and not any(isinstance(row, list) for row in rows):
            return np.array([self._finite(name, value) for value in rows], dtype=np.float64).reshape(side, side)
        if not all(isinstance(row, list) for row in rows) or len({len(row) for row in rows}) > 1:
            raise self.refuse(name, "expected rows of as many numbers each", rows)
        return np.array([[self._finite(name, value) for value in row] for row in rows], dtype=np.float64)

    def text(self, name: str) -> str | None:
        """Text of a bounded length."""
        value = self.get(name)
        return None if value is None else self._text(name, value)

    def texts(self, name: str) -> list[str] | None:
        """A list of texts."""
        values = self._list(name)
        return None if values is None else [self._text(name, value) for value in values]

    def flag(self, name: str) -> bool:
        """Whether a switch is on: true, or a number or text that says so. Off where there is none."""
        return is_on(self.get(name))

    def objects(self, name: str) -> list[Any] | None:
        """A list, whose items are not looked at."""
        return self._list(name)

    def unused(self) -> list[str]:
        """The names of values that were not read, in order."""
        return [name for name in self._values if name not in self._used]

    def refuse(self, name: str, why: str, value: Any) -> DatasetError:
        """An error for the value called ``name``."""
        shown = repr(shorten(value)) if isinstance(value, str) else shorten(value)
        return DatasetError(f"{self.where}: {shorten(name)}: {why}, got {shown}")

    def _finite(self, name: str, value: Any, limits: Limits = ANY) -> float:
        if isinstance(value, str):
            raise self.refuse(name, "expected a number", value)
        try:
            return finite(value, limits)
        except ValueRefused as error:
            raise DatasetError(f"{self.where}: {name}: {error}") from None

    def _text(self, name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self.refuse(name, "expected text", value)
        if len(value) > MAX_TEXT_LENGTH:
            raise DatasetError(f"{self.where}: {name}: {len(value)} characters exceed {MAX_TEXT_LENGTH}")
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise self.refuse(name, "expected printable text", value)
        return value

    def _list(self, name: str) -> list[Any] | None:
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self.refuse(name, "expected a list", value)
        if len(value) > MAX_ITEMS:
            raise DatasetError(f"{self.where}: {name}: {len(value)} items exceed {MAX_ITEMS}")
        return value


@functools.lru_cache(maxsize=1024)  # the frames of a list say the same names
def name_key(name: str) -> str:
    """What is left of a name where programs spell it in different ways: its letters and digits, in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_on(value: Any) -> bool:
    """Whether a JSON value says that something is switched on."""
    if isinstance(value, str):
        return value.strip().lower() not in _OFF
    return bool(value)


def read_json_object(path: Path) -> JsonObject:
    """Read a file that holds a JSON object. Raises DatasetError that names the file and the line."""
    try:
        values = read_object(path)
    except OSError as error:
        raise DatasetError(f"{path}: can't be read ({error.strerror or error})") from None
    except JsonError as error:
        if (what := describe_file(path)) is not None:
            raise DatasetError(f"{path}: not a list of views: {what}") from None
        corrected, cause = read_loosely(path) if path.is_file() else (None, "")
        if corrected is None:
            raise DatasetError(f"{path}: not a usable JSON file ({cause or error})") from None
        return JsonObject(corrected, str(path), is_loose=True)
    return JsonObject(values, str(path))
