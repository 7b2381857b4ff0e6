"""Predict from Few Views: what is on the plane after the first view, and until the hash grid's own picture is."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

Import = Callable[[str], ModuleType]
Wait = Callable[..., None]


@pytest.mark.slow
def test_the_first_view_is_shown_from_aside_and_no_picture_is_black_until_the_grid_has_taken_over(
    addon: Import, engine_scene: bpy.types.Scene, wait: Wait, drawn: Callable[[str], str]
) -> None:
    settings, registry = engine_scene.hashlight, addon("session.registry")
    settings.training.use_prior = True
    settings.capture.training_views, settings.capture.held_out_views = 12, 0
    bpy.ops.hashlight.plan_cameras()

    def look() -> np.ndarray:
        session = registry.current()
        former = session.frame.request if session.frame is not None else 0
        assert bpy.ops.hashlight.preview() == {"FINISHED"}
        wait(lambda: session.frame is not None and session.frame.request > former, "a picture")
        plane = addon("preview.plane").find_plane(engine_scene, "preview")
        pixels = np.empty(48 * 48 * 4, np.float32)
        addon("preview.material").picture_node(plane.active_material).image.pixels.foreach_get(pixels)
        return pixels.reshape(48, 48, 4)

    first: dict[str, Any] = {}

    def look_at_the_first(*_: object) -> None:
        if first:
            return
        session = registry.current()
        wait(lambda: session.status is not None and session.status.train_items == 1, "the first view")
        first["picture"], first["words"] = look(), drawn("HASHLIGHT_PT_train")
        settings.preview.mark_predicted = True
        first["marked"] = look()
        settings.preview.mark_predicted = False

    listeners = addon("capture.current_capture").view_listeners
    listeners.append(look_at_the_first)
    try:
        assert bpy.ops.hashlight.capture_and_train() == {"FINISHED"}
    finally:
        listeners.remove(look_at_the_first)
    assert "Few views: predicted" in first["words"]
    covered = first["picture"][..., 3].mean()
    assert covered > 0.02
    changed = (first["marked"][..., :3] - first["picture"][..., :3]).any(axis=2)
    assert 0 < changed.sum() < (first["picture"][..., 3] > 0.0).sum(), "what the view shows has no marks"

    session = registry.current()
    wait(lambda: session.views.count("held") == 12, "the engine's word that it holds all views")
    for _ in range(200):
        assert look()[..., 3].mean() > 0.5 * covered
        if not session.status.remark:
            break
    assert not session.status.remark, "the hash grid never took over"
    assert session.failure is None
