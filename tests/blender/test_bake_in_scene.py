"""Camera paths from scene settings, and baked frames back in the scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view

Import = Callable[[str], ModuleType]

WIDTH, HEIGHT = 24, 16


def _animate_camera(scene: bpy.types.Scene) -> bpy.types.Object:
    """Frames 3 to 6: the camera moves, turns and zooms."""
    camera = scene.camera
    scene.frame_start, scene.frame_end = 3, 6
    for frame, x, angle, lens in ((3, 0.0, 0.0, 35.0), (6, 2.0, 0.4, 70.0)):
        camera.location.x, camera.rotation_euler.z, camera.data.lens = x, angle, lens
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_euler", frame=frame)
        camera.data.keyframe_insert("lens", frame=frame)
    return camera


def _write_frames(addon: Import, folder: Path, image_format: str, colors: list[np.ndarray]) -> list[Path]:
    """Frames as the engine writes them: premultiplied scene-linear ``colors``, as EXR or as straight-alpha sRGB PNG."""
    folder.mkdir()
    paths = []
    for number, color in enumerate(colors, 1):
        path = folder / f"frame_{number:04d}.{image_format}"
        if image_format == "exr":
            channels = {name: color[..., i].astype(np.float16) for i, name in enumerate("RGBA")}
            addon("picture_files.exr").write_exr(path, channels)
        else:
            rgb, alpha = color[..., :3], color[..., 3:]
            straight = np.divide(rgb, alpha, out=np.zeros_like(rgb), where=alpha > 0)
            encoded = np.where(straight < 0.0031308, straight * 12.92, 1.055 * straight ** (1 / 2.4) - 0.055)
            _write_png(path, np.round(np.concatenate([encoded, alpha], axis=2) * 255).astype(np.uint8))
        paths.append(path)
    return paths


def _write_png(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(pixels).save(path)


def _render(addon: Import, scene: bpy.types.Scene, path: Path) -> np.ndarray:
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return addon("capture.passes").read_exr(path)


def _set_up_exact_render(scene: bpy.types.Scene) -> None:
    for obj in [obj for obj in scene.objects if obj.type in {"MESH", "LIGHT"}]:
        bpy.data.objects.remove(obj)
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.film_transparent = True
    scene.cycles.filter_width = 0.01
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    bpy.context.view_layer.update()


@pytest.mark.parametrize("image_format", ["png", "exr"])
def test_the_sequence_plays_with_the_timeline_in_its_own_colours(
    addon: Import, small_scene: bpy.types.Scene, tmp_path: Path, image_format: str
) -> None:
    scene = small_scene
    scene.hashlight.preview.show_in_renders = True
    _set_up_exact_render(scene)
    random = np.random.default_rng(1)
    alpha = random.integers(0, 256, (3, HEIGHT, WIDTH, 1)) / 255
    alpha[:, :4], alpha[:, 4:6] = 1.0, 0.0
    colors = list(np.concatenate([random.random((3, HEIGHT, WIDTH, 3)) * alpha, alpha], axis=3).astype(np.float32))
    files = _write_frames(addon, tmp_path / "frames", image_format, colors)
    sequence, plane_module = addon("bake.sequence"), addon("preview.plane")
    plane = sequence.show_sequence(scene, files, frame_start=5, cyclic=True)
    viewer = addon("preview.live").preview_camera(scene)
    sequence.animate_object(plane, [plane_module.frustum_matrix(viewer, 4.0)], frame_start=5)
    tolerance = 2e-3 if image_format == "exr" else 1.2e-2  # 8 bits of sRGB
    for frame, wanted in ((5, 0), (6, 1), (7, 2), (8, 0)):
        scene.frame_set(frame)
        rendered = _render(addon, scene, tmp_path / "render.exr")
        np.testing.assert_allclose(rendered, colors[wanted], atol=tolerance, err_msg=f"frame {frame}")


def test_baking_again_replaces_the_sequence(addon: Import, small_scene: bpy.types.Scene, tmp_path: Path) -> None:
    sequence, material = addon("bake.sequence"), addon("preview.material")
    colors = [np.full((HEIGHT, WIDTH, 4), value, np.float32) for value in (0.2, 0.5)]

    def counts() -> list[int]:
        data = bpy.data
        return [len(group) for group in (data.images, data.materials, data.objects, data.actions, data.collections)]

    poses = [np.eye(4), np.eye(4)]
    former = None
    for number, image_format in enumerate(("png", "exr", "png", "png")):
        files = _write_frames(addon, tmp_path / str(number), image_format, colors)
        plane = sequence.show_sequence(small_scene, files, frame_start=1, cyclic=False)
        sequence.animate_object(plane, poses, frame_start=1)
        image = material.picture_node(plane.active_material).image
        assert Path(bpy.path.abspath(image.filepath)).parent == tmp_path / str(number)
        assert former in (None, counts())
        former = counts()


def test_a_camera_animation_keeps_every_pose_and_focal_length(addon: Import, small_scene: bpy.types.Scene) -> None:
    camera = _animate_camera(small_scene)
    small_scene.frame_set(4)
    cameras = addon("bake.paths").animation_cameras(small_scene)
    assert small_scene.frame_current == 4
    assert len(cameras) == 4
    for frame, baked in zip(range(3, 7), cameras, strict=True):
        small_scene.frame_set(frame)
        np.testing.assert_allclose(baked.camera_to_world, np.array(camera.matrix_world), atol=1e-6)
        assert baked.fx == pytest.approx(camera.data.lens / 36.0 * 48, rel=1e-5)
    assert cameras[0].fx < cameras[-1].fx


def test_the_plane_follows_an_animated_camera(addon: Import, small_scene: bpy.types.Scene, tmp_path: Path) -> None:
    camera = _animate_camera(small_scene)
    scene = small_scene
    cameras = addon("bake.paths").animation_cameras(scene)
    files = _write_frames(addon, tmp_path / "frames", "exr", [np.ones((HEIGHT, WIDTH, 4), np.float32)] * len(cameras))
    sequence, plane_module = addon("bake.sequence"), addon("preview.plane")
    plane = sequence.show_sequence(scene, files, frame_start=3, cyclic=False)
    scene.frame_set(4)
    sequence.animate_object(plane, [plane_module.frustum_matrix(c, 3.0) for c in cameras], frame_start=3)
    bpy.context.view_layer.update()
    now = plane_module.frustum_matrix(cameras[1], 3.0)
    np.testing.assert_allclose(np.array(plane.matrix_world), now, atol=1e-4, err_msg="it stands where it is now")
    for frame in range(3, 7):
        scene.frame_set(frame)
        corners = [world_to_camera_view(scene, camera, plane.matrix_world @ v.co) for v in plane.data.vertices]
        pixels = np.array([(corner.x, corner.y) for corner in corners])
        np.testing.assert_allclose(pixels, [(0, 0), (1, 0), (1, 1), (0, 1)], atol=1e-4)


def test_the_turntable_of_the_settings(addon: Import, small_scene: bpy.types.Scene) -> None:
    from engine.link.geometry import Bounds

    settings = small_scene.hashlight.bake
    settings.frames, settings.elevation, settings.start, settings.lift = 8, 0.5, 0.25, 0.5
    settings.resolution_x, settings.resolution_y = 60, 40
    settings.radius = 7.0
    bounds = Bounds([-1, -1, 0], [1, 1, 2])
    assert addon("bake.sharpness").bake_size(small_scene) == (60, 40)
    cameras = addon("bake.paths").turntable_cameras(small_scene, bounds, (60, 40))
    assert [(c.width, c.height) for c in cameras] == [(60, 40)] * 8
    target = bounds.center + np.array((0.0, 0.0, 0.5))
    offsets = np.array([camera.position - target for camera in cameras])
    distances = np.linalg.norm(offsets, axis=1)
    np.testing.assert_allclose(distances, 7.0)
    np.testing.assert_allclose(np.arcsin(offsets[:, 2] / distances), 0.5)
    azimuths = np.unwrap(np.arctan2(offsets[:, 1], offsets[:, 0]))
    np.testing.assert_allclose(azimuths, 0.25 + np.arange(8) * np.pi / 4)


@pytest.mark.parametrize("name", ["", "   "])
def test_a_bake_without_a_name_or_a_run_is_one_clear_error(
    addon: Import, small_scene: bpy.types.Scene, tmp_path: Path, name: str
) -> None:
    connecting, jobs = addon("session.connecting"), addon("bake.jobs")
    session = addon("session.engine_session").EngineSession(connecting.LocalEngine("python", tmp_path))
    with pytest.raises(addon("capture.errors").CaptureError, match="train first"):
        jobs.start(session, small_scene, resume=False)
    small_scene.hashlight.bake.name = name
    with pytest.raises(addon("capture.errors").CaptureError, match="Name is empty"):
        jobs.start(session, small_scene, resume=False)
