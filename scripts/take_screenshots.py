"""Take the user guide's screenshots, in a real Blender window with a real engine at work.

    python scripts/test_gui.py --script scripts/take_screenshots.py --screen 1280x1300 --keep FOLDER
    python scripts/take_screenshots.py FOLDER docs/images

The first walks from set-up to turntable on the demo's still life and leaves whole screens and what to cut from them;
the second, outside Blender, cuts and packs them.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_BYTES = 200_000
WHEEL_DOWN = 5


def pack(screens: Path, target: Path) -> None:
    """Cut the pictures that ``screens``/cuts.json names, with few colours, as PNG of at most ``MAX_BYTES``."""
    from PIL import Image

    target.mkdir(parents=True, exist_ok=True)
    for name, box in json.loads((screens / "cuts.json").read_text("utf-8")).items():
        picture = Image.open(screens / f"{name}.png").convert("RGB").crop(box)
        path = target / f"{name}.png"
        for colors in (256, 128, 64, 32):
            picture.quantize(colors, dither=Image.Dither.NONE).save(path, optimize=True)
            if path.stat().st_size <= MAX_BYTES:
                break
        print(f"{path}: {picture.width}x{picture.height}, {path.stat().st_size:,} bytes")


def walk(window):  # noqa: ANN001, ANN201
    """The steps of the user guide, one after another, as the window tests have them."""
    import addon_utils
    import bpy
    import x_input
    from window import ADDON

    cuts: dict[str, list[int]] = {}

    def sidebar() -> list[int]:
        region = window.region("UI")
        top = window.window.height - region.y - region.height
        return [region.x, top, region.x + region.width, top + region.height]

    def viewport() -> list[int]:
        area = window.area
        top = window.window.height - area.y - area.height
        return [area.x, top, area.x + area.width, top + area.height]

    def take(name: str, box: list[int]) -> None:
        window.screenshot(name)
        cuts[name] = box
        (window.out / "cuts.json").write_text(json.dumps(cuts), "utf-8")

    sys.path.insert(0, str(ROOT / "examples" / "still_life"))
    from scene import build_scene

    with contextlib.suppress(TypeError):  # Debian's Blender has no denoiser, which is what is set last
        build_scene()
    scene = bpy.context.scene
    scene.cycles.use_denoising = False
    scene.cycles.samples = 12
    scene.hashlight.folder = tempfile.mkdtemp(prefix="run-")
    settings = scene.hashlight.capture
    settings.training_views, settings.held_out_views = 24, 4
    settings.resolution_x = settings.resolution_y = 128
    scene.hashlight.training.seconds, scene.hashlight.training.evaluate_every = 60.0, 8.0
    window.view.view_location, window.view.view_distance = (0.0, 0.0, 0.5), 9.0
    window.space.shading.type = "SOLID"
    window.space.shading.color_type = "MATERIAL"
    window.space.overlay.show_relationship_lines = False
    yield from window.open_tab()

    python = os.environ.pop("HASHLIGHT_ENGINE_PYTHON")
    bpy.context.preferences.system.use_online_access = True
    window.area.tag_redraw()
    yield 1.0
    left, top, right, _ = sidebar()
    take("setup", [left, top, right, top + 220])
    os.environ["HASHLIGHT_ENGINE_PYTHON"] = python

    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
    bpy.ops.object.select_all(action="DESELECT")
    window.area.tag_redraw()
    yield 1.0
    take("plan", viewport())

    registry = window.addon("session.registry")
    with window.viewport():
        bpy.ops.hashlight.capture_and_train("INVOKE_DEFAULT")
    capture = window.addon("capture.operators")
    window.show_renders(False)
    yield lambda: capture._job is None or capture._job.done >= 16
    yield lambda: registry.current().status is not None and registry.current().status.step > 0
    yield 0.5
    take("capture", [0, 0, window.window.width, window.window.height])
    yield lambda: capture._job is None
    yield lambda: len(registry.current().evaluations) >= 3
    settings.show_plan = False
    window.view.view_distance = 4.2
    with window.viewport():
        bpy.ops.hashlight.neural_view()
    neural_view = window.addon("preview.neural_view")
    yield lambda: neural_view.describe(window.space).startswith("Sharp")
    for obj in scene.objects:
        if obj.type == "MESH" and "Plane" not in obj.name:
            obj.hide_set(True)
    yield 2.0
    take("neural-view", viewport())
    take("train", sidebar())
    with window.viewport():
        bpy.ops.hashlight.neural_view()
        bpy.ops.hashlight.pause_training()
        scene.hashlight.bake.frames = 24
        scene.hashlight.bake.resolution_x = scene.hashlight.bake.resolution_y = 240
        bpy.ops.hashlight.bake()
    yield lambda: any(job.done >= 2 for job in registry.current().jobs.values())
    left, top, right, bottom = sidebar()
    window.point_at((left + right) // 2, (top + bottom) // 2)
    for _ in range(60):
        x_input.send(x_input.BUTTON_PRESS, WHEEL_DOWN)
        x_input.send(x_input.BUTTON_RELEASE, WHEEL_DOWN)
    yield 1.0
    take("bake", [left, bottom - 620, right, bottom])
    yield lambda: all(job.state != "running" for job in registry.current().jobs.values())
    yield 2.0

    preferences = window.addon("preferences").get_preferences()
    preferences.use_running_engine = True
    preferences.use_tls = False
    window.area.ui_type = "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Hashlight"
    for module in addon_utils.modules():
        if module.__name__ == ADDON:
            addon_utils.module_bl_info(module)["show_expanded"] = True
    yield 1.5
    area = next(area for area in window.window.screen.areas if area.type == "PREFERENCES")
    top = window.window.height - area.y - area.height
    take("remote", [area.x, top, area.x + area.width, top + 520])
    area.type = "VIEW_3D"
    preferences.use_running_engine = False
    yield 0.3


if __name__ == "__main__":
    if "bpy" in sys.modules:
        sys.path.insert(0, str(ROOT / "tests" / "gui"))
        from run_in_blender import start

        start(lambda _wanted: [("screenshots", walk)])
    else:
        pack(Path(sys.argv[1]), Path(sys.argv[2]))
