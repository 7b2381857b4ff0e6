"""``kill -9`` in the middle of a delivery: what was half there goes with the next one, or when the file is opened."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from pumping import wait_for

Import = Callable[[str], ModuleType]

_BEGIN = """
import importlib, os, shutil, sys, time
from pathlib import Path
import bpy, addon_utils
import numpy as np
addon_utils.enable("bl_ext.user_default.hashlight", default_set=True)
module = lambda name: importlib.import_module("bl_ext.user_default.hashlight." + name)
target = Path(sys.argv[1])
"""
_KINDS = {
    "fetched": """
from engine.link.messages import MAX_CHUNK_BYTES, FileChunk
delivery = module("transfer.fetching").Fetching([("a", target)], lambda *piece: None)
delivery.start()
delivery.poll()
data = np.zeros(MAX_CHUNK_BYTES, np.uint8)
delivery.take(FileChunk(path="a", offset=0, total=2 * MAX_CHUNK_BYTES, modified=1, data=data))
while not any(path.stat().st_size for path in target.parent.glob(".*")):
    time.sleep(0.01)
print("half", flush=True)
time.sleep(600)
""",
    "copied": """
def no_links(*_):
    raise OSError(18, "another drive")
def slow(source, target, *_):
    target.write(b"half"); target.flush(); print("half", flush=True); time.sleep(600)
os.link, shutil.copyfileobj = no_links, slow
source = target.parent.parent / "source"
source.write_bytes(b"whole")
delivery = module("transfer.delivery").Copying([(source, target)])
delivery.start()
time.sleep(600)
""",
}


@pytest.fixture
def half_there() -> Iterator[Callable[[str, Path], subprocess.Popen[str]]]:
    """``half_there(kind, target)``: another Blender, in the middle of a delivery of one file."""
    blenders: list[subprocess.Popen[str]] = []

    def start(kind: str, target: Path) -> subprocess.Popen[str]:
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-c", _BEGIN + _KINDS[kind], str(target)]
        blenders.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)))
        stream: Any = blenders[-1].stdout
        assert any("half" in line for line in stream), "it has ended"
        return blenders[-1]

    yield start
    for blender in blenders:
        blender.kill()
        blender.wait()


@pytest.mark.slow
@pytest.mark.parametrize("kind", _KINDS)
def test_the_next_delivery_takes_it_away(
    addon: Import, half_there: Callable[[str, Path], subprocess.Popen[str]], tmp_path: Path, kind: str
) -> None:
    target = tmp_path / "to" / "film.mp4"
    blender = half_there(kind, target)
    (tmp_path / "other").write_bytes(b"other")
    deliver = addon("transfer.delivery").Copying

    def names_after_another() -> list[str]:
        delivery = deliver([(tmp_path / "other", target.with_name("other.png"))])
        delivery.start()
        while delivery.poll():
            pass
        assert delivery.state == "done"
        return sorted(path.name for path in target.parent.iterdir())

    assert len(names_after_another()) == 2, "the other Blender lives"
    blender.kill()
    blender.wait()
    assert names_after_another() == ["other.png"]


@pytest.mark.slow
def test_so_does_the_file_when_it_is_opened(
    addon: Import,
    small_scene: bpy.types.Scene,
    half_there: Callable[[str, Path], subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    session, mine, inner = tmp_path / "session", tmp_path / "mine" / "turntable", tmp_path / "mine" / "turntable" / "in"
    small_scene.hashlight.folder, small_scene.hashlight.bake.output = str(session), str(tmp_path / "mine")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    parts = []
    for folder in (session / "takes" / "second" / "run", mine, inner):
        blender = half_there("fetched", folder / "run.json")
        blender.kill()
        blender.wait()
        parts += folder.glob(".*.part.json")
    (session / "notes.part").write_text("the user's own")
    assert len(parts) == 3
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    wait_for(addon, lambda: not parts[0].exists() and not parts[1].exists(), "the sweep")
    assert parts[2].exists(), "what else is in a folder of the user's is not looked through"
    assert (session / "notes.part").exists()
