"""Which views are held out: by lists of names in files of their own, beside the dataset's or in a folder for them."""

from __future__ import annotations

from pathlib import Path

from engine.data.dataset import DatasetError
from engine.data.json_object import read_json_object
from engine.data.picture_finder import fold
from engine.data.remarks import Remarks
from engine.data.split_words import part_of, split_of
from engine.data.splits import FrameIndex
from engine.data.transforms import Transforms
from engine.link.messages import Split
from engine.link.wording import counted

_SUFFIXES = (".txt", ".json", ".csv", ".tsv", ".lst", ".list")
_UNREAD = (".yaml", ".yml", ".toml", ".npy", ".npz", ".pkl", ".mat")  # told where they are called splits
_FOLDER = "split"  # and what begins so
_MOST_BYTES = 1 << 22


def split_by_files(transforms: Transforms, remarks: Remarks) -> list[Split | None] | None:
    """The split of each frame, None for those in no list; None where no file tells. Of what a file names all must be
    frames, and of those for testing some must be left. What isn't used is told."""
    index = FrameIndex([frame.file_path for frame in transforms.frames])
    count = len(transforms.frames)
    named: dict[Split, set[int]] = {"train": set(), "test": set()}
    used: list[Path] = []
    paths = split_files(transforms.folder)
    for path in paths:
        for split, names in _read_names(path).items():
            found = [index.find(name) for name in names]
            frames = named[split].union(*found)
            if all(found) and (split == "train" or len(frames) < count):
                named[split] = frames
                used.append(path)
    if not named["test"]:
        tell_unused(paths, remarks)
        return None
    tell_unused([path for path in paths if path not in used], remarks)
    held_out = counted(len(named["test"]), f"of {count} pictures is a test view", f"of {count} pictures are test views")
    remarks.add(f"{held_out}, as {used[0]} says: to train on all, move that elsewhere")
    rest: Split | None = None if named["train"] else "train"
    return ["test" if at in named["test"] else "train" if at in named["train"] else rest for at in range(count)]


def split_files(folder: Path) -> list[Path]:
    """Files that look as if they said which pictures are for training and which for testing."""
    paths = _entries(folder)
    paths += [
        inner for path in paths if fold(path.name).startswith(_FOLDER) and path.is_dir() for inner in _entries(path)
    ]
    return [path for path in paths if _looks_like_splits(path) and path.is_file()]


def tell_unused(paths: list[Path], remarks: Remarks) -> None:
    """Note split files that nothing is made of."""
    remarks.add_all(
        "files that seem to say which pictures are test views ({count}, first {first}) aren't used: name these in "
        "test_filenames of the list, as its frames do",
        map(str, paths),
    )


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _looks_like_splits(path: Path) -> bool:
    """Whether a file is called as if it said which pictures are for what, or is JSON with lists that are."""
    suffix, stem = path.suffix.lower(), fold(path.stem)
    if suffix == ".json":
        return _has_split_lists(path, part_of(path.stem) is not None or "split" in stem)
    if suffix in _UNREAD:
        return "split" in stem
    return suffix in _SUFFIXES and (part_of(path.stem) is not None or "split" in stem)


def _read_names(path: Path) -> dict[Split, list[str]]:
    """The pictures that a file names, by what for; nothing where that can't be read."""
    found: dict[Split, list[str]] = {}
    try:
        if path.suffix.lower() == ".json":
            values = read_json_object(path)
            for field in values:
                if (split := split_of(field)) is not None:
                    found[split] = found.get(split, []) + (values.texts(field) or [])
        elif (split := split_of(path.stem)) is not None and path.stat().st_size <= _MOST_BYTES:
            lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
            found[split] = [line for line in lines if line and not line.startswith("#")]
    except (DatasetError, OSError, ValueError):
        return {}
    return {split: names for split, names in found.items() if names}


def _has_split_lists(path: Path, is_called_so: bool) -> bool:
    """Whether a JSON file is no list of views, and has lists for training or testing, or is called as if it had."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return is_called_so
        values = read_json_object(path)
    except (DatasetError, OSError):
        return is_called_so
    has_lists = any(isinstance(values.peek(name), list) and split_of(name) is not None for name in values)
    return "frames" not in values and (is_called_so or has_lists)
