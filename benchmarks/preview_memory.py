"""Whether memory stays flat: thousands of pictures from a real engine onto the plane, and the memory of both processes.

    python benchmarks/preview_memory.py [--frames 10000] [--large 100]    # in an environment with bpy; Linux

Prints a Markdown table and keeps it as JSON in benchmarks/results/. The extension goes into a temporary folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SMALL, LARGE = (96, 64), (1920, 1080)
ROUNDS, LARGE_ROUNDS = 10, 4  # measurements while small and large pictures come
PATIENCE = 120.0
MEGABYTE = 1 << 20


def main() -> int:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000, help="pictures of 96x64 (default: %(default)s)")
    parser.add_argument("--large", type=int, default=100, help="pictures of 1920x1080 (default: %(default)s)")
    options = parser.parse_args()
    os.environ.setdefault("HASHLIGHT_ENGINE_PYTHON", sys.executable)
    with tempfile.TemporaryDirectory(prefix="hashlight-benchmark-", ignore_cleanup_errors=True) as folder:
        os.environ["BLENDER_USER_RESOURCES"] = folder  # read while bpy is imported
        import bpy

        from benchmarks.results import write_result
        from scripts.build_extension import build_extension

        bpy.ops.extensions.package_install_files(
            filepath=str(build_extension()), repo="user_default", enable_on_install=True
        )

        def addon(name: str) -> ModuleType:
            return importlib.import_module(f"bl_ext.user_default.hashlight.{name}")

        registry = addon("session.registry")
        try:
            _train(bpy, addon, Path(folder))
            rows = _show_many(bpy, addon, options.frames, options.large)
            name = registry.current().welcome.device_name
        finally:
            registry.close()
    print("\n| pictures so far | Blender, MB | engine, MB |\n|---|---|---|")
    for row in rows:
        print(f"| {row['pictures']} | {row['blender_mb']:.0f} | {row['engine_mb']:.0f} |")
    write_result("memory", {"dataset": "preview", "device_name": name, "large_rows": 1 + LARGE_ROUNDS, "rows": rows})
    return 0


def _train(bpy: ModuleType, addon: Callable[[str], ModuleType], folder: Path) -> None:
    """Capture a few small views and train on them for a moment."""
    scene = bpy.context.scene
    scene.hashlight.folder = str(folder / "run")
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    settings = scene.hashlight.capture
    settings.resolution_x = settings.resolution_y = 32
    settings.training_views, settings.held_out_views = 8, 0
    scene.hashlight.training.seconds = 5.0
    scene.hashlight.training.evaluate_every = 0.0
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    bpy.ops.hashlight.capture_and_train()
    registry = addon("session.registry")
    if not registry.pump_until(lambda: registry.current().is_trained, PATIENCE):
        raise SystemExit(f"no training: {registry.current().failure}")


def _show_many(
    bpy: ModuleType, addon: Callable[[str], ModuleType], frames: int, large: int
) -> list[dict[str, float | str]]:
    """Ask for one picture after another, and wait until each is on the plane."""
    live, registry = addon("preview.live"), addon("session.registry")
    session, scene = registry.current(), bpy.context.scene
    camera = live.preview_camera(scene)
    rows: list[dict[str, float | str]] = []

    far = camera.camera_to_world.copy()
    far[:3, 3] *= 20.0  # mostly empty pictures from there, which come soon in any size

    def show(size: tuple[int, int]) -> None:
        pose = far if size == LARGE else camera.camera_to_world
        live._ask(session, scene, dataclasses.replace(camera, camera_to_world=pose).resized(*size))
        if not registry.pump_until(lambda: live._asking.request == 0, PATIENCE):
            raise SystemExit(f"a picture did not come: {session.failure}")

    def note(pictures: str) -> None:
        memory = [_resident(pid) / MEGABYTE for pid in (os.getpid(), session.engine_pid)]
        rows.append({"pictures": pictures, "blender_mb": memory[0], "engine_mb": memory[1]})

    for _ in range(100):  # until every buffer is there
        show(SMALL)
    note("100 of 96x64")
    for done in range(1, ROUNDS + 1):
        for _ in range(frames // ROUNDS):
            show(SMALL)
        note(f"{100 + done * (frames // ROUNDS)} of 96x64")
    shown = 0
    for part in (5, *[large // LARGE_ROUNDS] * LARGE_ROUNDS):
        for _ in range(part):
            show(LARGE)
        shown += part
        note(f"and {shown} of 1920x1080")
    return rows


def _resident(pid: int) -> int:
    """Bytes of physical memory that a process uses."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    raise SystemExit(main())
