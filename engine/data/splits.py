"""Which views are held out: by nerfstudio's lists of file names, which name pictures by other paths than frames do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from engine.data.picture_finder import IMAGE_SUFFIXES, fold, path_parts
from engine.data.remarks import Remarks
from engine.data.transforms import Transforms
from engine.link.messages import Split

TRAIN_LIST, HELD_OUT_LISTS = "train_filenames", ("val_filenames", "test_filenames")
_Key = tuple[str, ...]


def split_by_lists(transforms: Transforms, remarks: Remarks) -> list[Split | None] | None:
    """The split of each frame, None for those in no list; None where the file has no lists.

    What a list for training and one that holds out both name is held out.
    """
    values = transforms.values
    fields = [name for name in (TRAIN_LIST, *HELD_OUT_LISTS) if name in values]
    if not fields:
        return None
    index = _Index([frame.file_path for frame in transforms.frames])
    named: dict[str, set[int]] = {}
    for field in fields:
        named[field] = set()
        for listed in values.texts(field) or []:
            frame = index.find(listed)
            if frame is None:
                remarks.add(
                    f"{transforms.path}: names in {field} that belong to no frame ({{count}}, first {{first}}) are "
                    "passed over",
                    listed,
                )
            else:
                named[field].add(frame)
    held_out = set().union(*(named.get(field, set()) for field in HELD_OUT_LISTS))
    train = named.get(TRAIN_LIST, set())
    if both := sorted(train & held_out):
        remarks.add_all(
            f"{transforms.path}: views that are listed both for training and as test views ({{count}}, first "
            "{{first}}) are test views",
            (transforms.frames[frame].file_path for frame in both),
        )
    # A list for training that names nothing says nothing of which views are left out.
    rest: Split | None = None if train else "train"
    return [
        "test" if frame in held_out else "train" if frame in train else rest for frame in range(len(transforms.frames))
    ]


class _Index:
    """Finds the frame that a listed name means, whatever folder the name begins at."""

    def __init__(self, file_paths: Sequence[str]) -> None:
        self._exact: dict[_Key, set[int]] = defaultdict(set)
        self._loose: dict[_Key, set[int]] = defaultdict(set)
        self._ends: dict[_Key, set[int]] = defaultdict(set)
        for frame, file_path in enumerate(file_paths):
            self._exact[path_parts(file_path)].add(frame)
            key = _loosen(path_parts(file_path))
            self._loose[key].add(frame)
            for first in range(1, len(key)):
                self._ends[key[first:]].add(frame)

    def find(self, listed: str) -> int | None:
        exact = path_parts(listed)
        key = _loosen(exact)
        # The name itself; then a name that is the end of a frame's; then one whose end is a frame's.
        found = [self._exact.get(exact), self._loose.get(key), self._ends.get(key)]
        found += [self._loose.get(key[first:]) for first in range(1, len(key))]
        return next((next(iter(frames)) for frames in found if frames and len(frames) == 1), None)


def _loosen(parts: Iterable[str]) -> _Key:
    folded = [fold(part) for part in parts]
    if folded and PurePath(folded[-1]).suffix in IMAGE_SUFFIXES:
        folded[-1] = folded[-1][: -len(PurePath(folded[-1]).suffix)]
    return tuple(folded)
