"""Blender ends in the middle of training: no engine and no temporary files are left, and the run is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import pytest

pytestmark = pytest.mark.slow

# Another Blender: it trains on what it captures, says so, and waits for its end.
BLENDER = """
import sys, time, bpy, addon_utils
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
addon_utils.enable("bl_ext.user_default.hashlight", default_set=True)
bpy.ops.hashlight.capture_and_train()
registry = sys.modules["bl_ext.user_default.hashlight.session.registry"]
session = registry.current()
assert registry.pump_until(lambda: session.status is not None and session.status.step > 3, 120.0), session.failure
print("engine", session.engine_pid, flush=True)
how = sys.argv[2]
if how == "quit":
    sys.exit()
elif how == "crash":
    import os
    os.abort()
registry.pump_until(lambda: False, 600.0)
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool], timeout: float = 30.0) -> bool:
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize("how", ["quit", "crash", "kill"])
def test_closing_blender_while_it_trains_leaves_nothing_behind(
    engine_scene: bpy.types.Scene, tmp_path: Path, how: str
) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    (tmp_path / "temporary").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    command = [sys.executable, "-c", BLENDER, str(tmp_path / "scene.blend"), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as blender:
        try:
            assert blender.stdout is not None
            line = next(line for line in blender.stdout if line.startswith("engine "))
            engine = int(line.split()[1])
            if how == "kill":
                assert is_alive(engine)
                blender.kill()
            code = blender.wait(60)
        finally:
            blender.kill()
    assert code == {"quit": 0, "crash": -signal.SIGABRT, "kill": -signal.SIGKILL}[how]
    assert wait_until(lambda: not is_alive(engine)), "the engine must end with its Blender"
    assert (tmp_path / "session" / "run" / "run.json").is_file(), "it saves what it learnt"
    if how == "quit":
        left = [path.name for path in (tmp_path / "temporary").iterdir() if path.name.startswith("hashlight")]
        assert not left
