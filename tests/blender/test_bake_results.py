"""Finished bakes in the compositor and the sequencer, and the words beside the button."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import bpy
import numpy as np
import pytest

Import = Callable[[str], ModuleType]

SIZE = 48
CENTER, RADIUS = np.array([0.0, 0.0, 0.0]), 1.0
LOW, HIGH = np.array([-0.3, -0.75, -0.6]), np.array([1.6, 0.2, 0.5])  # a box that cuts through the ball
NEURAL, BOX = (0.2, 0.5, 0.1), (0.6, 0.1, 0.3)


def _load_shapes() -> ModuleType:
    """The window tests' depths of a ball and a box by formula."""
    path = Path(__file__).resolve().parents[1] / "gui" / "frames.py"
    spec = importlib.util.spec_from_file_location("gui_frames", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shapes = _load_shapes()


@pytest.fixture
def box_scene(small_scene: bpy.types.Scene) -> bpy.types.Scene:
    """Nothing but a box that shines evenly, rendered by one ray a pixel, on a transparent ground."""
    scene = small_scene
    for obj in [obj for obj in scene.objects if obj.type in {"MESH", "LIGHT"}]:
        bpy.data.objects.remove(obj)
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(LOW + HIGH) / 2)
    box = bpy.context.object
    box.scale = HIGH - LOW
    material = bpy.data.materials.new("Shine")
    if material.node_tree is None:
        material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    emission, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    emission.inputs["Color"].default_value = (*BOX, 1.0)
    material.node_tree.links.new(emission.outputs[0], output.inputs[0])
    box.data.materials.append(material)
    scene.camera.location, scene.camera.rotation_euler = (0.4, -6.0, 0.7), (1.45, 0.0, 0.05)
    scene.render.film_transparent = True
    scene.cycles.filter_width = 0.01
    scene.render.compositor_device = "CPU"
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    scene.view_settings.view_transform = "Standard"
    bpy.context.view_layer.update()
    return scene


def _write_frame(addon: Import, folder: Path, number: int, color: np.ndarray, depth: np.ndarray, kind: str) -> None:
    folder.mkdir(exist_ok=True)
    exr = addon("picture_files.exr")
    exr.write_exr(folder / f"depth_{number:04d}.exr", {"V": depth.astype(np.float32)})
    if kind == "exr":
        channels = {name: color[..., i].astype(np.float16) for i, name in enumerate("RGBA")}
        exr.write_exr(folder / f"frame_{number:04d}.exr", channels | {"Z": depth.astype(np.float32)})
        return
    from PIL import Image

    straight = np.divide(color[..., :3], color[..., 3:], out=np.zeros_like(color[..., :3]), where=color[..., 3:] > 0)
    encoded = np.where(straight < 0.0031308, straight * 12.92, 1.055 * straight ** (1 / 2.4) - 0.055)
    pixels = np.round(np.concatenate([encoded, color[..., 3:]], axis=2) * 255).astype(np.uint8)
    Image.fromarray(pixels).save(folder / f"frame_{number:04d}.png")


