"""An image of the file is learnt by its button, and what is learnt appears as an image beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

Import = Callable[[str], ModuleType]
WIDTH, HEIGHT = 64, 48

pytestmark = pytest.mark.slow


@pytest.fixture
def image_scene(
    addon: Import, small_scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[bpy.types.Scene]:
    """The small scene with an engine, and in its file an image called "waves" of bytes with alpha."""
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", os.environ.get("HASHLIGHT_ENGINE_PYTHON") or sys.executable)
    settings = small_scene.hashlight
    settings.folder, settings.training.seconds, settings.training.evaluate_every = str(tmp_path / "session"), 0.0, 0.5
    image = bpy.data.images.new("waves", WIDTH, HEIGHT, alpha=True)
    image.pixels.foreach_set(_waves().reshape(-1))
    yield small_scene
    addon("session.registry").close()


def _waves() -> np.ndarray:
    """[H, W, 4] float32 in 0..1, display values as Blender keeps them, bottom-up."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / WIDTH
    alpha = np.where(x < 0.75, 1.0, 0.5)
    return np.stack((0.5 + 0.4 * np.sin(9 * x), 0.5 + 0.4 * np.cos(8 * y), x, alpha), axis=2).astype(np.float32)


def test_it_is_learnt_and_shown_as_an_image(
    addon: Import, image_scene: bpy.types.Scene, wait: Callable[..., None], tmp_path: Path
) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    assert bpy.ops.hashlight.train_image(image="waves") == {"FINISHED"}
    session = addon("session.registry").current()
    canvas = addon("image.canvas")
    wait(lambda: any(each.scores["psnr"] > 18.0 for each in session.evaluations), "scores that black doesn't have", 250)
    bpy.ops.hashlight.pause_training()
    wait(lambda: session.status.state == "paused", "the pause")
    assert (tmp_path / "session" / "images" / "waves.png").is_file()
    assert bpy.data.images["waves"].file_format == "PNG" and not bpy.data.images["waves"].filepath
    wait(lambda: canvas.neural_image("waves") and canvas._pictures.step == session.status.step, "its last picture")
    learnt = bpy.data.images["waves (neural)"]
    assert tuple(learnt.size) == (WIDTH, HEIGHT) and learnt.is_float and learnt.alpha_mode == "PREMUL"
    pixels = np.empty(WIDTH * HEIGHT * 4, np.float32)
    learnt.pixels.foreach_get(pixels)
    truth, shown = _waves(), pixels.reshape(HEIGHT, WIDTH, 4)
    light = np.where(truth[..., :3] > 0.04045, ((truth[..., :3] + 0.055) / 1.055) ** 2.4, truth[..., :3] / 12.92)
    assert np.abs(shown[..., 3] - truth[..., 3]).mean() < 0.2
    assert np.abs(shown[..., :3] - light * truth[..., 3:]).mean() < 0.15, "black has 0.3"

    with pytest.raises(RuntimeError, match="The open take's run learns from waves: use another take for other"):
        bpy.data.images.new("other", WIDTH, HEIGHT, alpha=True)
        bpy.ops.hashlight.train_image(image="other")
    bpy.ops.hashlight.train_image(image="waves")
    assert session.views.count("held") == 2, "what is the same isn't sent again"
    bpy.data.images["waves"].pixels.foreach_set(_waves()[::-1].reshape(-1))
    bpy.ops.hashlight.train_image(image="waves")
    assert session.views.count("held") == 0
    wait(lambda: session.views.count("held") == 2, "the image as it is now")

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    assert "waves (neural)" not in bpy.data.images
    wait(lambda: canvas.neural_image("waves"), "pictures in the file that was opened again")


def test_what_can_not_be_learnt_is_told(addon: Import, image_scene: bpy.types.Scene) -> None:
    with pytest.raises(RuntimeError, match="There is no image nothing"):
        bpy.ops.hashlight.train_image(image="nothing")
    with pytest.raises(RuntimeError, match="Open an image in the Image Editor, or choose an image texture node"):
        bpy.ops.hashlight.train_image()
    missing = bpy.data.images.new("missing", 4, 4)
    missing.source, missing.filepath = "FILE", "/nowhere/a.png"
    with pytest.raises(RuntimeError, match="missing has no pixels: its file is missing"):
        bpy.ops.hashlight.train_image(image="missing")


def test_the_panel_offers_to_begin_again_and_to_repeat_the_image(
    image_scene: bpy.types.Scene, drawn: Callable[[str], str]
) -> None:
    cube = bpy.data.objects["Cube"]
    bpy.context.view_layer.objects.active = cube
    material = cube.active_material
    material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images["waves"]
    material.node_tree.nodes.active = node
    assert image_scene.hashlight.image.wraps is False
    words = drawn("HASHLIGHT_PT_image")
    assert "Train on Image" in words and "Start Over" in words
