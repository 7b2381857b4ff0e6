"""Importing a dataset in a window: from the panel's button to cameras that one can look through and undo."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix
from window import Steps, Window

VIEWS, SIZE = 24, 200


def _write_dataset(folder: Path) -> None:
    """Cameras on a ring that look at the origin, where each sees a red disc; Blender writes the pictures."""
    image = bpy.data.images.new("disc", SIZE, SIZE, alpha=True)
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2 + 0.5
    inside = (x**2 + y**2 < (SIZE / 4) ** 2).astype(np.float32)
    image.pixels.foreach_set(np.dstack((inside, 0.1 * inside, 0.1 * inside, inside)).astype(np.float32).ravel())
    image.file_format = "PNG"
    frames = []
    for index in range(VIEWS):
        turn = Matrix.Rotation(2 * np.pi * index / VIEWS, 4, "Z") @ Matrix.Rotation(np.radians(70), 4, "X")
        pose = turn @ Matrix.Translation((0.0, 0.0, 4.0))
        image.filepath_raw = str(folder / f"view_{index:02d}.png")
        image.save()
        frames.append({"file_path": f"view_{index:02d}.png", "transform_matrix": [list(row) for row in pose]})
    bpy.data.images.remove(image)
    values = {"camera_angle_x": 0.6, "k1": 0.02, "aabb": [[-1, -1, -1], [1, 1, 1]], "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(values), "utf-8")


def test_a_dataset_is_imported_beside_the_window_and_undone(window: Window) -> Steps:
    imports = window.addon("importing.imports")
    scene = bpy.context.scene
    scene.hashlight.folder = tempfile.mkdtemp(prefix="import-")
    source = Path(tempfile.mkdtemp(prefix="dataset-")) / "discs"
    source.mkdir()
    _write_dataset(source)
    window.view.view_location, window.view.view_distance = (0.0, 0.0, 0.0), 14.0
    bpy.ops.ed.undo_push(message="Before")
    yield from window.open_tab()
    with window.viewport():
        assert bpy.ops.hashlight.import_dataset(filepath=str(source)) == {"FINISHED"}
    assert imports.is_importing(), "Blender does not wait for it"
    yield 0.3
    if imports.is_importing():
        window.screenshot("importing")
    yield lambda: not imports.is_importing()
    yield 0.7
    window.screenshot("imported")
    state, words, warnings = imports.outcome(bpy.context.scene)
    assert (state, words) == ("done", "21 training and 3 test views")
    assert any("no lens distortion" in warning for warning in warnings)
    assert len(bpy.data.collections["discs"].all_objects) == VIEWS
    assert not bpy.context.scene.hashlight.capture.show_plan

    with window.viewport():
        bpy.ops.ed.undo()
    yield 0.3
    assert "discs" not in bpy.data.collections and "Hashlight Bounds" not in bpy.data.objects
    with window.viewport():
        bpy.ops.ed.redo()
    yield 0.3
    assert len(bpy.data.collections["discs"].all_objects) == VIEWS


def test_the_file_browser_offers_what_there_is_to_choose(window: Window) -> Steps:
    with window.viewport():
        assert bpy.ops.hashlight.import_dataset("INVOKE_DEFAULT") == {"RUNNING_MODAL"}
    yield 1.0
    browsers = [w for w in bpy.context.window_manager.windows if any(a.type == "FILE_BROWSER" for a in w.screen.areas)]
    assert browsers, "no file browser opened"
    window.screenshot("import browser")
    area = next(area for area in browsers[-1].screen.areas if area.type == "FILE_BROWSER")
    assert area.spaces.active.active_operator.bl_idname == "HASHLIGHT_OT_import_dataset"
    with bpy.context.temp_override(window=browsers[-1], area=area, region=area.regions[-1]):
        bpy.ops.file.cancel()
    yield 0.5
