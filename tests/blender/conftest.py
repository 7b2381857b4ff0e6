"""The built extension, installed in a real Blender. Its own process, never with torch: ``pytest tests/blender``.

The zip is built (if anything changed) and installed once a session into a temporary user folder, so that the tests see
what users get: the add-on as ``bl_ext.user_default.hashlight`` and ``engine.link`` from the wheel inside the zip.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADDON = "bl_ext.user_default.hashlight"
SERVED_TOKEN = "correct-horse-battery"
ENGINE_PYTHON = os.environ.get("HASHLIGHT_ENGINE_PYTHON") or sys.executable  # some tests unset it

# bpy reads this while it is imported, so it must be set before any test module is.
_user_resources = tempfile.TemporaryDirectory(prefix="hashlight-blender-user-", ignore_cleanup_errors=True)
os.environ["BLENDER_USER_RESOURCES"] = _user_resources.name


def _hide_development_install() -> None:
    """Make the working tree unimportable: ``engine`` has to come from the extension's own wheel.

    Not at import: pytest itself puts the working tree on the path while it collects.
    """
    sys.path[:] = [entry for entry in sys.path if entry and Path(entry).resolve() != ROOT]
    sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]
    for name in [name for name in sys.modules if name.partition(".")[0] == "engine"]:
        del sys.modules[name]


import bpy  # noqa: E402
from drawn_words import words_drawn_by  # noqa: E402
from pumping import wait_for  # noqa: E402
from small_scenes import set_up_product  # noqa: E402


def _load_build_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_extension", ROOT / "scripts" / "build_extension.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def extension_zip() -> Path:
    """The built extension."""
    return _load_build_script().build_extension()


@pytest.fixture(scope="session")
def extension(extension_zip: Path) -> str:
    """Installs and enables the extension; the value is its package name."""
    _hide_development_install()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.extensions.package_install_files(
        filepath=str(extension_zip), repo="user_default", enable_on_install=True, overwrite=True
    )
    assert ADDON in bpy.context.preferences.addons, "the extension was not enabled"
    return ADDON


@pytest.fixture(scope="session")
def addon(extension: str) -> Callable[[str], ModuleType]:
    """Imports one of the add-on's modules: ``addon("capture.rigs")``."""
    return lambda name: importlib.import_module(f"{extension}.{name}")


