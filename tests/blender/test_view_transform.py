"""The scene's view transform in baked pictures: what the engine makes of light is what Blender does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture
from shown_colors import compare, read_png, shown_by_blender

Import = Callable[[str], ModuleType]

# view transform, look, exposure, gamma, whether curves are used
LOOKS = {
    "AgX": ("AgX", "None", 0.0, 1.0, False),
    "Filmic": ("Filmic", "None", 0.0, 1.0, False),
    "Standard": ("Standard", "None", 0.0, 1.0, False),
    "AgX with a look, exposure and gamma": ("AgX", "AgX - Punchy", 1.3, 0.8, False),
    "Standard with gamma": ("Standard", "None", -0.5, 1.6, False),
    "AgX with curves": ("AgX", "None", 0.5, 1.0, True),
    "Standard with curves": ("Standard", "None", 0.0, 1.2, True),
}
DISPLAY = """
import sys
from pathlib import Path
import numpy as np, torch
from engine.link.view_transform import load_view_transform
from engine.rendering.display import display_encoding_of
from engine.rendering.renderer import RenderedImage
for light in sorted(Path(sys.argv[1]).glob("*.light.npy")):
    color, table = torch.from_numpy(np.load(light)), light.with_name(light.name.replace("light.npy", "npz"))
    picture = RenderedImage(color, torch.zeros(color.shape[:2]), "linear")
    np.save(light.with_name(light.name.replace("light", "shown")),
            picture.to_bytes(None, display_encoding_of(load_view_transform(table))))
