"""The prior that is brought along: found with the right checksum, and refused in words without."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from engine.priors import shipped
from engine.priors.shipped import CHECKSUM, WEIGHTS, find_prior
from engine.priors.tensor_files import PriorError

CONTENT = b"weights"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As in a build that brings one along."""
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path)
    (tmp_path / WEIGHTS).write_bytes(CONTENT)
    (tmp_path / CHECKSUM).write_text(f"{hashlib.sha256(CONTENT).hexdigest()}  {WEIGHTS}\n", "ascii")
    return tmp_path


def test_another_file_is_taken_as_it_is(tmp_path: Path) -> None:
    assert find_prior(tmp_path / "other") == tmp_path / "other"


def test_what_is_brought_along_is_found(folder: Path) -> None:
    assert find_prior(None) == folder / WEIGHTS


def test_a_build_without_one_says_so(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(PriorError, match="this build of Hashlight brings no prior along: train one with"):
        find_prior(None)


def test_a_damaged_one_is_refused(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(CONTENT + b"!")
    with pytest.raises(PriorError, match=r"prior.safetensors: damaged: its SHA-256 is [0-9a-f]{64}, and prior.sha256"):
        find_prior(None)


@pytest.mark.parametrize("checksum", [None, b"", b"\xff"])
def test_one_without_its_checksum_is_refused(folder: Path, checksum: bytes | None) -> None:
    if checksum is None:
        (folder / CHECKSUM).unlink()
    else:
        (folder / CHECKSUM).write_bytes(checksum)
    with pytest.raises(PriorError, match=r"can't be checked|prior.sha256 beside it says another"):
        find_prior(None)


def test_the_one_that_is_here_is_whole() -> None:
    assert find_prior(None).stat().st_size <= 12e6
