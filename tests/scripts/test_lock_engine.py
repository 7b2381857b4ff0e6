"""The locks hold what pyproject.toml asks for in the versions of constraints.txt, whole, and with hashes."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import lock_engine
from scripts.lock_engine import ENGINE_LOCK, ROOT, TORCH_LOCK

MAKE = "make them anew: python scripts/lock_engine.py"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def _requirements(text: str) -> list[Requirement]:
    lines = [line.partition("#")[0].removesuffix("\\").strip() for line in text.splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("--hash")]


def _locked(*locks: Path) -> list[Requirement]:
    return [requirement for lock in locks for requirement in _requirements(lock.read_text("utf-8"))]


def _versions_here(requirements: list[Requirement]) -> dict[str, str]:
    """Package to the version that holds on this platform."""
    here = [one for one in requirements if one.marker is None or one.marker.evaluate()]
    return {canonicalize_name(one.name): next(iter(one.specifier)).version for one in here}


def test_all_that_the_engine_asks_for_is_locked_in_the_pinned_version() -> None:
    pins = {
        (canonicalize_name(p.name), str(p.specifier)) for p in _requirements((ROOT / "constraints.txt").read_text())
    }
    pinned = {name for name, _ in pins}
    locked = {(canonicalize_name(one.name), str(one.specifier)) for one in _locked(ENGINE_LOCK, TORCH_LOCK)}
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["engine"]]
    names = {canonicalize_name(Requirement(text).name) for text in wanted}
    assert names <= pinned, "constraints.txt pins all that pyproject.toml names"
    assert {entry for entry in locked if entry[0] in pinned} == {
        entry for entry in pins if entry[0] in {name for name, _ in locked}
    }, MAKE
    assert names <= {name for name, _ in locked}, MAKE


def test_what_the_locked_packages_need_is_locked_too() -> None:
    versions = _versions_here(_locked(ENGINE_LOCK, TORCH_LOCK))
    looked_at = 0
    for name, version in versions.items():
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # torch for the processor brings nothing for graphics cards
        if distribution.version.partition("+")[0] != version:
            continue
        looked_at += 1
        for text in distribution.requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert needed.specifier.contains(versions[canonicalize_name(needed.name)]), (
                    f"{name} needs {text}: {MAKE}"
                )
    assert looked_at > 15


@pytest.mark.parametrize("lock", [ENGINE_LOCK, TORCH_LOCK], ids=lambda lock: lock.name)
def test_every_package_has_hashes_and_no_host_is_named(lock: Path) -> None:
    text = lock.read_text("utf-8")
    assert len(lock_engine._ENTRY.findall(text)) == len(_requirements(text))
    assert not re.search(r"://|index-url|find-links", text)


def test_torch_and_what_it_needs_for_graphics_cards_are_apart() -> None:
    of_torch = {one.name for one in _locked(TORCH_LOCK)}
    assert {"torch", "triton", "nvidia-cublas"} <= of_torch
    assert all(lock_engine._OF_TORCH.fullmatch(name) for name in of_torch)
    assert not any(lock_engine._OF_TORCH.fullmatch(one.name) for one in _locked(ENGINE_LOCK))


def test_a_line_that_is_no_package_with_hashes_is_refused() -> None:
    entry = "a==1 \\\n    --hash=sha256:" + 64 * "0" + "\n"
    engine, torch = lock_engine.split(entry + entry.replace("a==1", "torch==2"))
    assert "\na==1" in engine and "torch==" not in engine and "\ntorch==2" in torch
    with pytest.raises(lock_engine.LockError, match="no package with hashes"):
        lock_engine.split(entry + "b==2\n")
