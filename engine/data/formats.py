"""Load a dataset in any of the formats that Hashlight reads.

* NeRF-synthetic: ``transforms_train.json`` and ``transforms_test.json`` with ``camera_angle_x``.
* instant-ngp and nerfstudio: one ``transforms.json``, with nerfstudio's optional split lists.
* Hashlight's own capture folder: the NeRF-synthetic layout with per-view intrinsics, ``aabb`` and EXR pictures.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np

from engine.data.bounds import (
    Extent,
    check_coverage,
    extent_from_file,
    guess_bounds,
    guess_photographed_extent,
    nerf_synthetic_bounds,
)
from engine.data.dataset import Dataset, DatasetError
from engine.data.images import read_color, read_depth
from engine.data.transforms import FrameRecord, Transforms, read_json_object, read_transforms
from engine.data.views import View, ViewError
from engine.link.messages import ColorSpace, Split

__all__ = ["Dataset", "DatasetError", "load_dataset"]

Progress = Callable[[int, int], None]
DECODING_THREADS = 8
HAS_OWN_SPLIT = "the dataset has a test split of its own, so no views were held out"


def load_dataset(path: Path, holdout: int | None = None, progress: Progress | None = None) -> Dataset:
    """Load the dataset in a folder, or the one that a JSON file describes.

    Args:
        path: a folder with ``transforms.json`` or ``transforms_train.json``, or such a file itself.
        holdout: where there is no test split, every ``holdout``-th view becomes one. Views keep the file's order.
        progress: called with (views read, views in all) after each view.

    Raises:
        DatasetError: names the file, and the view or field, at fault.
    """
    if holdout is not None and holdout < 2:
        raise DatasetError(f"holdout: every k-th view needs k of 2 or more, got {holdout}")
    files = _find_files(Path(path))
    warnings = [warning for transforms in files.values() for warning in transforms.warnings]
    splits = _split_frames(files, holdout, warnings)
    views = _read_views(splits, progress)
    train = [view for view in views if view.split == "train"]
    test = [view for view in views if view.split == "test"]
    _require_subject(train, warnings, Path(path))
    _require_declared_color_space(files, views[0])
    extent = _choose_extent(files, train, warnings)
    warnings += check_coverage(extent.whole, train)
    return Dataset(train, test, extent.bounds, views[0].color_space, warnings, Path(path), extent.cascades)


def _find_files(path: Path) -> dict[Split | None, Transforms]:
    """The transforms files by the split they hold; None: the file holds all views."""
    if path.is_file():
        return {None: read_transforms(path)}
    if not path.is_dir():
        raise DatasetError(f"{path}: no such folder or file")
    train = path / "transforms_train.json"
    if train.is_file():
        files: dict[Split | None, Transforms] = {"train": read_transforms(train)}
        if (test := path / "transforms_test.json").is_file() and _has_frames(test):
            files["test"] = read_transforms(test)
        return files
    if (single := path / "transforms.json").is_file():
        return {None: read_transforms(single)}
    raise DatasetError(f"{path}: no transforms.json or transforms_train.json in this folder")


def _split_frames(
    files: Mapping[Split | None, Transforms], holdout: int | None, warnings: list[str]
) -> list[tuple[FrameRecord, Split]]:
    frames: list[tuple[FrameRecord, Split]] = []
    for split, transforms in files.items():
        held_out = _named_test_files(transforms)
        frames += [
            (frame, split or ("test" if frame.file_path in held_out else "train")) for frame in transforms.frames
        ]
    if any(split == "test" for _, split in frames):
        if holdout is not None:
            warnings.append(HAS_OWN_SPLIT)
    elif holdout is not None:
        frames = [(frame, "test" if index % holdout == 0 else "train") for index, (frame, _) in enumerate(frames)]
    if all(split == "test" for _, split in frames):
        raise DatasetError(f"{next(iter(files.values())).path}: no views are left to train on")
    return frames


def _named_test_files(transforms: Transforms) -> set[str]:
    """nerfstudio's optional split: what its val and test lists name is held out."""
    named: set[str] = set()
    for field in ("val_filenames", "test_filenames"):
        files = transforms.values.get(field, [])
        if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
            raise DatasetError(f"{transforms.path}: {field}: expected a list of file names")
        named.update(files)
    return named


