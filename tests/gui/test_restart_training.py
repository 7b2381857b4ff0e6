"""Restart Training asks before it begins again, in another take; the former run stays in its own."""

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
    """By take: the steps that its run has behind it."""
    files = {path.parents[1].name: path for path in folder.glob("takes/*/run/run.json")}
    files[""] = folder / "run" / "run.json"
    return {take: json.loads(path.read_bytes())["step"] for take, path in files.items() if path.is_file()}


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
    assert list(former) == [""]
    with window.viewport():
        bpy.ops.hashlight.neural_view()
    neural_view = window.addon("preview.neural_view")
    yield lambda: neural_view.is_on()

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
    yield lambda: "take-2" in _runs(folder)
    assert _runs(folder)[""] == former[""] and scene.hashlight.take == "take-2"
    assert neural_view.is_on(), "it shows the new run now"
    rows = bpy.context.window_manager.hashlight_takes
    window.addon("takes.listing").look_again()
    window.addon("takes.listing").known_usage(scene)
    yield lambda: [(row.name, row.views) for row in rows] == [("Take 1", 3), ("Take 2", 3)]
