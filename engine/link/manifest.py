"""A capture's manifest.json, read within bounds: everything in it is of its type, whoever wrote it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from engine.link.arrays import Floats
from engine.link.capture_format import FORMAT, ViewRecord, subject_from_json
from engine.link.errors import LinkError
from engine.link.fields import read_dataclass
from engine.link.geometry import Bounds, GeometryError
from engine.link.json_files import JsonError, read_object
from engine.link.values import shorten

_MAX_VIEWS = 50_000
_MAX_NAME = 200  # characters: a file is named for it
_NOT_IN_NAMES = frozenset('/\\:*?"<>|\0')


class ManifestError(ValueError):
    """A manifest that can't be used; the message names it and says what is wrong. ``is_other_version``: it may be fine
    for another version of Hashlight."""

    def __init__(self, message: str, *, is_other_version: bool = False) -> None:
        super().__init__(message)
        self.is_other_version = is_other_version


@dataclasses.dataclass(frozen=True, eq=False)
class Manifest:
    """What ``describe_manifest`` wrote, as it was given to it."""

    settings: dict[str, str | int | float | bool]
    bounds: Bounds
    views: list[ViewRecord]
    subject: Floats | None
    objects: tuple[str, ...] | None


def read_manifest(path: Path) -> Manifest:
    """Read the manifest at ``path``. Raises ManifestError; OSError where it can't be read at all."""
    try:
        values = read_object(path)
    except JsonError as error:
        raise ManifestError(f"{path}: cut off or not a manifest ({error})") from None
    if (version := values.get("format")) != FORMAT:
        raise ManifestError(f"{path}: of format {shorten(version)} instead of {FORMAT}", is_other_version=True)
    try:
        return Manifest(
            _read_settings(values.get("settings")),
            Bounds.from_json(values.get("bounds")),
            _read_views(values.get("views")),
            subject_from_json(values),
            _read_objects(values.get("objects")),
        )
    except (LinkError, GeometryError) as error:
        raise ManifestError(f"{path}: {error}") from None


def _read_settings(values: Any) -> dict[str, str | int | float | bool]:
    if not isinstance(values, dict) or not all(isinstance(value, str | int | float) for value in values.values()):
        raise LinkError(f"settings: expected an object of texts, numbers and switches, got {shorten(values)}")
    return values


def _read_views(values: Any) -> list[ViewRecord]:
    if not isinstance(values, list) or len(values) > _MAX_VIEWS:
        raise LinkError(f"views: expected a list of at most {_MAX_VIEWS}, got {shorten(values)}")
    views = [_read_view(f"views[{number}]", value) for number, value in enumerate(values)]
    if len({view.name for view in views}) < len(views):
        raise LinkError("views: two have the same name")
    return views


def _read_view(where: str, value: Any) -> ViewRecord:
    if not isinstance(value, dict):
        raise LinkError(f"{where}: expected an object, got {shorten(value)}")
    known = {field.name for field in dataclasses.fields(ViewRecord)}
    view: ViewRecord = read_dataclass(where, ViewRecord, {name: value[name] for name in known & value.keys()})
    if not 0 < len(view.name) <= _MAX_NAME or _NOT_IN_NAMES & set(view.name) or view.name.startswith("."):
        raise LinkError(f"{where}: name: not one that its files can have: {shorten(view.name)}")
    return view


def _read_objects(values: Any) -> tuple[str, ...] | None:
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(name, str) for name in values):
        raise LinkError(f"objects: expected a list of names, got {shorten(values)}")
    return tuple(values)
