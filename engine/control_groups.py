"""Linux's limits on the memory of a container, a service or a batch job: control groups, of both versions."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import NamedTuple

OWN_GROUPS = Path("/proc/self/cgroup")
HIERARCHIES = Path("/sys/fs/cgroup")


class _Files(NamedTuple):
    """How a version calls a group's limits, what is used of them, and which part of that the system gives back."""

    limits: tuple[str, ...]
    usage: str
    unused_cache: str  # a line of memory.stat


_VERSION_1 = _Files(("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")
_VERSION_2 = _Files(("memory.max", "memory.high"), "memory.current", "inactive_file")


def bytes_left() -> int | None:
    """How much more memory this process and those it shares a limit with may take, None where nothing limits them."""
    rooms = [room for folder, files in _own_groups() for room in _rooms(folder, files)]
    return max(min(rooms), 0) if rooms else None


def _own_groups() -> list[tuple[Path, _Files]]:
    """The groups that this process is in, up to the outermost: each has limits of its own. A container may see its own
    group as the outermost, whatever the path that the system tells it."""
    groups = []
    for line in _read(OWN_GROUPS).splitlines():
        controllers, _, path = line.partition(":")[2].partition(":")
        if not controllers:
            top, files = HIERARCHIES, _VERSION_2
        elif "memory" in controllers.split(","):
            top, files = HIERARCHIES / "memory", _VERSION_1
        else:
            continue
        inner = PurePosixPath(path.lstrip("/"))
        groups += [(top / group, files) for group in (inner, *inner.parents) if ".." not in group.parts]
    return groups


def _rooms(folder: Path, files: _Files) -> list[int]:
    """What each limit of a group leaves; none where the group has no limit, or isn't to be seen."""
    usage = _number(_read(folder / files.usage))
    if usage is None:
        return []
    stat = dict(line.split(" ", 1) for line in _read(folder / "memory.stat").splitlines() if " " in line)
    used = usage - (_number(stat.get(files.unused_cache, "")) or 0)
    limits = [_number(_read(folder / name)) for name in files.limits]  # of version 2: "max" where there is none
    return [limit - used for limit in limits if limit is not None]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _number(words: str) -> int | None:
    words = words.strip()
    return int(words) if words.isdecimal() and len(words) < 20 else None
