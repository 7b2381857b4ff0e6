"""Render a camera path into numbered frames and a video, one frame at a time."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from engine.link.geometry import Camera
from engine.link.json_files import JsonError, read_object
from engine.link.messages import ImageFormat
from engine.link.part_files import remove_leftovers, written_atomically
from engine.rendering.antialiasing import render_antialiased
from engine.rendering.bands import Bands
from engine.rendering.display import fingerprint_of
from engine.rendering.frame_files import FrameStyle, FrameWriter
from engine.rendering.prediction_marks import MarkedViewer
from engine.rendering.video import SUFFIXES, Video, encode_video

if TYPE_CHECKING:
    from engine.rendering.renderer import RenderedImage
    from engine.rendering.viewer import Viewer

MAX_FPS = 240.0
MAX_SAMPLES = 64
DEFAULT_STYLE = FrameStyle()


class BakeError(RuntimeError):
    """A bake that can't start or go on; the message names the file or value at fault. Finished frames stay."""


@dataclasses.dataclass(frozen=True)
class BakeProgress:
    """``done`` of ``total`` frames are on disk; ``eta_seconds`` None until one has been rendered."""

    done: int
    total: int
    eta_seconds: float | None
    message: str


class Bake:
    """An iterator that does one short piece of work per ``next()`` (a small frame, a band of a large one) and returns a
    BakeProgress.

    Frames go to ``output`` in this ``style``, as ``frame_0001.png``, ``frame_0001.exr`` and ``depth_0001.exr``. Each
    pixel is the mean of ``samples`` rays, its depth the nearest of theirs. Every file appears whole or not at all.

    With ``resume``, frames of the same bake that are already there, readable and of the right size are kept.
    With ``video``, the frames are encoded once all are there: on black, or with alpha in a .webp if they are
    transparent. ``close`` gives up early.

    Raises BakeError, from the constructor for bad arguments and an unwritable folder, from ``next()`` later.
    """

    def __init__(
        self,
        viewer: Viewer,
        cameras: Sequence[Camera],
        output: Path,
        style: FrameStyle = DEFAULT_STYLE,
        *,
        samples: int = 1,
        video: Video | None = None,
        resume: bool = False,
    ) -> None:
        _check_arguments(cameras, style.image_formats, samples, video)
        if video is not None and (video.path == output or video.path.is_dir()):
            raise BakeError(f"video: {video.path.name} is a folder, that of the frames or another: name a file")
        self._marks = style.mark_predicted
        self.use(viewer)
        self._cameras = list(cameras)
        self._samples = samples
        self._video = video
        self._resume = resume
        self._writer = FrameWriter(output, style, viewer.color_space)
        self._video_is_done = False
        self._rendered = 0
        self._render_seconds = 0.0
        self._bands = Bands(viewer.device)
        self._progress = BakeProgress(0, len(self._cameras), None, "")
        self._prepare_folder(output)
        self._steps = self._run()

    def use(self, viewer: Viewer) -> None:
        """Render all further frames with this one: of the same field, as it was at a certain moment."""
        self._viewer = MarkedViewer(viewer) if self._marks else viewer

    @property
    def progress(self) -> BakeProgress:
        """How far it is, without doing any work."""
        return self._progress

    @property
    def folder(self) -> Path:
        """Where the frames are."""
        return self._writer.folder

    @property
    def image_formats(self) -> tuple[ImageFormat, ...]:
        """The formats that each frame is written in."""
        return self._writer.image_formats

    @property
    def has_depth(self) -> bool:
        """Whether each frame has a depth picture."""
        return self._writer.depth

    @property
    def finished_video(self) -> Path | None:
        """The film, once it is there."""
        return self._video.path if self._video is not None and self._video_is_done else None

    def __iter__(self) -> Bake:
        return self

    def __next__(self) -> BakeProgress:
        self._progress = next(self._steps)
        return self._progress

    def close(self) -> None:
        """Stop; half-written files are removed, finished frames stay."""
        self._steps.close()

    def _run(self) -> Generator[BakeProgress, None, None]:
        total = len(self._cameras)
        for index, camera in enumerate(self._cameras):
            if not (self._resume and self._writer.is_finished(index, camera)):
                yield from self._render(index, camera)
            yield BakeProgress(index + 1, total, self._eta(index + 1), f"frame {index + 1} of {total}")
        if self._video is not None:
            yield from self._encode(self._video)

    def _render(self, index: int, camera: Camera) -> Iterator[BakeProgress]:
        """Render and write one frame, with a pause between its bands."""
        started = time.perf_counter()
        bands: list[RenderedImage] = []
        for band in self._bands.render(camera, lambda part: render_antialiased(self._viewer, part, self._samples)):
            if bands:
                waited = time.perf_counter()
                yield self._progress
                started += time.perf_counter() - waited
            bands.append(band)
        picture = dataclasses.replace(
            bands[0],
            color=torch.cat([band.color for band in bands]),
            depth=torch.cat([band.depth for band in bands]),
        )
        try:
            self._writer.write(index, picture)
        except OSError as error:
            raise BakeError(
                f"{error.filename or self._writer.color_paths(index)[0]}: the frame can't be written "
                f"({error.strerror or error}); the {index} frames before it are kept, so render again with resume"
            ) from None
        self._render_seconds += time.perf_counter() - started
        self._rendered += 1

    def _encode(self, video: Video) -> Iterator[BakeProgress]:
        total = len(self._cameras)
        linear = self._viewer.color_space == "linear"
        has_alpha = self._writer.transparent and video.path.suffix.lower() == ".webp"
        frames = (self._writer.read_for_display(index, linear, has_alpha) for index in range(total))
        try:
            video.path.parent.mkdir(parents=True, exist_ok=True)
            for count in encode_video(video, frames):
                yield BakeProgress(total, total, None, f"video frame {count} of {total}")
        except OSError as error:
            raise BakeError(
                f"{error.filename or video.path}: {error.strerror or error}; all {total} frames are kept"
            ) from None
        self._video_is_done = True
        yield BakeProgress(total, total, 0.0, f"wrote {video.path.name}")

    def _eta(self, done: int) -> float | None:
        if not self._rendered:
            return None
        return self._render_seconds / self._rendered * (len(self._cameras) - done)

    def _prepare_folder(self, output: Path) -> None:
        """Make the folder and leave in it a note of what is baked, by which a resume knows its own frames."""
        note = output / "bake.json"
        fingerprint = self._fingerprint()
        try:
            output.mkdir(parents=True, exist_ok=True)
            for folder in {output, output if self._video is None else self._video.path.parent}:
                remove_leftovers(folder)
            if self._resume and note.is_file() and read_object(note).get("fingerprint") != fingerprint:
                raise BakeError(
                    f"{output}: holds frames that were rendered otherwise (other cameras, size, samples, format or "
                    "view transform), which can't be resumed; choose another folder, or render without resume to "
                    "replace them"
                )
            with written_atomically(note) as temporary:
                temporary.write_text(json.dumps({"fingerprint": fingerprint, "frames": len(self._cameras)}))
        except OSError as error:
            raise BakeError(f"{output}: can't write into this folder ({error.strerror or error})") from None
        except JsonError:
            raise BakeError(f"{note}: damaged; delete it, or render without resume") from None

    def _fingerprint(self) -> str:
        what = [self._writer.image_formats, self._writer.transparent, self._writer.depth, self._samples]
        if "png" in self._writer.image_formats:
            what.append(fingerprint_of(self._writer.display))
        if self._marks:
            what.append("predicted marked")
        text = json.dumps([what, [camera.to_json() for camera in self._cameras]], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _check_arguments(
    cameras: Sequence[Camera], image_formats: Sequence[str], samples: int, video: Video | None
) -> None:
    if not cameras:
        raise BakeError("there are no cameras to render from")
    if not image_formats or not {"png", "exr"}.issuperset(image_formats):
        raise BakeError(f"image_formats: {list(image_formats)} must be png, exr or both")
    if not 1 <= samples <= MAX_SAMPLES:
        raise BakeError(f"samples: {samples} is outside 1..{MAX_SAMPLES}")
    if video is None:
        return
    if not (math.isfinite(video.fps) and 0.0 < video.fps <= MAX_FPS):
        raise BakeError(f"fps: {video.fps} is outside 0..{MAX_FPS:g}")
    if video.path.suffix.lower() not in SUFFIXES:
        raise BakeError(f"video: {video.path.name} must end in {' or '.join(SUFFIXES)}")
    if len({(camera.width, camera.height) for camera in cameras}) > 1:
        raise BakeError("video: the cameras' picture sizes differ, so that no video can be made of them")
