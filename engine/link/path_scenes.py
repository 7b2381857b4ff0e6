"""A scene to trace paths through, as Blender's side hands it over: one file of arrays.

Space and colours are those of Blender's world: metres, Z up, scene-linear Rec. 709. Rows of pictures begin at the top.
"""

from __future__ import annotations

import dataclasses
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Numbers
from engine.link.geometry import Camera, GeometryError
from engine.link.part_files import written_atomically
from engine.link.values import Limits, shorten

FILE_NAME = "path_scene.npz"
FORMAT = 1
# Inputs that may have a texture, which their value is multiplied by, in the order of ``material_textures``.
TEXTURED_INPUTS = ("base_color", "roughness", "metallic", "transmission", "emission")

_MOST = {
    "triangles": 50_000_000,
    "materials": 100_000,
    "textures": 10_000,
    "texels": 500_000_000,
    "points": 10_000,
    "suns": 1_000,
    "height": 8192,
    "width": 16384,
}
_MOST_CAMERA_BYTES = 10_000
_UNIT, _ANY, _COLOR = Limits(0.0, 1.0), Limits(-1e9, 1e9), Limits(0.0, 1e9)
# What each array holds: dtype, shape (words are counts, the same for all arrays that have them) and limits.
_ARRAYS: dict[str, tuple[type[np.generic], tuple[str | int, ...], Limits]] = {
    "corners": (np.float32, ("triangles", 3, 3), _ANY),
    "normals": (np.float32, ("triangles", 3, 3), Limits(-1.001, 1.001)),
    "uvs": (np.float32, ("triangles", 3, 2), _ANY),
    "material_ids": (np.int32, ("triangles",), Limits(0, 100_000)),
    "base_colors": (np.float32, ("materials", 3), _UNIT),
    "roughness": (np.float32, ("materials",), _UNIT),
    "metallic": (np.float32, ("materials",), _UNIT),
    "transmission": (np.float32, ("materials",), _UNIT),
    "iors": (np.float32, ("materials",), Limits(1e-2, 100.0)),
    "specular_levels": (np.float32, ("materials",), Limits(0.0, 1e3)),
    "emissions": (np.float32, ("materials", 3), _COLOR),
    "is_lamp": (np.int32, ("materials",), Limits(0, 1)),
    "material_textures": (np.int32, ("materials", len(TEXTURED_INPUTS)), Limits(-1, 10_000)),
    "texture_sizes": (np.int32, ("textures", 2), Limits(1, 65536)),
    "texture_encodings": (np.int32, ("textures",), Limits(0, 1)),
    "texels": (np.float16, ("texels", 3), Limits(0.0, 65504.0)),
    "point_positions": (np.float32, ("points", 3), _ANY),
    "point_intensities": (np.float32, ("points", 3), _COLOR),
    "sun_directions": (np.float32, ("suns", 3), Limits(-1.001, 1.001)),
    "sun_irradiances": (np.float32, ("suns", 3), _COLOR),
    "sun_angles": (np.float32, ("suns",), Limits(0.0, math.pi)),
    "environment": (np.float32, ("height", "width", 3), _COLOR),
}


class PathSceneError(ValueError):
    """A scene that can't be used; the message names the file, if it is in one, and the array at fault."""


@dataclasses.dataclass(frozen=True, eq=False)
class PathSceneData:
    """Triangles: ``corners``, unit ``normals`` to shade by (zero: the triangle's own) [n, 3, 3] and ``uvs`` [n, 3, 2]
    f32, ``material_ids`` [n] int32. At least one material.

    Materials, as the Principled BSDF's inputs of these names: ``base_colors`` [m, 3], ``roughness``, ``metallic``,
    ``transmission``, ``iors``, ``specular_levels`` [m] f32; ``emissions`` [m, 3], radiance; ``is_lamp`` [m] int32: 1
    where only the front emits, and rays pass; the camera doesn't see it. ``material_textures`` [m, 5] int32: -1, or
    which texture multiplies each of TEXTURED_INPUTS. ``texture_sizes`` [k, 2] int32, height and width of each;
    ``texture_encodings`` [k] int32, 1: sRGB, 0: linear; ``texels`` [t, 3] f16, one texture after the other; they
    repeat.

    Lights: ``point_positions``, ``point_intensities`` [l, 3] (W/sr), ``sun_directions`` [s, 3] towards the sun,
    ``sun_irradiances`` [s, 3] (W/m2), ``sun_angles`` [s] of their whole disc. ``environment`` [h, w, 3] f32
    equirectangular radiance: the zenith above, +X in the middle, +Y left of it.

    ``camera``: the one to look through first. Raises PathSceneError.
    """

    camera: Camera
    corners: npt.NDArray[np.float32]
    normals: npt.NDArray[np.float32]
    uvs: npt.NDArray[np.float32]
    material_ids: npt.NDArray[np.int32]
    base_colors: npt.NDArray[np.float32]
    roughness: npt.NDArray[np.float32]
    metallic: npt.NDArray[np.float32]
    transmission: npt.NDArray[np.float32]
    iors: npt.NDArray[np.float32]
    specular_levels: npt.NDArray[np.float32]
    emissions: npt.NDArray[np.float32]
    is_lamp: npt.NDArray[np.int32]
    material_textures: npt.NDArray[np.int32]
    texture_sizes: npt.NDArray[np.int32]
    texture_encodings: npt.NDArray[np.int32]
    texels: npt.NDArray[np.float16]
    point_positions: npt.NDArray[np.float32]
    point_intensities: npt.NDArray[np.float32]
    sun_directions: npt.NDArray[np.float32]
    sun_irradiances: npt.NDArray[np.float32]
    sun_angles: npt.NDArray[np.float32]
    environment: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        counts: dict[str, int] = {}
        for name, (*_, limits) in _ARRAYS.items():
            array = getattr(self, name)
            _require_shape(name, array.dtype, array.shape, counts)
            _require_range(name, array, limits)
        if counts["triangles"] == 0:
            raise PathSceneError("corners: there are no triangles")
        _require_below("material_ids", self.material_ids, counts["materials"], "materials")
        _require_below("material_textures", self.material_textures, counts["textures"], "textures")
        if (named := int(self.texture_sizes.astype(np.int64).prod(axis=1).sum())) != counts["texels"]:
            raise PathSceneError(f"texels: {counts['texels']} pixels, and texture_sizes has room for {named}")
        if counts["height"] == 0 or counts["width"] == 0:
            raise PathSceneError("environment: a picture without pixels")
        lengths = np.linalg.norm(self.sun_directions, axis=1)
        if len(lengths) and np.abs(lengths - 1.0).max() > 1e-3:
            raise PathSceneError(f"sun_directions: sun {int(np.abs(lengths - 1.0).argmax())} has no unit direction")


