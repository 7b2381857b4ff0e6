"""Pictures for clients: at full size, or while the view moves at whatever size comes in time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from engine.device import PROFILES
from engine.link import codec
from engine.link.geometry import Camera
from engine.link.messages import Frame, RequestFrame
from engine.rendering.bands import Bands
from engine.rendering.prediction_marks import MarkedViewer
from engine.rendering.viewer import Viewer

MAX_FRAME_PIXELS = codec.MAX_MESSAGE_BYTES // 12 - 4096  # half-float RGBA and depth of one frame fit a message
MOVING_SECONDS = 0.06
# A picture has this part of it at least, whatever it had to wait for.
_SMALLEST_SHARE = 0.25
_MIN_MOVING_PIXELS = 48 * 48


class FrameError(ValueError):
    """A picture that can't be rendered or sent."""


_Band = tuple[npt.NDArray[np.float16], npt.NDArray[np.float32]]


@dataclasses.dataclass
class _FinalPicture:
    """One that is rendered band by band, maybe with other work between two of them."""

    request: RequestFrame
    rest: Iterator[_Band]
    bands: list[_Band] = dataclasses.field(default_factory=list)
    rows: int = 0
    seconds: float = 0.0

    def advance(self, is_outdated: Callable[[], bool]) -> bool:
        """Render until it is done, or until ``is_outdated`` says so after a band; returns whether it is done."""
        started = time.perf_counter()
        for band in self.rest:
            self.bands.append(band)
            self.rows += len(band[0])
            if self.rows < self.request.camera.height and is_outdated():
                break
        self.seconds += time.perf_counter() - started
        return self.rows == self.request.camera.height


class FrameRenderer:
    """Answers frame requests of one run; adapts the size of moving pictures to the measured time."""

    def __init__(self, viewer: Viewer, device: str) -> None:
        self._viewer = viewer
        self._moving_pixels = float(PROFILES[device].first_moving_pixels)
        self._bands = Bands(device)
        self._unfinished: _FinalPicture | None = None  # one at most: pictures may be large

    def render(
        self, request: RequestFrame, step: int, is_outdated: Callable[[], bool], waited: float = 0.0
    ) -> Frame | None:
        """The frame for ``request``; None when ``is_outdated`` said, between two bands of a final picture, that a view
        has begun to move: rendered again, the same request is gone on with. ``waited``: seconds for which other work
        may have kept the request waiting; a moving picture is made smaller for it. Raises FrameError when the picture
        is too large to send."""
        check_size(request.camera)
        if request.quality == "moving":
            started = time.perf_counter()
            share = max(1.0 - waited / MOVING_SECONDS, _SMALLEST_SHARE)
            camera = fit(request.camera, max(share * self._moving_pixels, _MIN_MOVING_PIXELS))
            color, depth = self._viewer_for(request).render(camera, "moving").to_scene_linear()
            seconds = time.perf_counter() - started
            self._adapt(camera, seconds, share)
        else:
            camera, picture = request.camera, self._unfinished
            if picture is None or picture.request is not request:
                viewer = self._viewer_for(request)
                bands = self._bands.render(camera, lambda band: viewer.render(band).to_scene_linear())
                picture = _FinalPicture(request, bands)
            self._unfinished = None
            if not picture.advance(is_outdated):
                self._unfinished = picture
                return None
            color, depth = (np.concatenate(parts) for parts in zip(*picture.bands, strict=True))
            seconds = picture.seconds
        return Frame(
            request=request.request,
            channel=request.channel,
            step=step,
            camera=camera,
            color=color,
            depth=depth if request.depth else None,
            render_seconds=seconds,
            exact=request.exact,
        )

    def _viewer_for(self, request: RequestFrame) -> Viewer:
        return MarkedViewer(self._viewer) if request.mark_predicted else self._viewer

    def _adapt(self, camera: Camera, seconds: float, share: float) -> None:
        """A picture that was to take this ``share`` of MOVING_SECONDS has taken so many."""
        pixels = camera.width * camera.height / share
        affordable = pixels * float(np.clip(share * MOVING_SECONDS / max(seconds, 1e-4), 0.25, 2.0))
        # Only a picture of the full budget says something about larger ones.
        if affordable < self._moving_pixels or pixels > 0.9 * self._moving_pixels:
            self._moving_pixels = max(0.5 * (self._moving_pixels + affordable), _MIN_MOVING_PIXELS)


def check_size(camera: Camera) -> None:
    """Raise FrameError when a picture of ``camera`` is too large to render and send in one piece."""
    if camera.width * camera.height > MAX_FRAME_PIXELS:
        raise FrameError(
            f"camera: a picture of {camera.width}x{camera.height} is too large, at most {MAX_FRAME_PIXELS} pixels"
        )


def fit(camera: Camera, pixels: float) -> Camera:
    """``camera``, made smaller if need be to have about ``pixels`` at most."""
    scale = (pixels / (camera.width * camera.height)) ** 0.5
    if scale >= 1.0:
        return camera
    return camera.resized(max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))
