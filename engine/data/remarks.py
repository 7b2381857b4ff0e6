"""What there is to say of a dataset: once for each thing, with how many pictures it concerns and the first of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass
class _Remark:
    first: str
    details: dict[str, str]
    count: int = 0


class Remarks:
    """Collects what was found while a dataset is read, and makes a sentence of each kind of it."""

    def __init__(self) -> None:
        self._found: dict[str, _Remark] = {}

    def add(self, sentence: str, name: str = "", **details: str) -> None:
        """Note that ``sentence`` holds for the picture called ``name``.

        ``{count}`` in it becomes the number of pictures that it was noted for, ``{times}`` the same as "once" or
        "2 times", and ``{first}`` the first of their names.
        What differs from picture to picture goes into ``details``, whose names in braces become those of the first.
        """
        self._found.setdefault(sentence, _Remark(name, details)).count += 1

    def add_all(self, sentence: str, names: Iterable[str]) -> None:
        """``add`` for each of ``names``."""
        for name in names:
            self.add(sentence, name)

    def sentences(self) -> list[str]:
        """One for each kind, in the order in which they were first noted."""
        sentences = []
        for sentence, remark in self._found.items():
            times = "once" if remark.count == 1 else f"{remark.count} times"
            own = {"count": str(remark.count), "times": times, "first": remark.first}
            for name, value in {**remark.details, **own}.items():
                sentence = sentence.replace(f"{{{name}}}", value)
            sentences.append(sentence)
        return sentences


def plain(text: str) -> str:
    """``text`` for a message: on one line, and not endless."""
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= 120 else f"{text[:57]}...{text[-60:]}"
