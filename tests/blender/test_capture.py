"""Capturing: what comes out."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture

Import = Callable[[str], ModuleType]


def test_views_are_premultiplied_with_planar_depth(addon: Import, planned_scene: bpy.types.Scene) -> None:
    with start_capture(addon, planned_scene) as job:
        view = next(job)
        bounds = job.bounds
    assert view.color.dtype == np.float16
    assert view.color.shape == (48, 48, 4)
    assert view.depth.dtype == np.float32
    alpha = view.color[..., 3].astype(np.float32)
    assert (alpha == 0).any() and (alpha == 1).any()
    assert (view.color[alpha == 0][:, :3] == 0).all()
    assert np.isinf(view.depth[alpha == 0]).all()
    assert np.isfinite(view.depth[alpha == 1]).all()
    share = addon("capture.checks").share_outside_bounds(view.camera, alpha, view.depth, bounds)
    assert share == 0.0


def test_the_picture_agrees_with_the_camera_to_the_pixel(addon: Import, planned_scene: bpy.types.Scene) -> None:
    """A small ball off the axis, through a shifted lens: its centre is where the camera says, its depth planar z."""
    for name in ("Cube", "Ball"):
        bpy.data.objects.remove(bpy.data.objects[name])
    center = np.array((0.55, 0.1, 0.8))
    bpy.ops.mesh.primitive_uv_sphere_add(segments=32, ring_count=16, radius=0.15, location=center)
    scene = planned_scene
    scene.hashlight.capture.rig = "SCENE_CAMERAS"
    scene.hashlight.capture.resolution_x, scene.hashlight.capture.resolution_y = 96, 64
    scene.camera.data.shift_x, scene.camera.data.shift_y = 0.1, -0.05
    with start_capture(addon, scene) as job:
        view = next(job)
    alpha = view.color[..., 3].astype(np.float64)
    rows, columns = np.mgrid[0:64, 0:96] + 0.5
    found = np.array([(alpha * columns).sum(), (alpha * rows).sum()]) / alpha.sum()
    local = np.linalg.inv(view.camera.camera_to_world) @ np.append(center, 1.0)
    expected = np.array(
        [
            view.camera.fx * local[0] / -local[2] + view.camera.cx,
            -view.camera.fy * local[1] / -local[2] + view.camera.cy,
        ]
    )
    assert np.linalg.norm(found - expected) < 0.4, (found, expected)
    assert abs(view.depth[np.isfinite(view.depth)].min() - (-local[2] - 0.15)) < 0.02


def test_color_is_scene_linear_under_any_view_transform(addon: Import, planned_scene: bpy.types.Scene) -> None:
    material = bpy.data.materials.new("Glow")
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    emission = tree.nodes.new("ShaderNodeEmission")
    emission.inputs["Color"].default_value = (0.25, 0.5, 1.0, 1.0)
    emission.inputs["Strength"].default_value = 4.0
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(emission.outputs[0], output.inputs["Surface"])
    bpy.data.objects["Cube"].data.materials[0] = material
    planned_scene.view_settings.view_transform = "Filmic"
    planned_scene.view_settings.exposure = 2.0
    with start_capture(addon, planned_scene) as job:
        colors = np.concatenate([view.color.reshape(-1, 4) for view in job]).astype(np.float32)
    glowing = colors[colors[:, 2] > 3.99]
    assert len(glowing) > 20
    np.testing.assert_allclose(np.median(glowing, axis=0), (1.0, 2.0, 4.0, 1.0), rtol=2e-3)


def test_first_row_is_on_top(addon: Import, planned_scene: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Ball"])
    planned_scene.hashlight.capture.rig = "SCENE_CAMERAS"
    planned_scene.camera.rotation_euler[0] = np.pi / 2 + 0.2  # looks up: the cube is low in the picture
    with start_capture(addon, planned_scene) as job:
        alpha = next(job).color[..., 3]
    assert alpha[:24].sum() < alpha[24:].sum()


def test_every_view_reaches_the_listener_in_order(addon: Import, planned_scene: bpy.types.Scene) -> None:
    heard = []
    with start_capture(addon, planned_scene, on_view=lambda *view: heard.append(view)) as job:
        names = [view.name for view in job]
    assert [view[0] for view in heard] == names
    assert sorted(names) == ["test_000", "train_000", "train_001", "train_002"]
    _name, split, camera, color, depth, seconds = heard[0]
    assert split == "train"
    assert color.shape[:2] == depth.shape == (camera.height, camera.width)
    assert seconds > 0


def test_empty_views_and_cut_subjects_are_told(addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path) -> None:
    bounds = bpy.data.objects["Hashlight Bounds"]
    bounds.scale *= 0.5
    with start_capture(addon, planned_scene) as job:
        next(job)
    assert "cut off" in job.warnings[0].words
    planned_scene.hashlight.folder = str(tmp_path / "empty")
    for name in ("Cube", "Ball"):
        bpy.data.objects[name].hide_render = True
    with pytest.raises(ValueError, match="All 4 views are empty"), start_capture(addon, planned_scene) as job:
        list(job)


def test_an_animated_camera_is_captured_along_its_way(
    addon: Import, small_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    small_scene.hashlight.folder = str(tmp_path)
    bpy.ops.hashlight.fit_bounds()
    for frame, x in ((1, -1.0), (5, 1.0)):
        small_scene.camera.location.x = x
        small_scene.camera.keyframe_insert("location", index=0, frame=frame)
    small_scene.frame_start, small_scene.frame_end = 1, 5
    small_scene.hashlight.capture.rig, small_scene.hashlight.capture.frame_step = "ANIMATION", 2
    with start_capture(addon, small_scene) as job:
        views = {view.name: view for view in job}
    assert sorted(views) == ["frame_0001", "frame_0003", "frame_0005"]
    assert [round(views[name].camera.position[0], 4) for name in sorted(views)] == [-1.0, 0.0, 1.0]
    masses = [np.average(np.arange(48), weights=views[name].color[..., 3].sum(axis=0)) for name in sorted(views)]
    assert masses[0] > masses[1] > masses[2]


def test_depth_can_be_left_out(addon: Import, planned_scene: bpy.types.Scene) -> None:
    planned_scene.hashlight.capture.use_depth = False
    with start_capture(addon, planned_scene) as job:
        assert next(job).depth is None
        assert "depth_file_path" not in (job.dataset.folder / "transforms_train.json").read_text()
        assert not list((job.dataset.folder / "depth").iterdir())


def test_the_engine_reads_what_was_captured(addon: Import, planned_scene: bpy.types.Scene) -> None:
    if importlib.util.find_spec("OpenEXR") is None:
        pytest.skip("the engine's dataset reader needs OpenEXR, which is not in this environment")
    with start_capture(addon, planned_scene) as job:
        views = {view.name: view for view in job}
    code = """
import sys, numpy as np
from engine.data.formats import load_dataset
data = load_dataset(__import__("pathlib").Path(sys.argv[1]))
assert (len(data.train), len(data.test)) == (3, 1)
np.savez(sys.argv[2], **{f"{v.name}.{k}": getattr(v, k) for v in data.views for k in ("color", "depth")},
         **{f"{v.name}.pose": v.camera.camera_to_world for v in data.views})
"""
    out = job.dataset.folder / "read.npz"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(job.dataset.folder), str(out)], check=True, cwd=root)
    read = np.load(out)
    for name, view in views.items():
        np.testing.assert_array_equal(read[f"{name}.color"], view.color)
        np.testing.assert_array_equal(read[f"{name}.depth"], view.depth)
        np.testing.assert_array_equal(read[f"{name}.pose"], view.camera.camera_to_world)


def test_an_undo_under_a_capture_is_one_clear_error(addon: Import, planned_scene: bpy.types.Scene) -> None:
    with start_capture(addon, planned_scene) as job:
        next(job)
        bpy.data.scenes.remove(bpy.data.scenes["Hashlight Capture"])  # as undo does to what it doesn't know
        with pytest.raises(ValueError, match="changed under the capture"):
            next(job)
