"""Capturing: what comes out, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

Import = Callable[[str], ModuleType]


@pytest.fixture
def planned_scene(small_scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    """The small scene with bounds and 3 + 1 planned cameras, and a folder of its own."""
    settings = small_scene.hashlight
    settings.folder = str(tmp_path)
    settings.capture.training_views, settings.capture.held_out_views = 3, 1
    assert bpy.ops.hashlight.fit_bounds() == {"FINISHED"}
    assert bpy.ops.hashlight.plan_cameras() == {"FINISHED"}
    return small_scene


def start(addon: Import, scene: bpy.types.Scene, **keywords: object) -> object:
    folder = addon("folders").capture_folder(scene)
    return addon("capture.job").CaptureJob(scene, bpy.context.view_layer, folder, **keywords)


def test_operator_writes_a_whole_dataset(planned_scene: bpy.types.Scene, tmp_path: Path) -> None:
    assert bpy.ops.hashlight.capture() == {"FINISHED"}
    folder = tmp_path / "capture"
    train = json.loads((folder / "transforms_train.json").read_text())
    test = json.loads((folder / "transforms_test.json").read_text())
    assert len(train["frames"]) == 3
    assert len(test["frames"]) == 1
    for frame in (*train["frames"], *test["frames"]):
        assert (folder / frame["file_path"]).is_file()
        assert (folder / frame["depth_file_path"]).is_file()
        assert (frame["w"], frame["h"]) == (48, 48)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert all(view["done"] and view["render_seconds"] > 0 for view in manifest["views"])
    assert not list(folder.rglob("*.part"))


def test_views_are_premultiplied_with_planar_depth(addon: Import, planned_scene: bpy.types.Scene) -> None:
    with start(addon, planned_scene) as job:
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
    with start(addon, scene) as job:
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
    if hasattr(material, "use_nodes") and bpy.app.version < (5, 0, 0):
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
    with start(addon, planned_scene) as job:
        colors = np.concatenate([view.color.reshape(-1, 4) for view in job]).astype(np.float32)
    glowing = colors[colors[:, 2] > 3.99]
    assert len(glowing) > 20
    np.testing.assert_allclose(np.median(glowing, axis=0), (1.0, 2.0, 4.0, 1.0), rtol=2e-3)


def test_first_row_is_on_top(addon: Import, planned_scene: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Ball"])
    planned_scene.hashlight.capture.rig = "SCENE_CAMERAS"
    planned_scene.camera.rotation_euler[0] = np.pi / 2 + 0.2  # looks up: the cube is low in the picture
    with start(addon, planned_scene) as job:
        alpha = next(job).color[..., 3]
    assert alpha[:24].sum() < alpha[24:].sum()


def test_every_view_reaches_the_listener_in_order(addon: Import, planned_scene: bpy.types.Scene) -> None:
    heard = []
    with start(addon, planned_scene, on_view=lambda *view: heard.append(view)) as job:
        names = [view.name for view in job]
    assert [view[0] for view in heard] == names
    assert sorted(names) == ["test_000", "train_000", "train_001", "train_002"]
    name, split, camera, color, depth, seconds = heard[0]
    assert split == "train"
    assert color.shape[:2] == depth.shape == (camera.height, camera.width)
    assert seconds > 0


def test_our_planes_are_never_captured(addon: Import, planned_scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_plane_add(size=20.0, location=(0, 0, -0.01))
    plane = bpy.context.object
    addon("roles").mark(plane, "plane")
    with start(addon, planned_scene) as job:
        assert plane.hide_render
        view = next(job)
    assert (view.color[..., 3] == 0).any()
    assert not plane.hide_render
