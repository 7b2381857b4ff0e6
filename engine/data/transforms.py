"""The ``transforms.json`` family: NeRF-synthetic, instant-ngp, nerfstudio, BlenderNeRF and Hashlight's own captures.

All of them store camera-to-world poses for a camera that looks down -Z with +Y up, which is this project's convention
too, so poses are taken as they stand, unless the file says that they are by another one. ``applied_transform`` and
``applied_scale`` (nerfstudio) have already been applied by the file's writer and aren't undone. What differs between
the formats is where intrinsics, image sizes and bounds come from.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt

from engine.data.axes import Convention, stated_convention
from engine.data.camera_objects import camera_of, shared_cameras, tell_unused_of
from engine.data.dataset import DatasetError
from engine.data.json_object import JsonObject, name_key, read_json_object
from engine.data.lenses import Lens, read_lens
from engine.data.picture_finder import IMAGE_SUFFIXES, path_parts
from engine.data.pose_matrices import read_pose
from engine.data.remarks import Remarks, plain
from engine.data.split_words import stated_split
from engine.data.unused_names import describe_kinds
from engine.link.messages import Split
from engine.link.wording import counted

# In whatever case, and with whatever between words. The last of each is a path only if it is text.
_DEPTH_PATHS = ("depth_file_path", "depth_path", "depth_file", "depth_filename", "depth_image_path", "depth_map",
                "depth")  # fmt: skip
_MASK_PATHS = ("mask_path", "mask_file_path", "mask_file", "mask_filename", "masks_path", "mask")
_DYNAMIC_MASK_PATHS = ("dynamic_mask_path", "dynamic_mask")  # instant-ngp's word: what is not 0 is left out
# Of a file, with one for each frame.
_DEPTH_LISTS = ("depth_filenames", "depth_file_paths", "depth_paths", "depths")
_MASK_LISTS = ("mask_filenames", "mask_file_paths", "mask_paths", "masks")
_MOST_TIME = 1e12  # seconds, frames or the like: beyond, it is none
# Said of how a file came about, or for other methods, not of what its pictures show: nothing is lost where it isn't
# used.
_HISTORY = {"applied_transform", "applied_scale", "colmap_im_id", "sharpness", "rotation", "ply_file_path",
            "orientation_override", "auto_scale_poses_factor", "blur_score"}  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class FrameRecord:
    """One entry of ``frames``, checked, before its picture is looked for. ``where`` names it in errors.

    ``file_path``, ``depth_path`` and ``mask_path`` are as listed; the latter two None where there is none.
    ``masks_out``: what is not 0 in the mask is left out, instead of what is. ``place``: its number in the list, from 0.
    ``split``: what it says itself that it is for. ``transparent``: colours that stand for nothing, "white" and "black".
    """

    where: str
    place: int
    file_path: str
    depth_path: str | None
    mask_path: str | None
    pose: npt.NDArray[np.float64]
    lens: Lens
    split: Split | None
    masks_out: bool = False
    transparent: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class DepthUnit:
    """Metres of a step in a depth picture: of whole numbers, None where the file doesn't say, and of numbers with a
    fraction."""

    of_integers: float | None = None
    of_floats: float = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class Transforms:
    """One read file. ``transparent`` names the colours that it says of all frames to stand for nothing.
    ``convention``: what it says of its matrices, by which its poses are still to be read. ``folder``: in which its
    pictures are. ``seen`` [n, 3]: places in world space that a reconstruction knows to be seen; None where it knows of
    none."""

    path: Path
    folder: Path
    values: JsonObject
    frames: list[FrameRecord]
    depth_unit: DepthUnit
    transparent: tuple[str, ...]
    convention: Convention
    _objects: list[JsonObject]
    seen: npt.NDArray[np.float64] | None = None

    @property
    def is_capture(self) -> bool:
        """Whether the file is that of a capture of our own, the only ones that name their colour space."""
        return "color_space" in self.values

    @property
    def says_of_depth(self) -> bool:
        """Whether it names depth pictures, or says that none are to be used."""
        return "enable_depth_loading" in self.values or any(frame.depth_path is not None for frame in self.frames)

    def read_by(self, convention: Convention) -> Transforms:
        """The same, with poses by our convention."""
        frames = [dataclasses.replace(frame, pose=convention.to_ours(frame.pose)) for frame in self.frames]
        return dataclasses.replace(self, frames=frames, convention=convention)

    def tell_unused(self, remarks: Remarks) -> None:
        """Name what the file says and no reader used; after everything else was read."""
        listed = (frame.peek("time") for frame in self._objects)
        times = {float(time) for time in listed if isinstance(time, int | float) and abs(time) < _MOST_TIME}
        if len(times) > 1:
            remarks.add(
                f"{self.path}: frames are of {len(times)} times, {min(times):g} to {max(times):g}, and the scene is "
                "learnt as if nothing moved: if it does, list those of one time"
            )
            for frame in self._objects:
                frame.get("time")
        own = [name for name in self.values.unused() if name not in _HISTORY]
        counts = Counter(name for frame in self._objects for name in frame.unused() if name not in _HISTORY)
        names = own + [
            f"{name} (in {count} of {counted(len(self._objects), 'frame')})" for name, count in counts.items()
        ]
        if not names:
            return
        shown = ", ".join(plain(name) for name in names[:12])
        rest = f" and {len(names) - 12} more" if len(names) > 12 else ""
        unused = counted(len(names), "value isn't used", "values aren't used")
        remarks.add(
            f"{self.path}: {unused}, as no such names are known: {shown}{rest}"
            f"{describe_kinds([plain(name) for name in (*own, *counts)][:12])}; if one matters, the user guide has "
            "the names that are read"
        )


def read_transforms(path: Path, remarks: Remarks) -> Transforms:
    """Read and check one file. Every pose, lens and number is checked here, before any picture is looked at.

    Raises DatasetError naming the file, the frame and the field.
    """
    return parse_transforms(read_json_object(path), path, remarks)


def parse_transforms(values: JsonObject, path: Path, remarks: Remarks) -> Transforms:
    """The same of ``values`` that were read from ``path``, or made of what is there."""
    if values.is_loose:
        remarks.add(f"{path}: has comments, or commas before a closing bracket, which JSON doesn't: it is read without")
    frames = values.objects("frames")
    if frames is None:
        lists = [name for name in values if isinstance(values.peek(name), list) and _is_of_objects(values.peek(name))]
        called = f"; if {plain(lists[0])} lists the views, call it so" if lists else ""
        raise DatasetError(f'{path}: no list "frames" in it{called}')
    if not frames:
        raise DatasetError(f'{path}: no views: "frames" is empty')
    uses_depth = "enable_depth_loading" not in values or values.flag("enable_depth_loading")
    outer = read_lens(values, None, remarks)
    cameras = shared_cameras(values)
    lenses = {key: read_lens(camera, outer, remarks) for key, camera in cameras.items()}
    for camera in cameras.values():
        tell_unused_of(camera, remarks)
    beside = _Beside(values, len(frames), uses_depth)
    convention = stated_convention(values)
    objects, records = [], []
    for index, frame in enumerate(frames):
        if frame is None:
            remarks.add(
                f"{path}: entries of frames that are null ({{count}}, first number {{first}}) are left out: remove or "
                "fill them",
                str(index),
            )
            continue
        entry = JsonObject(frame, f"{path}: frame {index}")
        objects.append(entry)
        of_frame = camera_of(entry, lenses)
        lens = read_lens(entry, outer if of_frame is None else lenses[of_frame], remarks)
        records.append(_read_frame(entry, index, lens, beside, remarks))
    if not records:
        raise DatasetError(f'{path}: no views: "frames" has nothing but null in it')
    _tell_identities(records, remarks)
    unit, transparent = _depth_unit(values), beside.transparent
    return Transforms(path, path.parent, values, records, unit, transparent, convention, objects)


class _Beside:
    """What a file says of all of its frames that each of them may say otherwise: what lies beside their pictures."""

    def __init__(self, values: JsonObject, count: int, uses_depth: bool) -> None:
        self.uses_depth = uses_depth
        self.depths = _listed(values, _DEPTH_LISTS, count)
        self.masks = _listed(values, _MASK_LISTS, count)
        paths = [name for name in values.spelled(_MASK_PATHS) if PurePath(str(values.peek(name))).suffix]
        self.mask = _first_text(values, [name for name in paths if isinstance(values.peek(name), str)])
        self.transparent = _transparent_colors(values, ())


def _read_frame(entry: JsonObject, place: int, lens: Lens, beside: _Beside, remarks: Remarks) -> FrameRecord:
    file_path = entry.text("file_path")
    if file_path is None or not path_parts(file_path):
        others = [name for name in entry if str(entry.peek(name)).lower().endswith(IMAGE_SUFFIXES)]
        called = f"; if {plain(others[0])} names the picture, call it so" if others else ""
        raise DatasetError(f"{entry.where}: no file_path{called}")
    entry.where += f" ({plain(file_path)})"
    depth_path = _first_text(entry, _DEPTH_PATHS) or beside.depths[place]
    mask_path = _first_text(entry, _MASK_PATHS)
    dynamic = _first_text(entry, _DYNAMIC_MASK_PATHS) if mask_path is None else None
    return FrameRecord(
        where=entry.where,
        place=place,
        file_path=file_path,
        depth_path=depth_path if beside.uses_depth else None,
        mask_path=mask_path or dynamic or beside.masks[place] or beside.mask,
        pose=read_pose(entry, file_path, remarks),
        lens=lens,
        split=stated_split(entry),
        masks_out=dynamic is not None,
        transparent=_transparent_colors(entry, beside.transparent),
    )


def _tell_identities(frames: Sequence[FrameRecord], remarks: Remarks) -> None:
    """Note poses that nobody has found. The first view's may be the identity, as the others are relative to it."""
    names = [frame.file_path for frame in frames[1:] if np.array_equal(frame.pose, np.eye(4))]
    if len(names) < len(frames) - 1:
        remarks.add_all(
            "poses that are exactly the identity ({count}, first {first}), as of pictures whose camera wasn't found: "
            "if so, remove them from the list",
            names,
        )


