"""The list of takes, and what is asked when the plan has changed."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import x_input
from captures import PaintEngine, begin_to_paint, is_capturing
from window import Steps, Window


def _capture_with_paint(window: Window) -> Steps:
    yield from begin_to_paint(window, endless="")
    yield lambda: not is_capturing(window)


def _names(window: Window) -> list[str]:
    return [take.name for take in window.addon("takes.switching").takes_of(bpy.context.scene)]


def test_the_list_is_counted_beside_the_window_and_a_click_opens_a_take(window: Window) -> Steps:
    yield from _capture_with_paint(window)
    window.unfold("takes.panel")
    yield from window.open_tab()
    with window.viewport():
        assert bpy.ops.hashlight.new_take(name="Closer") == {"FINISHED"}
    manager = bpy.context.window_manager
    yield lambda: [(item.name, item.views) for item in manager.hashlight_takes] == [("Take 1", 5), ("Closer", 0)]
    yield 0.5
    pixels = window.screenshot("takes")
    scene = bpy.context.scene
    assert scene.hashlight.take == "closer"
    sidebar = window.region("UI")
    x, top = sidebar.x + sidebar.width // 3, window.window.height - sidebar.y - sidebar.height
    red, _green, blue = pixels[top : top + sidebar.height, x].T
    rows = np.flatnonzero(blue - red > 0.25)  # as Blender paints the active row, and others further below
    rows = rows[: np.flatnonzero(np.diff(rows, append=rows[-1] + 2) > 1)[0] + 1]
    assert 10 <= len(rows) <= 30, "there is no active row"
    second, first = top + int(rows.mean()), top + int(rows.mean()) - len(rows)
    for y, take in ((first, ""), (second, "closer"), (first, "")):  # whatever is unfolded elsewhere by that
        yield from window.click(x, y)
        yield 0.5
        assert scene.hashlight.take == take
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
