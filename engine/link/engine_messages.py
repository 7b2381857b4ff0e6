"""What the engine says to its client."""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar, Literal

from engine.link.compression import Compression
from engine.link.geometry import Bounds, Camera
from engine.link.jobs import JobResult
from engine.link.message_types import (
    MAX_PIECES,
    Bytes,
    Channel,
    ColorImage,
    DepthImage,
    Figure,
    FileBytes,
    Items,
    JobState,
    Message,
    Metrics,
    Name,
    Protocol,
    Request,
    Seconds,
    Steps,
)
from engine.link.metrics import Descriptions
from engine.link.primitives import PrimitiveSpec
from engine.link.values import Limits


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Welcome(Message):
    """The handshake's good end. ``ring``: the private folder of the pixel ring, None when pixels come inside the
    messages. ``compression``: what both sides have, for what either compresses."""

    protocol: Protocol
    version: str
    device: str
    device_name: str
    root: str
    ring: str | None = None
    compression: Compression = "zlib"


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RunOpened(Message):
    """The run is ready. ``primitive``: what it learns. ``bounds``: the box in the world that pictures of it show.
    ``step`` > 0 when it was resumed; ``items`` names what it already holds to learn from or to be scored by, each of
    which is called an ``item``, and with ``items_are_views`` is a view; ``jobs`` the jobs that are running or have
    ended lately: how those ended has just been told. ``metrics`` describes the figures that its kind has of its own."""

    run: str
    step: Steps
    preset: str
    primitive: PrimitiveSpec
    bounds: Bounds
    item: Name = "item"
    items_are_views: bool = False
    metrics: Descriptions = dataclasses.field(default_factory=dict)
    items: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RunClosed(Message):
    """No run is open any more: folders of runs may be moved."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ItemAdded(Message):
    """A view or a file arrived whole and is being trained on (or held out)."""

    name: str
    train_items: Items
    test_items: Items


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Status(Message):
    """How training stands, about five times a second: by these a client knows that the engine is there. ``seconds``
    counts training time only; ``busy_seconds`` is for how long the device has not answered. ``metrics``: figures by
    name, those of every kind (``metrics.COMMON``) and what the kind of primitive has of its own. ``train_items``,
    ``test_items``: how many views, or whatever it learns from, are trained on and held out. ``remark``: what to know of
    what is shown, in a few words."""

    replaces: ClassVar[tuple[str, ...] | None] = ()

    state: Literal["idle", "warming up", "training", "paused", "finished"]
    step: Steps = 0
    seconds: Seconds = 0.0
    metrics: Metrics = dataclasses.field(default_factory=dict)
    train_items: Items = 0
    test_items: Items = 0
    progress: Annotated[float, Limits(0.0, 1.0)] | None = None
    eta_seconds: Figure | None = None
    message: str = ""
    remark: str = ""
    busy_seconds: Seconds = 0.0


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Frame(Message):
    """A rendered picture, the answer to ``request`` of ``channel``. ``color`` [H, W, 4] float16, premultiplied,
    scene-linear, first row on top; ``depth`` [H, W] float32 planar z, +inf where alpha is 0. ``camera`` is exactly the
    one it was rendered from: with quality "moving" it may be a smaller one than was asked for."""

    replaces: ClassVar[tuple[str, ...] | None] = ("channel",)

    request: Request
    channel: Channel = 0
    step: Steps
    camera: Camera
    color: ColorImage
    depth: DepthImage | None = None
    render_seconds: Seconds = 0.0
    exact: bool = True


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Evaluation(Message):
    """Held-out scores by name, as ``RunOpened.metrics`` describes them: means, and those of single ``items`` where it
    has any. A radiance field's ``psnr`` in dB on black, display-referred sRGB, and ``ssim`` in 0..1
    are over whole pictures, ``subject_psnr`` and ``subject_ssim`` over the subject (see ``scoring``). Those are None or
    not there where a view doesn't show the subject, and in runs of older versions."""

    step: Steps
    seconds: Seconds
    scores: Metrics
    items: dict[str, Metrics] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class JobUpdate(Message):
    """How a job stands: ``done`` of ``total`` pieces, a bake's frames or an evaluation's views. ``result``: once it has
    ended, what it has left behind, also where it was cancelled or has failed."""

    replaces: ClassVar[tuple[str, ...] | None] = ("job", "state")

    job: Name
    state: JobState
    done: Annotated[int, Limits(0, MAX_PIECES)]
    total: Annotated[int, Limits(0, MAX_PIECES)]
    eta_seconds: Seconds | None = None
    message: str = ""
    result: JobResult | None = None

    @property
    def files(self) -> list[str]:
        """The paths of what is finished, on the engine's host; none until it has ended."""
        return [] if self.result is None else self.result.files(self.done)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class FileChunk(Message):
    """A piece of a file. ``total``: the file's size in bytes, ``modified``: when it was written, nanoseconds since
    1970; if either differs from piece to piece, it was written anew meanwhile. ``data`` is None at and past the end."""

    path: str
    offset: Bytes
    total: Bytes
    modified: Annotated[int, Limits(-(2**63), 2**63 - 1)]
    data: FileBytes | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SnapshotSaved(Message):
    """The run is on disk up to ``step``."""

    path: str
    step: Steps


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Problem(Message):
    """Something went wrong: ``message`` says what and why, ``hint`` what to do. ``code`` is for programs;
    ``regarding`` names the view, job, field or file at fault. ``fatal``: the engine hangs up."""

    code: str
    message: str
    hint: str = ""
    regarding: str = ""
    fatal: bool = False
