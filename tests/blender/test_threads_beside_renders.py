"""Views are rendered while other threads of Python are at work, as the link's is: Blender must not crash by that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

VIEWS = 300

_RENDERS = """
import importlib, sys, threading
from pathlib import Path
import bpy, addon_utils
addon_utils.enable("bl_ext.user_default.hashlight", default_set=True)
module = lambda name: importlib.import_module("bl_ext.user_default.hashlight." + name)
scene = bpy.context.scene
scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
scene.collection.objects.link(bpy.data.objects.new("Eye", bpy.data.cameras.new("Eye")))

def raise_and_catch():
    while True:
        try:
            [][1]
        except IndexError:
            pass

threading.Thread(target=raise_and_catch, daemon=True).start()
copy = module("capture.temporary_scene").TemporaryScene(scene, scene.view_layers[0], 8, 8, False)
renderer = module("capture.passes").PassRenderer(copy.name, scene.view_layers[0].name, Path(sys.argv[1]), False)
for frame in range(int(sys.argv[2])):
    renderer.scene.frame_set(1 + frame % 3)
    renderer.render("Eye")
copy.close()
print("rendered", flush=True)
"""


@pytest.mark.slow
def test_a_busy_thread_does_not_crash_a_capture(extension: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", _RENDERS, str(tmp_path), str(VIEWS)],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        timeout=240,
    )
    assert done.returncode == 0 and "rendered" in done.stdout, done.stderr[-2000:]
