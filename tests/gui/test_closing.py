"""Blender is closed in the middle of its work: another one with a window of its own, looked at from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy
import x_input
from window import Steps, Window

SCRIPT = Path(__file__).resolve().parent / "closed_blender.py"


def _processes_with(variable: str) -> dict[int, str]:
    """What runs with this "NAME=value" in its environment, as all that a program starts does: command lines by id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended
            continue
    return found


def _close_another(window: Window, close: Callable[[Path], object]) -> Steps:
    """Start another Blender, in a folder of its own, wait until it renders and trains, close it, and see what is
    left."""
    folder = Path(tempfile.mkdtemp(prefix="closing-"))
    temporary, log = folder / "temporary", folder / "blender.log"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "BLENDER_USER_RESOURCES": str(folder / "user")}
    zip_file = sys.argv[sys.argv.index("--") + 1]
    command = [bpy.app.binary_path, "--factory-startup", "--python-exit-code", "1"]
    command += ["--window-geometry", "0", "0", "800", "600", "--python", str(SCRIPT), "--", zip_file, str(folder)]
    with log.open("w") as output:
        blender = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    try:
        yield lambda: (folder / "engine").is_file() or blender.poll() is not None
        assert blender.poll() is None, log.read_text("utf-8")
        engine = int((folder / "engine").read_text("utf-8"))
        assert {blender.pid, engine} <= _processes_with(f"TMPDIR={temporary}").keys()
        window.screenshot("another Blender about to be closed")
        close(folder)
        yield lambda: blender.poll() is not None
        assert blender.returncode == 0, log.read_text("utf-8")
        yield lambda: not _processes_with(f"TMPDIR={temporary}")  # all that it started has to end with it
    finally:
        for process in _processes_with(f"TMPDIR={temporary}"):
            os.kill(process, signal.SIGKILL)
        blender.wait()
    assert not [path.name for path in temporary.iterdir() if path.name.startswith("hashlight")]
    assert (folder / "session" / "run" / "run.json").is_file(), "it saves what it learnt"


def test_quitting_while_a_view_is_rendered_and_the_engine_trains_leaves_nothing_behind(window: Window) -> Steps:
    yield from _close_another(window, lambda folder: (folder / "quit").touch())


def test_closing_the_window_while_a_view_is_rendered_and_the_engine_trains_leaves_nothing_behind(
    window: Window,
) -> Steps:
    x_input.announce_closing()
    before = x_input.windows()
    yield from _close_another(window, lambda _: x_input.close(x_input.windows() - before))
