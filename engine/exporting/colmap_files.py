"""A COLMAP sparse model as its three files, binary or text, as COLMAP's documentation describes them ("Output Format").

Numbers of cameras, images and points begin with 1.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.data.colmap_cameras import CameraModel
from engine.exporting.cloud import Cloud
from engine.link.arrays import Floats

_OBSERVATION = np.dtype([("x", "<f8"), ("y", "<f8"), ("point", "<i8")])
_TRACK = np.dtype([("image", "<i4"), ("observation", "<i4")])
_NO_ERROR = 0.0  # of points: they are where depth says, and observations where they project to


@dataclasses.dataclass(frozen=True)
class CameraRecord:
    """A lens: its model, width and height in pixels, and the model's parameters."""

    model: CameraModel
    width: int
    height: int
    parameters: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class ImageRecord:
    """A picture: from the world to the camera by a ``quaternion`` w x y z and a ``translation``, the number of its
    camera, and its name in the folder of all pictures."""

    quaternion: tuple[float, ...]
    translation: tuple[float, ...]
    camera: int
    name: str


def write_binary(folder: Path, cameras: Sequence[CameraRecord], images: Sequence[ImageRecord], cloud: Cloud) -> None:
    """Write cameras.bin, images.bin and points3D.bin. Raises OSError."""
    with (folder / "cameras.bin").open("wb") as file:
        file.write(struct.pack("<Q", len(cameras)))
        for number, camera in enumerate(cameras, 1):
            file.write(struct.pack("<IiQQ", number, camera.model.number, camera.width, camera.height))
            file.write(struct.pack(f"<{len(camera.parameters)}d", *camera.parameters))
    with (folder / "images.bin").open("wb") as file:
        file.write(struct.pack("<Q", len(images)))
        for number, (image, seen) in enumerate(zip(images, cloud.observations, strict=True), 1):
            file.write(struct.pack("<I7dI", number, *image.quaternion, *image.translation, image.camera))
            file.write(image.name.encode("utf-8") + b"\0")
            rows = np.empty(len(seen.points), _OBSERVATION)
            rows["x"], rows["y"], rows["point"] = *seen.pixels.T, seen.points + 1
            file.write(struct.pack("<Q", len(rows)) + rows.tobytes())
    with (folder / "points3D.bin").open("wb") as file:
        file.write(struct.pack("<Q", len(cloud.positions)))
        for number, (place, color, track) in enumerate(_points(cloud), 1):
            file.write(struct.pack("<Q3d3BdQ", number, *place, *color, _NO_ERROR, len(track)) + track.tobytes())


def write_text(folder: Path, cameras: Sequence[CameraRecord], images: Sequence[ImageRecord], cloud: Cloud) -> None:
    """Write cameras.txt, images.txt and points3D.txt, in which numbers are exact, too. Raises OSError."""
    with (folder / "cameras.txt").open("w", encoding="utf-8", newline="\n") as file:
        file.write("# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n")
        for number, camera in enumerate(cameras, 1):
            file.write(f"{number} {camera.model.name} {camera.width} {camera.height} {_words(camera.parameters)}\n")
    with (folder / "images.txt").open("w", encoding="utf-8", newline="\n") as file:
        file.write("# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME; then POINTS2D[] as X, Y, POINT3D_ID\n")
        for number, (image, seen) in enumerate(zip(images, cloud.observations, strict=True), 1):
            pose = _words((*image.quaternion, *image.translation))
            observed = zip(seen.pixels.tolist(), (seen.points + 1).tolist(), strict=True)
            listed = " ".join(f"{x!r} {y!r} {point}" for (x, y), point in observed)
            file.write(f"{number} {pose} {image.camera} {image.name}\n{listed}\n")
    with (folder / "points3D.txt").open("w", encoding="utf-8", newline="\n") as file:
        file.write("# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as IMAGE_ID, POINT2D_IDX\n")
        for number, (place, color, track) in enumerate(_points(cloud), 1):
            listed = " ".join(f"{image} {observation}" for image, observation in track.tolist())
            file.write(f"{number} {_words(place)} {' '.join(map(str, color))} {_NO_ERROR} {listed}\n")


def _points(cloud: Cloud) -> Iterator[tuple[list[float], list[int], npt.NDArray[np.void]]]:
    """Place, colour and track of each point: the images that see it, and which of their observations it is."""
    counts = [len(seen.points) for seen in cloud.observations]
    rows = np.empty(sum(counts), _TRACK)
    rows["image"] = np.repeat(np.arange(1, len(counts) + 1), counts)
    rows["observation"] = np.concatenate([np.arange(count) for count in counts]) if counts else 0
    points = np.concatenate([seen.points for seen in cloud.observations]) if counts else np.empty(0, np.int64)
    order = np.argsort(points, kind="stable")
    rows = rows[order]
    ends = np.searchsorted(points[order], np.arange(len(cloud.positions)), side="right")
    tracks = np.split(rows, ends[:-1]) if len(ends) else []
    yield from zip(cloud.positions.tolist(), cloud.colors.tolist(), tracks, strict=True)


def quaternion_of(rotation: Floats) -> tuple[float, ...]:
    """The quaternion w x y z, w of 0 or more, of a rotation matrix [3, 3]: by the largest of its parts, which is exact
    for any (Shepperd: Quaternion from Rotation Matrix, 1978)."""
    r = np.asarray(rotation, np.float64)
    squares = np.array([np.trace(r), *(2.0 * np.diag(r) - np.trace(r))])
    largest = int(squares.argmax())
    part = np.sqrt(1.0 + squares[largest])
    w, x, y, z = 0, 1, 2, 3
    q = np.empty(4)
    differences = {x: r[2, 1] - r[1, 2], y: r[0, 2] - r[2, 0], z: r[1, 0] - r[0, 1]}
    sums = {(x, y): r[0, 1] + r[1, 0], (x, z): r[0, 2] + r[2, 0], (y, z): r[1, 2] + r[2, 1]}
    for other in range(4):
        if other == largest:
            q[other] = part / 2.0
        elif w in (other, largest):
            q[other] = differences[max(other, largest)] / (2.0 * part)
        else:
            q[other] = sums[min(other, largest), max(other, largest)] / (2.0 * part)
    q *= np.sign(q[w]) or 1.0
    return tuple((q / np.linalg.norm(q)).tolist())


def _words(numbers: Iterable[float]) -> str:
    return " ".join(repr(float(number)) for number in numbers)
