"""Captures with each of Blender's own render engines, in a window: alpha and depth against ray casts, and colour."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import bpy
import frames
import numpy as np
from captures import is_capturing
from mathutils import Vector
from window import Steps, Window

if TYPE_CHECKING:
    from engine.link.geometry import Camera

SIZE = 64  # pixels along each side of a view
GLOW = (0.8, 0.2, 0.1)  # scene-linear, of the cube
DEPTH_TOLERANCE = 0.002  # metres
EEVEE = "BLENDER_EEVEE_NEXT" if bpy.app.version < (5, 0, 0) else "BLENDER_EEVEE"


def test_cycles_gives_alpha_depth_and_colour(window: Window) -> Steps:
    yield from _capture(window, "CYCLES")
    _check_views(window, GLOW)
    assert bpy.context.scene.hashlight.capture.capture_warnings == ""


def test_workbench_gives_alpha_depth_and_colour(window: Window) -> Steps:
    yield from _capture(window, "BLENDER_WORKBENCH")
    _check_views(window, None)
    assert bpy.context.scene.hashlight.capture.capture_warnings == ""


def test_eevee_gives_alpha_depth_and_colour_and_its_pace_is_told_before(window: Window) -> Steps:
    pace = window.addon("capture.drawn_engines")
    assert pace.describe_pace(bpy.context.scene).startswith("EEVEE draws without a graphics card")
    yield from window.open_tab()
    window.screenshot("eevee before the capture")
    yield from _capture(window, EEVEE)
    _check_views(window, GLOW)


def _capture(window: Window, engine: str) -> Steps:
    """Capture a glowing cube and a ball before the factory scene's grey world."""
    scene = bpy.context.scene
    scene.hashlight.folder = tempfile.mkdtemp(prefix="engines-")
    window.show_renders(False)
    scene.render.engine = engine
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    scene.eevee.taa_render_samples = 1
    scene.display.render_aa = "OFF"
    bpy.ops.mesh.primitive_cube_add(size=1.2, location=(-0.4, 0.0, 0.0), rotation=(0.3, 0.2, 0.5))
    bpy.context.object.data.materials.append(_glow())
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5, location=(0.7, 0.0, 0.0))
    settings = scene.hashlight.capture
    settings.resolution_x = settings.resolution_y = SIZE
    settings.training_views, settings.held_out_views = 2, 1
    with window.viewport():
        bpy.ops.hashlight.fit_bounds()
        bpy.ops.hashlight.plan_cameras()
        bpy.ops.hashlight.capture("INVOKE_DEFAULT")
    assert is_capturing(window)
    while is_capturing(window):  # shaders that are compiled without a graphics card take longer than tests wait
        yield 0.5


def _glow() -> bpy.types.Material:
    """The same colour from all sides in Cycles and EEVEE; what Workbench shades is reddish."""
    material = bpy.data.materials.new("Glow")
    if material.node_tree is None:  # before 5.0
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    emission, output = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(emission.outputs[0], output.inputs["Surface"])
    emission.inputs["Color"].default_value = material.diffuse_color = (*GLOW, 1.0)
    return material


def _check_views(window: Window, glow: tuple[float, float, float] | None) -> None:
    """Compare what was captured with ray casts, away from edges, where a pixel shows one object as a whole."""
    folder = window.addon("folders").capture_folder(bpy.context.scene)
    dataset = window.addon("capture.dataset").CaptureDataset.open(folder)
    assert len(dataset.views) == 3
    for name, record in dataset.views.items():
        color, depth = dataset.read(name)
        seen, distance = _cast_rays(record.camera)
        cube, ball, nothing = _shrink(seen == "Cube"), _shrink(seen == "Sphere"), _shrink(seen == "", 2)
        assert min(cube.sum(), ball.sum(), nothing.sum()) > 8, name
        alpha = color[..., 3].astype(np.float32)
        np.testing.assert_allclose(alpha[cube | ball], 1.0, atol=1e-3, err_msg=name)
        np.testing.assert_array_equal(color[nothing], 0.0, err_msg=name)
        assert depth is not None, name
        assert np.isinf(depth[nothing]).all(), name
        error = np.abs(depth[cube | ball] - distance[cube | ball])
        assert error.max() < DEPTH_TOLERANCE, f"{name}: {error.max()} m"
        glowing, lit = color[cube][:, :3].astype(np.float32), color[ball][:, :3].astype(np.float32)
        if glow is not None:
            np.testing.assert_allclose(glowing, [glow] * len(glowing), rtol=5e-3, err_msg=name)
        red, green, blue = glowing.mean(axis=0)
        assert red > 2.0 * green > 2.0 * blue > 0.01, name
        assert 0.01 < lit.mean() < 1.0 and np.ptp(lit.mean(axis=0)) < 0.05, f"{name}: the ball is grey"


def _cast_rays(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The name of the object that each pixel's middle shows, "" where there is none, and its planar z, +inf there."""
    rays, origin = frames.rays(camera), Vector(camera.position)
    seen, distance = np.full(rays.shape[:2], "", object), np.full(rays.shape[:2], np.inf)
    scene, depsgraph = bpy.context.scene, bpy.context.evaluated_depsgraph_get()
    for pixel in np.ndindex(*rays.shape[:2]):
        ray = Vector(rays[pixel])
        is_hit, place, _normal, _face, found, _matrix = scene.ray_cast(depsgraph, origin, ray.normalized())
        if is_hit:
            seen[pixel], distance[pixel] = found.name, (place - origin).length / ray.length
    return seen, distance


def _shrink(mask: np.ndarray, reach: int = 1) -> np.ndarray:
    """Pixels that have only pixels of ``mask`` [H, W] around them, ``reach`` pixels far: samples lie beside a pixel's
    middle, too, and corners are thinner than a pixel."""
    padded, (height, width) = np.pad(mask, reach, mode="edge"), mask.shape
    steps = range(2 * reach + 1)
    return np.all([padded[y : y + height, x : x + width] for y in steps for x in steps], axis=0)
