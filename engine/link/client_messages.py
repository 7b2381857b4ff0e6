"""What a client says to the engine."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, ClassVar

from engine.link.compression import Compression
from engine.link.geometry import Camera
from engine.link.jobs import JobSpec
from engine.link.message_types import (
    MAX_CHUNK_BYTES,
    Bytes,
    Channel,
    ColorImage,
    DepthImage,
    Message,
    Name,
    Protocol,
    Quality,
    RelativePath,
    Request,
    Role,
    Seconds,
    Split,
    Steps,
)
from engine.link.primitives import PrimitiveSpec
from engine.link.values import Limits


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Hello(Message):
    """The first message of who has shown the token (see ``authorization``). Without the right ``protocol`` the engine
    answers Problem and hangs up. ``same_host``: the client can read the engine's files, so pixels may come through the
    ring file. ``role``: one client is in control; others may watch, which are told how the run stands and may ask for
    pictures. ``take_over``: an engine that is busy with another client in control hangs up on that one.
    ``compression``: the best that the client has."""

    protocol: Protocol
    version: Name
    client: Name
    same_host: bool = True
    role: Role = "controller"
    take_over: bool = False
    compression: Compression = "zlib"


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class OpenRun(Message):
    """Start, or with ``resume`` go on with, the run in folder ``run`` (relative to the engine's root).
    ``primitive``: what it is to learn; a run that is gone on with has its own. ``preset`` "auto" picks by device;
    ``overrides`` replaces single settings of its training."""

    run: RelativePath
    primitive: PrimitiveSpec
    preset: Name = "auto"
    seed: Annotated[int, Limits(0, 2**31 - 1)] = 0
    resume: bool = False
    overrides: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class CloseRun(Message):
    """Save the run if it has changed since, and let go of it: nothing is written into its folder any more. The answer
    is a RunClosed, also when none is open; or a Problem, and then it is open still."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class AddView(Message):
    """One captured view. ``color`` [H, W, 4]: float16 premultiplied scene-linear, or uint8 straight-alpha sRGB, as the
    run's color_space says. ``depth`` [H, W] float32 planar z, +inf where there is nothing, 0
    where it isn't known, -inf where the pixel is neither trained on nor scored. The same name replaces."""

    name: Name
    split: Split
    camera: Camera
    color: ColorImage
    depth: DepthImage | None = None
    render_seconds: Seconds = 0.0


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class AddFile(Message):
    """A file to learn from, or to score by, for primitives that don't learn from views. ``path`` is relative to the
    engine's root. The same name replaces."""

    name: Name
    split: Split
    path: RelativePath


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Train(Message):
    """Start or pause training. A budget in ``seconds`` or ``steps`` shapes the learning-rate schedule, and training
    pauses when it is used up; both None means until told otherwise. Both are totals since the run's first step, but the
    schedule begins at ``since``, in seconds: what was trained before has not used up any of the budget.
    ``evaluate_every``: seconds between held-out evaluations, 0 for none."""

    running: bool
    seconds: Seconds | None = None
    since: Seconds = 0.0
    steps: Steps | None = None
    evaluate_every: Seconds = 0.0


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Capturing(Message):
    """The client renders views, or no longer does. An engine that works on the CPU of the same machine leaves most of
    it to the client meanwhile."""

    replaces: ClassVar[tuple[str, ...] | None] = ()

    under_way: bool


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RequestFrame(Message):
    """Render one picture of ``camera``. The newest request of its ``channel`` wins, and channels take turns: each
    asker has one of its own. ``request`` comes back with the frame. Over a network, one that need not be ``exact`` is
    made much smaller by lossy compression that hardly shows. ``mark_predicted``: hatch surfaces that are predicted
    rather than captured."""

    replaces: ClassVar[tuple[str, ...] | None] = ("channel",)
    overtakes: ClassVar[tuple[type[Message], ...]] = (AddView, AddFile)

    request: Request
    channel: Channel = 0
    camera: Camera
    quality: Quality = "final"
    depth: bool = True
    exact: bool = True
    mark_predicted: bool = False


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class StartJob(Message):
    """Have the work done that ``specification`` describes, after the jobs that wait already: JobUpdates tell how it
    stands, the last one how it has ended. No two jobs of one name run at once."""

    job: Name
    specification: JobSpec


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class CancelJob(Message):
    """Stop a job, whether it waits or is at hand. What it has finished stays: a bake's frames."""

    job: Name


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class FetchFile(Message):
    """Send ``size`` bytes (at most MAX_CHUNK_BYTES) from ``offset`` on of a file that the engine has written; ``path``
    is relative to its root, with forward slashes. The answer is a FileChunk, or a Problem that regards ``path``."""

    path: RelativePath
    offset: Bytes = 0
    size: Annotated[int, Limits(1, MAX_CHUNK_BYTES)] = MAX_CHUNK_BYTES


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SaveSnapshot(Message):
    """Write the run to disk now; the answer is a SnapshotSaved."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Shutdown(Message):
    """Save the run and end the engine's process."""
