"""What killed processes left: found and removed by the next start, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from engine.link.file_lock import IN_USE, FileLock
from engine.link.part_files import remove_leftovers, scratch_folder, written_atomically
from engine.link.ring import RING_PREFIX, RingWriter
from engine.link.temporary_folder import TemporaryFolder

_WRITE = """
import sys, time
from pathlib import Path
from engine.link.part_files import written_atomically
with written_atomically(Path(sys.argv[1])) as part:
    part.write_bytes(b"half")
    print("half", flush=True)
    time.sleep(600)
"""
_RING = """
import time
import numpy as np
from engine.link.ring import RingWriter
ring = RingWriter()
ring.write([np.zeros(1000)])
print(ring.folder, flush=True)
time.sleep(600)
"""


def _start(code: str, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def _kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("name", ["frame_0007.png", "film.mp4", "run.json", "a.b c.exr"])
def test_a_half_written_file_goes_once_its_writer_is_dead(tmp_path: Path, name: str) -> None:
    process, _ = _start(_WRITE, str(tmp_path / name))
    (part,) = tmp_path.iterdir()
    remove_leftovers(tmp_path)
    assert part.read_bytes() == b"half", "its writer lives"
    _kill(process)
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folders_inside_are_looked_through_when_asked(tmp_path: Path) -> None:
    inside = tmp_path / "bakes" / "turntable"
    inside.mkdir(parents=True)
    (inside / ".frame_0001.1234567.part.png").write_bytes(b"half")
    (tmp_path / "bakes" / ".capture.making-1234567").mkdir()
    (tmp_path / "bakes" / ".capture.making-1234567" / "images").mkdir()
    remove_leftovers(tmp_path)
    assert len(list(tmp_path.rglob(".*"))) == 2
    remove_leftovers(tmp_path, below=True)
    assert list(tmp_path.rglob(".*")) == [] and inside.is_dir()


def test_names_that_are_not_ours_stay(tmp_path: Path) -> None:
    names = [".part.png", "frame.1.part.png", ".notes.part", ".a.x.part.png", "x.making-1", ".x.making-y", "part"]
    for name in names:
        (tmp_path / name).write_text("the user's own")
    (tmp_path / ".link.1.part.png").symlink_to(tmp_path / "part")
    (tmp_path / ".folder.1.part.png").mkdir()
    remove_leftovers(tmp_path, below=True)
    assert {path.name for path in tmp_path.iterdir()} == {*names, ".link.1.part.png", ".folder.1.part.png"}


def test_a_scratch_folder_stays_while_its_owner_lives(tmp_path: Path) -> None:
    scratch = scratch_folder(tmp_path / "capture")
    scratch.mkdir()
    lock = FileLock(scratch / IN_USE, "hashlight import")
    remove_leftovers(tmp_path)
    assert scratch.is_dir()
    lock.release()
    remove_leftovers(tmp_path)
    assert not scratch.exists()


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), written_atomically(tmp_path / "x.json") as part:
        part.write_text("half")
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


def test_a_dead_engines_ring_goes_with_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    theirs = [tmp_path / "hashlight-demo", tmp_path / f"{RING_PREFIX}mine", tmp_path / "hashlight-engine-abcdefgh"]
    for folder in theirs:
        folder.mkdir()
        (folder / "precious").write_text("the user's own")
    process, folder = _start(_RING)
    ring = RingWriter()
    assert Path(folder).is_dir() and Path(folder).parent == tmp_path
    ring.close()
    _kill(process)
    with TemporaryFolder("engine") as other:
        assert not Path(folder).exists() and other.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in theirs}
    monkeypatch.setattr(tempfile, "tempdir", None)
