"""The sidebar's panels."""

from __future__ import annotations

import bpy
from window import Steps, Window


def test_the_tab_is_in_the_sidebar_and_its_panels_draw(window: Window) -> Steps:
    yield from window.open_tab()
    pixels = window.screenshot("panel")
    sidebar = window.region("UI")
    top = window.window.height - sidebar.y - sidebar.height
    panels = pixels[top : top + sidebar.height, sidebar.x : sidebar.x + sidebar.width - 25]
    assert (panels.mean(axis=2) > 0.7).sum() > 1500, "there is hardly any text in the sidebar"


def test_a_button_of_the_panel_can_be_pressed(window: Window) -> Steps:
    yield from window.open_tab()
    bpy.ops.mesh.primitive_cube_add()
    yield 0.3
    scene = bpy.context.scene
    sidebar = window.region("UI")
    top = window.window.height - sidebar.y - sidebar.height
    for y in range(top + 58, top + 94, 6):  # below the headers of the first panel and of its plan
        yield from window.click(sidebar.x + sidebar.width // 4, y)
        if any("Bounds" in obj.name for obj in scene.objects):
            break
    assert any("Bounds" in obj.name for obj in scene.objects), "no Fit Bounds button was met"
