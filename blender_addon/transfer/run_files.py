"""A run on an engine elsewhere, fetched into the session folder, where an engine on this computer can go on with it.

``run.json`` names the one snapshot that belongs to it, and the engine may replace both at any time: so the JSON is
fetched first, then what it names, and only then it takes the place of the former one.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from engine.link.json_files import read_object
from engine.link.messages import SnapshotSaved
from engine.link.part_files import part_of, write_whole

from ..session import registry
from ..session.engine_session import EngineSession
from ..session.failure import Failure
from .deliveries import deliver, is_remote
from .delivery import Delivery

CLASSES = ()

_RUN_FILE = "run.json"
_SNAPSHOT = re.compile(r"snapshot-[0-9]{1,20}-[0-9a-f]{1,20}\.safetensors")
_HISTORY = re.compile(r"history-[0-9a-f]{8}\.jsonl")
_ATTEMPTS = 3


@dataclass
class _Fetch:
    """A run that is being copied: ``run``, its folder under the engine's root; ``folder``, where it goes."""

    session: EngineSession
    run: str
    folder: Path
    attempts: int = 0
    delivery: Delivery | None = None
    description: bytes = b""

    @property
    def fetched(self) -> Path:
        """Where ``run.json`` arrives: not under its own name yet, but one that the next start takes away."""
        return part_of(self.folder / f"{_RUN_FILE}.fetched")


_waiting: dict[int, Path] = {}  # by session: the folder that the next snapshot is to be fetched into
_current: _Fetch | None = None


def save_snapshot(session: EngineSession, folder: Path) -> None:
    """Have the run written to disk, and fetched into ``folder`` if the engine is elsewhere."""
    session.save_snapshot()
    if is_remote(session):
        _waiting[id(session)] = folder


def is_fetching() -> bool:
    """Whether a run is on its way here, or about to be."""
    return _current is not None or bool(_waiting)


def _on_snapshot(session: EngineSession, saved: SnapshotSaved) -> None:
    global _current
    folder = _waiting.pop(id(session), None)
    if folder is None or session.run is None or _current is not None:
        return
    _current = _Fetch(session, session.run.run, folder)
    _fetch_description(_current)


def _fetch_description(fetch: _Fetch) -> None:
    fetch.attempts += 1
    files = [(f"{fetch.run}/{_RUN_FILE}", fetch.fetched)]
    fetch.delivery = deliver(fetch.session, files, lambda delivery: _on_description(fetch, delivery))


def _on_description(fetch: _Fetch, delivery: Delivery) -> None:
    if delivery.state != "done":
        _end(fetch, delivery.error)
        return
    try:
        names, fetch.description = _read_names(fetch.fetched), fetch.fetched.read_bytes()
        fetch.fetched.unlink()
    except (OSError, ValueError, KeyError, TypeError) as error:
        _end(fetch, f"{_RUN_FILE} can't be used: {error}")
        return
    files = [(f"{fetch.run}/{name}", fetch.folder / name) for name in names]
    fetch.delivery = deliver(fetch.session, files, lambda delivery: _on_weights(fetch, names, delivery))


def _read_names(path: Path) -> list[str]:
    """The files that belong to the run: its snapshot, and its scores where it has any."""
    info = read_object(path)
    named = [(info["snapshot"]["file"], _SNAPSHOT)]
    if "history_file" in info:
        named.append((info["history_file"]["file"], _HISTORY))
    for name, pattern in named:
        if not isinstance(name, str) or not pattern.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a file that belongs to a run")
    return [name for name, _ in named]


def _on_weights(fetch: _Fetch, names: list[str], delivery: Delivery) -> None:
    if delivery.state != "done":
        is_replaced = delivery.state == "failed" and fetch.session.phase == "ready"
        if is_replaced and fetch.attempts < _ATTEMPTS:
            _fetch_description(fetch)
        else:
            _end(fetch, delivery.error)
        return
    try:
        write_whole(fetch.folder / _RUN_FILE, fetch.description)
        for path in fetch.folder.iterdir():
            is_ours = _SNAPSHOT.fullmatch(path.name) or _HISTORY.fullmatch(path.name)
            if is_ours and path.name not in names:
                path.unlink()
    except OSError as error:
        _end(fetch, f"{error.filename}: {error.strerror}")
        return
    _end(fetch, "")


def _end(fetch: _Fetch, error: str) -> None:
    global _current
    _current = None
    with contextlib.suppress(OSError):
        fetch.fetched.unlink(missing_ok=True)
    if error:
        hint = "The run is safe on the engine's computer: save a snapshot once more."
        fetch.session.failure = Failure(f"The run could not be fetched: {error}", hint, "file")
    elif fetch.session.failure is not None and fetch.session.failure.code == "file":
        fetch.session.failure = None  # an attempt that came too late, and was made again


_LISTENERS = ((SnapshotSaved, _on_snapshot),)


def register() -> None:
    """Listen to the engine."""
    registry.listen(_LISTENERS)


def unregister() -> None:
    """Undo ``register``."""
    global _current
    registry.stop_listening(_LISTENERS)
    _waiting.clear()
    _current = None
