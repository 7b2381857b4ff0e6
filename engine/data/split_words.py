"""What says of pictures whether they are for training or for testing: words, in names and in values."""

from __future__ import annotations

import re

from engine.data.json_object import JsonObject
from engine.data.picture_finder import fold
from engine.link.messages import Split

_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing", "tests"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "eval", "evaluation", "holdout", "heldout"), "validation"),
}
_FIELDS = ("split", "set", "subset", "partition", "phase")  # of a frame, whose value is such a word
_SWITCHES = {  # of a frame; "valid" says another thing there
    **dict.fromkeys(("is_train", "train", "is_training"), "train"),
    **dict.fromkeys(("is_test", "test", "is_val", "val", "is_eval", "eval", "is_validation"), "test"),
    **dict.fromkeys(("held_out", "is_held_out", "heldout", "is_heldout", "holdout", "is_holdout"), "test"),
}


def part_of(name: str) -> str | None:
    """Which split a name speaks of: "train", "test" or "validation"."""
    parts = {_WORDS[word] for word in re.split(r"[^a-z0-9]+", fold(name)) if word in _WORDS}
    return next(iter(parts)) if len(parts) == 1 else None


def split_of(name: str) -> Split | None:
    """The same, where views for validation are test views."""
    part = part_of(name)
    return None if part is None else "train" if part == "train" else "test"


def stated_split(entry: JsonObject) -> Split | None:
    """What an entry of a list says of itself: ``split``: "test", or ``is_test``: true, say."""
    for name in entry:
        value, field = entry.peek(name), fold(name)
        if field in _FIELDS and isinstance(value, str) and (split := split_of(value)) is not None:
            entry.get(name)
            return split
        if field in _SWITCHES and isinstance(value, bool):
            entry.get(name)
            return "train" if value == (_SWITCHES[field] == "train") else "test"
    return None
