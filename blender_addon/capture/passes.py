"""Render one view: colour and depth as arrays, by whatever engine the scene uses.

Neither the Render Result nor a multilayer EXR gives its pixels to Python, so the compositor of the temporary scene
writes each pass to a single-layer EXR, which is read back as raw numbers: by Python, for that works in any thread.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np

from .. import write_lock
from ..picture_files.exr import read_exr as read_channels
from . import compat, escape_watch
from .cameras import find_camera
from .errors import CaptureCancelled, CaptureError, ViewError

# Engines fill the depth of empty pixels with 1e10 or more.
NOTHING_BEYOND = 1e9
_PATIENCE = 3.0  # seconds for Blender's main loop to come round
HALF_MAX = float(np.finfo(np.float16).max)


class PassRenderer:
    """Renders views of a temporary scene, by name ``scene_name``, with the cameras it is given."""

    def __init__(self, scene_name: str, view_layer_name: str, scratch: Path, use_depth: bool) -> None:
        """``scratch``: an existing folder for files that live until the next view."""
        self._scene_name = scene_name
        self._view_layer_name = view_layer_name
        self._color_folder = scratch / "color"
        self._depth_folder: Path | None = None
        self._camera_name = ""  # of the view at hand
        self._is_cancelled = False
        self._may_go_on = threading.Event()
        scene = self.scene
        tree = compat.new_compositor(scene)
        context = bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[self._view_layer_name])
        with context:  # a new node belongs to the context's scene
            layers = tree.nodes.new("CompositorNodeRLayers")
        layers.layer = view_layer_name
        compat.add_file_output(tree, layers.outputs["Image"], self._color_folder, "RGBA", "16")
        if use_depth and (depth := layers.outputs.get("Depth")) is not None:  # not every engine has that pass
            self._depth_folder = scratch / "depth"
            compat.add_file_output(tree, depth, self._depth_folder, "RGB", "32")

    @property
    def scene(self) -> bpy.types.Scene:
        """The temporary scene. Raises CaptureError when an undo or a newly loaded file took it away."""
        scene = bpy.data.scenes.get(self._scene_name)
        if scene is None:
            raise CaptureError("The file was changed under the capture (undo, or another file): start it again")
        return scene

    @contextlib.contextmanager
    def _at_frame(self) -> Iterator[None]:
        """Have the render operator, which takes the scene from its argument but the frame from the context's scene,
        render the temporary scene's frame.

        No operator may be called in an overridden context while a thread of Python runs: up to Blender 5.0 the context
        is then read without the GIL, and Blender crashes every few hundred calls.
        """
        shown, frame = bpy.context.scene, self.scene.frame_float
        before = shown.frame_float
        if frame != before:
            shown.frame_float = frame
        try:
            yield
        finally:
            if frame != before:
                shown.frame_float = before

    def render(self, camera_name: str) -> tuple[np.ndarray, np.ndarray | None]:
        """Render through camera object ``camera_name`` at the frame the temporary scene stands at, and wait for it.

        Returns colour [H, W, 4] float16, scene-linear with premultiplied alpha, and depth [H, W] float32, planar z in
        metres, +inf where there is nothing (None without depth, or where the engine gives none). First row on top.
        Raises CaptureError, ViewError if only this view is at fault, CaptureCancelled.
        """
        self._aim(camera_name)
        try:
            with self._at_frame():
                outcome = bpy.ops.render.render("EXEC_DEFAULT", scene=self._scene_name)
        except RuntimeError as error:
            raise ViewError(f"Camera {camera_name}: rendering failed: {_words_of(error)}") from None
        if "FINISHED" not in outcome:
            raise CaptureCancelled(f"Camera {camera_name}: rendering was cancelled")
        return self.take_pictures()

    def begin(self, camera_name: str) -> None:
        """Begin what ``render`` does, beside Blender's window, which stays usable; Esc cancels it.

        Call ``go_on`` when Blender's main loop has come round once. Its scene is in no window, and so Blender takes the
        graphics context away from the render there and then. A short render would end at that very moment, and give
        the context back as well: that ended Blender 4.3 on Linux (GLXBadContext). 5.2 got through 26 such renders
        without waiting, in one try; but waiting costs one turn of the main loop only, and so the render waits.

        When ``is_rendering`` no longer holds, call ``finish``, then ``take_pictures``. Raises CaptureError, ViewError.
        """
        self._aim(camera_name)
        self._is_cancelled = False
        self._may_go_on.clear()
        bpy.app.handlers.render_cancel.append(self._note_cancelled)
        bpy.app.handlers.render_pre.append(self._wait_for_main_loop)
        with self._at_frame(), _without_render_window():
            outcome = bpy.ops.render.render("INVOKE_DEFAULT", scene=self._scene_name)
        if "RUNNING_MODAL" not in outcome:
            self.forget_job()
            raise CaptureError("Blender is rendering something else: wait for its end, then capture again")
        write_lock.watch_render()
        escape_watch.begin()

    def go_on(self) -> None:
        """Blender's main loop has come round since ``begin``."""
        self._may_go_on.set()

    @property
    def is_rendering(self) -> bool:
        """Whether what ``begin`` began is still running."""
        return bpy.app.is_job_running("RENDER")

    def finish(self) -> None:
        """Note the end of what ``begin`` began. Raises CaptureError, CaptureCancelled."""
        self.forget_job()
        _scene = self.scene  # an undo that took it has ended the render, too
        if self._is_cancelled:
            raise CaptureCancelled(f"Camera {self._camera_name}: rendering was cancelled")

    def _aim(self, camera_name: str) -> None:
        scene, self._camera_name = self.scene, camera_name
        camera = find_camera(camera_name)
        if camera is None:
            raise ViewError(f"Camera {camera_name} was removed during the capture")
        scene.camera = camera

    def take_pictures(self) -> tuple[np.ndarray, np.ndarray | None]:
        """What was rendered last, as ``render`` returns it; once, from any thread. Raises CaptureError, ViewError."""
        color = _as_half(_take_pixels(self._color_folder))
        if self._depth_folder is None:
            return color, None
        depth = _as_depth(_take_pixels(self._depth_folder))
        depth[color[..., 3] == 0] = np.inf  # a shadow catcher has a distance also where there is no shadow
        return color, depth if has_depth(color, depth) else None

    def _note_cancelled(self, *_: object) -> None:
        self._is_cancelled = True

    def _wait_for_main_loop(self, *_: object) -> None:
        """Called in the render's own thread."""
        self._may_go_on.wait(_PATIENCE)

    def forget_job(self) -> None:
        """No longer listen to what ``begin`` began."""
        self._may_go_on.set()
        with contextlib.suppress(ValueError):  # another file was loaded
            bpy.app.handlers.render_cancel.remove(self._note_cancelled)
            bpy.app.handlers.render_pre.remove(self._wait_for_main_loop)