def _first_text(entry: JsonObject, names: Sequence[str]) -> str | None:
    """The text of the first of ``names`` that has any; the last may be something else."""
    for name in entry.spelled(names):
        is_last = name_key(name) == name_key(names[-1])
        if (isinstance(entry.peek(name), str) or not is_last) and (text := entry.text(name)):
            return text
    return None


def _listed(values: JsonObject, names: Sequence[str], count: int) -> list[str | None]:
    """A list with a text for each of ``count`` frames."""
    for name in values.spelled(names):
        items = values.peek(name)
        if isinstance(items, list) and len(items) == count and all(isinstance(item, str) for item in items):
            return [*(values.texts(name) or [])]
    return [None] * count


def _is_of_objects(items: list[object]) -> bool:
    return bool(items) and all(isinstance(item, dict) for item in items)


def _depth_unit(values: JsonObject) -> DepthUnit:
    factor, step = values.number("depth_unit_scale_factor"), values.number("integer_depth_scale")
    for name, unit in (("depth_unit_scale_factor", factor), ("integer_depth_scale", step)):
        if unit is not None and unit < 0.0:
            raise values.refuse(name, "expected a positive number", unit)
    return DepthUnit(factor or step or None, factor or 1.0)


def _transparent_colors(values: JsonObject, outer: tuple[str, ...]) -> tuple[str, ...]:
    """What ``values`` says of each colour; else as in ``outer``."""
    colors = []
    for color in ("white", "black"):
        names = values.spelled((f"{color}_transparent",))
        if values.flag(names[0]) if names else color in outer:
            colors.append(color)
    return tuple(colors)
