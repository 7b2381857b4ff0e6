"""Which files of a folder list its views: those that are called as usual, and others that can only be meant."""

from __future__ import annotations

from pathlib import Path

from engine.data.dataset import DatasetError
from engine.data.json_object import read_json_object
from engine.data.picture_finder import fold
from engine.data.remarks import Remarks
from engine.data.split_words import part_of
from engine.link.messages import Split
from engine.link.wording import counted

_TRAIN, _SINGLE = "transforms_train.json", "transforms.json"
_HELD_OUT = ("transforms_test.json", "transforms_val.json")  # the first that there is


def find_lists(folder: Path, remarks: Remarks) -> dict[Split | None, Path]:
    """The lists by the split that they hold; None: one holds all views. Lists that aren't read are told, and such as
    are only meant, by another name than usual. Empty where there is none. Raises DatasetError."""
    lists = [name for name in (_TRAIN, _SINGLE) if (folder / name).is_file()]
    held_out = [name for name in _HELD_OUT if (folder / name).is_file() and _has_frames(folder / name)]
    others = _other_lists(folder)
    if not lists and len(meant := others.pop("train", [])) == 1:
        lists = meant
        remarks.add(f"{folder / meant[0]} ({_size(folder / meant[0])}) is taken for {_TRAIN}; call it so")
    if not lists:
        return {}
    for part in ("test", "validation"):
        if not held_out and len(meant := others.get(part, [])) == 1:
            held_out = others.pop(part)
            remarks.add(
                f"{folder / meant[0]} ({_size(folder / meant[0])}) is taken for {_HELD_OUT[0]}; call it so, or "
                "move it elsewhere"
            )
    for name in (*lists[1:], *held_out[1:], *(name for names in others.values() for name in names)):
        used = lists[0] if name in lists or not held_out else held_out[0]
        remarks.add(
            f"{folder / name} ({_size(folder / name)}) isn't read, as there is {used}; to read it, give the file itself"
        )
    for path in () if held_out else sorted(folder.glob(f"*/{_SINGLE[:-5]}*.json")):
        if part_of(path.parent.name) in ("test", "validation"):
            remarks.add(
                f"{path} ({_size(path)}) isn't read, as it is in a folder of its own: for test views, list them "
                f"in {_HELD_OUT[0]}"
            )
    if lists[0] == _SINGLE and not held_out:
        return {None: folder / _SINGLE}
    found: dict[Split | None, Path] = {"train": folder / lists[0]}
    return found | {"test": folder / held_out[0]} if held_out else found


def _other_lists(folder: Path) -> dict[str, list[str]]:
    """Names of lists that are called otherwise, by what they seem to hold."""
    others: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.[jJ][sS][oO][nN]")):
        name, part = path.name, part_of(path.name)
        if name in (_TRAIN, _SINGLE, *_HELD_OUT) or not (part or "transform" in fold(name)):
            continue
        try:
            if path.is_file() and isinstance(frames := read_json_object(path).get("frames"), list) and frames:
                others.setdefault(part or "", []).append(name)
        except DatasetError:
            continue  # no list, then
    return others


def _has_frames(path: Path) -> bool:
    """A capture without held-out views still writes the test file, with no frames in it."""
    return bool(read_json_object(path).get("frames") != [])


def _size(path: Path) -> str:
    """How many entries a list has, in words; none where it can't be read."""
    try:
        return counted(len(read_json_object(path).objects("frames") or []), "view")
    except DatasetError:
        return counted(0, "view")
