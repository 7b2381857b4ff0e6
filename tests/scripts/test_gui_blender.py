"""Which Blender the window tests take."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def gui_blender(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import gui_blender

    return gui_blender


def blender_saying(folder: Path, words: str) -> Path:
    """A program that answers everything with ``words``."""
    program = folder / "blender"
    program.write_text(f"#!/bin/sh\nprintf '{words}\\n'\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    "words", ["Blender 4.5.0", "Blender 5.2.2 LTS\\n  build date: today", "warning\\nBlender 10.0"]
)
def test_a_blender_that_the_extension_installs_into_is_taken(
    gui_blender: ModuleType, tmp_path: Path, words: str
) -> None:
    gui_blender.check_version(gui_blender.WindowBlender(str(blender_saying(tmp_path, words))))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("Blender 4.3.2", "is Blender 4.3, and the extension needs 4.5 or newer"),
        ("Segmentation fault", "does not say its version, but: Segmentation fault"),
        ("", "does not say its version, but: nothing"),
    ],
)
def test_another_one_is_refused_in_words(gui_blender: ModuleType, tmp_path: Path, words: str, complaint: str) -> None:
    with pytest.raises(gui_blender.NoBlenderError, match=re.escape(complaint)):
        gui_blender.check_version(gui_blender.WindowBlender(str(blender_saying(tmp_path, words))))


def test_a_program_that_is_not_there_is_told(gui_blender: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(gui_blender.NoBlenderError, match="does not start"):
        gui_blender.check_version(gui_blender.WindowBlender(str(tmp_path / "blender")))
