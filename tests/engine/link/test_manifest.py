"""A capture's manifest: what was written comes back, and anything else is refused in one line."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.link.capture_format import ViewRecord, describe_manifest
from engine.link.geometry import Bounds, Camera
from engine.link.manifest import ManifestError, read_manifest

BOUNDS = Bounds(np.array([-1.0, -2.0, 0.0]), np.array([1.0, 2.0, 3.0]))
CAMERA = Camera(np.eye(4), 64, 48, 50.0, 50.0, 32.0, 24.0)


def manifest() -> dict[str, Any]:
    views = [
        ViewRecord("view_000", "train", CAMERA, "Camera", 7, 1.5, True, 3.0),
        ViewRecord("Büro 1", "test", CAMERA, "Camera.001"),
    ]
    settings: dict[str, str | int | float | bool] = {"engine": "CYCLES", "samples": 64, "depth": True, "f": 0.5}
    values = describe_manifest(settings, BOUNDS, views, subject=np.eye(3), objects=["Cube", "Ä"])
    return dict(json.loads(json.dumps(values)))


def write(folder: Path, values: Any) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps(values))
    return path


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    values = manifest()
    read = read_manifest(write(tmp_path, values))
    assert read.settings == values["settings"] and read.bounds.is_close(BOUNDS) and read.objects == ("Cube", "Ä")
    assert read.subject is not None and read.subject.tolist() == np.eye(3).tolist()
    assert [view.to_json() for view in read.views] == values["views"]


def test_of_another_version(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        read_manifest(write(tmp_path, manifest() | {"format": 99}))
    assert caught.value.is_other_version


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "C:x", "", ".", "..", "x" * 300, "a\0", 5, None])
def test_names_that_lead_elsewhere(tmp_path: Path, name: Any) -> None:
    values = manifest()
    values["views"][0]["name"] = name
    with pytest.raises(ManifestError, match=r"views\[0\]"):
        read_manifest(write(tmp_path, values))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"[" * 100_000, b'{"format": ' + b"9" * 20_000 + b"}", b"\xff\xfe\x00", b"null"]
)
def test_what_is_no_manifest(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        read_manifest(path)


def test_of_a_gigabyte(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ManifestError, match="MB"):
        read_manifest(path)


def test_mutated(tmp_path: Path) -> None:
    """2,000 manifests with a value of another kind somewhere: read with all of their types, or refused in a line."""
    rng = random.Random(3)
    others = [None, True, -1, 10**400, 1e300, "", "x", "\ud800", [], {}, [[]], [1, [2]], float("nan"), {"a": 1}]

    def mutate(value: Any) -> Any:
        if isinstance(value, dict | list) and value and rng.random() < 0.8:
            copy = dict(value) if isinstance(value, dict) else list(value)
            key = rng.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))
            copy[key] = mutate(copy[key])
            return copy
        return rng.choice(others)

    refused = 0
    for _ in range(2000):
        path = write(tmp_path, mutate(manifest()))
        try:
            read = read_manifest(path)
        except ManifestError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 500
        else:
            assert all(isinstance(view.name, str) and isinstance(view.source, str) for view in read.views)
    assert 500 < refused < 1990
