"""Load a dataset in any of the formats that Hashlight reads.

* NeRF-synthetic and BlenderNeRF: ``transforms_train.json`` and ``transforms_test.json`` with ``camera_angle_x``.
* instant-ngp and nerfstudio: one ``transforms.json``, with nerfstudio's optional split lists.
* Hashlight's own capture folder: the NeRF-synthetic layout with per-view intrinsics, ``aabb`` and EXR pictures.
* Reconstructions, where there is no such list: COLMAP's sparse model, LLFF's ``poses_bounds.npy``.

First the lists are read and checked, then the pictures are looked for and their sizes read, and only then are they
decoded: what is wrong with any of them is told before that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.data import colmap, llff
from engine.data.axes import Convention, guess_convention
from engine.data.bounds import (
    Extent,
    check_coverage,
    check_size,
    extent_from_file,
    guess_bounds,
    guess_photographed_extent,
    is_nerf_synthetic,
    nerf_synthetic_bounds,
    stand_at_one_place,
)
from engine.data.copies import leave_out_copies
from engine.data.dataset import Dataset, DatasetError
from engine.data.decoding import decode_views, require_memory
from engine.data.depth_images import tell_unused_depth
from engine.data.depth_unit import check_depth
from engine.data.list_files import find_lists
from engine.data.masks import MaskFinder
from engine.data.other_formats import describe_folder
from engine.data.point_bounds import FEWEST_POINTS, extent_of_points
from engine.data.pose_checks import check_poses, fit_test_list
from engine.data.remarks import Remarks
from engine.data.repeated_views import drop_repeated
from engine.data.split_files import split_by_files, split_files, tell_unused
from engine.data.splits import split_by_lists
from engine.data.transforms import FrameRecord, Transforms, read_transforms
from engine.data.view_checks import check_views, tell_backgrounds
from engine.data.view_sources import (
    ViewSource,
    find_sources,
    fit_view,
    read_headers,
    tell_open_sizes,
)
from engine.data.views import View
from engine.link.messages import Split
from engine.link.wording import counted

__all__ = ["Dataset", "DatasetError", "load_dataset"]

Progress = Callable[[int, int], None]


def load_dataset(path: Path, holdout: int | None = None, progress: Progress | None = None) -> Dataset:
    """Load the dataset in a folder, or the one that a JSON file describes.

    Args:
        path: a folder with ``transforms.json`` or ``transforms_train.json``, or such a file itself; or the folder of a
            reconstruction, or a file of that.
        holdout: where there is no test split, every ``holdout``-th view becomes one. Views keep the file's order.
        progress: called with (views read, views in all) after each view.

    Raises:
        DatasetError: names the file, and the view or field, at fault.
    """
    if holdout is not None and holdout < 2:
        raise DatasetError(f"holdout: every k-th view needs k of 2 or more, got {holdout}")
    remarks = Remarks()
    files = _read_by_conventions(_find_files(Path(path), remarks), remarks)
    sources = _find_views(files, remarks)
    has_own_split = any(source.split == "test" for source in sources)
    sources = _hold_out(sources, None if has_own_split else holdout, files)
    fitted = [fit_view(*view, remarks) for view in zip(sources, read_headers(sources), strict=True)]
    tell_open_sizes(fitted, remarks)
    require_memory(fitted, Path(path))
    named = _extent_from_files(files, remarks)
    _tell_other_backgrounds(files, remarks)
    for transforms in files.values():
        transforms.values.text("color_space")
        transforms.tell_unused(remarks)
    views = [view for view in decode_views(fitted, remarks, progress) if not view.is_masked]
    if not any(view.split == "train" for view in views):
        raise DatasetError(f"{path}: the masks leave nothing of any training view: what is not 0 in them is learnt")
    views = leave_out_copies(views, remarks)
    views = _check_poses(views, files, remarks)
    views = check_depth(views, remarks)
    train = [view for view in views if view.split == "train"]
    test = [view for view in views if view.split == "test"]
    check_views(train, remarks, Path(path))
    if not any(transforms.is_capture for transforms in files.values()):  # whose walls may be before some views alone
        tell_backgrounds(views, remarks)
    _require_declared_color_space(files, views[0])
    extent = named or _guess_extent(files, train, remarks)
    if named and len(train) > 1 and stand_at_one_place([view.camera for view in train]):
        remarks.add(
            f"all {len(train)} cameras stand at one place, which doesn't tell how far away things are: if they moved, "
            "correct transform_matrix"
        )
    for sentence in (*check_coverage(extent.whole, train), *(check_size(named.bounds, train) if named else ())):
        remarks.add(sentence)
    color_space = views[0].color_space
    sentences = remarks.sentences()
    return Dataset(train, test, extent.bounds, color_space, sentences, Path(path), extent.cascades, has_own_split)


def _find_files(path: Path, remarks: Remarks) -> dict[Split | None, Transforms]:
    """The transforms files by the split they hold; None: the file holds all views."""
    if path.is_file():
        if path.name in (*colmap.FILES, llff.FILE):
            return {None: _read_reconstruction(path.parent, remarks)}
        return {None: read_transforms(path, remarks)}
    if not path.is_dir():
        raise DatasetError(f"{path}: no such folder or file")
    lists = find_lists(path, remarks)
    if not lists:
        return {None: _read_reconstruction(path, remarks)}
    return {split: read_transforms(listed, remarks) for split, listed in lists.items()}


def _read_reconstruction(folder: Path, remarks: Remarks) -> Transforms:
    """The views of a folder without a list in JSON."""
    for read in (colmap.read, llff.read):
        if (found := read(folder, remarks)) is not None:
            return found.to_transforms(remarks)
    raise DatasetError(f"{folder}: {describe_folder(folder)}")


def _read_by_conventions(files: dict[Split | None, Transforms], remarks: Remarks) -> dict[Split | None, Transforms]:
    """``files`` with poses by our convention; what one list says of its matrices goes for one that says nothing."""
    stated = _stated_by_any(files)
    read = {}
    for split, transforms in files.items():
        count = len(transforms.frames)
        axes, inverted = transforms.convention.has_opencv_axes, transforms.convention.is_inverted
        own = Convention(
            stated.has_opencv_axes if axes is None else axes, stated.is_inverted if inverted is None else inverted
        )
        if bool(own.has_opencv_axes) != bool(axes):
            remarks.add(
                f"{transforms.path}: {counted(count, 'pose is', 'poses are')} taken for OpenCV's, as the other list "
                "says of its own; have both say camera_axes"
            )
        if bool(own.is_inverted) != bool(inverted):
            remarks.add(
                f"{transforms.path}: {counted(count, 'matrix is', 'matrices are')} taken for world-to-camera, as the "
                "other list says of its own; have both say world_to_camera"
            )
        read[split] = transforms.read_by(own)
    return read


def _check_poses(views: Sequence[View], files: Mapping[Split | None, Transforms], remarks: Remarks) -> list[View]:
    """``views`` by the conventions that their lists say or pictures tell; a list of test views may have others."""
    stated = _stated_by_any(files)
    train = [view for view in views if view.split == "train"]
    test = [view for view in views if view.split == "test"]
    if "test" in files and test:
        views = guess_convention(views, stated, remarks, train)
        train, test = views[: len(train)], views[len(train) :]  # as their lists are read in that order
        views = train + fit_test_list(train, test, files["test"].convention, files["test"].path, remarks)
    else:
        views = guess_convention(views, stated, remarks)
    check_poses([view for view in views if view.split == "train"], remarks)
    return views


def _stated_by_any(files: Mapping[Split | None, Transforms]) -> Convention:
    """What the first list that says something of it says of its matrices."""
    conventions = [transforms.convention for transforms in files.values()]
    axes = (each.has_opencv_axes for each in conventions if each.has_opencv_axes is not None)
    inverted = (each.is_inverted for each in conventions if each.is_inverted is not None)
    return Convention(next(axes, None), next(inverted, None))


def _tell_other_backgrounds(files: Mapping[Split | None, Transforms], remarks: Remarks) -> None:
    """Note where only one of two lists says that a colour stands for nothing: scores would be of another picture."""
    first, *others = files.values()
    for other in others:
        for color in sorted(set(first.transparent) ^ set(other.transparent)):
            said, silent = (first, other) if color in first.transparent else (other, first)
            remarks.add(
                f"{said.path} says {color}_transparent, and {silent.path.name} doesn't: each is followed, for "
                f"{len(said.frames)} and {counted(len(silent.frames), 'picture')}; have both say the same"
            )


def _find_views(files: Mapping[Split | None, Transforms], remarks: Remarks) -> list[ViewSource]:
    """The views whose pictures are there, each once and with its split."""
    sources: list[ViewSource] = []
    for split, transforms in files.items():
        masks = MaskFinder(transforms.folder)
        try:
            sources += find_sources(transforms, _split_frames(transforms, split, remarks), masks, remarks)
        except DatasetError:
            if split != "test":
                raise
            remarks.add(
                f"{transforms.path}: nothing of its {counted(len(transforms.frames), 'picture')} is there (first "
                f"{transforms.frames[0].file_path}), so there is no test split: hold out every n-th view instead"
            )
    masks = MaskFinder(next(iter(files.values())).folder)
    used = [source.mask for source in sources if source.mask is not None]
    masks.tell_unused([source.image for source in sources], used, remarks)
    if not any(transforms.says_of_depth for transforms in files.values()):
        tell_unused_depth(next(iter(files.values())).folder, remarks)
    return drop_repeated(sources, remarks)


def _split_frames(transforms: Transforms, split: Split | None, remarks: Remarks) -> list[tuple[FrameRecord, Split]]:
    """The frames of one file that are used, and whether they are trained on."""
    splits = None
    if split is None and (splits := split_by_lists(transforms, remarks)) is None:
        splits = split_by_files(transforms, remarks)
    elif split != "test":
        tell_unused(split_files(transforms.folder), remarks)
    if split is not None:
        remarks.add_all(
            f"{transforms.path}: frames that say they aren't {split} views ({{count}}, first {{first}}), in a list of "
            "these: the list's name goes before that; move them to the other list",
            (frame.file_path for frame in transforms.frames if frame.split not in (None, split)),
        )
    if splits is None:
        return [(frame, split or "train") for frame in transforms.frames]
    pairs = list(zip(transforms.frames, splits, strict=True))
    remarks.add_all(
        f"{transforms.path}: frames in none of its lists of file names ({{count}}, first {{first}}) are left out: add "
        "them to train_filenames to train on them",
        (frame.file_path for frame, listed in pairs if listed is None),
    )
    return [(frame, listed) for frame, listed in pairs if listed is not None]


def _hold_out(
    sources: list[ViewSource], holdout: int | None, files: Mapping[Split | None, Transforms]
) -> list[ViewSource]:
    """Hold out every ``holdout``-th view."""
    if holdout is not None:
        sources = [
            source.with_split("test" if index % holdout == 0 else "train") for index, source in enumerate(sources)
        ]
    if all(source.split == "test" for source in sources):
        all_of_them = "the only one is a test view" if len(sources) == 1 else f"all {len(sources)} are test views"
        raise DatasetError(f"{next(iter(files.values())).path}: no views are left to train on: {all_of_them}")
    return sources


def _require_declared_color_space(files: Mapping[Split | None, Transforms], view: View) -> None:
    for transforms in files.values():
        declared = transforms.values.text("color_space") or view.color_space
        if declared != view.color_space:
            raise DatasetError(
                f"{transforms.path}: color_space: says {declared!r}, but the pictures are {view.color_space!r} "
                "(EXR and HDR are linear, all others sRGB)"
            )


def _extent_from_files(files: Mapping[Split | None, Transforms], remarks: Remarks) -> Extent | None:
    """What the first file that says something of it says of where the subject lies."""
    named = [(transforms.path, extent_from_file(transforms.values, remarks)) for transforms in files.values()]
    said = [(path, extent) for path, extent in named if extent is not None]
    for path, extent in said[1:]:
        if not extent.is_close(said[0][1]):
            remarks.add(
                f"{path}: names other bounds (aabb, aabb_scale, scale, offset) than {said[0][0]}, whose are taken "
                f"({said[0][1].whole.size.max():.3g} m a side instead of {extent.whole.size.max():.3g} m); have both "
                "say the same"
            )
    return said[0][1] if said else None


def _guess_extent(files: Mapping[Split | None, Transforms], train: Sequence[View], remarks: Remarks) -> Extent:
    first = next(iter(files.values()))
    cameras = [view.camera for view in train]
    is_photographed = all(view.is_opaque for view in train)
    if first.seen is not None and len(first.seen) >= FEWEST_POINTS:
        extent = extent_of_points(first.seen, cameras, is_photographed)
        remarks.add(
            f"{first.path} names no bounds: {_describe_box(extent)}, are taken from what it says to be seen; if they "
            "are wrong, write a transforms.json by `hashlight export --to nerfstudio`, and correct its aabb"
        )
        return extent
    if "train" in files and "fl_x" not in first.values and "camera_angle_x" in first.values and not is_photographed:
        bounds = nerf_synthetic_bounds()
        if is_nerf_synthetic(cameras) and not check_coverage(bounds, train):
            return Extent(bounds)
    extent = guess_photographed_extent(cameras) if is_photographed else Extent(guess_bounds(cameras))
    box = _describe_box(extent)
    if stand_at_one_place(cameras):
        remarks.add(
            f"{first.path} names no bounds (aabb or aabb_scale), and all cameras stand at one place, which doesn't "
            f"tell how far away things are: bounds of {box} are guessed; if they are wrong, name aabb"
        )
    else:
        remarks.add(
            f"{first.path} names no bounds (aabb or aabb_scale): guessed from where the cameras look, {box}; if they "
            "are wrong, name aabb"
        )
    return extent


def _describe_box(extent: Extent) -> str:
    x, y, z = extent.bounds.center.tolist()
    return f"{extent.bounds.size.max():.3g} m a side around {x:.3g} {y:.3g} {z:.3g}"
