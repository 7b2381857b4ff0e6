"""Which views are held out: by nerfstudio's lists of file names, which name pictures by other paths than frames do, by
what frames say of themselves, and by other lists whose names speak of splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

from engine.data.json_object import JsonObject, name_key
from engine.data.picture_finder import IMAGE_SUFFIXES, fold, path_parts
from engine.data.remarks import Remarks
from engine.data.split_words import split_of, words_of
from engine.data.transforms import Transforms
from engine.link.messages import Split

TRAIN_LIST, HELD_OUT_LISTS = "train_filenames", ("val_filenames", "test_filenames")
_Key = tuple[str, ...]
_SPLITS = ("split", "splits")
_PARTS: tuple[Split, ...] = ("train", "test")
_SHOWN = 3  # of the pictures that a name may mean


def split_by_lists(transforms: Transforms, remarks: Remarks) -> list[Split | None] | None:
    """The split of each frame, None for those in no list; None where the file says nothing of it.

    What is said to be for training and for testing is held out.
    """
    values, frames = transforms.values, transforms.frames
    index = FrameIndex([frame.file_path for frame in frames])
    named: dict[Split, set[int]] = {"train": set(), "test": set()}
    fields = values.spelled((TRAIN_LIST, *HELD_OUT_LISTS))
    for field in fields:
        split: Split = "train" if name_key(field) == name_key(TRAIN_LIST) else "test"
        named[split] |= _frames_in(field, values.texts(field) or [], transforms, index, remarks)
    for field, split, items in _other_lists(values, [frame.place for frame in frames]):
        found = _frames_of(field, items, transforms, index, remarks)
        if found:
            named[split] |= found
            fields.append(field)
    for at, frame in enumerate(frames):
        if frame.split is not None:
            named[frame.split].add(at)
    if not fields and not any(named.values()):
        return None
    held_out, train = named["test"], named["train"]
    if both := sorted(train & held_out):
        remarks.add_all(
            f"{transforms.path}: views that are listed both for training and as test views ({{count}}, first "
            "{first}) are test views: remove them from one of the lists",
            (transforms.frames[frame].file_path for frame in both),
        )
    # A list for training that names nothing says nothing of which views are left out.
    rest: Split | None = None if train else "train"
    return [
        "test" if frame in held_out else "train" if frame in train else rest for frame in range(len(transforms.frames))
    ]


def _other_lists(values: JsonObject, places: Sequence[int]) -> Iterator[tuple[str, Split, list[Any]]]:
    """Lists of pictures by their names, or by numbers, each with what it is called and what for: ``test_ids`` and
    ``i_test``, say, ``splits`` with such in it, or with a word for each frame, of these ``places`` in their list, or
    for some pictures."""
    for name in values:
        value = values.peek(name)
        if fold(name) in _SPLITS and isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, list) and (split := split_of(key)) is not None:
                    yield name, split, item
                elif isinstance(item, str) and (split := split_of(item)) is not None:
                    yield name, split, [key]
        elif not isinstance(value, list) or name in values.spelled((TRAIN_LIST, *HELD_OUT_LISTS)):
            continue
        elif fold(name) in _SPLITS and len(value) == len(places) and all(isinstance(item, str) for item in value):
            splits = [split_of(item) for item in value]
            for part in _PARTS:
                if None not in splits and part in splits:
                    yield name, part, [at for at, each in zip(places, splits, strict=True) if each == part]
        elif (split := split_of(name)) is not None and "valid" not in words_of(name):
            yield name, split, value  # what is valid may be for training as well


def _frames_of(field: str, items: list[Any], transforms: Transforms, index: FrameIndex, remarks: Remarks) -> set[int]:
    """The frames that a list of names or of numbers means; none where it holds anything else."""
    if all(isinstance(item, str) for item in items):
        transforms.values.get(field)
        return _frames_in(field, items, transforms, index, remarks)
    if items and all(isinstance(item, bool) for item in items) and len(items) == len(transforms.frames):
        transforms.values.get(field)
        return {at for at, item in enumerate(items) if item}
    if not all(isinstance(item, int) and not isinstance(item, bool) for item in items):
        return set()
    transforms.values.get(field)
    places = {frame.place: at for at, frame in enumerate(transforms.frames)}
    if strange := [item for item in items if item not in places]:
        remarks.add_all(
            f"{transforms.path}: {field} isn't used, as it has numbers that are no frame's, counted from 0 ({{count}} "
            f"of {len(items)}, first {{first}}): name test pictures in test_filenames instead",
            map(str, strange),
        )
        return set()
    remarks.add_all(
        f"{transforms.path}: pictures that {field} has by their number in frames, from 0 ({{count}}, first {{first}}), "
        "are taken for what its name says; if others are meant, name them in train_filenames and test_filenames",
        (transforms.frames[places[item]].file_path for item in items),
    )
    return {places[item] for item in items}


def _frames_in(field: str, names: list[str], transforms: Transforms, index: FrameIndex, remarks: Remarks) -> set[int]:
    """The frames that one list names, of a name that may mean several pictures all: none is trained on that is held
    out."""
    found = [index.find(name) for name in names]
    if not any(found):  # they are of another folder
        found = [index.find_by_end(name) for name in names]
        remarks.add_all(
            f"{transforms.path}: names in {field} that lie in another folder than those of frames ({{count}}, first "
            "{first}) are told by the rest of their path: list pictures as frames do",
            (name for name, frames in zip(names, found, strict=True) if frames),
        )
    for name, frames in zip(names, found, strict=True):
        meant = sorted({transforms.frames[frame].file_path for frame in frames})
        if not meant:
            remarks.add(
                f"{transforms.path}: names in {field} that belong to no frame ({{count}}, first {{first}}) are passed "
                "over: list pictures as frames do, by file_path",
                name,
            )
        elif len(meant) > 1:
            remarks.add(
                f"{transforms.path}: names in {field} that may mean several pictures ({{count}}, first {{first}}: "
                "{meant}) are taken for all of them: list pictures as frames do, by file_path",
                name,
                meant=", ".join(meant[:_SHOWN]) + (f" and {len(meant) - _SHOWN} more" if len(meant) > _SHOWN else ""),
            )
    return set().union(*found)


class FrameIndex:
    """Finds the frames that a listed name may mean, whatever folder the name begins at: mostly one, or none."""

    def __init__(self, file_paths: Sequence[str]) -> None:
        self._exact: dict[_Key, set[int]] = defaultdict(set)
        self._loose: dict[_Key, set[int]] = defaultdict(set)
        self._ends: dict[_Key, set[int]] = defaultdict(set)
        for frame, file_path in enumerate(file_paths):
            self._exact[path_parts(file_path)].add(frame)
            key = _loosen(path_parts(file_path))
            self._loose[key].add(frame)
            for first in range(len(key)):
                self._ends[key[first:]].add(frame)

    def find(self, listed: str) -> set[int]:
        """The frames whose path has the name at its end, or the other way round."""
        found = [self._exact.get(path_parts(listed))]
        for key in _keys(listed):
            found += [self._loose.get(key), self._ends.get(key)]
            found += [self._loose.get(key[first:]) for first in range(1, len(key))]
        return _nearest(found)

    def find_by_end(self, listed: str) -> set[int]:
        """The frames with the longest end in common."""
        return _nearest(self._ends.get(key[first:]) for key in _keys(listed) for first in range(len(key)))


def _nearest(found: Iterable[set[int] | None]) -> set[int]:
    """The first that isn't empty."""
    return next((frames for frames in found if frames), set())


def _keys(listed: str) -> list[_Key]:
    """What a name may stand for, the likeliest first: as written, of a web address, and with any ending."""
    keys: list[_Key] = []
    for plain in (listed, unquote(listed.strip())):
        if parts := path_parts(plain):
            keys += [_loosen(parts), _loosen((*parts[:-1], PurePath(parts[-1]).stem))]
    return list(dict.fromkeys(keys))


def _loosen(parts: Iterable[str]) -> _Key:
    folded = [fold(part) for part in parts]
    if folded and PurePath(folded[-1]).suffix in IMAGE_SUFFIXES:
        folded[-1] = folded[-1][: -len(PurePath(folded[-1]).suffix)]
    return tuple(folded)
