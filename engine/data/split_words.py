"""What says of pictures whether they are for training or for testing: words, in names and in values."""

from __future__ import annotations

import re
from typing import Any

from engine.data.json_object import JsonObject, name_key
from engine.data.picture_finder import fold
from engine.link.messages import Split

_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing", "tests"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "eval", "evaluation", "holdout", "heldout"), "validation"),
}
# Of a frame, whose value is such a word; as is what follows, in whatever case and with whatever between words.
_FIELDS = ("split", "set", "subset", "partition", "phase", "type", "usage", "datasplit")
_SWITCHES = {  # of a frame; "valid" says another thing there
    **dict.fromkeys(("istrain", "train", "istraining"), "train"),
    **dict.fromkeys(("istest", "test", "isval", "val", "iseval", "eval", "isvalidation"), "test"),
    **dict.fromkeys(("heldout", "isheldout", "holdout", "isholdout"), "test"),
}

_BETWEEN_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")  # as in testFilenames
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


def words_of(name: str) -> list[str]:
    """The words that a name is made of, in lower case."""
    return re.split(r"[^a-z0-9]+", fold(_BETWEEN_WORDS.sub("_", name)))


def part_of(name: str) -> str | None:
    """Which split a name speaks of: "train", "test" or "validation"."""
    parts = {_WORDS[word] for word in words_of(name) if word in _WORDS}
    return next(iter(parts)) if len(parts) == 1 else None


def split_of(name: str) -> Split | None:
    """The same, where views for validation are test views."""
    part = part_of(name)
    return None if part is None else "train" if part == "train" else "test"


def stated_split(entry: JsonObject) -> Split | None:
    """What an entry of a list says of itself: ``split``: "test", or ``is_test``: true, say."""
    for name in entry:
        value, field = entry.peek(name), name_key(name)
        if field in _FIELDS and isinstance(value, str) and (split := split_of(value)) is not None:
            entry.get(name)
            return split
        if field in _SWITCHES and (is_so := _yes_or_no(value)) is not None:
            entry.get(name)
            return "train" if is_so == (_SWITCHES[field] == "train") else "test"
    return None


def _yes_or_no(value: Any) -> bool | None:
    text = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    return True if text in _YES else False if text in _NO else None
