"""The list of takes, and what is asked when the plan has changed."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
import x_input
from captures import PaintEngine, begin_to_paint, is_capturing
from window import Steps, Window


def _capture_with_paint(window: Window) -> Steps:
    yield from begin_to_paint(window, endless="")
    yield lambda: not is_capturing(window)


def _make_open_panel() -> type[bpy.types.Panel]:
    """The panel as it is once its header is clicked."""
    panel = bpy.types.HASHLIGHT_PT_takes
    names = {"bl_idname": "HASHLIGHT_TEST_PT_takes", "bl_label": "Takes", "draw": panel.draw}
    kinds = {name: getattr(panel, name) for name in ("bl_space_type", "bl_region_type", "bl_category")}
    return type("HASHLIGHT_TEST_PT_takes", (bpy.types.Panel,), names | kinds)


def _names(window: Window) -> list[str]:
    return [take.name for take in window.addon("takes.switching").takes_of(bpy.context.scene)]


def test_the_list_is_counted_beside_the_window_and_a_click_opens_a_take(window: Window) -> Steps:
    yield from _capture_with_paint(window)
    panel = _make_open_panel()
    bpy.utils.register_class(panel)
    try:
        yield from window.open_tab()
        yield from _use_list(window)
    finally:
        bpy.utils.unregister_class(panel)


def _use_list(window: Window) -> Steps:
    with window.viewport():
        assert bpy.ops.hashlight.new_take(name="Closer") == {"FINISHED"}
    folder = Path(bpy.context.scene.hashlight.folder)
    for number in (1, 2):
        run = folder / "takes" / "closer" / f"run-former-{number}"
        run.mkdir()
        (run / "run.json").write_text(json.dumps({"step": number, "history": [{"psnr": 20.0 + number}]}))
    manager = bpy.context.window_manager
    yield lambda: [(item.name, item.views) for item in manager.hashlight_takes] == [("Take 1", 5), ("Closer", 0)]
    yield 0.5
    pixels = window.screenshot("takes")
    scene = bpy.context.scene
    assert scene.hashlight.take == "closer"
    sidebar = window.region("UI")
    x, top = sidebar.x + sidebar.width // 3, window.window.height - sidebar.y - sidebar.height
    red, _green, blue = pixels[top : top + sidebar.height, x].T
    rows = np.flatnonzero(blue - red > 0.25)  # as Blender paints the active row
    assert 10 <= len(rows) <= 30, "there is no active row"
    yield from window.click(x, top + int(rows.mean()) - len(rows))
    yield 0.3
    assert scene.hashlight.take == "", "the row above is the first take's"
    with window.viewport():
        assert bpy.ops.hashlight.delete_take(take="Closer") == {"FINISHED"}
    yield lambda: [item.name for item in manager.hashlight_takes] == ["Take 1"]
    yield 0.5
    window.screenshot("takes after delete")
    assert list((Path(scene.hashlight.folder) / "bin").glob("*/takes/closer"))


def test_a_changed_plan_asks_for_a_new_take_or_to_replace(window: Window) -> Steps:
    yield from _capture_with_paint(window)
    settings = bpy.context.scene.hashlight.capture
    settings.resolution_x = settings.resolution_y = 32
    yield 0.3
    with window.viewport():
        region = window.region()
        window.point_at(region.x + region.width // 2, window.window.height - region.y - region.height // 2)
        yield 0.3
        assert bpy.ops.hashlight.capture("INVOKE_DEFAULT") == {"CANCELLED"}
    yield 0.5
    window.screenshot("the plan has changed")
    assert not is_capturing(window)
    window.press(x_input.ESCAPE)
    yield 0.3
    assert _names(window) == ["Take 1"], "Esc changes nothing"
    with window.viewport():
        assert bpy.ops.hashlight.new_take(then="CAPTURE") == {"FINISHED"}
    yield lambda: not is_capturing(window)
    folder = Path(bpy.context.scene.hashlight.folder)
    assert len(list((folder / "takes" / "take-2" / "capture" / "images").glob("*.exr"))) == 5
    settings.resolution_x = settings.resolution_y = 40
    yield 0.3
    with window.viewport():
        assert bpy.ops.hashlight.replace_take(then="CAPTURE") == {"FINISHED"}
    yield lambda: not is_capturing(window)
    assert len(list((folder / "takes" / "take-2" / "capture" / "images").glob("*.exr"))) == 5
    assert len(list(folder.glob("bin/*/takes/take-2/capture/images/*.exr"))) == 5
    assert not PaintEngine.is_at_it
