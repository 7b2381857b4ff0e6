"""Pictures that are listed more than once, each of which becomes one view."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from engine.data.dataset import DatasetError
from engine.data.pose_spread import SAME_POSE, relative_poses
from engine.data.remarks import Remarks
from engine.data.transforms import FrameRecord
from engine.data.view_sources import ViewSource
from engine.link.messages import Split

_SAME_LENS = 1e-6  # of a value, or what it may differ near 0: as poses, written with fewer digits


def drop_repeated(sources: Sequence[ViewSource], remarks: Remarks) -> list[ViewSource]:
    """Each picture once: one that is listed again with the same camera is left out, and from the training views one
    that is held out too, unless no training view would be left. It keeps the depth and the mask of either. Raises
    DatasetError that names both entries where their cameras, depth or masks differ."""
    by_picture: dict[Path, list[ViewSource]] = defaultdict(list)
    # Each folder once: to resolve a path, the system is asked about every part of it.
    folders = {folder: folder.resolve() for folder in {source.image.parent for source in sources}}
    for source in sources:
        picture = folders[source.image.parent] / source.image.name
        by_picture[picture.resolve() if picture.is_symlink() else picture].append(source)
    splits = [{source.split for source in same} for same in by_picture.values()]
    preferred: Split = "test" if {"train"} in splits else "train"
    poses = dict(zip(map(id, sources), relative_poses([source.frame.pose for source in sources]), strict=True))
    kept: dict[int, ViewSource] = {}
    for same in by_picture.values():
        first = next((source for source in same if source.split == preferred), same[0])
        kept[id(first)] = first
        for other in same:
            if other is first:
                continue
            has_same_pose = np.abs(poses[id(first)] - poses[id(other)]).max() <= SAME_POSE
            if not has_same_pose or not _same_lens(first.frame, other.frame):
                raise DatasetError(
                    f"{other.frame.where}: the picture is listed before with another camera, in {first.frame.where}: "
                    "remove one of them"
                )
            kept[id(first)] = _completed(kept[id(first)], other)
            if other.split == first.split:
                remarks.add(
                    "pictures that are listed more than once ({count}, first {first}) are read once: remove the "
                    "repetition",
                    other.listed,
                )
            else:
                use = "test views, and not trained on" if preferred == "test" else "trained on: there is nothing else"
                sentence = "pictures that are listed both for training and as test views ({count}, first {first}) are"
                remarks.add(f"{sentence} {use}; remove them from one of the lists", other.listed)
    return [kept[id(source)] for source in sources if id(source) in kept]


def _completed(first: ViewSource, other: ViewSource) -> ViewSource:
    """An entry with the depth and the mask of another one of the same picture, where it has none itself. Raises
    DatasetError where both have some, and not the same."""
    for what in ("depth", "mask"):
        one, another = getattr(first, what), getattr(other, what)
        if one is not None and another is not None and one != another:
            raise DatasetError(
                f"{other.frame.where}: the picture is listed before with another {what}, {one.name} instead of "
                f"{another.name}, in {first.frame.where}: remove one of them"
            )
    masked = other if first.mask is None else first
    return dataclasses.replace(first, depth=first.depth or other.depth, mask=masked.mask, masks_out=masked.masks_out)


def _same_lens(one: FrameRecord, other: FrameRecord) -> bool:
    is_close = _are_close(one.lens.values, other.lens.values)
    return is_close and _are_close(one.lens.distortion, other.lens.distortion)


def _are_close(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return one.keys() == other.keys() and all(
        math.isclose(one[name], other[name], rel_tol=_SAME_LENS, abs_tol=_SAME_LENS) for name in one
    )
