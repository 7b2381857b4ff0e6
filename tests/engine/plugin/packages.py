"""Packages beside the engine that bring kinds of primitives: all of them that Python looks at."""

from __future__ import annotations

from pathlib import Path


def install(site: Path, package: str, entry: str) -> None:
    """Have ``entry``, "NAME = MODULE:KIND", be one of those of a package in ``site``, a folder of the module path."""
    folder = site / f"{package.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[hashlight.primitives]\n{entry}\n")
