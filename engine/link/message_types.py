"""What messages are made of: their base, and the types of their fields with the limits that each has.

An array field (``ColorImage``, ``DepthImage``, ``FileBytes``, ``ColorTable``) travels as a raw buffer behind the JSON
header; everything else travels inside it.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Pixels
from engine.link.geometry import Camera
from engine.link.values import ANY, Limits
from engine.link.view_transform import MAX_SIZE


@dataclasses.dataclass(frozen=True)
class PixelsSpec:
    """What an array field may hold: [H, W] (``channels`` 0) or [H, W, channels], of one of ``dtypes``."""

    dtypes: tuple[str, ...]
    channels: int = 0


ColorImage = Annotated[Pixels, PixelsSpec(("float16", "uint8"), channels=4)]
DepthImage = Annotated[npt.NDArray[np.float32], PixelsSpec(("float32",))]

MAX_CHUNK_BYTES = 1 << 20
MAX_PIECES = 50_000  # of a job: a bake's cameras, held-out views
MAX_CHANNELS = 8  # of pictures, for each client


@dataclasses.dataclass(frozen=True)
class BytesSpec:
    """What a field of raw bytes may hold: uint8 [N] of at most ``most`` bytes, at least one."""

    most: int


FileBytes = Annotated[npt.NDArray[np.uint8], BytesSpec(MAX_CHUNK_BYTES)]


@dataclasses.dataclass(frozen=True)
class TableSpec:
    """What a field with a table of colours may hold: float32 [S, S, S, 3] with S in 2..``most``."""

    most: int


ColorTable = Annotated[npt.NDArray[np.float32], TableSpec(MAX_SIZE)]

ArraySpec = PixelsSpec | BytesSpec | TableSpec


@dataclasses.dataclass(frozen=True)
class Count:
    """How long a text or a list may be, both ends included."""

    least: int
    most: int


@dataclasses.dataclass(frozen=True)
class Pattern:
    """What the whole of a text must match; ``words`` say so."""

    regex: str
    words: str

    def matches(self, text: str) -> bool:
        """Whether ``text`` is such a text."""
        return re.fullmatch(self.regex, text, re.ASCII) is not None


Name = Annotated[str, Count(0, 500)]  # of views, jobs, clients, versions
RelativePath = Annotated[str, Count(1, 4096)]  # relative to the engine's root, with forward slashes
Seconds = Annotated[float, Limits(0.0, 1e9)]
Figure = Annotated[float, ANY]  # of which only who measured it knows what it may be
Channel = Annotated[int, Limits(0, MAX_CHANNELS - 1)]
Steps = Annotated[int, Limits(0, 2**31 - 1)]
Items = Annotated[int, Limits(0, 2**31 - 1)]
Protocol = Annotated[int, Limits(0, 2**31 - 1)]
Request = Annotated[int, Limits(0, 2**63 - 1)]
Bytes = Annotated[int, Limits(0, 2**63 - 1)]
# A figure's name; ``metrics`` has labels for some.
MetricName = Annotated[str, Pattern("[a-z][a-z0-9_]{0,63}", "up to 64 of a-z, 0-9 and _, a letter first")]
# A figure is None where it doesn't apply or isn't known yet.
Metrics = Annotated[dict[MetricName, Figure | None], Count(0, 64)]
Cameras = Annotated[tuple[Camera, ...], Count(0, MAX_PIECES)]

ColorSpace = Literal["linear", "srgb"]
Role = Literal["controller", "viewer"]
Split = Literal["train", "test"]
Quality = Literal["moving", "final"]
ImageFormat = Literal["png", "exr"]
Display = Literal["standard", "raw", "table"]
JobState = Literal["running", "done", "cancelled", "failed"]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Tagged:
    """Base of the members of tagged unions, parts of messages that are of one kind or another: ``kind`` travels with
    them and says which. No field of a member may be called ``kind``."""

    kind: ClassVar[str]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Message:
    """Base of all messages. ``replaces`` names the fields by which a newer message makes a queued older one pointless
    (None: never; an empty tuple: any newer one of the same type). ``overtakes`` names the types of messages that it
    need not wait for."""

    replaces: ClassVar[tuple[str, ...] | None] = None
    overtakes: ClassVar[tuple[type[Message], ...]] = ()

    @property
    def replacement_key(self) -> tuple[object, ...]:
        """What a message that has ``replaces`` has in common with those that it makes pointless."""
        return (type(self), *(getattr(self, name) for name in self.replaces or ()))
