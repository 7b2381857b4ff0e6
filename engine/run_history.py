"""The scores of a run, a line of JSON for each: a file beside run.json that is only ever appended to.

run.json says how long the file was when it was saved; what is behind that, an interrupted save has left. The scores of
single items are called ``views`` there, whatever a primitive learns from, as in the runs that were stored when there
was nothing but views.
"""

from __future__ import annotations

import collections
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.link.disk import sync_file
from engine.link.json_files import JsonError, parse_json
from engine.link.values import ValueRefused, finite, shorten
from engine.run_folder import RUN_FILE, RunError

NAME = re.compile(r"history-[0-9a-f]{8}\.jsonl")
RECENT = 200  # entries that are kept with the scores of single views
_MOST_BYTES = 1 << 30
_MOST_LINE_BYTES = 16 << 20


class RunHistory:
    """Entries that go to the file with the next save, and the newest of those that are there. JSON-ready dicts."""

    def __init__(self, entries: Sequence[Mapping[str, Any]] = ()) -> None:
        """``entries``: those of a run that has no such file yet; they go to it with the first save."""
        self._unsaved: list[str] = []
        self._recent: collections.deque[str] = collections.deque(maxlen=RECENT)
        self._name, self._bytes = "", 0
        for entry in entries:
            self.append(entry)

    @classmethod
    def open(cls, folder: Path, info: Mapping[str, Any]) -> RunHistory:
        """That of the run in ``folder``, whose run.json says ``info``. Raises RunError."""
        where = info.get("history_file")
        if where is None:
            return cls(read_scores(folder, info))
        history = cls()
        history._name, history._bytes = where["file"], where["bytes"]
        for entry in read_scores(folder, info)[-RECENT:]:
            history._recent.append(json.dumps(entry))
        return history

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add an entry. Raises ValueError or TypeError for what is not JSON."""
        line = json.dumps(entry, allow_nan=False)
        self._unsaved.append(line)
        self._recent.append(line)

    @property
    def recent(self) -> list[dict[str, Any]]:
        """The newest entries, RECENT at most, in the order they were added."""
        return [json.loads(line) for line in self._recent]

    def write(self, folder: Path) -> dict[str, Any]:
        """See that all entries are in the file; returns what run.json is to say of them, for ``settle`` once it does.
        Raises OSError."""
        name, size = self._name, self._bytes
        added = self._unsaved
        if not self._recent:
            return {"history": []}
        if not name or not _is_file(folder / name):
            # The first save, or the folder is not the one that it was: as much as is known goes into a new one.
            name, size, added = f"history-{secrets.token_hex(4)}.jsonl", 0, max(list(self._recent), added, key=len)
            (folder / name).open("xb").close()
        if added:
            with (folder / name).open("r+b") as file:
                file.truncate(size)
                file.seek(size)
                file.write("".join(f"{line}\n" for line in added).encode())
                size = file.tell()
            sync_file(folder / name)
        return {"history": [json.loads(self._recent[-1])], "history_file": {"file": name, "bytes": size}}

    def settle(self, described: Mapping[str, Any]) -> None:
        """run.json says what ``write`` returned: that much is saved."""
        if "history_file" in described:
            self._name, self._bytes = described["history_file"]["file"], described["history_file"]["bytes"]
        self._unsaved.clear()


def read_scores(folder: Path, info: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All entries of the run in ``folder``, whose run.json says ``info``; those before the last RECENT without the
    scores of single views. Raises RunError for what is no score."""
    where = info.get("history_file")
    if where is None:
        entries: Iterable[Any] = info.get("history", ())
        path = folder / RUN_FILE
    else:
        path = folder / where["file"]
        entries = map(_parse, _lines(path, where["bytes"]))
    read: list[dict[str, Any]] = []
    for number, entry in enumerate(entries, 1):
        try:
            read.append(_check_score(entry))
        except ValueRefused as error:
            raise RunError(f"{path}: score {number}: {error}") from None
        if len(read) > RECENT:
            read[-RECENT - 1].pop("views", None)
    return read


def _parse(line: str) -> Any:
    try:
        return parse_json(line)
    except JsonError:
        return line


def _check_score(entry: Any) -> dict[str, Any]:
    """Raises ValueRefused unless it is an object of numbers, and of numbers for each view."""
    if not isinstance(entry, dict):
        raise ValueRefused(f"expected an object, got {shorten(entry)}")
    figures = {name: value for name, value in entry.items() if name != "views"}
    views = entry.get("views", {})
    if not isinstance(views, dict) or not all(isinstance(view, dict) for view in views.values()):
        raise ValueRefused(f"views: expected an object for each view, got {shorten(views)}")
    for value in (*figures.values(), *(value for view in views.values() for value in view.values())):
        if value is not None:  # what could not be scored
            finite(value)
    return entry


def _is_file(path: Path) -> bool:
    """Whether it is a file, and neither a link nor something that a read would wait for."""
    return path.is_file() and not path.is_symlink()


def _lines(path: Path, size: int) -> Iterator[str]:
    """The lines in the first ``size`` bytes of the file, none where it isn't there. Raises RunError."""
    if not _is_file(path):
        return
    try:
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            if size > min(length, _MOST_BYTES):
                raise RunError(f"{path}: cut off, or too large: {length} bytes, expected {size}")
            while file.tell() < size:
                line = file.readline(min(_MOST_LINE_BYTES, size - file.tell()))
                if not line.endswith(b"\n"):
                    raise RunError(f"{path}: a line is cut off or too long")
                yield line[:-1].decode("utf-8", "replace")
    except OSError as error:
        raise RunError(f"{path}: can't be read: {error.strerror or error}") from error
