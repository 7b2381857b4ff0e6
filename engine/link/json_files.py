"""JSON from outside, read within bounds: a file may be damaged, hostile, or another program's."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from engine.link.values import shorten

# A list of 50,000 views; what a file of this size unpacks to stays below 2 GB, whatever is in it.
MOST_BYTES = 1 << 26


class JsonError(ValueError):
    """What can't be read as JSON. The message says why, but not in which file: that is for who asked for it."""


def read_json(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """The JSON value in a regular file, in UTF-8, or in UTF-16 as some programs on Windows write it. Raises OSError,
    JsonError."""
    if path.exists() and not path.is_file():
        raise JsonError("not a file")
    if (size := path.stat().st_size) > most_bytes:
        raise JsonError(f"{size >> 20} MB, and {most_bytes >> 20} are the most")
    with path.open("rb") as file:
        content = file.read(most_bytes)
    return parse_json(content)


def parse_json(text: str | bytes) -> Any:
    """The JSON value in a text. Raises JsonError, also where an object has a name twice: one would be lost."""
    try:
        return json.loads(text, object_pairs_hook=_require_once)
    except JsonError:
        raise
    except UnicodeDecodeError:
        raise JsonError("not text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise JsonError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise JsonError("nested too deeply") from None
    except ValueError:
        raise JsonError("a number of thousands of digits") from None


def _require_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        name = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise JsonError(f"{shorten(name)} is there twice in one object")
    return values


def read_object(path: Path, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The JSON object in a file. Raises OSError, JsonError."""
    return _require_object(read_json(path, most_bytes))


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object in a text. Raises JsonError."""
    return _require_object(parse_json(text))


def _require_object(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise JsonError(f"expected a JSON object, got {type(values).__name__}")
    return values
