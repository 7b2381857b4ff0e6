"""Sound messages of the link, and ways to spoil them: bytes, lengths, JSON and numbers, by a seeded generator."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.link import codec
from engine.link.compression import Compression, compress
from engine.link.geometry import Bounds, Camera
from engine.link.messages import (
    PROTOCOL,
    AddFile,
    AddView,
    BakeResult,
    BakeSpec,
    CancelJob,
    Capturing,
    CloseRun,
    Evaluation,
    EvaluationSpec,
    FetchFile,
    FileChunk,
    Frame,
    Hello,
    ImageSpec,
    ItemAdded,
    JobUpdate,
    Message,
    OpenRun,
    PluginSpec,
    Problem,
    RadianceFieldSpec,
    RequestFrame,
    RunClosed,
    RunOpened,
    SaveSnapshot,
    Shutdown,
    SignedDistanceSpec,
    SnapshotSaved,
    StartJob,
    Status,
    Train,
    Welcome,
)

PRIMITIVE = RadianceFieldSpec(bounds=Bounds([-1, -1, -1], [1, 1, 1]))
CAMERA = Camera(np.eye(4), 6, 4, 5.0, 5.0, 3.0, 2.0)
_COLOR = np.linspace(0.0, 1.0, 4 * 6 * 4, dtype=np.float16).reshape(4, 6, 4)
_DEPTH = np.full((4, 6), 2.0, np.float32)

FROM_CLIENT: tuple[Message, ...] = (
    OpenRun(run="r", primitive=PRIMITIVE, overrides={"march_steps": 64, "field.levels": 4}),
    OpenRun(run="p", primitive=PluginSpec(name="plugin", settings={"sides": [4, 0.5], "words": "w"})),
    OpenRun(run="i", primitive=ImageSpec(width=640, height=480, alpha=True), resume=True),
    OpenRun(run="d", primitive=SignedDistanceSpec(bounds=PRIMITIVE.bounds, encoding="frequency")),
    CloseRun(),
    AddView(name="v", split="train", camera=CAMERA, color=_COLOR, depth=_DEPTH),
    AddView(name="b", split="test", camera=CAMERA, color=np.full((4, 6, 4), 200, np.uint8)),
    AddFile(name="f", split="train", path="files/f.npy"),
    Train(running=True, seconds=60.0, steps=10, evaluate_every=5.0),
    Capturing(under_way=True),
    RequestFrame(request=1, camera=CAMERA),
    RequestFrame(request=2, channel=3, camera=CAMERA, quality="moving", depth=False, exact=False),
    StartJob(job="scores", specification=EvaluationSpec()),
    StartJob(job="b", specification=BakeSpec(cameras=(CAMERA, CAMERA), output="bakes/b", video="bakes/b.mp4")),
    StartJob(
        job="t",
        specification=BakeSpec(
            cameras=(CAMERA,), output="o", display="table", view_table=np.zeros((2, 2, 2, 3), np.float32)
        ),
    ),
    CancelJob(job="b"),
    FetchFile(path="bakes/b/frame_0001.png", offset=0, size=100),
    SaveSnapshot(),
    Shutdown(),
)
FROM_ENGINE: tuple[Message, ...] = (
    Welcome(protocol=PROTOCOL, version="0", device="cpu", device_name="a processor", root="/tmp/root"),
    RunOpened(run="r", step=3, preset="cpu", primitive=PRIMITIVE, bounds=PRIMITIVE.bounds, items=("v", "w")),
    RunClosed(),
    ItemAdded(name="v", train_items=1, test_items=0),
    Status(state="training", step=7, seconds=1.5, metrics={"loss": 0.25, "rate": None}, train_items=1, progress=0.1),
    Frame(request=1, step=7, camera=CAMERA, color=_COLOR, depth=_DEPTH, render_seconds=0.1),
    Evaluation(step=7, seconds=1.5, scores={"psnr": 20.0, "own": None}, items={"v": {"psnr": 20.0}}),
    JobUpdate(job="b", state="running", done=1, total=2, eta_seconds=3.0, message="frame 1 of 2"),
    JobUpdate(job="b", state="done", done=2, total=2, result=BakeResult(folder="/tmp/root/b", video="/b.mp4")),
    FileChunk(path="bakes/b/frame_0001.png", offset=0, total=4, modified=5, data=np.arange(4, dtype=np.uint8)),
    SnapshotSaved(path="/tmp/root/r/snapshot.safetensors", step=7),
    Problem(code="view", message="it is bad", hint="Capture it again.", regarding="v"),
)
HELLO = Hello(protocol=PROTOCOL, version="0", client="c")

_PREFIX = struct.Struct("<I")
_TEXTS = (
    "",
    "\0",
    "a\0b",
    "\ud800",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\x",
    "\\\\host\\x",
    "NUL.png",
    "a:b.png",
)
_TEXTS += ("x" * 5000, "y" * 9000, "\u202e\u0301", "\x1b[31m", "nan", "%s%n{0}", "~root", "a/" * 3000, "bakes")
_NUMBERS = (0, -1, 1, 2, 255, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**30, 10**400, 0.5, -0.0)
_NUMBERS += (1e-300, 5e-324, 1e30, 1e38, 1e39, 1e300, 1e308, -1e308, float("nan"), float("inf"), float("-inf"))

COMPRESSIONS: tuple[Compression, ...] = ("zlib", "zstd")


def encoded(messages: tuple[Message, ...]) -> list[bytes]:
    """The bytes of ``messages``, those with arrays packed in every way."""
    wires = [codec.encode(message) for message in messages]
    for compression in COMPRESSIONS:
        wires += [codec.encode(message, codec.Packing(compression)) for message in messages]
        lossy = codec.Packing(compression, lossy=True)
        wires += [codec.encode(message, lossy) for message in messages if isinstance(message, Frame)]
    return wires


class Mutator:
    """Spoils the bytes of messages, reproducibly."""

    def __init__(self, seed: int, wires: list[bytes]) -> None:
        self._random = random.Random(seed)
        self._wires = wires
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            self._flip, self._cut, self._extend, self._splice, self._lie_about_length, self._noise,
            *[self._change_header] * 8, self._change_twice, self._bomb, self._nest,
        )  # fmt: skip

    def next(self) -> bytes:
        """One message, spoilt in one way."""
        return self._random.choice(self._ways)(self._random.choice(self._wires))

    # --- bytes --------------------------------------------------------------------------------------------------------

    def _flip(self, wire: bytes) -> bytes:
        changed = bytearray(wire)
        for _ in range(self._random.choice((1, 1, 1, 3, 20))):
            changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _cut(self, wire: bytes) -> bytes:
        return wire[: self._random.randrange(len(wire))]

    def _extend(self, wire: bytes) -> bytes:
        return wire + self._random.randbytes(self._random.choice((1, 16, 1000)))

    def _splice(self, wire: bytes) -> bytes:
        other = self._random.choice(self._wires)
        return wire[: self._random.randrange(len(wire))] + other[self._random.randrange(len(other)) :]

    def _lie_about_length(self, wire: bytes) -> bytes:
        (length,) = _PREFIX.unpack_from(wire)
        told = self._random.choice((0, 1, length - 1, length + 1, len(wire), 1 << 24, (1 << 24) + 1, (1 << 32) - 1))
        return _PREFIX.pack(max(told, 0)) + wire[_PREFIX.size :]

    def _noise(self, wire: bytes) -> bytes:
        return self._random.randbytes(self._random.choice((0, 3, 4, 100, len(wire))))

    def _bomb(self, wire: bytes) -> bytes:
        """A buffer that unpacks to much more than it should."""
        header, _ = _split(wire)
        packed = compress(bytes(1 << self._random.randrange(10, 22)), self._random.choice(COMPRESSIONS))
        for buffer in header["buffers"]:
            buffer.update(packing=self._random.choice(("compressed", "picture")), size=len(packed), ring=None)
        return _join(header, packed * len(header["buffers"]))

    # --- JSON ---------------------------------------------------------------------------------------------------------

    def _change_header(self, wire: bytes) -> bytes:
        header, rest = _split(wire)
        self._change(header)
        return _join(header, rest)

    def _change_twice(self, wire: bytes) -> bytes:
        header, rest = _split(wire)
        self._change(header)
        self._change(header)
        return _join(header, rest)

    def _nest(self, wire: bytes) -> bytes:
        """A value so deep that it takes the parser, or what comes after it, to the end of the stack."""
        depth = self._random.choice((50, 300, 480, 900, self._random.randrange(960, 1000), 5000))
        opening, closing = self._random.choice((("[", "]"), ('{"a":', "}")))
        header, rest = _split(wire)
        parent, key = self._pick(header)
        parent[key] = "@"
        text = json.dumps(header).replace('"@"', opening * depth + "1" + closing * depth, 1).encode()
        return _PREFIX.pack(len(text)) + text + rest

    def _change(self, header: dict[str, Any]) -> None:
        parent, key = self._pick(header)
        kind = self._random.randrange(5)
        if kind == 0 and isinstance(parent, dict):
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[self._random.choice(_TEXTS) or "extra"] = parent[key]
        elif kind == 2 and isinstance(parent, list):
            parent.extend(parent * self._random.choice((1, 3, 50)))
        else:
            parent[key] = self._value()

    def _pick(self, header: dict[str, Any]) -> tuple[Any, Any]:
        """A place somewhere in ``header``: its parent and its key there."""
        places = list(_places(header))
        # Not the type each time: a message of an unknown type is refused at once.
        return self._random.choice([place for place in places if place[1] != "type"] * 5 + places)

    def _value(self) -> Any:
        kind = self._random.randrange(8)
        if kind < 3:
            return self._random.choice(_NUMBERS)
        if kind < 5:
            return self._random.choice(_TEXTS)
        if kind == 5:
            return [self._value() for _ in range(self._random.choice((0, 1, 3, 4, 16)))]
        if kind == 6:
            return {self._random.choice(_TEXTS): self._value() for _ in range(self._random.choice((0, 1, 3)))}
        return self._random.choice((None, True, False))


def _places(value: Any) -> Any:
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in children:
        yield value, key
        if isinstance(item, dict | list):
            yield from _places(item)


def _split(wire: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = _PREFIX.unpack_from(wire)
    return json.loads(wire[_PREFIX.size : _PREFIX.size + length]), wire[_PREFIX.size + length :]


def _join(header: dict[str, Any], rest: bytes) -> bytes:
    text = json.dumps(header).encode()
    return _PREFIX.pack(len(text)) + text + rest
