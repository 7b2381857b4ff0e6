"""JSON as people write it by hand: with comments, and with commas before a closing bracket."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from engine.link.json_files import JsonError, parse_object

_MOST_BYTES = 1 << 23  # of what was written by hand
_TEXT = r'"(?:[^"\\]++|\\.)*+(?:"|\Z)'  # to the end where it has none, so that nothing is looked at twice
_COMMENTS = re.compile(rf"{_TEXT}|//[^\n]*+|/\*.*?(?:\*/|\Z)|\#[^\n]*+", re.DOTALL)
_COMMAS = re.compile(rf"{_TEXT}|,(?=\s*+[}}\]])", re.DOTALL)
_CAUSES = (
    (re.compile(r"[\[{,:]\s*+'"), "names and texts go in double quotes, not in single ones"),
    (re.compile(r"[\[,:]\s*+(True|False|None)\b"), "true, false and null are written so, not as in Python"),
    (re.compile(r'[\[{,]\s*+[A-Za-z_]\w*+\s*+:'), "names go in double quotes"),
)  # fmt: skip


def read_loosely(path: Path) -> tuple[dict[str, Any] | None, str]:
    """The object in a file that would be JSON without its comments and last commas; else None, and what is wrong with
    it as far as that is seen, "" where it isn't. Raises OSError."""
    if path.stat().st_size > _MOST_BYTES:
        return None, ""
    content = path.read_bytes()
    try:
        text = content.decode(json.detect_encoding(content))
    except UnicodeDecodeError:
        return None, ""
    if not text.strip():
        return None, "the file is empty"
    plain = _COMMAS.sub(_blank, _COMMENTS.sub(_blank, text))
    try:
        return parse_object(plain), ""
    except JsonError as error:
        without_texts = re.sub(_TEXT, '""', plain)
        cause = next((words for pattern, words in _CAUSES if pattern.search(without_texts)), "")
        return None, f"{error}{cause and f': {cause}'}"


def _blank(found: re.Match[str]) -> str:
    """What is left of a comment or comma, so that all else stays in its place."""
    text = found[0]
    return text if text[0] == '"' else re.sub(r"[^\n]", " ", text)
