"""A connection that breaks is made again, and nothing of what was under way is lost; an engine that another uses."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import bpy
import pytest
from conftest import SERVED_TOKEN

Import = Callable[[str], ModuleType]
Wait = Callable[..., None]
Drawn = Callable[[str], str]

pytestmark = pytest.mark.slow


class Cable:
    """A TCP proxy to an engine's port, which can be cut and mended."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._ends: list[socket.socket] = []
        self.is_cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self.is_cut = True
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                self._ends += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cable(addon: Import, engine_scene: bpy.types.Scene, serve: Callable[..., int]) -> Iterator[Cable]:
    """The way to an engine that runs already, which the preferences name."""
    cable = Cable(serve())
    preferences = addon("preferences").get_preferences()
    preferences.use_running_engine, preferences.host, preferences.port = True, "127.0.0.1", cable.port
    preferences.token = SERVED_TOKEN
    yield cable
    addon("session.registry").close()
    for name in ("use_running_engine", "host", "port", "token"):
        preferences.property_unset(name)
    cable.close()


def test_a_broken_connection_is_made_again_and_all_goes_on(
    addon: Import,
    cable: Cable,
    engine_scene: bpy.types.Scene,
    wait: Wait,
    drawn: Drawn,
    capture_and_train: Callable[[], Any],
) -> None:
    session = capture_and_train()
    bake = engine_scene.hashlight.bake
    bake.frames, bake.resolution_x, bake.resolution_y = 40, 96, 96
    assert bpy.ops.hashlight.bake() == {"FINISHED"}
    wait(lambda: session.jobs["turntable"].done >= 1, "the first frame")
    step = session.status.step

    cable.cut()
    wait(lambda: session.is_reconnecting, "the loss")
    assert "Connecting again" in drawn("HASHLIGHT_PT_engine")
    assert session.failure is None and session.jobs["turntable"].state == "running"
    bpy.ops.hashlight.pause_training()  # goes out when the connection is there again
    cable.is_cut = False
    wait(lambda: session.run is not None, "the run, gone on with")
    assert not session.is_reconnecting and session.phase == "ready"
    wait(lambda: session.status is not None and session.status.state == "paused", "the pause")
    assert session.status.step > step, "it trained meanwhile"
    assert session.views.count("held") == 6
    wait(lambda: session.jobs["turntable"].state != "running", "the turntable")
    assert session.jobs["turntable"].state == "done" and session.jobs["turntable"].done == 40
    assert session.failure is None


def test_a_bake_that_ends_meanwhile_is_shown_once(
    addon: Import,
    cable: Cable,
    engine_scene: bpy.types.Scene,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
    capture_and_train: Callable[[], Any],
) -> None:
    shown: list[str] = []
    results = addon("bake.results")
    former = results.show
    monkeypatch.setattr(
        results, "show", lambda scene, bake, files: (shown.append(bake.name), former(scene, bake, files))
    )
    session = capture_and_train()
    bake = engine_scene.hashlight.bake
    bake.frames, bake.resolution_x, bake.resolution_y = 3, 32, 32
    assert bpy.ops.hashlight.bake() == {"FINISHED"}
    wait(lambda: session.jobs["turntable"].state == "done", "the turntable")
    for _ in range(2):
        cable.cut()
        wait(lambda: session.is_reconnecting, "the loss")
        cable.is_cut = False
        wait(lambda: session.run is not None, "the run")
        wait(lambda: session.status is not None, "a word")
    assert session.jobs["turntable"].state == "done" and shown == ["turntable"]


def test_a_connection_that_stays_lost_is_told(
    addon: Import, cable: Cable, wait: Wait, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addon("session.attachment"), "RECONNECT_PATIENCE", 2.0)
    bpy.ops.hashlight.start_engine()
    session = addon("session.registry").current()
    wait(lambda: session.phase == "ready", "the engine")
    cable.cut()
    wait(lambda: session.phase == "lost", "the loss", 30.0)
    assert not session.is_reconnecting
    assert drawn("HASHLIGHT_PT_problem").startswith("Engine Problem: Not connected Start No engine to talk to: ")
    cable.is_cut = False
    bpy.ops.hashlight.start_engine()
    wait(lambda: session.phase == "ready", "the engine")


def test_an_engine_that_another_uses_can_be_taken_over(addon: Import, cable: Cable, wait: Wait, drawn: Drawn) -> None:
    from engine.link.client import EngineClient
    from engine.link.messages import Status

    other = EngineClient("127.0.0.1", cable.port, SERVED_TOKEN, "another Blender")
    other.connect(20)
    bpy.ops.hashlight.start_engine()
    session = addon("session.registry").current()
    wait(lambda: session.phase == "lost", "the refusal")
    assert "busy with another client, 'another Blender'" in session.failure.message
    assert drawn("HASHLIGHT_PT_problem").endswith("Take Over Engine")
    assert bpy.ops.hashlight.take_over_engine() == {"FINISHED"}
    wait(lambda: session.phase == "ready", "the engine")
    assert session.failure is None and not bpy.ops.hashlight.take_over_engine.poll()
    deadline = threading.Event()
    for _ in range(100):
        if not other.is_open:
            break
        deadline.wait(0.05)
    assert not other.is_open and other.was_dismissed
    other.close()

    thief = EngineClient("127.0.0.1", cable.port, SERVED_TOKEN, "thief", take_over=True)
    thief.connect(20)
    wait(lambda: session.phase == "lost", "the loss")
    assert not session.is_reconnecting, "two that connect again by themselves would never end"
    assert session.failure.code == "taken over"
    assert "Another client, 'thief', has taken over" in drawn("HASHLIGHT_PT_problem")
    assert thief.wait_for(Status, 5)
    thief.close()
