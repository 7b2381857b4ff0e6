"""Long work that the engine is asked for: a part of ``StartJob`` for each kind of it, and one of the ``JobUpdate`` that
ends it where it leaves something behind."""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar

from engine.link.bake_files import depth_name, frame_name
from engine.link.message_types import Cameras, ColorTable, Count, Display, ImageFormat, RelativePath, Tagged
from engine.link.values import Limits

SCHEDULED = "scheduled evaluation"  # what the engine calls one that it begins by itself; a number tells others apart


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class BakeSpec(Tagged):
    """Render ``cameras`` into ``output``: a folder of numbered frames, in each of ``image_formats``, plus a video when
    ``video`` names one (.mp4 or .webp); both are relative to the engine's root. ``samples``: rays for each pixel.
    Existing frames are kept with ``resume``.

    ``display``: how scene-linear light becomes the colours of PNG frames and videos: encoded as sRGB, as it is, or by
    the ``ViewTransform`` of ``view_table``, ``view_exposure`` and ``view_exponent``. A run that learnt sRGB pictures
    shows these as they are."""

    kind: ClassVar[str] = "bake"

    cameras: Cameras
    output: RelativePath
    image_formats: Annotated[tuple[ImageFormat, ...], Count(1, 2)] = ("png",)
    video: RelativePath | None = None
    fps: Annotated[float, Limits(0.01, 240.0)] = 24.0
    samples: Annotated[int, Limits(1, 64)] = 1
    transparent: bool = True
    depth: bool = False
    resume: bool = False
    display: Display = "standard"
    view_table: ColorTable | None = None
    view_exposure: Annotated[float, Limits(1e-6, 1e6)] = 1.0
    view_exponent: Annotated[float, Limits(1e-3, 1e3)] = 1.0


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class EvaluationSpec(Tagged):
    """Score all that is held out; before the job ends the scores come as an Evaluation."""

    kind: ClassVar[str] = "evaluation"


JobSpec = BakeSpec | EvaluationSpec


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class BakeResult(Tagged):
    """Where a bake's files are: ``folder`` on the engine's host (an absolute path) holds a picture of each finished
    frame in every one of ``image_formats``, with ``depth`` a depth picture too; ``video`` is the path of the film, ""
    without one."""

    kind: ClassVar[str] = "bake"

    folder: str
    image_formats: Annotated[tuple[ImageFormat, ...], Count(0, 2)] = ()
    depth: bool = False
    video: str = ""

    def files(self, done: int) -> list[str]:
        """The paths of what is finished once ``done`` frames are: the frames in order, depth pictures, the video."""
        names = [frame_name(index, suffix) for index in range(done) for suffix in self.image_formats]
        names += [depth_name(index) for index in range(done)] if self.depth else []
        return [f"{self.folder}/{name}" for name in names] + ([self.video] if self.video else [])


JobResult = BakeResult  # the union of all kinds: a further one is a member more
