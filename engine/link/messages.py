"""Every message that crosses the link, as a typed dataclass.

An array field (``ColorImage``, ``DepthImage``, ``FileBytes``) travels as a raw buffer behind the JSON header;
everything else travels inside it. ``codec`` turns messages into bytes and back and checks types, sizes and unknown
fields.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from engine.link.geometry import Bounds, Camera

PROTOCOL = 1


@dataclasses.dataclass(frozen=True)
class ImageSpec:
    """What an array field may hold: [H, W] (``channels`` 0) or [H, W, channels], of one of ``dtypes``."""

    dtypes: tuple[str, ...]
    channels: int = 0


ColorImage = Annotated[np.ndarray, ImageSpec(("float16", "uint8"), channels=4)]
DepthImage = Annotated[np.ndarray, ImageSpec(("float32",))]

MAX_CHUNK_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class BytesSpec:
    """What a field of raw bytes may hold: uint8 [N] of at most ``most`` bytes, at least one."""

    most: int


FileBytes = Annotated[np.ndarray, BytesSpec(MAX_CHUNK_BYTES)]

ColorSpace = Literal["linear", "srgb"]
Split = Literal["train", "test"]
Quality = Literal["moving", "final"]
JobState = Literal["running", "done", "cancelled", "failed"]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Message:
    """Base of all messages. ``replaces`` names the fields by which a newer message makes a queued older one pointless
    (None: never; an empty tuple: any newer one of the same type)."""

    replaces: ClassVar[tuple[str, ...] | None] = None


# --- client to engine -------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Hello(Message):
    """The first message. Without the right ``token`` and ``protocol`` the engine answers Problem and hangs up.
    ``same_host``: the client can read the engine's files, so pixels may come through the ring file."""

    protocol: int
    version: str
    token: str
    client: str
    same_host: bool = True


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class OpenRun(Message):
    """Start, or with ``resume`` go on with, the run in folder ``run`` (relative to the engine's root).
    ``preset`` "auto" picks by device; ``overrides`` replaces single TrainConfig fields."""

    run: str
    bounds: Bounds
    color_space: ColorSpace = "linear"
    preset: str = "auto"
    seed: int = 0
    resume: bool = False
    overrides: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class AddView(Message):
    """One captured view. ``color`` [H, W, 4]: float16 premultiplied scene-linear, or uint8 straight-alpha sRGB, as the
    run's color_space says. ``depth`` [H, W] float32 planar z, +inf where there is nothing. The same name replaces."""

    name: str
    split: Split
    camera: Camera
    color: ColorImage
    depth: DepthImage | None = None
    render_seconds: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Train(Message):
    """Start or pause training. A budget in ``seconds`` or ``steps`` shapes the learning-rate schedule, and training
    pauses when it is used up; both None means until told otherwise. ``evaluate_every``: seconds between held-out
    evaluations, 0 for none."""

    running: bool
    seconds: float | None = None
    steps: int | None = None
    evaluate_every: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RequestFrame(Message):
    """Render one picture of ``camera``. The latest request wins; ``request`` comes back with the frame. Over a network,
    one that need not be ``exact`` is made much smaller at a loss that hardly shows."""

    replaces: ClassVar[tuple[str, ...] | None] = ()

    request: int
    camera: Camera
    quality: Quality = "final"
    depth: bool = True
    exact: bool = True


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Evaluate(Message):
    """Score all held-out views now; the answer is an Evaluation."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class StartBake(Message):
    """Render ``cameras`` into ``output``: a folder of numbered frames, plus a video when ``video`` names one (.mp4 or
    .webp); both are relative to the engine's root. ``samples``: rays for each pixel. Existing frames are kept with
    ``resume``."""

    job: str
    cameras: tuple[Camera, ...]
    output: str
    image_format: Literal["png", "exr"] = "png"
    video: str | None = None
    fps: float = 24.0
    samples: int = 1
    transparent: bool = True
    depth: bool = False
    resume: bool = False


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class CancelJob(Message):
    """Stop a job after the frame at hand. Its finished frames stay."""

    job: str


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class FetchFile(Message):
    """Send ``size`` bytes (at most MAX_CHUNK_BYTES) from ``offset`` on of a file that the engine has written; ``path``
    is relative to its root, with forward slashes. The answer is a FileChunk, or a Problem that regards ``path``."""

    path: str
    offset: int = 0
    size: int = MAX_CHUNK_BYTES


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SaveSnapshot(Message):
    """Write the run to disk now; the answer is a SnapshotSaved."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Shutdown(Message):
    """Save the run and end the engine's process."""