"""


def _grey_ramp() -> np.ndarray:
    """[3, 512, 4] float32: from black to far beyond white, evenly, by stops, and by display values."""
    even, stops = np.linspace(0.0, 1.5, 512), 2.0 ** np.linspace(-12.0, 5.5, 512)
    encoded = np.linspace(0.0, 1.0, 512) ** 2.2
    return _opaque(np.stack([even, stops, encoded])[..., None].repeat(3, axis=2))


def _colored_ramps() -> np.ndarray:
    """[240, 256, 4] float32: as many hues of low to full saturation, from dark to far beyond white."""
    random = np.random.default_rng(0)
    hues = random.random((240, 1, 3)) ** 2
    return _opaque(hues / hues.max(axis=2, keepdims=True) * 2.0 ** np.linspace(-10.0, 5.0, 256)[None, :, None])


def _opaque(color: np.ndarray) -> np.ndarray:
    return np.concatenate([color, np.ones_like(color[..., :1])], axis=2).astype(np.float32)


def _set_look(scene: bpy.types.Scene, look: tuple[str, str, float, float, bool]) -> None:
    view = scene.view_settings
    view.view_transform, view.look, view.exposure, view.gamma, view.use_curve_mapping = look
    if view.use_curve_mapping:
        red, _, _, combined = view.curve_mapping.curves
        red.points.new(0.4, 0.55)
        combined.points[0].location = (0.0, 0.03)
        combined.points.new(0.25, 0.2)
        combined.points.new(0.75, 0.85)
        view.curve_mapping.update()


def _note_for_the_engine(addon: Import, scene: bpy.types.Scene, light: np.ndarray, stem: Path) -> None:
    from engine.link.view_transform import save_view_transform

    np.save(stem.with_name(f"{stem.name}.light.npy"), light)
    save_view_transform(stem.with_name(f"{stem.name}.npz"), addon("view_transform.tables").view_transform(scene))


def _show_by_the_engine(folder: Path) -> None:
    command = [os.environ.get("HASHLIGHT_ENGINE_PYTHON", sys.executable), "-P", "-c", DISPLAY, str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr


def test_the_engine_shows_light_as_blender_does(addon: Import, scene: bpy.types.Scene, tmp_path: Path) -> None:
    opaque = np.concatenate([_grey_ramp().reshape(6, 256, 4), _colored_ramps()])
    covered = _colored_ramps()
    covered[..., 3] = np.linspace(0.0, 1.0, 240)[:, None]
    covered[..., :3] *= covered[..., 3:]
    wanted = {}
    for name, look in LOOKS.items():
        _set_look(scene, look)
        for kind, light in (("opaque", opaque), ("covered", covered)):
            wanted[name, kind] = shown_by_blender(scene, light, tmp_path / "blender.png").astype(int)
            _note_for_the_engine(addon, scene, light, tmp_path / f"{name} {kind}")
    _show_by_the_engine(tmp_path)
    for (name, kind), pixels in wanted.items():
        difference = np.abs(np.load(tmp_path / f"{name} {kind}.shown.npy").astype(int) - pixels)
        if kind == "opaque":
            greys, colors = difference[:6], difference[6:]
            # A curve of the user's may have more corners than a table has entries.
            assert greys.max() <= (2 if "curves" in name else 1), name
        else:
            # Where nearly nothing covers a pixel, 8 bits of alpha don't say by how much light is to be divided.
            colors = difference[covered[..., 3] > 0.1]
            if "curves" in name:
                continue  # Blender has them see light that is multiplied by alpha already
        # Saturated light that is far beyond what a display shows is cut off in the table's last cells.
        assert colors.mean() <= 0.2 and np.mean(colors > 2) <= 2e-3 and colors.max() <= 6, (name, kind)
        assert (difference[..., 3] <= 1).all(), name


def test_a_capture_leaves_the_view_transform_beside_its_views(
    addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    from engine.link.view_transform import load_view_transform

    _set_look(planned_scene, LOOKS["AgX with a look, exposure and gamma"])
    assert bpy.ops.hashlight.capture() == {"FINISHED"}
    noted = load_view_transform(tmp_path / "capture" / "view_transform.npz")
    wanted = addon("view_transform.tables").view_transform(planned_scene)
    np.testing.assert_allclose(noted.table, wanted.table, atol=1e-5)
    assert (noted.exposure, noted.exponent) == (wanted.exposure, wanted.exponent)
    assert noted.exposure == pytest.approx(2**1.3) and noted.exponent == pytest.approx(1 / 0.8)
    assert "Hashlight Display" not in {*bpy.data.images.keys(), *bpy.data.scenes.keys()}


def test_beside_a_window_a_thread_packs_the_view_transform(
    addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_module, threads = addon("capture.job"), []
    save = job_module.save_view_transform

    def note_and_save(path: Path, transform: Any) -> None:
        threads.append(threading.current_thread())
        save(path, transform)

    monkeypatch.setattr(job_module, "save_view_transform", note_and_save)
    with start_capture(addon, planned_scene) as job:
        job._in_window = True
        for _turn in job._store_view_transform():
            time.sleep(0.01)
    assert (tmp_path / "capture" / "view_transform.npz").is_file()
    assert len(threads) == 1 and threads[0] is not threading.main_thread()


def test_a_bake_asks_for_what_is_chosen_and_for_linear_frames_where_the_scene_shows_them(
    addon: Import, scene: bpy.types.Scene
) -> None:
    settings = scene.hashlight.bake
    fields = addon("bake.display").display_fields
    assert settings.view_transform == "SCENE" and fields(scene)["display"] == "table"
    for choice in ("STANDARD", "RAW"):
        settings.view_transform = choice
        assert fields(scene) == {"display": choice.lower()}
    formats = addon("bake.jobs")._image_formats
    assert formats(settings) == ("png", "exr")
    settings.result = "FILES"
    assert formats(settings) == ("png",)


def test_a_changed_view_setting_is_another_table(addon: Import, scene: bpy.types.Scene) -> None:
    tables = addon("view_transform.tables")
    keys = []
    for look in LOOKS.values():
        _set_look(scene, look)
        keys.append(tables.key_of(scene))
    curve = scene.view_settings.curve_mapping.curves[0]
    curve.points[1].location.x += 0.1
    keys.append(tables.key_of(scene))
    # Exposure and gamma are no part of a table, unless there are curves.
    assert keys[2] == keys[4] and len(set(keys)) == len(keys) - 1


@pytest.mark.slow
def test_a_baked_picture_is_as_near_to_a_render_as_the_field_is(
    addon: Import,
    engine_scene: bpy.types.Scene,
    capture_and_train: Callable[[], Any],
    wait: Callable[..., None],
    tmp_path: Path,
) -> None:
    scene = engine_scene
    session = capture_and_train()
    wait(lambda: session.status.step >= 150, "some training")
    bpy.ops.hashlight.pause_training()
    scene.frame_start = scene.frame_end = 1
    scene.render.film_transparent, scene.render.dither_intensity = True, 0.0
    settings = scene.hashlight.bake
    settings.path, settings.image_format, settings.video, settings.result = "ANIMATION", "png", "none", "PLANE"
    jobs = addon("bake.jobs")
    for name in ("AgX", "Filmic", "Standard"):
        _set_look(scene, LOOKS[name])
        settings.name = name
        assert bpy.ops.hashlight.bake() == {"FINISHED"}
        wait(lambda: not jobs.is_busy(), "the bake")
        plane = addon("preview.plane").find_plane(scene, "bake")
        assert addon("preview.material").find_picture_node(plane).image.filepath.endswith(".exr")
        scene.hashlight.preview.shown = "NONE"
        files = {file.suffix: file for file in jobs.finished_files(name, jobs.last_update(session, scene))}
        baked = read_png(files[".png"])
        field = addon("capture.passes").read_exr(files[".exr"]).astype(np.float32)
        truth = _render(scene, "PNG", tmp_path / f"{name}.png")
        light = _render(scene, "OPEN_EXR", tmp_path / f"{name}.exr", addon)
        pixels, of_bake, of_field = compare(scene, truth, baked, light, field, tmp_path / "mapped.png")
        assert pixels > 100
        # The two differ by the engine's table against Blender's own transform of the same light: a pixel is one step of
        # 255 off at most (see the first test), either way, and so a mean over the hundreds of pixels that this small
        # scene's subject has is off by less than a tenth of a step. Another transform would be many steps off.
        assert of_field > 0.0 and of_bake <= of_field + 0.1, (name, of_bake, of_field)


def _render(scene: bpy.types.Scene, kind: str, path: Path, addon: Import | None = None) -> np.ndarray:
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode = kind, "RGBA"
    settings.color_depth = "8" if kind == "PNG" else "32"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return read_png(path) if addon is None else addon("capture.passes").read_exr(path).astype(np.float32)
