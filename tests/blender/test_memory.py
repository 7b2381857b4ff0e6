"""Memory stays flat however often one captures."""

from __future__ import annotations

import resource
from pathlib import Path

import bpy
import pytest

WARM_UP = 20  # captures
# Bytes over the captures after that. Each holds about 10 MB while it goes on; one picture that stays is a megabyte.
MAX_GROWTH = 24 << 20


def resident_bytes() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="only Linux tells what is in memory")
@pytest.mark.parametrize("cycles", [50, pytest.param(100, marks=pytest.mark.faults)])
def test_captures_leave_memory_as_it_was(small_scene: bpy.types.Scene, tmp_path: Path, cycles: int) -> None:
    settings = small_scene.hashlight
    settings.capture.training_views, settings.capture.held_out_views = 2, 1
    settings.capture.resolution_x = settings.capture.resolution_y = 256
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    blocks = ("scenes", "images", "node_groups", "objects", "cameras", "texts", "worlds")
    warm, counts = 0, []
    for number in range(cycles):
        settings.folder = str(tmp_path / str(number))
        assert bpy.ops.hashlight.capture() == {"FINISHED"}
        counts.append([len(getattr(bpy.data, name)) for name in blocks])
        if number == WARM_UP:
            warm = resident_bytes()
    growth = resident_bytes() - warm
    print(f"{growth / 2**20:.1f} MiB more after {cycles - WARM_UP} captures than before, {warm / 2**20:.0f} MiB in all")
    assert counts[-1] == counts[0]
    assert growth < MAX_GROWTH, f"{growth / 2**20:.1f} MiB were lost"
