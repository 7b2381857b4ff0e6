"""An engine that means harm: whatever it says, the add-on goes on, and writes nothing but what was asked for."""

from __future__ import annotations

import importlib.util
import random
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

Import = Callable[[str], ModuleType]

MUTATION = Path(__file__).parents[1] / "faults" / "mutation.py"


def load_mutation() -> ModuleType:
    """The mutations, with the messages of the extension's own ``engine.link``."""
    spec = importlib.util.spec_from_file_location("mutation", MUTATION)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Wire:
    """Stands where the connection does: the session polls what the decoder lets through."""

    def __init__(self) -> None:
        self.is_open, self.failure, self.was_dismissed, self.pending_bytes = True, None, False, 0
        self.waiting: list[Any] = []
        self.sent: list[Any] = []

    def poll(self) -> list[Any]:
        messages, self.waiting = self.waiting, []
        return messages

    def take(self, match: Callable[[Any], bool]) -> Any:
        found = next((message for message in self.waiting if match(message)), None)
        if found is not None:
            self.waiting.remove(found)
        return found

    def send(self, message: Any) -> None:
        from engine.link import codec

        codec.check(message)
        self.sent.append(message)

    def close(self, timeout: float = 0.0) -> None:
        self.is_open = False


def attack(
    addon: Import, scene: bpy.types.Scene, count: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> Counter[str]:
    """Let ``count`` mutated messages of an engine through the decoder, the session and all that listens to it."""
    from engine.link import codec
    from engine.link.errors import LinkError
    from engine.link.messages import ENGINE_MESSAGES

    mutation = load_mutation()
    registry = addon("session.registry")
    unhandled: list[str] = []
    monkeypatch.setattr(traceback, "print_exc", lambda *_, **__: unhandled.append(traceback.format_exc()))
    session = registry.obtain(addon("session.source").engine_source(scene))
    wire = Wire()
    engine = session._engine
    engine.phase, engine._client, engine.welcome = "ready", wire, mutation.FROM_ENGINE[0]

    def begin() -> None:
        addon("training.run").train_on_captured(scene, anew=True)
        wire.waiting += [mutation.FROM_ENGINE[1], mutation.FROM_ENGINE[3]]  # the run is open, and training
        registry.pump()
        bpy.ops.hashlight.preview()
        if not addon("bake.jobs").is_busy():
            addon("bake.jobs").start(session, scene, resume=False)
        registry.pump()

    sound = [message for message in mutation.FROM_ENGINE if type(message).__name__ != "Welcome"]
    mutator = mutation.Mutator(seed, mutation.encoded(tuple(sound)))
    chooser, outcomes = random.Random(seed), Counter[str]()
    begin()
    for number in range(count):
        try:
            message = codec.decode(mutator.next(), ENGINE_MESSAGES)
        except LinkError:
            outcomes["refused"] += 1
            continue
        except Exception:
            unhandled.append(traceback.format_exc())
            continue
        outcomes["read"] += 1
        wire.waiting.append(_aimed(message, session, wire, chooser))
        if outcomes["read"] % 20 == 0:
            registry.pump()
        if number % 2_000 == 1_999:
            begin()
    registry.pump()
    assert unhandled == []
    outcomes["asked for"] = len(wire.sent)
    return outcomes


def _aimed(message: Any, session: Any, wire: Wire, chooser: random.Random) -> Any:
    """``message``, half of the time about something that was really asked for: else little would listen."""
    import dataclasses

    from engine.link.messages import FileChunk, Frame, JobUpdate

    if chooser.random() < 0.5:
        return message
    if isinstance(message, JobUpdate) and session.jobs:
        return dataclasses.replace(message, job=next(iter(session.jobs)))
    if isinstance(message, Frame):
        return dataclasses.replace(message, request=session.frame_requests._last)
    if isinstance(message, FileChunk):
        asked = [sent for sent in wire.sent[-50:] if type(sent).__name__ == "FetchFile"]
        if asked:
            return dataclasses.replace(message, path=asked[-1].path, offset=asked[-1].offset)
    return message


@pytest.fixture
def elsewhere(addon: Import, engine_scene: bpy.types.Scene) -> Iterator[None]:
    """The preferences name an engine on another computer, so that its files are fetched."""
    preferences = addon("preferences").get_preferences()
    preferences.use_running_engine, preferences.host, preferences.port = True, "127.0.0.1", 9
    preferences.token = "token"
    yield
    addon("session.registry").close()
    for name in ("use_running_engine", "host", "port", "token"):
        preferences.property_unset(name)


@pytest.fixture
def files_outside(engine_scene: bpy.types.Scene, tmp_path: Path) -> Callable[[], set[Path]]:
    """What lies in this test's folder but not in the session's."""
    session = Path(engine_scene.hashlight.folder)

    def list_them() -> set[Path]:
        return {path for path in tmp_path.rglob("*") if session not in (path, *path.parents)}

    return list_them


def session_files(scene: bpy.types.Scene) -> Iterator[Path]:
    """All files in the session's folder."""
    return (path for path in Path(scene.hashlight.folder).rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "count", [pytest.param(4_000, id="few"), pytest.param(200_000, id="many", marks=pytest.mark.faults)]
)
def test_whatever_an_engine_says_the_addon_goes_on(
    addon: Import,
    engine_scene: bpy.types.Scene,
    elsewhere: None,
    files_outside: Callable[[], set[Path]],
    monkeypatch: pytest.MonkeyPatch,
    tally: Any,
    count: int,
) -> None:
    assert bpy.ops.hashlight.capture() == {"FINISHED"}
    before, inside = files_outside(), set(session_files(engine_scene))
    outcomes = attack(addon, engine_scene, count, 31, monkeypatch)
    written = files_outside() - before
    tally.add("mutated messages of an engine to the add-on", count, lost=len(written))
    assert written == set()
    assert min(outcomes["read"], outcomes["refused"]) > count // 50 and outcomes["asked for"] > 5
    asked_for = re.compile(r"((frame|depth)_[0-9]{4}\.(png|exr)|turntable\.mp4)(\..*part)?")
    arrived = set(session_files(engine_scene)) - inside
    assert {path for path in arrived if not asked_for.fullmatch(path.name)} == set()
