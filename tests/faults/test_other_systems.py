"""What differs on Windows and macOS, simulated on Linux: names, locks, files that others have open."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import types
from pathlib import Path, PureWindowsPath
from typing import IO, Any

import pytest

from engine.link import disk, file_lock
from engine.link.file_lock import FileLock, lock_file
from engine.link.part_files import written_atomically
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.runs import load_run, save_run
from engine.service.paths import PathError, confine
from engine.training.trainer import Trainer
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_bounds


@pytest.mark.parametrize(
    "name",
    [
        "NUL", "nul.png", "CON", "con.json", "PRN", "AUX.exr", "COM1", "com9.txt", "LPT1", "lpt5.mp4", "COM¹", "CONIN$",
        "CONOUT$", "NUL .png", "run/NUL", "aux/run", "x.json:stream", "x.json::$DATA", "run.", "run ", "a/run. /b",
        "a<b", "a>b", 'a"b', "a|b", "a?b", "a*b", "a\x01b",
    ],
)  # fmt: skip
def test_a_name_that_windows_knows_as_something_else_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(PathError, match=r"^output: .* can't be the name of a file on every system"):
        confine(tmp_path, name, "output")


@pytest.mark.parametrize(
    "name", ["null", "console", "company", "com", "com10x", "lpt", "aux-run", "run.nul", ".run", "größe/ß", "a b", "è"]
)
def test_other_names_are_what_they_say(tmp_path: Path, name: str) -> None:
    assert confine(tmp_path, name, "output") == tmp_path.resolve() / name


@pytest.mark.parametrize(
    "path", ["C:\\x", "C:x", "\\\\server\\share\\x", "\\x", "/x", "..\\x", "a\\..\\..\\x", "//server/x", "\\\\?\\C:\\x"]
)
def test_paths_of_either_flavour_stay_inside(tmp_path: Path, path: str) -> None:
    assert PureWindowsPath(path).is_absolute() or PureWindowsPath(path).anchor or ".." in PureWindowsPath(path).parts
    with pytest.raises(PathError):
        confine(tmp_path, path, "run")


def _busy(times: int, number: int) -> Any:
    """``Path.replace`` as on Windows while a virus scanner looks at the file: denied so many times."""
    left, replace = [times], Path.replace

    def denied(source: Path, target: Path) -> Path:
        if left[0]:
            left[0] -= 1
            error = PermissionError(errno.EACCES, "The process cannot access the file", str(source))
            error.winerror = number  # type: ignore[attr-defined]
            raise error
        return replace(source, target)

    return denied


@pytest.mark.parametrize("number", [5, 32, 33])
def test_a_file_that_is_open_elsewhere_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / "x.txt").write_text("former")
    monkeypatch.setattr(Path, "replace", _busy(3, number))
    with written_atomically(tmp_path / "x.txt") as part:
        part.write_text("new")
    assert (tmp_path / "x.txt").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


def test_a_file_that_stays_open_elsewhere_is_an_error_and_the_former_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_BUSY_SECONDS", 0.1)
    trainer = Trainer(make_primitive(choose_preset("cpu", TEST_DEVICE, TINY), sphere_bounds(), "linear", TEST_DEVICE))
    save_run(tmp_path / "run", trainer, {})
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", _busy(1000, 32))
        with pytest.raises(Exception, match="can't be written"):
            save_run(tmp_path / "run", trainer, {})
    assert load_run(tmp_path / "run", TEST_DEVICE).trainer.step_count == 0
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", _busy(2, 5))
        save_run(tmp_path / "run", trainer, {})


def test_a_permission_that_is_missing_for_good_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(target))

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("waited"))
    with pytest.raises(PermissionError), written_atomically(tmp_path / "x.txt") as part:
        part.write_text("new")


class _Msvcrt(types.ModuleType):
    """Windows's locks of bytes: whoever locks one keeps others from it, himself with another handle, too."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self.locked: dict[tuple[int, int], int] = {}

    def locking(self, handle: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        key = os.fstat(handle).st_ino, os.lseek(handle, 0, os.SEEK_CUR)
        try:
            os.fstat(self.locked.get(key, -1))
        except OSError:
            self.locked[key] = handle
            return
        raise PermissionError(errno.EACCES, "Permission denied")


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> _Msvcrt:
    """``file_lock`` believes that it runs on Windows."""
    msvcrt = _Msvcrt()
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setattr(file_lock, "sys", types.SimpleNamespace(platform="win32"))
    return msvcrt


def test_a_lock_on_windows_leaves_the_owner_readable(tmp_path: Path, windows: _Msvcrt) -> None:
    path = tmp_path / ".run.in-use"
    lock = FileLock(path, "hashlight train")
    ((_, byte),) = windows.locked
    assert byte > path.stat().st_size, "Windows lets nobody read a byte that is locked"
    with path.open("r+b") as other:
        assert not lock_file(other)
    assert file_lock.owner_of(path).startswith("hashlight train (process ")
    lock.release()
    assert not path.exists()


def test_a_film_of_any_size_can_be_written_while_its_part_is_locked(tmp_path: Path, windows: _Msvcrt) -> None:
    with written_atomically(tmp_path / "film.mp4") as part, part.open("r+b") as film:
        assert film.truncate(1 << 40) == 1 << 40  # sparse
        ((_, byte),) = windows.locked
        assert byte >= part.stat().st_size, "Windows lets nobody write a byte that is locked"


def test_a_file_that_is_locked_on_windows_stays_at_its_position(tmp_path: Path, windows: _Msvcrt) -> None:
    with (tmp_path / "copy.png").open("wb") as copy:
        copy.write(b"head ")
        assert lock_file(copy)
        copy.write(b"and body")
        with (tmp_path / "copy.png").open("r+b") as other:
            assert not lock_file(other) and other.tell() == 0
    assert (tmp_path / "copy.png").read_bytes() == b"head and body"


def test_nothing_is_deleted_while_it_is_open(tmp_path: Path, windows: _Msvcrt, monkeypatch: pytest.MonkeyPatch) -> None:
    unlink, lock = Path.unlink, FileLock(tmp_path / ".run.in-use", "hashlight train")

    def windows_unlink(path: Path, missing_ok: bool = False) -> None:
        opened = {Path(f"/proc/self/fd/{name}").resolve() for name in os.listdir("/proc/self/fd")}  # noqa: PTH208
        if path.resolve() in opened:
            raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", windows_unlink)
    lock.release()
    assert not (tmp_path / ".run.in-use").exists()
    with written_atomically(tmp_path / "x.txt") as part:
        part.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_drive_without_locks_is_used_without_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(file: IO[bytes], flags: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", refuse)
    FileLock(tmp_path / "a", "one").release()
    with written_atomically(tmp_path / "x.txt") as part:
        part.write_text("new")


def test_a_child_that_is_begun_anew_does_not_inherit_a_lock(tmp_path: Path) -> None:
    """Windows and macOS begin processes so, and so do we: nothing goes along but arguments and environment."""
    code = (
        "import sys, pathlib; from engine.link.file_lock import FileLock; FileLock(pathlib.Path(sys.argv[1]), 'child')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "held")]
    lock = FileLock(tmp_path / "held", "parent")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "FileTaken" in done.stderr and "held by parent (process" in done.stderr
    lock.release()
    assert subprocess.run(command, capture_output=True).returncode == 0