@pytest.fixture
def scene(extension: str) -> Iterator[bpy.types.Scene]:
    """An empty scene in a fresh factory file with the extension enabled."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert hasattr(bpy.types.Scene, "hashlight")
    yield bpy.context.scene


@pytest.fixture
def small_scene(scene: bpy.types.Scene) -> bpy.types.Scene:
    """A red cube on a sphere, a lamp, a camera that sees both; Cycles at one sample, 48x48."""
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(0.0, 0.0, 0.5))
    cube = bpy.context.object
    cube.name = "Cube"
    bpy.ops.mesh.primitive_uv_sphere_add(segments=24, ring_count=12, radius=0.4, location=(0.9, 0.2, 0.4))
    bpy.context.object.name = "Ball"
    red = bpy.data.materials.new("Red")
    red.diffuse_color = (0.8, 0.1, 0.1, 1.0)
    cube.data.materials.append(red)
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN"))
    lamp.rotation_euler = (0.6, 0.3, 0.0)
    scene.collection.objects.link(lamp)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (0.0, -6.0, 1.0)
    camera.rotation_euler = (1.45, 0.0, 0.0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    scene.cycles.device = "CPU"
    scene.render.resolution_x = scene.render.resolution_y = 48
    scene.hashlight.capture.resolution_x = scene.hashlight.capture.resolution_y = 48
    bpy.context.view_layer.update()
    return scene


@pytest.fixture
def planned_scene(small_scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    """The small scene with bounds and 3 + 1 planned cameras, and a folder of its own."""
    settings = small_scene.hashlight
    settings.folder = str(tmp_path)
    settings.capture.training_views, settings.capture.held_out_views = 3, 1
    assert bpy.ops.hashlight.fit_bounds() == {"FINISHED"}
    assert bpy.ops.hashlight.plan_cameras() == {"FINISHED"}
    return small_scene


@pytest.fixture
def product(scene: bpy.types.Scene) -> bpy.types.Scene:
    """A ball on a sweep, bounds around the ball, a hemisphere of 12 + 2 cameras."""
    set_up_product(scene)
    bpy.ops.object.select_all(action="DESELECT")
    bpy.data.objects["Ball"].select_set(True)
    bpy.ops.hashlight.fit_to_selected()
    settings = scene.hashlight.capture
    settings.training_views, settings.held_out_views, settings.radius = 12, 2, 6.0
    bpy.context.view_layer.update()
    return scene


@pytest.fixture
def engine_scene(
    addon: Callable[[str], ModuleType], small_scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[bpy.types.Scene]:
    """The small scene with six planned views of 48x48 and an engine to be started; ended afterwards."""
    python = os.environ.get("HASHLIGHT_ENGINE_PYTHON", sys.executable)
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", python)
    settings = small_scene.hashlight
    settings.folder = str(tmp_path / "session")
    settings.capture.training_views, settings.capture.held_out_views = 5, 1
    settings.training.seconds, settings.training.evaluate_every = 0.0, 0.0
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    yield small_scene
    addon("session.registry").close()


@pytest.fixture
def wait(addon: Callable[[str], ModuleType]) -> Callable[..., None]:
    """``wait(done, "what for", timeout)``: pumps until ``done()`` holds."""
    return functools.partial(wait_for, addon)


@pytest.fixture
def drawn(addon: Callable[[str], ModuleType]) -> Callable[[str], str]:
    """``drawn("HASHLIGHT_PT_engine")``: the words that this panel draws now."""
    return lambda name: words_drawn_by(getattr(bpy.types, name), bpy.context)


@pytest.fixture
def capture_and_train(
    addon: Callable[[str], ModuleType], engine_scene: bpy.types.Scene, wait: Callable[..., None]
) -> Callable[[], Any]:
    """Captures everything and waits until the engine holds and has trained on it; returns the session."""

    def capture_and_train() -> Any:
        assert bpy.ops.hashlight.capture_and_train() == {"FINISHED"}
        session = addon("session.registry").current()
        wait(lambda: session.views.count("held") == 6, "the engine's word that it holds all views")
        wait(lambda: session.status is not None and session.status.step > 0, "training")
        return session

    return capture_and_train


_HOLD = """
import sys, time
from pathlib import Path
from engine.run_lock import lock_run
lock = lock_run(Path(sys.argv[1]), "hashlight train")
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def hold_run() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """Starts another process that holds the run in a folder, as ``hashlight train`` does; killed afterwards."""
    processes: list[subprocess.Popen[str]] = []

    def start(folder: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Starts ``hashlight serve`` and returns its port; its token, SERVED_TOKEN, is in ``tmp_path``/token.txt too.

    ``patch`` is Python to run in the engine first."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object, patch: str = "") -> int:
        token, ready = tmp_path / "token.txt", tmp_path / f"ready-{len(processes)}.json"
        token.write_text(f"{SERVED_TOKEN}\n")
        options = ["--root", tmp_path / "elsewhere", "--token-file", token, "--ready-file", ready, "--port", 0]
        code = f"import sys\n{patch}\nfrom engine.cli import main\nsys.exit(main(sys.argv[1:]))"
        command = [ENGINE_PYTHON, "-P", "-c", code, "serve", "--device", "cpu", *map(str, (*options, *arguments))]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path)
        processes.append(process)
        deadline = time.monotonic() + 120.0
        while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return int(json.loads(ready.read_text())["port"])

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def shot(small_scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    """The small scene, with bounds, to be captured through its own cameras."""
    small_scene.hashlight.folder = str(tmp_path)
    small_scene.hashlight.capture.rig, small_scene.hashlight.capture.held_out_views = "SCENE_CAMERAS", 0
    bpy.ops.hashlight.fit_bounds()
    return small_scene