def _read_views(splits: Sequence[tuple[FrameRecord, Split]], progress: Progress | None) -> list[View]:
    """Decode all pictures on a few threads (the decoders release the interpreter lock), in order."""
    names = _view_names([frame for frame, _ in splits])
    workers = min(DECODING_THREADS, os.cpu_count() or 1)
    views: list[View] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        pending = [
            pool.submit(_read_view, frame, split, name) for (frame, split), name in zip(splits, names, strict=True)
        ]
        try:
            for future in pending:
                views.append(future.result())
                _require_one_color_space(views)
                if progress is not None:
                    progress(len(views), len(pending))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return views


def _read_view(frame: FrameRecord, split: Split, name: str) -> View:
    color, color_space = read_color(frame.image)
    height, width = color.shape[:2]
    depth = None if frame.depth is None else read_depth(frame.depth, frame.depth_unit)
    try:
        return View(name, frame.camera(width, height), color, color_space, depth, split)
    except ViewError as error:
        raise DatasetError(f"{frame.label}: {error}") from None


def _view_names(frames: Sequence[FrameRecord]) -> list[str]:
    """A name for each view that is unique and fit for a file name: the picture's, with its folders where it must be."""
    paths = [PurePosixPath(frame.file_path.replace("\\", "/")) for frame in frames]
    paths = [
        path.with_name(path.name.removesuffix(frame.image.suffix)) for path, frame in zip(paths, frames, strict=True)
    ]
    if not _duplicates(path.name for path in paths):
        return [path.name for path in paths]
    names = ["_".join(part for part in path.parts if part not in (".", "..", "/")) for path in paths]
    if repeated := _duplicates(names):
        raise DatasetError(f"{frames[0].label.split(': ')[0]}: the picture {repeated[0]} is listed more than once")
    return names


def _duplicates(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _require_one_color_space(views: Sequence[View]) -> None:
    first, last = views[0], views[-1]
    if last.color_space != first.color_space:
        kind: Mapping[ColorSpace, str] = {"linear": "scene-linear (EXR, HDR)", "srgb": "8-bit sRGB"}
        raise DatasetError(
            f"view {last.name} is {kind[last.color_space]}, but view {first.name} is {kind[first.color_space]}: "
            "a dataset must be all of one kind"
        )


def _require_declared_color_space(files: Mapping[Split | None, Transforms], view: View) -> None:
    for transforms in files.values():
        declared = transforms.values.get("color_space", view.color_space)
        if declared != view.color_space:
            raise DatasetError(
                f"{transforms.path}: color_space: says {declared!r}, but the pictures are {view.color_space!r} "
                "(EXR and HDR are linear, all others sRGB)"
            )


def _require_subject(train: Sequence[View], warnings: list[str], path: Path) -> None:
    empty = [view.name for view in train if not view.color[..., 3].any()]
    if len(empty) == len(train):
        raise DatasetError(f"{path}: all views are empty: alpha is 0 everywhere")
    if empty:
        warnings.append(f"{len(empty)} of {len(train)} views show nothing (alpha is 0 everywhere), first {empty[0]}")


def _choose_extent(files: Mapping[Split | None, Transforms], train: Sequence[View], warnings: list[str]) -> Extent:
    first = next(iter(files.values()))
    named = extent_from_file(first.values, str(first.path))
    if named is not None:
        return named
    if "train" in files and "fl_x" not in first.values and "camera_angle_x" in first.values:
        return Extent(nerf_synthetic_bounds())
    warnings.append(f"{first.path} names no bounds (aabb or aabb_scale): guessed from where the cameras look")
    cameras = [view.camera for view in train]
    if all(_is_photograph(view) for view in train):
        return guess_photographed_extent(cameras)
    return Extent(guess_bounds(cameras))


def _is_photograph(view: View) -> bool:
    """Whether the picture shows what is around the subject too: nothing in it is transparent, or without depth."""
    is_opaque = bool((view.color[..., 3] == (1.0 if view.color_space == "linear" else 255)).all())
    return is_opaque and (view.depth is None or bool(np.isfinite(view.depth).all()))


def _has_frames(path: Path) -> bool:
    """A capture without held-out views still writes the test file, with no frames in it."""
    return read_json_object(path).get("frames") != []
