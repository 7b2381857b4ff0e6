"""Run by the Blender that test_closing.py closes: it renders a view beside its window while its engine trains."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
from captures import make_slow, prepare
from run_in_blender import start
from window import Steps, Window


def be_busy(window: Window) -> Steps:
    registry = window.addon("session.registry")
    bpy.context.preferences.view.use_save_prompt = False
    yield from prepare(window, views=30)
    scene = bpy.context.scene
    scene.hashlight.folder = str(window.out / "session")
    with window.viewport():
        bpy.ops.hashlight.capture_and_train("INVOKE_DEFAULT")
    yield lambda: len(list((window.out / "session").glob("capture/images/*.exr"))) >= 2
    make_slow(bpy.data.scenes["Hashlight Capture"])
    yield lambda: registry.current().status is not None and registry.current().status.step > 20
    assert bpy.app.is_job_running("RENDER")
    part = window.out / "engine.part"
    part.write_text(str(registry.current().engine_pid), "utf-8")
    part.rename(window.out / "engine")
    yield (window.out / "quit").is_file
    bpy.ops.wm.quit_blender()
    yield 600.0


start(lambda _: [("closing", be_busy)])
