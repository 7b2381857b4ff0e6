"""The neural view: a 3D viewport that shows, over the scene, what the field looks like from where one looks.

While the view moves coarse pictures follow it, and once it rests it sharpens; so does a resting one while training
goes on. A picture is only ever drawn where its own camera saw it. Orthographic views are no pinhole cameras and stay
without. One viewport at a time has the neural view; it and its scene are kept by address and name.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from engine.link.geometry import Camera
from engine.link.messages import Frame, Quality, RunOpened

from ..session import registry
from ..session.engine_session import EngineSession
from . import requests
from .display_transform import bake_table, settings_key
from .plane import choose_distance
from .view_camera import camera_of_region, is_same_view

if not bpy.app.background:  # there is nothing to draw with
    from . import drawing

TICK = 0.015  # seconds; a view that moves is noticed, and its picture fetched, this soon
REST = 0.15  # seconds without movement after which a view counts as resting
RENDERING_SHARE = 1 / 3  # of the engine's time may go into sharp pictures of a resting view; training needs the rest


@dataclass
class _NeuralView:
    """What is shown where, and what was asked for."""

    area: int
    scene: str
    view: Camera | None = None  # as drawn last; None while it is orthographic
    moved_at: float = 0.0
    asked: Camera | None = None
    quality: Quality = "moving"
    request: int = 0
    asked_at: float = 0.0
    next_at: float = 0.0
    requests: deque[int] = field(default_factory=lambda: deque(maxlen=64))
    shown_request: int = 0
    shown_step: int = 0
    picture: Any = None  # drawing.FrameTexture
    standoff: float = 1.0
    table: Any = None  # gpu.types.GPUTexture
    table_key: Hashable = None
    handler: Any = None


_current: _NeuralView | None = None


def is_on(area: bpy.types.Area | None = None) -> bool:
    """Whether any viewport, or the one in ``area``, has the neural view."""
    return _current is not None and (area is None or area.as_pointer() == _current.area)


def begin(area: bpy.types.Area, scene: bpy.types.Scene) -> None:
    """Show the neural view in ``area``, a 3D viewport, and nowhere else."""
    global _current
    end()
    _current = _NeuralView(area.as_pointer(), scene.name)
    _current.handler = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")
    bpy.app.timers.register(_tick, first_interval=0.0, persistent=True)
    area.tag_redraw()


def end() -> None:
    """Show it nowhere."""
    global _current
    view, _current = _current, None
    if view is not None:
        bpy.types.SpaceView3D.draw_handler_remove(view.handler, "WINDOW")
        if bpy.app.timers.is_registered(_tick):
            bpy.app.timers.unregister(_tick)
        _tag_redraw(view)


def describe(space: bpy.types.SpaceView3D) -> str:
    """How the neural view of the viewport ``space`` stands, in words; empty when it is off."""
    if _current is None:
        return ""
    if space.shading.type == "RENDERED" and not space.overlay.show_overlays:
        return "Needs Viewport Overlays in Rendered shading"  # without them Cycles leaves no depth to draw against
    if _current.view is None:
        return "Needs a perspective view"
    if _current.picture is None:
        return "Waiting for the engine's first picture"
    camera = _current.picture.camera
    size = f"{camera.width} x {camera.height}"
    return f"Sharp, {size}" if _is_sharp(_current) else f"Coarse, {size}"


def show(frame: Frame, session: EngineSession) -> None:
    """Draw ``frame``, which has depth, from now on."""
    if _current is None:
        return
    _current.picture = drawing.FrameTexture(frame)
    if session.bounds is not None:
        _current.standoff = choose_distance(frame.camera, session.bounds)
    _current.shown_request, _current.shown_step = frame.request, frame.step
    _tag_redraw(_current)


def _is_sharp(view: _NeuralView) -> bool:
    return view.quality == "final" and view.shown_request == view.request


def _draw() -> None:
    """Called by Blender for every region of every viewport that it draws."""
    view, context = _current, bpy.context
    if view is None or context.area.as_pointer() != view.area or context.scene.name != view.scene:
        return
    region_view = context.region_data
    camera = camera_of_region(context.region, region_view)
    if camera is None or view.view is None or not _is_unmoved(camera, view.view):
        view.view, view.moved_at = camera, time.monotonic()
    if camera is not None and view.picture is not None and view.table is not None:
        view_to_clip = np.array(region_view.window_matrix) @ np.array(region_view.view_matrix)
        view.picture.draw(view_to_clip, view.table, view.standoff)


def _is_unmoved(one: Camera, other: Camera) -> bool:
    return (one.width, one.height) == (other.width, other.height) and is_same_view(one, other)


def _tick() -> float | None:
    view = _current
    if view is None:
        return None
    scene = bpy.data.scenes.get(view.scene)
    if scene is None:
        end()
        return None
    registry.pump()
    key = settings_key(scene)
    if key != view.table_key:
        view.table_key, view.table = key, drawing.make_table_texture(bake_table(scene))
        _tag_redraw(view)
    session = registry.current()
    if session is not None and session.run is not None and session.status is not None and session.status.train_views:
        _follow(view, session, session.status.step)
    return TICK


def _follow(view: _NeuralView, session: EngineSession, step: int) -> None:
    """Ask for the picture that is wanted next, if any."""
    now = time.monotonic()
    if view.view is None:
        return
    if view.asked is None or not _is_unmoved(view.view, view.asked):
        _ask(view, session, "moving")
    elif requests.is_under_way():
        return
    elif view.shown_request != view.request:
        _ask(view, session, view.quality)  # another picture was asked for in its place, or it was lost
    elif now - view.moved_at < REST or now < view.next_at:
        return
    elif view.quality == "moving" or step > view.shown_step:
        _ask(view, session, "final")


def _ask(view: _NeuralView, session: EngineSession, quality: Quality) -> None:
    assert view.view is not None
    view.asked, view.quality, view.asked_at = view.view, quality, time.monotonic()
    view.request = requests.ask(session, view.view, quality, depth=True)
    view.requests.append(view.request)
    view.next_at = 0.0
    registry.pump()  # sends it


def _on_frame(session: EngineSession, frame: Frame) -> None:
    view = _current
    if view is None or frame.request not in view.requests or frame.request <= view.shown_request:
        return
    show(frame, session)
    if frame.request == view.request and view.quality == "final":
        now = time.monotonic()
        view.next_at = now + (now - view.asked_at) * (1 / RENDERING_SHARE - 1)


def _on_run(session: EngineSession, run: RunOpened) -> None:
    if _current is not None:
        _current.asked = None  # what was asked of a former engine won't come


def _tag_redraw(view: _NeuralView) -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.as_pointer() == view.area:
                area.tag_redraw()


@bpy.app.handlers.persistent
def _before_load(*_: object) -> None:
    end()


def register() -> None:
    """Listen to the engine and to Blender."""
    registry.listen(Frame, _on_frame)
    registry.listen(RunOpened, _on_run)
    bpy.app.handlers.load_pre.append(_before_load)


def unregister() -> None:
    """Undo ``register``."""
    end()
    registry.stop_listening(Frame, _on_frame)
    registry.stop_listening(RunOpened, _on_run)
    bpy.app.handlers.load_pre.remove(_before_load)
    if not bpy.app.background:
        drawing.forget()