def _ball(camera: object, alpha: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    depth = shapes.ball_depth(camera, CENTER, RADIUS)
    color = np.zeros((SIZE, SIZE, 4))
    color[np.isfinite(depth)] = (*(alpha * np.array(NEURAL)), alpha)
    return color, depth


def _render(addon: Import, scene: bpy.types.Scene, path: Path) -> np.ndarray:
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return addon("capture.passes").read_exr(path)


def _expected(camera: object, neural: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture by formula, and which pixels are too near an edge of the box for one ray to decide."""
    box_depth = shapes.box_depth(camera, LOW, HIGH)
    box = np.zeros_like(neural)
    box[np.isfinite(box_depth)] = (*BOX, 1.0)
    is_neural_nearer = (depth < box_depth)[..., None]
    near, far = np.where(is_neural_nearer, neural, box), np.where(is_neural_nearer, box, neural)
    edge = np.zeros((SIZE, SIZE), bool)
    for axis in (0, 1):
        step = np.isfinite(box_depth) != np.isfinite(np.roll(box_depth, 1, axis))
        edge |= step | np.roll(step, -1, axis)
    with np.errstate(invalid="ignore"):
        edge |= np.abs(depth - box_depth) < 0.02
    return near + (1.0 - near[..., 3:]) * far, edge


@pytest.mark.parametrize(("kind", "alpha"), [("exr", 1.0), ("exr", 0.5), ("png", 1.0)])
def test_a_cube_half_in_front_is_cut_exactly_where_the_depths_say(
    addon: Import, box_scene: bpy.types.Scene, tmp_path: Path, kind: str, alpha: float
) -> None:
    scene = box_scene
    camera = addon("capture.cameras").scene_camera(scene)
    color, depth = _ball(camera, alpha)
    _write_frame(addon, tmp_path / "frames", 1, color, depth, kind)
    _write_frame(addon, tmp_path / "frames", 2, np.zeros_like(color), np.full_like(depth, np.inf), kind)
    frames, depths = (sorted((tmp_path / "frames").glob(f"{name}_*")) for name in ("frame", "depth"))
    composite = addon("bake.compositing").composite_by_depth
    composite(scene, bpy.context.view_layer, frames, depths, frame_start=1, cyclic=False)
    scene.frame_set(1)
    wanted, is_edge = _expected(camera, color, depth)
    box_depth = shapes.box_depth(camera, LOW, HIGH)
    both = np.isfinite(depth) & np.isfinite(box_depth) & ~is_edge
    assert (both & (depth < box_depth)).sum() > 30 and (both & (depth > box_depth)).sum() > 30
    rendered = _render(addon, scene, tmp_path / "render.exr")
    assert is_edge.sum() < 0.25 * is_edge.size
    np.testing.assert_allclose(rendered[~is_edge], wanted[~is_edge], atol=2e-3 if kind == "exr" else 1.2e-2)

    scene.frame_set(2)  # an empty frame: the render as it is
    rendered = _render(addon, scene, tmp_path / "render.exr")
    alone, _ = _expected(camera, np.zeros_like(color), np.full_like(depth, np.inf))
    np.testing.assert_allclose(rendered[~is_edge], alone[~is_edge], atol=2e-3)


def test_compositing_again_changes_the_files_and_keeps_the_users_nodes(
    addon: Import, box_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    scene = box_scene
    compositing = addon("bake.compositing")
    camera = addon("capture.cameras").scene_camera(scene)
    color, depth = _ball(camera)
    for name in ("one", "two"):
        _write_frame(addon, tmp_path / name, 1, color, depth, "exr")
    tree, target = compositing._output_of(scene)
    layers = [node for node in tree.nodes if node.type == "R_LAYERS"]
    layer = layers[0] if layers else tree.nodes.new("CompositorNodeRLayers")
    mine = tree.nodes.new("CompositorNodeInvert")
    tree.links.new(layer.outputs["Image"], mine.inputs["Color"])
    tree.links.new(mine.outputs["Color"], target)

    def bake(name: str) -> bpy.types.Node:
        folder = tmp_path / name
        files = [folder / "frame_0001.exr"], [folder / "depth_0001.exr"]
        return compositing.composite_by_depth(scene, bpy.context.view_layer, *files, frame_start=1, cyclic=True)

    node = bake("one")
    counts = [len(tree.nodes), len(tree.links), len(bpy.data.images), len(bpy.data.node_groups)]
    assert node.inputs["Image"].links[0].from_node == mine
    assert node.inputs["Depth"].links[0].from_node == layer
    assert bake("two") == node
    assert counts == [len(tree.nodes), len(tree.links), len(bpy.data.images), len(bpy.data.node_groups)]
    image = node.node_tree.nodes["Frames"].image
    assert Path(bpy.path.abspath(image.filepath)).parent.name == "two"


def test_a_turntables_camera_sees_what_was_baked(addon: Import, box_scene: bpy.types.Scene) -> None:
    from engine.link.geometry import Bounds

    scene = box_scene
    settings = scene.hashlight.bake
    settings.frames, settings.levels, settings.result = 4, 2, "COMPOSITE"
    cameras = addon("bake.paths").turntable_cameras(scene, Bounds(CENTER - RADIUS, CENTER + RADIUS), (SIZE, SIZE))
    assert len(cameras) == addon("bake.paths").frame_count(scene) == 8
    assert {(camera.width, camera.height) for camera in cameras} == {(SIZE, SIZE)}
    addon("bake.compositing").follow_path(scene, cameras, 3)
    for frame, camera in enumerate(cameras, start=3):
        scene.frame_set(frame)
        seen = addon("capture.cameras").scene_camera(scene)
        np.testing.assert_allclose(seen.camera_to_world, camera.camera_to_world, atol=1e-5)
        np.testing.assert_allclose((seen.fx, seen.fy, seen.cx, seen.cy), (camera.fx, camera.fy, 24.0, 24.0), atol=1e-3)


def test_what_cannot_be_composited_is_told_before_it_is_baked(addon: Import, box_scene: bpy.types.Scene) -> None:
    results, error = addon("bake.results"), addon("capture.errors").CaptureError
    settings = box_scene.hashlight.bake
    settings.result = "COMPOSITE"
    results.check(box_scene)
    box_scene.render.pixel_aspect_x = 2.0
    with pytest.raises(error, match="oblong pixels"):
        results.check(box_scene)
    box_scene.render.pixel_aspect_x = 1.0
    settings.transparent = False
    with pytest.raises(error, match="Transparent"):
        results.check(box_scene)


def test_the_panel_finds_frames_where_they_are(addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path) -> None:
    settings, jobs = planned_scene.hashlight.bake, addon("bake.jobs")
    settings.name, settings.output = "turntable", str(tmp_path / "out")
    assert jobs.find_frames(planned_scene) is None and jobs.count_frames(planned_scene) == 0
    for folder in (tmp_path / "bakes" / "turntable", tmp_path / "out" / "turntable"):
        folder.mkdir(parents=True)
        (folder / "turntable.mp4").touch()
        assert jobs.find_frames(planned_scene) != folder, "a video is no frame"
        (folder / "frame_0001.png").touch()
        assert jobs.find_frames(planned_scene) == folder
    assert jobs.count_frames(planned_scene) == 1


@pytest.mark.parametrize("kind", ["png", "exr"])
def test_a_strip_plays_the_frames_in_their_own_colours(
    addon: Import, box_scene: bpy.types.Scene, tmp_path: Path, kind: str
) -> None:
    scene = box_scene
    camera = addon("capture.cameras").scene_camera(scene)
    ball, depth = _ball(camera)
    for number in (1, 2, 3):
        _write_frame(addon, tmp_path / "frames", number, ball * (number / 4), depth, kind)
    files = sorted((tmp_path / "frames").glob("frame_*"))
    show_strip, occupied_frames = addon("bake.strip").show_strip, addon("bake.strip").occupied_frames
    strip = show_strip(scene, "turntable", files, frame_start=5)
    assert occupied_frames(strip) == range(5, 8)
    assert len(strip.elements) == 3
    for frame, number in ((5, 1), (7, 3)):
        scene.frame_set(frame)
        rendered = _render(addon, scene, tmp_path / "render.exr")
        np.testing.assert_allclose(rendered, ball * (number / 4), atol=1.5e-2)
    other = show_strip(scene, "other", files, frame_start=6)
    assert other.channel != strip.channel
    again = show_strip(scene, "turntable", files[:2], frame_start=5)
    strips = scene.sequence_editor_create().strips
    assert sorted(item.name.partition(".")[0] for item in strips) == ["other", "turntable"]
    assert occupied_frames(again) == range(5, 7)


# --- how long the scene's own engine would take -----------------------------------------------------------------------


def test_the_render_time_is_scaled_by_pixels_and_names_its_samples(
    addon: Import, small_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    estimate = addon("bake.estimate")
    scene = small_scene
    scene.hashlight.folder = str(tmp_path)
    assert estimate.describe_render_time(scene, 10, 48, 48) == ""
    scene.hashlight.capture.training_views, scene.hashlight.capture.held_out_views = 3, 0
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    bpy.ops.hashlight.capture()
    views = addon("capture.captured_views").captured_views(scene)
    assert all(view.cpu_seconds > 0.0 for view in views.values())
    for view, seconds in zip(views.values(), (9.0, 2.0, 1.0), strict=True):  # the first one always takes longer
        view.render_seconds, view.cpu_seconds = seconds, None
    words = estimate.describe_render_time(scene, 10, 96, 96)
    assert words == "Cycles would take about 1 min 20 s at 1 sample as captured"
    scene.cycles.samples = 128
    assert estimate.describe_render_time(scene, 10, 96, 96) == (
        "Cycles would take up to 2 h 50 min at the scene's 128 samples, about 1 min 20 s at 1 sample as captured"
    )
    scene.render.engine = "BLENDER_WORKBENCH"
    assert estimate.describe_render_time(scene, 10, 96, 96) == words, "which samples it has nobody knows"
    scene.render.engine = "CYCLES"
    # The first one had two cores to itself, the others shared them with the training.
    for view, seconds, cpu_seconds in zip(views.values(), (1.5, 8.0, 6.0), (3.0, 4.0, 5.0), strict=True):
        view.render_seconds, view.cpu_seconds = seconds, cpu_seconds
    assert estimate.describe_render_time(scene, 10, 48, 48).endswith(", about 20 s at 1 sample as captured")


def test_frames_that_are_there_are_replaced_only_after_a_question(
    addon: Import, scene: bpy.types.Scene, tmp_path: Path
) -> None:
    press = addon("bake.operators").HASHLIGHT_OT_bake.invoke
    asked: list[dict[str, str]] = []
    manager = SimpleNamespace(
        invoke_confirm=lambda _operator, _event, **words: asked.append(words) or {"RUNNING_MODAL"}
    )
    context = SimpleNamespace(scene=scene, window_manager=manager)

    def render(resume: bool = False) -> set[str]:
        return press(SimpleNamespace(resume=resume, execute=lambda _context: {"FINISHED"}), context, None)

    settings = scene.hashlight.bake
    scene.hashlight.folder, settings.name = str(tmp_path / "job"), "spin"
    assert render() == {"FINISHED"}, "nothing is there"
    frames = tmp_path / "job" / "bakes" / "spin"
    frames.mkdir(parents=True)
    (frames / "bake.json").touch()
    assert render() == {"FINISHED"}, "no frame is there"
    (frames / "frame_0001.png").touch()
    assert render() == {"RUNNING_MODAL"} and "Replace the frames of spin?" in asked[0]["title"]
    assert render(resume=True) == {"FINISHED"}, "Resume replaces nothing"
    settings.output = str(tmp_path / "elsewhere")
    assert render() == {"RUNNING_MODAL"}, "they are rendered here, too, and go there from here"
    (frames / "frame_0001.png").unlink()
    assert render() == {"FINISHED"}
    (tmp_path / "elsewhere" / "spin").mkdir(parents=True)
    (tmp_path / "elsewhere" / "spin" / "frame_0001.exr").touch()
    assert render() == {"RUNNING_MODAL"}
    settings.output, settings.name = "", "other"
    assert render() == {"FINISHED"}
