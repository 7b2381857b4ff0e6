"""Leaves the captured objects out of the viewport that shows the field: both would be seen in the same place.

Blender's local view does that: in one viewport alone, without a change to an object, to the selection or to what
renders show. Blender itself leaves it when an undo takes it away, and so does the user with the key for it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Literal

import bpy

from .. import roles
from ..capture.contents import objects_within
from ..capture.dataset import CaptureDataset, read_objects
from ..capture.surroundings import Surroundings
from ..folders import capture_folder

_MARK = "hashlight_local_view"  # on a screen: which of its areas is in local view on our account

_Place = tuple[bpy.types.Screen, bpy.types.Area, bpy.types.SpaceView3D]


class CapturedObjects:
    """The captured objects in the 3D viewport whose space is at address ``space``. ``trouble``: why they are in sight
    although they shouldn't be, as text."""

    def __init__(self, space: int) -> None:
        self.trouble = ""
        self._space = space
        self._state: Literal["seen", "hidden", "left"] = "seen"  # left: the user has left local view again
        self._names: frozenset[str] | None = None  # None: not looked up yet
        self._entered = False  # local view is on because of us
        self._taken: set[str] = set()  # out of a local view that was on already
        self._count = 0  # of the objects there were when they were looked through last

    def look_again(self) -> None:
        """The capture may have become another one: look up its objects when they are needed next."""
        self._names = None

    def follow(self, scene: bpy.types.Scene) -> None:
        """Have them out of sight, or in it, as the settings of ``scene`` say. Cheap when nothing has changed."""
        place = _find(self._space)
        window = _window_of(place)
        if place is None or window is None:
            return
        if not scene.hashlight.preview.hide_captured or window.scene != scene:
            self.show()
        elif self._state == "seen":
            self._hide(scene, window, place)
        elif self._state == "hidden":
            if self._names is None:
                self._put_back()
                self._hide(scene, window, place)
            elif (self._entered or self._taken) and place[2].local_view is None:
                self._state, self._entered = "left", False
            elif len(window.view_layer.objects) != self._count:
                self._sort(place[2], window.view_layer)
            if self._entered and not place[2].use_local_camera:
                _set_camera(place[2], scene.camera)  # in local view Blender would keep the scene's former one

    def show(self) -> None:
        """Have them in sight again, whatever has become of the viewport meanwhile."""
        if self._state == "hidden":
            self._put_back()
        self._state, self.trouble = "seen", ""

    def show_for_now(self) -> None:
        """Have them in sight until ``hide_again``."""
        if self._state == "hidden":
            self._put_back()

    def hide_again(self, scene: bpy.types.Scene) -> None:
        """Have them out of sight if they were before something brought them back."""
        if self._state == "hidden":
            self._put_back()
            self._state = "seen"
            self.follow(scene)

    def _hide(self, scene: bpy.types.Scene, window: bpy.types.Window, place: _Place) -> None:
        self._state = "hidden"
        if self._names is None:
            self._names = _captured_names(scene, window.view_layer)
        screen, area, space = place
        if self._names and space.local_view is None:
            with _something_selected(window.view_layer, space):
                self.trouble = _toggle_local_view(window, place)
            if space.local_view is None:
                return
            self._entered = True
            screen[_MARK] = list(screen.areas).index(area)
        self._sort(space, window.view_layer)

    def _sort(self, space: bpy.types.SpaceView3D, view_layer: bpy.types.ViewLayer) -> None:
        """Take them out of local view. What else there is belongs into one of ours; the user's own stays as it is."""
        names = self._names or frozenset()
        self._count = len(view_layer.objects)
        for obj in view_layer.objects if space.local_view is not None else ():
            if obj.name not in names:
                if self._entered:
                    obj.local_view_set(space, True)
            elif obj.local_view_get(space):
                obj.local_view_set(space, False)
                self._taken.add(obj.name)

    def _put_back(self) -> None:
        place = _find(self._space)
        window = _window_of(place)
        if place is not None and place[2].local_view is not None:
            if self._entered:
                _toggle_local_view(window or bpy.context.window_manager.windows[0], place)
            elif window is not None:  # only there does Blender know which view layer is meant
                for obj in window.view_layer.objects:
                    if obj.name in self._taken:
                        obj.local_view_set(place[2], True)
        for screen in bpy.data.screens:
            screen.pop(_MARK, None)
        self._entered, self._taken = False, set()


def _captured_names(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> frozenset[str]:
    """What the scene's capture shows inside its bounds; of one that doesn't say, what is there now."""
    try:
        folder = capture_folder(scene)
        names = read_objects(folder)
        if names is None:
            bounds = CaptureDataset.open(folder).bounds
            surroundings = Surroundings()
            surroundings.gather(view_layer, view_layer.depsgraph, math.inf)
            return frozenset(objects_within(bounds, surroundings))
    except ValueError:  # nothing is captured, or its files are no good, of which others tell
        return frozenset()
    return frozenset(names)


def _find(space: int) -> _Place | None:
    """Where the space at this address is, in front of its area or not; None when it is gone."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            for found in area.spaces:
                if found.as_pointer() == space and found.type == "VIEW_3D":
                    return screen, area, found
    return None


def _window_of(place: _Place | None) -> bpy.types.Window | None:
    """The window that shows this place now."""
    windows = bpy.context.window_manager.windows if place is not None else ()
    return next((window for window in windows if window.screen == place[0]), None)


def _toggle_local_view(window: bpy.types.Window, place: _Place) -> str:
    """Enter local view, or leave it, without a move of the view; returns a message why that failed."""
    screen, area, space = place
    former = area.type
    if area.spaces.active != space:
        area.type = "VIEW_3D"  # brings it to the front
    camera = space.camera if space.use_local_camera else window.scene.camera
    region = next(region for region in area.regions if region.type == "WINDOW")
    try:
        with bpy.context.temp_override(window=window, screen=screen, area=area, region=region):
            bpy.ops.view3d.localview(frame_selected=False)
    except RuntimeError as error:
        return f"Captured objects can't be hidden: {str(error).removeprefix('Error: ').strip()}"
    finally:
        _set_camera(space, camera)  # Blender has put back the one from before
        if area.type != former:
            area.type = former
    return ""


def _set_camera(space: bpy.types.SpaceView3D, camera: bpy.types.Object | None) -> None:
    if space.camera != camera:
        space.camera = camera


@contextlib.contextmanager
def _something_selected(view_layer: bpy.types.ViewLayer, space: bpy.types.SpaceView3D) -> Iterator[None]:
    """Blender enters local view with what is selected, and not without; the selection is put back at once."""
    seen = [obj for obj in view_layer.objects if obj.visible_get(view_layer=view_layer, viewport=space)]
    if not seen or any(obj.select_get(view_layer=view_layer) for obj in seen):
        yield
        return
    chosen = next((obj for obj in seen if roles.role_of(obj) is not None), seen[0])
    chosen.select_set(True, view_layer=view_layer)
    try:
        yield
    finally:
        chosen.select_set(False, view_layer=view_layer)


def leave_forgotten(*_: object) -> None:
    """A file was loaded: if Blender wrote it on its own in the midst of a neural view, leave the local view in it."""
    for screen in bpy.data.screens:
        if _MARK not in screen:
            continue
        number = screen.pop(_MARK)
        space = screen.areas[number].spaces.active if number < len(screen.areas) else None
        if space is not None and space.type == "VIEW_3D" and space.local_view is not None:
            place = screen, screen.areas[number], space
            _toggle_local_view(_window_of(place) or bpy.context.window_manager.windows[0], place)
