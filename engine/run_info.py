"""run.json: everything in it is checked when it is read, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import engine
from engine.link.geometry import Camera, GeometryError
from engine.link.json_files import JsonError, read_json
from engine.link.values import Limits, ValueRefused, finite, shorten, whole
from engine.run_folder import MOST_RUN_BYTES, RUN_FILE, RunError
from engine.run_history import NAME as HISTORY_NAME
from engine.run_history import read_scores

FORMAT = 2
# Before format 2 there were radiance fields alone, of one kind.
_FIRST_KIND, _FIRST_FIELD = "radiance-field", "hash-grid"
SNAPSHOT_NAME = re.compile(r"snapshot-[0-9]{1,20}-[0-9a-f]{1,20}\.safetensors")
_MOST_TEXT = 8192
_STEPS, _SECONDS = Limits(0, 2**31 - 1), Limits(0.0, 1e10)
_BYTES, _HOLDOUTS = Limits(0, 1 << 50), Limits(1, 1e9)


def read_run_info(folder: Path) -> dict[str, Any]:
    """What ``folder``'s run.json says. What it says of things that are not known here is left as it is. Raises
    RunError that names the field. A run of an older format is brought to the present one."""
    path = folder / RUN_FILE
    loaded = _load(path)
    if not isinstance(loaded, dict) or type(loaded.get("format")) is not int or loaded["format"] < 1:
        raise RunError(f"{path}: not a run of Hashlight")
    info: dict[str, Any] = loaded
    if info["format"] > FORMAT:
        version = shorten(info.get("version"))
        raise RunError(f"{path}: written by a newer version ({version}); this is {engine.__version__}")
    if info["format"] < FORMAT:
        info = _bring_up_to_date(info)
    for name, check in _CHECKS.items():
        if name in info:
            try:
                check(info[name])
            except (ValueRefused, GeometryError) as error:
                raise RunError(f"{path}: {name}: {error}") from None
    return info


def _bring_up_to_date(info: dict[str, Any]) -> dict[str, Any]:
    """As the present format has it. What is missing stays so."""
    primitive = {name: info[name] for name in ("bounds", "color_space") if name in info}
    data = {"views": info["views"]} if "views" in info else {}
    kept = {name: value for name, value in info.items() if name not in ("bounds", "color_space", "views")}
    return kept | {"kind": _FIRST_KIND, "primitive": primitive | {"field": _FIRST_FIELD}, "data": data}


def read_info(folder: Path) -> dict[str, Any]:
    """What ``read_run_info`` gives, with the whole "history", which is in a file of its own. Raises RunError."""
    info = read_run_info(folder)
    return info | {"history": read_scores(folder, info)} if "history_file" in info else info


def _load(path: Path) -> Any:
    try:
        return read_json(path, MOST_RUN_BYTES)
    except FileNotFoundError:
        raise RunError(f"{path.parent}: there is no run here ({RUN_FILE} is missing)") from None
    except NotADirectoryError:
        raise RunError(f"{path.parent}: there is no run here (it is a file, and a run is a folder)") from None
    except OSError as error:
        raise RunError(f"{path}: can't be read: {error.strerror or error}") from error
    except JsonError as error:
        raise RunError(f"{path}: cut off or not JSON: {error}") from None


def _check_text(value: Any) -> None:
    if not isinstance(value, str) or len(value) > _MOST_TEXT or "\0" in value:
        raise ValueRefused(f"expected text, got {shorten(value)}")


def _check_data(value: Any) -> None:
    if not isinstance(value, dict):
        raise ValueRefused(f"expected an object, got {shorten(value)}")
    if "views" in value:
        _check_views(value["views"])


def _check_views(value: Any) -> None:
    if not isinstance(value, list):
        raise ValueRefused(f"expected a list, got {shorten(value)}")
    for number, view in enumerate(value, 1):
        if not isinstance(view, dict) or view.get("split") not in ("train", "test"):
            raise ValueRefused(f"view {number}: expected a name, a split and a camera, got {shorten(view)}")
        _check_text(view.get("name"))
        try:
            Camera.from_json(view.get("camera"))
        except GeometryError as error:
            raise ValueRefused(f"view {number}: {error}") from None


def _check_history(value: Any) -> None:
    if not isinstance(value, list):  # the entries: see read_scores
        raise ValueRefused(f"expected a list, got {shorten(value)}")


def _check_history_file(value: Any) -> None:
    _check_members(value, file=str, bytes=int)
    if not HISTORY_NAME.fullmatch(value["file"]):
        raise ValueRefused(f"{shorten(value['file'])!r} is not the name of a file of scores")
    whole(value["bytes"], _BYTES)


def _check_snapshot(value: Any) -> None:
    _check_members(value, file=str, bytes=int, sha256=str)
    if not SNAPSHOT_NAME.fullmatch(value["file"]):
        raise ValueRefused(f"{shorten(value['file'])!r} is not the name of a snapshot")
    whole(value["bytes"], _BYTES)


def _check_members(value: Any, **kinds: type) -> None:
    if not isinstance(value, dict):
        raise ValueRefused(f"expected an object, got {shorten(value)}")
    for name, kind in kinds.items():
        if type(value.get(name)) is not kind:
            raise ValueRefused(f"{name}: expected {kind.__name__}, got {shorten(value.get(name))}")


def _unless_none(check: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda value: value is None or check(value)


_CHECKS: dict[str, Callable[[Any], object]] = {
    "step": lambda value: whole(value, _STEPS),
    "seconds": lambda value: finite(value, _SECONDS),
    "snapshot": _check_snapshot,
    "data": _check_data,
    "history": _check_history,
    "history_file": _check_history_file,
    "dataset": _unless_none(_check_text),
    "holdout": _unless_none(lambda value: whole(value, _HOLDOUTS)),
}