# --- engine to client -------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Welcome(Message):
    """The handshake's good end. ``ring``: the private folder of the pixel ring, None when pixels come inside the
    messages."""

    protocol: int
    version: str
    device: str
    device_name: str
    root: str
    ring: str | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RunOpened(Message):
    """The run is ready. ``step`` > 0 when it was resumed; ``views`` names the views it already holds."""

    run: str
    step: int
    preset: str
    views: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ViewAdded(Message):
    """A view arrived whole and is being trained on (or held out)."""

    name: str
    train_views: int
    test_views: int


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Status(Message):
    """How training stands, about five times a second. ``seconds`` counts training time only."""

    replaces: ClassVar[tuple[str, ...] | None] = ()

    state: Literal["idle", "warming up", "training", "paused", "finished"]
    step: int = 0
    seconds: float = 0.0
    loss: float | None = None
    steps_per_second: float = 0.0
    train_views: int = 0
    test_views: int = 0
    progress: float | None = None
    eta_seconds: float | None = None
    message: str = ""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Frame(Message):
    """A rendered picture. ``color`` [H, W, 4] float16, premultiplied, scene-linear, first row on top; ``depth`` [H, W]
    float32 planar z, +inf where alpha is 0. ``camera`` is exactly the one it was rendered from: with quality "moving"
    it may be a smaller one than was asked for."""

    replaces: ClassVar[tuple[str, ...] | None] = ()

    request: int
    step: int
    camera: Camera
    color: ColorImage
    depth: DepthImage | None = None
    render_seconds: float = 0.0
    exact: bool = True


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Evaluation(Message):
    """Held-out scores: mean and per view. ``psnr`` in dB on black, display-referred sRGB; ``ssim`` in 0..1."""

    step: int
    seconds: float
    psnr: float
    ssim: float
    views: dict[str, dict[str, float]]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class JobUpdate(Message):
    """A bake's progress. ``files`` are absolute paths on the engine's host of what is finished, filled in once it has
    ended: the frames in order, depth pictures, the video."""

    replaces: ClassVar[tuple[str, ...] | None] = ("job", "state")

    job: str
    state: JobState
    done: int
    total: int
    eta_seconds: float | None = None
    message: str = ""
    files: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class FileChunk(Message):
    """A piece of a file. ``total``: the file's size in bytes, ``modified``: when it was written, nanoseconds since
    1970; if either differs from piece to piece, it was written anew meanwhile. ``data`` is None at and past the end."""

    path: str
    offset: int
    total: int
    modified: int
    data: FileBytes | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SnapshotSaved(Message):
    """The run is on disk up to ``step``."""

    path: str
    step: int


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Problem(Message):
    """Something went wrong: ``message`` says what and why, ``hint`` what to do. ``code`` is for programs;
    ``regarding`` names the view, job, field or file at fault. ``fatal``: the engine hangs up."""

    code: str
    message: str
    hint: str = ""
    regarding: str = ""
    fatal: bool = False


CLIENT_MESSAGES: tuple[type[Message], ...] = (
    Hello,
    OpenRun,
    AddView,
    Train,
    RequestFrame,
    Evaluate,
    StartBake,
    CancelJob,
    FetchFile,
    SaveSnapshot,
    Shutdown,
)
ENGINE_MESSAGES: tuple[type[Message], ...] = (
    Welcome,
    RunOpened,
    ViewAdded,
    Status,
    Frame,
    Evaluation,
    JobUpdate,
    FileChunk,
    SnapshotSaved,
    Problem,
)
