"""Memory in containers, services and batch jobs: what their limits leave counts, not what the machine has."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import control_groups
from engine.machine import free_memory
from engine.primitives.memory import MemoryShortage
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.training.trainer import Trainer
from tests.scenes import sphere_bounds

GIB = 1 << 30
UNLIMITED_1 = 9223372036854771712
MEMORY_1 = Path("/sys/fs/cgroup/memory")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``own``, the groups of this process, and ``fs``, the hierarchies; both empty."""
    monkeypatch.setattr(control_groups, "OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(control_groups, "HIERARCHIES", tmp_path / "fs")
    return tmp_path


def _make_2(folder: Path, *, most: object = "max", high: object = "max", used: object = 0, cache: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.high").write_text(f"{high}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\nfile 7\ninactive_file {cache}\nactive_file 9\n")


def _make_1(folder: Path, *, most: int = UNLIMITED_1, used: int = 0, cache: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.limit_in_bytes").write_text(f"{most}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"inactive_file 3\ntotal_inactive_file {cache}\n")


def test_a_container_of_version_2_sees_its_own_group_as_the_outermost(system: Path) -> None:
    (system / "own").write_text("0::/\n")
    _make_2(system / "fs", most=4 * GIB, used=3 * GIB, cache=GIB // 2)
    assert control_groups.bytes_left() == 3 * GIB // 2


def test_the_narrowest_of_a_group_and_those_around_it_counts(system: Path) -> None:
    (system / "own").write_text("0::/user.slice/job-7.scope/step\n")
    slice_ = system / "fs" / "user.slice"
    _make_2(slice_, most=16 * GIB, used=15 * GIB)
    _make_2(slice_ / "job-7.scope", most=8 * GIB, used=2 * GIB)
    _make_2(slice_ / "job-7.scope" / "step", used=GIB)
    assert control_groups.bytes_left() == GIB
    _make_2(slice_ / "job-7.scope" / "step", high=GIB + 1000, used=GIB)  # beyond it, all is slowed down
    assert control_groups.bytes_left() == 1000


@pytest.mark.parametrize("path", ["/docker/0123abcd", "/../../outer", "/"])
def test_a_container_of_version_1_is_told_a_path_that_it_does_not_see(system: Path, path: str) -> None:
    (system / "own").write_text(f"11:cpu,cpuacct:/elsewhere\n4:memory:{path}\n1:name=systemd:/\n0::/\n")
    _make_1(system / "fs" / "memory", most=2 * GIB, used=GIB, cache=1024)
    assert control_groups.bytes_left() == GIB + 1024


def test_version_1_within_groups_of_the_machine(system: Path) -> None:
    (system / "own").write_text("4:memory,hugetlb:/batch/job\n")
    _make_1(system / "fs" / "memory" / "batch", most=3 * GIB, used=GIB)
    _make_1(system / "fs" / "memory" / "batch" / "job")
    _make_1(system / "fs" / "memory")
    assert control_groups.bytes_left() == 2 * GIB


def test_what_is_used_beyond_a_limit_leaves_nothing(system: Path) -> None:
    (system / "own").write_text("0::/\n")
    _make_2(system / "fs", most=GIB, used=2 * GIB)
    assert control_groups.bytes_left() == 0 == free_memory("cpu")


def test_without_a_limit_there_is_none(system: Path) -> None:
    assert control_groups.bytes_left() is None, "not even groups"
    (system / "own").write_text("0::/\n")
    assert control_groups.bytes_left() is None
    _make_2(system / "fs", used=GIB)
    assert control_groups.bytes_left() is None


@pytest.mark.parametrize("words", ["", "-5", "4 GiB", "9" * 5000, "\x00", "½", "1.5", "0x10"])
def test_what_can_not_be_read_limits_nothing(system: Path, words: str) -> None:
    (system / "own").write_text(f"{words}\n0::/\n:\nmemory\n")
    _make_2(system / "fs", most=words, used=GIB)
    assert control_groups.bytes_left() is None
    _make_2(system / "fs", most=GIB, used=words)
    assert control_groups.bytes_left() is None


def test_training_in_a_container_asks_for_no_more_than_it_may_have(system: Path) -> None:
    if (free_memory("cpu") or 0) < 2 * GIB:
        pytest.skip("this machine has too little memory itself")
    (system / "own").write_text("0::/\n")
    _make_2(system / "fs", most=8 * GIB, used=7 * GIB)
    assert free_memory("cpu") == GIB
    with pytest.raises(MemoryShortage, match=r"and 1\.1 GB are free: use the cpu preset"):
        Trainer(make_primitive(choose_preset("gpu", "cpu", {}), sphere_bounds(), "linear", "cpu"))


@pytest.fixture
def real_group() -> Iterator[Path]:
    """A group of this machine's, where it lets us make one."""
    group = MEMORY_1 / f"hashlight-test-{uuid.uuid4().hex[:8]}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(GIB))
    except OSError:
        pytest.skip("no control group can be made here")
    yield group
    group.rmdir()


def test_a_process_in_a_real_group_knows_its_limit(real_group: Path) -> None:
    code = (
        "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid()))\n"
        "from engine.machine import free_memory; print(free_memory('cpu'))"
    )
    command = [sys.executable, "-c", code, str(real_group / "cgroup.procs")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert GIB // 2 < int(done.stdout) <= GIB