@contextlib.contextmanager
def _without_render_window() -> Iterator[None]:
    """Leave the user's windows and editors as they are, wherever renders are shown else."""
    view = bpy.context.preferences.view
    former, view.render_display_type = view.render_display_type, "NONE"
    try:
        yield
    finally:
        view.render_display_type = former


def read_exr(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """The numbers of an EXR file, [H, W, channels] in the file's own type, first row on top: red, green, blue, alpha,
    or a single channel. From any thread. Raises CaptureError when the file can't be read, or has another width and
    height than ``size``.
    """
    try:
        channels = read_channels(path, size)
    except (OSError, ValueError) as error:
        raise CaptureError(f"{path}: can't be read ({getattr(error, 'strerror', None) or error})") from None
    names = "RGBA" if set("RGBA") <= channels.keys() else sorted(channels)[:1]
    return np.stack([channels[name] for name in names], axis=2)


def has_depth(color: np.ndarray, depth: np.ndarray) -> bool:
    """Whether the engine that rendered ``color`` [H, W, 4] has a Depth pass, by what it gave as ``depth`` [H, W]: a
    distance anywhere, or nothing where there is nothing to see."""
    return bool(np.isfinite(depth).any()) or not (color[..., 3] > 0).any()


def _words_of(error: RuntimeError) -> str:
    """What Blender reported, each line once."""
    lines = (line.strip().removeprefix("Error: ") for line in str(error).splitlines())
    return "; ".join(dict.fromkeys(line for line in lines if line))


def _take_pixels(folder: Path) -> np.ndarray:
    """Read the one file in ``folder`` and delete it, so that it can't be taken for that of the next view."""
    files = sorted(folder.glob("*.exr"))
    if len(files) != 1:
        raise ViewError(f"rendering gave no picture; Blender's console may say why, or the disk of {folder} is full")
    pixels = read_exr(files[0])
    files[0].unlink()
    return pixels


def _as_half(color: np.ndarray) -> np.ndarray:
    """Clamped to what a half float holds; a renderer's NaN becomes black."""
    half = np.clip(color, -HALF_MAX, HALF_MAX).astype(np.float16, copy=False)
    half[np.isnan(half)] = 0.0
    return half


def _as_depth(pixels: np.ndarray) -> np.ndarray:
    depth = pixels[..., 0].astype(np.float32)
    depth[~((depth > 0.0) & (depth < NOTHING_BEYOND))] = np.inf  # an engine without that pass leaves zeros
    return depth