def _require_shape(name: str, dtype: np.dtype[Any], shape: tuple[int, ...], counts: dict[str, int]) -> None:
    """Raises PathSceneError unless an array is of the kind that ``name`` has; notes its ``counts``."""
    wanted_dtype, wanted, _ = _ARRAYS[name]
    words = ", ".join(map(str, wanted))
    if dtype != wanted_dtype or len(shape) != len(wanted):
        kind = np.dtype(wanted_dtype).name
        raise PathSceneError(f"{name}: expected {kind} [{words}], got {dtype} {shorten(list(shape))}")
    for size, part in zip(shape, wanted, strict=True):
        expected = part if isinstance(part, int) else counts.setdefault(part, size)
        if size != expected:
            raise PathSceneError(f"{name}: expected [{words}], got {list(shape)}: {size} instead of {expected}")
        if isinstance(part, str) and size > _MOST[part]:
            raise PathSceneError(f"{name}: {size} {part}, more than {_MOST[part]}")


def _require_range(name: str, array: Numbers, limits: Limits) -> None:
    if not array.size:
        return
    low, high = array.min(), array.max()
    if not (low >= limits.least and high <= limits.most):  # NaN fails, too
        is_wrong = ~((array >= limits.least) & (array <= limits.most))
        place = [int(index[0]) for index in is_wrong.nonzero()]
        value = float(array[tuple(place)])
        raise PathSceneError(f"{name}: {value:g} at {place} is outside {limits.least:g}..{limits.most:g}")


def _require_below(name: str, ids: npt.NDArray[np.int32], count: int, what: str) -> None:
    if ids.size and int(ids.max()) >= count:
        raise PathSceneError(f"{name}: {int(ids.max())} is named, and there are {count} {what}")


def save_path_scene(path: Path, scene: PathSceneData) -> None:
    """Write a scene: under a temporary name first, then renamed. Raises OSError."""
    camera = np.frombuffer(json.dumps(scene.camera.to_json()).encode(), np.uint8)
    with written_atomically(path) as temporary, temporary.open("wb") as file:
        arrays = {name: getattr(scene, name) for name in _ARRAYS}
        np.savez(file, format=np.int32(FORMAT), camera=camera, **arrays)


def load_path_scene(path: Path) -> PathSceneData:
    """Read what ``save_path_scene`` wrote; how large arrays are is looked at before any is read. Raises PathSceneError
    that names the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            headers = {name.removesuffix(".npy"): _header(archive, name) for name in archive.namelist()}
            _require_members(headers)
        with np.load(path, allow_pickle=False) as file:
            if int(file["format"]) != FORMAT:
                raise PathSceneError(f"format {int(file['format'])}, and this version reads {FORMAT}")
            camera = Camera.from_json(json.loads(file["camera"].tobytes()))
            return PathSceneData(camera=camera, **{name: file[name] for name in _ARRAYS})
    except FileNotFoundError:
        raise PathSceneError(f"{path}: there is no such file") from None
    except PathSceneError as error:
        raise PathSceneError(f"{path}: {error}") from None
    except GeometryError as error:
        raise PathSceneError(f"{path}: camera: {error}") from None
    # Damaged archives, compressed data and headers fail in many ways.
    except Exception as error:
        raise PathSceneError(f"{path}: can't be read as a scene ({shorten(error)})") from None


def _header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that an array says it has; its member is as large as they are, and not packed."""
    info = archive.getinfo(name)
    with archive.open(info) as member:
        library: Any = np.lib.format  # whose functions have no types
        is_first = library.read_magic(member) == (1, 0)
        shape, _, dtype = (library.read_array_header_1_0 if is_first else library.read_array_header_2_0)(member)
        size = member.tell() + math.prod(shape) * dtype.itemsize
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != size:
            raise PathSceneError(f"{name.removesuffix('.npy')}: packed, or not as large as it says")
    return shape, dtype


def _require_members(headers: dict[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> None:
    if wrong := sorted(set(headers) ^ {*_ARRAYS, "format", "camera"}):
        words = "isn't there" if wrong[0] not in headers else "isn't known"
        raise PathSceneError(f"{shorten(wrong[0])}: {words}; not a scene of Hashlight's")
    if headers["format"][0] != () or headers["format"][1] != np.int32:
        raise PathSceneError("format: not a number")
    shape, dtype = headers["camera"]
    if dtype != np.uint8 or len(shape) != 1 or shape[0] > _MOST_CAMERA_BYTES:
        raise PathSceneError("camera: not a description of a camera")
    counts: dict[str, int] = {}
    for name in _ARRAYS:
        _require_shape(name, headers[name][1], headers[name][0], counts)
