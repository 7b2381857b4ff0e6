"""Restart Training asks before it begins again, and keeps the former run."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import x_input
from captures import prepare
from window import Steps, Window

RETURN = 36  # the key's code, as x_input.ESCAPE


def _press(key: int) -> None:
    x_input.send(x_input.KEY_PRESS, key)
    x_input.send(x_input.KEY_RELEASE, key)


def _runs(folder: Path) -> dict[str, int]:
    return {path.parent.name: json.loads(path.read_bytes())["step"] for path in folder.glob("run*/run.json")}


def test_it_asks_first_and_keeps_the_former_run(window: Window) -> Steps:
    registry = window.addon("session.registry")
    yield from window.open_tab()
    yield from prepare(window, views=2)
    scene = bpy.context.scene
    scene.hashlight.training.seconds = 1.0
    folder = window.addon("folders").session_folder(scene)
    with window.viewport():
        bpy.ops.hashlight.capture("EXEC_DEFAULT")
        bpy.ops.hashlight.train()
    yield lambda: registry.current().is_trained and registry.current().snapshot is not None
    former, opened = _runs(folder), registry.current().run
    assert list(former) == ["run"]

    for key in (x_input.ESCAPE, RETURN):
        region = window.region()
        window.point_at(region.x + region.width // 2, window.window.height // 2)
        yield 0.3
        with window.viewport():
            bpy.ops.hashlight.restart_training("INVOKE_DEFAULT")
        yield 1.0
        window.screenshot(f"restart dialog {key}")
        assert registry.current().run is opened, "nothing happens before it is confirmed"
        _press(key)
        yield 1.0
        if key == x_input.ESCAPE:
            assert registry.current().run is opened and _runs(folder) == former
    yield lambda: registry.current().run is not None and registry.current().run is not opened
    yield lambda: "run-former-1" in _runs(folder) and "run" in _runs(folder)
    assert _runs(folder)["run-former-1"] == former["run"]
