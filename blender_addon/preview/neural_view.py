"""The neural view: a 3D viewport that shows, over the scene, what the field looks like from where one looks.

While the view moves coarse pictures follow it, and once it rests it sharpens; so does a resting one while training
goes on. A picture is only ever drawn where its own camera saw it. Orthographic views are no pinhole cameras and stay
without. One viewport at a time has the neural view: kept by the address of its space, which stays the same when its
area is maximized. Its scene is kept by name.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from engine.link.geometry import Camera
from engine.link.messages import Frame, Quality, RunOpened

from .. import app_handlers, write_lock
from ..session import registry
from ..session.engine_session import EngineSession
from . import captured_objects, requests
from .captured_objects import CapturedObjects
from .plane import choose_distance
from .preparation import Preparation, PreparedFrame
from .requests import Channel
from .view_camera import camera_of_region, is_same_view

if not bpy.app.background:  # there is nothing to draw with
    from . import display_table, drawing

TICK = 0.015  # seconds; a view that moves is noticed, and its picture fetched, this soon
REST = 0.15  # seconds without movement after which a view counts as resting
UPLOAD = 0.003  # seconds that a tick may spend on handing a large picture to the graphics card, the pump included
FIRST_UPLOAD = 0.001  # of these where a picture has just come: that took its time, too


@dataclass
class _Picture:
    """A frame that is drawn, or will be once it is uploaded."""

    request: int
    step: int
    camera: Camera
    standoff: float
    texture: Any  # drawing.PictureTexture


@dataclass
class _NeuralView:
    """What is shown where, and what was asked for."""

    space: int
    scene: str
    view: Camera | None = None  # as drawn last; None while it is orthographic
    moved_at: float = 0.0
    asked: Camera | None = None
    marks: bool = False  # whether what was asked for is to have marks
    quality: Quality = "moving"
    request: int = 0
    sharp_since: int = 0  # the first request for a sharp picture since the view rests; 0 while it moves
    requests: deque[int] = field(default_factory=lambda: deque(maxlen=64))
    received: int = 0  # the newest request that was answered
    coming: _Picture | None = None
    picture: _Picture | None = None
    drawn: _Picture | None = None  # what the viewport shows; not yet ``picture`` until it is drawn again
    handlers: list[Any] = field(default_factory=list)
    captured: CapturedObjects = field(init=False)

    def __post_init__(self) -> None:
        self.captured = CapturedObjects(self.space)


_current: _NeuralView | None = None


def is_on(area: bpy.types.Area | None = None) -> bool:
    """Whether any viewport, or the one in ``area``, has the neural view."""
    return _current is not None and (area is None or area.spaces.active.as_pointer() == _current.space)


def begin(area: bpy.types.Area, scene: bpy.types.Scene) -> None:
    """Show the neural view in ``area``, a 3D viewport, and nowhere else."""
    global _current
    end()
    _current = _NeuralView(area.spaces.active.as_pointer(), scene.name)
    add = bpy.types.SpaceView3D.draw_handler_add
    _current.handlers += (add(_before_drawing, (), "WINDOW", "PRE_VIEW"), add(_draw, (), "WINDOW", "POST_VIEW"))
    bpy.app.timers.register(_tick, first_interval=0.0, persistent=True)
    area.tag_redraw()


def end() -> None:
    """Show it nowhere."""
    global _current
    view, _current = _current, None
    if view is not None:
        view.captured.show()
        for handler in view.handlers:
            bpy.types.SpaceView3D.draw_handler_remove(handler, "WINDOW")
        _preparation.forget()
        if bpy.app.timers.is_registered(_tick):
            bpy.app.timers.unregister(_tick)
        _tag_redraw(view)


def describe(space: bpy.types.SpaceView3D) -> str:
    """How the neural view of the viewport ``space`` stands, as text; empty when it is off."""
    if _current is None:
        return ""
    if space.shading.type == "RENDERED" and not space.overlay.show_overlays:
        return "Needs Viewport Overlays in Rendered shading"  # without them Cycles leaves no depth to draw against
    if not space.region_3d.is_perspective:
        return "Needs a perspective view: press 5 on the numpad"
    if _current.picture is None:
        session = registry.current()
        is_coming = session is not None and session.phase in ("starting", "ready")
        return "Waiting for the engine's first picture" if is_coming else "Needs the engine: start it"
    if _current.captured.trouble:
        return _current.captured.trouble
    camera = _current.picture.camera
    size = f"{camera.width} x {camera.height}"
    return f"Sharp, {size}" if _is_sharp(_current) else f"Coarse, {size}"


def show(session: EngineSession, frame: PreparedFrame) -> None:
    """Draw ``frame``, which has depth, from now on."""
    if _current is None:
        return
    camera = frame.camera
    standoff = 1.0 if session.bounds is None else choose_distance(camera, session.bounds)
    texture = drawing.PictureTexture(camera.width, camera.height, frame.pixels, frame.depth)
    _current.coming = _Picture(frame.request, frame.step, camera, standoff, texture)
    _advance_upload(_current, FIRST_UPLOAD)


_preparation = Preparation(show)


def _advance_upload(view: _NeuralView, seconds: float) -> None:
    """Go on with the upload of the coming picture; once it is there, it is the one that is drawn."""
    if view.coming is not None and view.coming.texture.upload(seconds):
        view.picture, view.coming = view.coming, None


def _is_sharp(view: _NeuralView) -> bool:
    return view.picture is not None and 0 < view.sharp_since <= view.picture.request


def _view_being_drawn() -> _NeuralView | None:
    """The neural view, if it is its viewport that Blender draws just now: of a quad view the part that turns."""
    view, context = _current, bpy.context
    if view is None or context.space_data.as_pointer() != view.space or context.scene.name != view.scene:
        return None
    return view if context.region_data == context.space_data.region_3d else None


def _before_drawing() -> None:
    """Called by Blender before it draws any viewport: its camera is known here first."""
    view = _view_being_drawn()
    if view is None:
        return
    camera = camera_of_region(bpy.context.region, bpy.context.region_data)
    if camera is not None and view.view is not None and _is_unmoved(camera, view.view):
        return
    view.view, view.moved_at = camera, time.monotonic()
    session = _session_with_views()
    if session is not None and camera is not None:
        _ask(view, session, "moving")
        session.send_waiting()


def _draw() -> None:
    """Called by Blender when a viewport's scene is drawn."""
    view = _view_being_drawn()
    if view is None:
        return
    session = registry.current()
    if session is not None and (frame := requests.take_early(session, view.requests)) is not None:
        _on_frame(session, frame)
    view.drawn = picture = view.picture
    table = display_table.find(bpy.context.scene)
    if view.view is not None and picture is not None and table is not None:
        region_view = bpy.context.region_data
        view_to_clip = np.array(region_view.window_matrix) @ np.array(region_view.view_matrix)
        picture_to_world = picture.camera.camera_to_world @ drawing.picture_to_camera(picture.camera)
        picture.texture.draw(view_to_clip @ picture_to_world, table, picture.standoff)


