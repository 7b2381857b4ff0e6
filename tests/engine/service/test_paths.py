"""Paths from the wire stay under the root."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from engine.link.messages import FetchFile
from engine.service.paths import PathError, confine, read_chunk


@pytest.mark.parametrize("relative", ["run", "a/b/c", "a/../b", "Ünïcode name", "a\\b", "...", "a..b"])
def test_a_path_inside_is_returned_absolute(tmp_path: Path, relative: str) -> None:
    path = confine(tmp_path, relative, "run")
    assert path.is_absolute() and path.is_relative_to(tmp_path.resolve())


@pytest.mark.parametrize(
    "relative",
    ["", " ", ".", "a/..", "..", "../x", "a/../../x", "/etc/passwd", "C:\\x", "c:x", "\\\\server\\share", "//server/x"],
)
def test_a_path_that_leads_out_is_refused_and_the_field_named(tmp_path: Path, relative: str) -> None:
    with pytest.raises(PathError, match=r"^output: "):
        confine(tmp_path / "root", relative, "output")


def test_a_name_that_no_system_has_room_for_is_refused_in_words(tmp_path: Path) -> None:
    assert confine(tmp_path, "x" * 200, "run").name == "x" * 200
    for name, length in (("x" * 201, 201), ("ü" * 150, 300)):
        words = f"run: '{name[:40]}'... is too long for the name of a file or folder: {length} bytes of at most 200"
        with pytest.raises(PathError, match=re.escape(words)):
            confine(tmp_path, f"a/{name}", "run")
    with pytest.raises(PathError, match=r"run: '.' is the engine's root folder itself"):
        confine(tmp_path, ".", "run")


def test_a_symbolic_link_leads_nowhere_outside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").mkdir()
    (root / "inside").mkdir()
    try:
        (root / "out").symlink_to(tmp_path / "secret", target_is_directory=True)
        (root / "near").symlink_to(root / "inside", target_is_directory=True)
    except OSError:
        pytest.skip("no symbolic links here")
    with pytest.raises(PathError, match="leads out"):
        confine(root, "out/run", "run")
    assert confine(root, "near/run", "run") == (root / "inside" / "run").resolve()


def test_a_loop_of_symbolic_links_is_refused_or_stays_inside(tmp_path: Path) -> None:
    try:
        (tmp_path / "a").symlink_to(tmp_path / "b")
        (tmp_path / "b").symlink_to(tmp_path / "a")
    except OSError:
        pytest.skip("no symbolic links here")
    with contextlib.suppress(PathError):
        assert confine(tmp_path, "a/x", "run").is_relative_to(tmp_path.resolve())


@pytest.mark.parametrize("offset", [3, 4, 2**63 - 1])
def test_a_piece_behind_the_end_of_a_file_is_an_empty_one(tmp_path: Path, offset: int) -> None:
    (tmp_path / "run.json").write_bytes(b"{ }")
    chunk = read_chunk(tmp_path, FetchFile(path="run.json", offset=offset))
    assert chunk.data is None and chunk.total == 3