def _is_unmoved(one: Camera, other: Camera) -> bool:
    return (one.width, one.height) == (other.width, other.height) and is_same_view(one, other)


def _session_with_views() -> EngineSession | None:
    """The session, if there is anything to be seen yet."""
    session = registry.current()
    is_worth_asking = session is not None and session.run is not None and session.status is not None
    return session if is_worth_asking and session.status.train_items else None


def _tick() -> float | None:
    view = _current
    if view is None:
        return None
    scene = bpy.data.scenes.get(view.scene)
    if scene is None:
        end()
        return None
    began = time.perf_counter()
    registry.pump()
    _advance_upload(view, UPLOAD - (time.perf_counter() - began))
    if view.picture is not None and write_lock.unlock():
        view.captured.follow(scene)
    if display_table.refresh(scene) or view.picture is not view.drawn:
        _tag_redraw(view)
    session = _session_with_views()
    if session is not None and view.view is not None:
        _follow(view, session)
    return TICK


def _follow(view: _NeuralView, session: EngineSession) -> None:
    """Ask for the picture that is wanted next, if any."""
    assert view.view is not None and session.status is not None
    if view.asked is None or not _is_unmoved(view.view, view.asked):
        _ask(view, session, "moving")
    elif requests.is_pending(Channel.VIEWPORT):
        return
    elif view.received != view.request:
        _ask(view, session, view.quality)  # it was lost
    elif view.marks != _marks_predicted(view):
        _ask(view, session, "final")
    elif time.monotonic() - view.moved_at < REST or not requests.is_next_due(Channel.VIEWPORT):
        return
    elif view.picture is not None and (view.quality == "moving" or session.status.step > view.picture.step):
        _ask(view, session, "final")
    else:
        return
    session.send_waiting()


def _marks_predicted(view: _NeuralView) -> bool:
    scene = bpy.data.scenes.get(view.scene)
    return scene is not None and scene.hashlight.preview.mark_predicted


def _ask(view: _NeuralView, session: EngineSession, quality: Quality) -> None:
    assert view.view is not None
    view.asked, view.quality, view.marks = view.view, quality, _marks_predicted(view)
    view.request = requests.ask(session, Channel.VIEWPORT, view.view, quality, depth=True, mark_predicted=view.marks)
    view.requests.append(view.request)
    if quality == "moving":
        view.sharp_since = 0
    elif view.sharp_since == 0:
        view.sharp_since = view.request


def _on_frame(session: EngineSession, frame: Frame) -> None:
    view = _current
    if view is None or frame.request not in view.requests or frame.request <= view.received:
        return
    view.received = frame.request
    _preparation.give(session, frame)


def _on_run(session: EngineSession, run: RunOpened) -> None:
    if not bpy.app.background:
        display_table.refresh(bpy.context.scene)  # takes a while, in which the engine has nothing to show yet
    if _current is not None:
        # What was asked of a former engine won't come, and a new one may count from the beginning.
        _current.asked, _current.received = None, 0
        _current.requests.clear()
        _current.captured.look_again()


def _tag_redraw(view: _NeuralView) -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.spaces.active.as_pointer() == view.space:
                area.tag_redraw()


def _before_load(*_: object) -> None:
    end()


def _before_save(*_: object) -> None:
    if _current is not None:
        _current.captured.show_for_now()  # the file is to have them in sight


def _hide_again(*_: object) -> None:
    """Called by Blender when a file is saved, and when an undo has brought back what was in sight then."""
    scene = bpy.data.scenes.get(_current.scene) if _current is not None else None
    if _current is not None and scene is not None:
        _current.captured.hide_again(scene)


_LISTENERS = ((Frame, _on_frame), (RunOpened, _on_run))
_HANDLERS = (
    (bpy.app.handlers.load_pre, _before_load),
    (bpy.app.handlers.load_post, captured_objects.leave_forgotten),
    (bpy.app.handlers.save_pre, _before_save),
    *(
        (handlers, _hide_again)
        for handlers in (
            bpy.app.handlers.save_post,
            bpy.app.handlers.save_post_fail,
            bpy.app.handlers.undo_post,
            bpy.app.handlers.redo_post,
        )
    ),
)


def register() -> None:
    """Listen to the engine and to Blender."""
    registry.listen(_LISTENERS)
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    end()
    registry.stop_listening(_LISTENERS)
    app_handlers.remove(_HANDLERS)
    if not bpy.app.background:
        display_table.forget()
        drawing.forget()
