"""The preview plane: where it stands, and what is seen on it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector

Import = Callable[[str], ModuleType]


def _random_picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Premultiplied, scene-linear, with fully opaque and fully empty rows, and highlights above 1."""
    random = np.random.default_rng(seed)
    alpha = random.random((height, width, 1))
    alpha[: height // 4] = 1.0
    alpha[-height // 4 :] = 0.0
    return np.concatenate([random.random((height, width, 3)) * 3.0 * alpha, alpha], axis=2).astype(np.float16)


def _camera_object(scene: bpy.types.Scene) -> bpy.types.Object:
    obj = bpy.data.objects.new("Viewer", bpy.data.cameras.new("Viewer"))
    obj.location = (1.0, -4.0, 2.0)
    obj.rotation_euler = (1.1, 0.2, 0.3)
    scene.collection.objects.link(obj)
    scene.camera = obj
    return obj


def _show(addon: Import, scene: bpy.types.Scene, color: np.ndarray, distance: float = 3.0) -> bpy.types.Object:
    """What a frame does, without an engine."""
    live, plane_module = addon("preview.live"), addon("preview.plane")
    camera = live.preview_camera(scene)
    plane = plane_module.ensure_plane(scene, "preview")
    node = addon("preview.material").picture_node(addon("preview.material").ensure_material(plane, "premultiplied"))
    picture, size = addon("preview.picture"), (color.shape[1], color.shape[0])
    node.image = picture.update_image(node.image, plane.name, size, picture.to_blender_pixels(color))
    plane.matrix_world = Matrix(plane_module.frustum_matrix(camera, distance))
    return plane


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize("size", [(64, 48), (48, 64), (50, 50)])
def test_corners_of_the_plane_project_onto_the_corners_of_the_picture(
    addon: Import, scene: bpy.types.Scene, fit: str, size: tuple[int, int]
) -> None:
    camera = _camera_object(scene)
    camera.data.sensor_fit = fit
    camera.data.sensor_width, camera.data.sensor_height = 36.0, 20.0
    scene.render.resolution_x, scene.render.resolution_y = size
    live, plane_module = addon("preview.live"), addon("preview.plane")
    for shift, aspect in itertools.product(((0.0, 0.0), (0.3, -0.2)), ((1.0, 1.0), (1.0, 1.5), (2.0, 1.0))):
        camera.data.shift_x, camera.data.shift_y = shift
        scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = aspect
        bpy.context.view_layer.update()
        pinhole = live.preview_camera(scene)
        plane = plane_module.ensure_plane(scene, "preview")
        plane.matrix_world = Matrix(plane_module.frustum_matrix(pinhole, 2.5))
        bpy.context.view_layer.update()
        corners = [world_to_camera_view(scene, camera, plane.matrix_world @ v.co) for v in plane.data.vertices]
        pixels = np.array([(c.x * size[0], c.y * size[1]) for c in corners])
        wanted = np.array([(0, 0), (size[0], 0), size, (0, size[1])])
        np.testing.assert_allclose(pixels, wanted, atol=0.01)
        np.testing.assert_allclose([c.z for c in corners], 2.5, atol=1e-4)


def test_plane_stands_before_through_or_behind_the_bounds(addon: Import, scene: bpy.types.Scene) -> None:
    from engine.link.geometry import Bounds, Camera

    plane = addon("preview.plane")
    pose = np.eye(4)
    pose[2, 3] = 10.0  # looks down
    camera = Camera(pose, 8, 8, 8.0, 8.0, 4.0, 4.0)
    bounds = Bounds([-1, -1, 0], [1, 1, 4])
    assert plane.choose_distance(camera, bounds, "FRONT") == pytest.approx(6.0)
    assert plane.choose_distance(camera, bounds, "CENTER") == pytest.approx(8.0)
    assert plane.choose_distance(camera, bounds, "BEHIND") == pytest.approx(10.0)
    behind_camera = Bounds([-1, -1, 20], [1, 1, 21])
    assert plane.choose_distance(camera, behind_camera, "CENTER") > 0.0


def test_fitting_an_aspect_keeps_the_centre_and_stays_inside(addon: Import) -> None:
    plane = addon("preview.plane")
    matrix = np.diag([4.0, 2.0, 1.0, 1.0])
    matrix[:3, 3] = (1.0, 2.0, 3.0)
    narrow, wide = plane.fit_aspect(matrix, 1.0), plane.fit_aspect(matrix, 4.0)
    np.testing.assert_allclose(np.diag(narrow)[:2], (2.0, 2.0))
    np.testing.assert_allclose(np.diag(wide)[:2], (4.0, 1.0))
    np.testing.assert_allclose(narrow[:3, 3], (1.0, 2.0, 3.0))


def test_pixels_are_converted_exactly_and_kept_displayable(addon: Import) -> None:
    to_blender_pixels = addon("preview.picture").to_blender_pixels
    every_half = np.arange(2**16, dtype=np.uint16).view(np.float16).reshape(128, 128, 4)
    pixels = to_blender_pixels(every_half).reshape(128, 128, 4)
    assert pixels.dtype == np.float32
    with np.errstate(invalid="ignore"):
        wanted = every_half[::-1].astype(np.float32)
    usable = np.isfinite(wanted) & ~np.signbit(wanted)
    np.testing.assert_array_equal(pixels[usable], wanted[usable])
    assert pixels.min() == 0.0
    assert pixels.max() == 65504.0


def test_a_render_of_the_plane_gives_back_the_frame(
    addon: Import, small_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    scene = small_scene
    for obj in list(scene.objects):
        bpy.data.objects.remove(obj)
    camera = _camera_object(scene)
    camera.data.shift_x = 0.1
    scene.render.resolution_x, scene.render.resolution_y = 40, 30
    scene.render.film_transparent = True
    scene.cycles.filter_width = 0.01
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.color_depth = "32"
    scene.render.filepath = str(tmp_path / "render.exr")
    bpy.context.view_layer.update()
    color = _random_picture(40, 30)
    _show(addon, scene, color)
    scene.hashlight.preview.show_in_renders = True
    bpy.ops.render.render(write_still=True)
    rendered = addon("capture.passes").read_exr(tmp_path / "render.exr")
    np.testing.assert_allclose(rendered, color.astype(np.float32), atol=1e-3)


def test_the_plane_lights_nothing(addon: Import, scene: bpy.types.Scene) -> None:
    plane = addon("preview.plane").ensure_plane(scene, "preview")
    assert plane.visible_camera
    assert not any(
        getattr(plane, f"visible_{ray}") for ray in ("diffuse", "glossy", "transmission", "volume_scatter", "shadow")
    )


def test_many_frames_leave_one_plane_and_one_image(addon: Import, scene: bpy.types.Scene) -> None:
    _camera_object(scene)
    bpy.context.view_layer.update()
    _show(addon, scene, _random_picture(20, 10))

    def counts() -> list[int]:
        data = bpy.data
        return [len(group) for group in (data.images, data.objects, data.meshes, data.materials, data.collections)]

    before = counts()
    for number in range(20):
        plane = _show(addon, scene, _random_picture(20 + number % 3, 10, seed=number))
    assert counts() == before
    image = addon("preview.material").picture_node(plane.active_material).image
    assert image.name == "Hashlight Preview"
    assert tuple(image.size) == (21, 10)


def test_the_user_may_rename_everything(addon: Import, scene: bpy.types.Scene) -> None:
    _camera_object(scene)
    bpy.context.view_layer.update()
    plane = _show(addon, scene, _random_picture(20, 10))
    plane.name = plane.active_material.name = plane.data.name = "Mine"
    assert _show(addon, scene, _random_picture(20, 10)) == plane
    assert len([obj for obj in scene.objects if obj.type == "MESH"]) == 1


def test_the_users_own_material_is_left_in_the_file(addon: Import, scene: bpy.types.Scene) -> None:
    _camera_object(scene)
    bpy.context.view_layer.update()
    plane = _show(addon, scene, _random_picture(20, 10))
    mine = bpy.data.materials.new("Mine")
    plane.data.materials[0] = mine
    _show(addon, scene, _random_picture(20, 10))
    assert "Mine" in bpy.data.materials
    assert plane.active_material != mine


def test_a_saved_file_opens_with_the_last_picture(addon: Import, scene: bpy.types.Scene, tmp_path: Path) -> None:
    _camera_object(scene)
    bpy.context.view_layer.update()
    path = str(tmp_path / "scene.blend")
    for seed in (1, 2):  # the second picture replaces one that is packed already
        color = _random_picture(20, 10, seed)
        _show(addon, bpy.context.scene, color)
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.open_mainfile(filepath=path)
        plane = addon("preview.plane").find_plane(bpy.context.scene, "preview")
        image = addon("preview.material").picture_node(plane.active_material).image
        pixels = np.empty(10 * 20 * 4, np.float32)
        image.pixels.foreach_get(pixels)
        np.testing.assert_array_equal(pixels.reshape(10, 20, 4)[::-1], color.astype(np.float32))
    assert image.alpha_mode == "CHANNEL_PACKED"
    assert image.colorspace_settings.is_data


def test_one_plane_is_shown_at_a_time(addon: Import, scene: bpy.types.Scene) -> None:
    ensure_plane = addon("preview.plane").ensure_plane
    preview, bake = ensure_plane(scene, "preview"), ensure_plane(scene, "bake")

    def shown() -> list[bool]:
        bpy.context.view_layer.update()
        return [obj.visible_get() for obj in (preview, bake)]

    scene.hashlight.preview.shown = "BAKE"
    assert shown() == [False, True]
    scene.hashlight.preview.shown = "PREVIEW"
    assert shown() == [True, False]
    scene.hashlight.preview.shown = "NONE"
    assert shown() == [False, False]


def test_the_plane_stays_where_its_frame_was_rendered_from(addon: Import, scene: bpy.types.Scene) -> None:
    camera = _camera_object(scene)
    bpy.context.view_layer.update()
    plane = _show(addon, scene, _random_picture(20, 10))
    bpy.context.view_layer.update()
    before = plane.matrix_world.copy()
    camera.location = Vector((5.0, 5.0, 5.0))
    bpy.context.view_layer.update()
    assert plane.matrix_world == before


def test_captures_never_see_a_plane(addon: Import, small_scene: bpy.types.Scene, tmp_path: Path) -> None:
    scene = small_scene
    scene.hashlight.capture.training_views, scene.hashlight.capture.held_out_views = 2, 0
    scene.hashlight.capture.resolution_x = scene.hashlight.capture.resolution_y = 24
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()

    def capture(folder: str, between_views: Callable[[], None]) -> list[np.ndarray]:
        pictures = []
        with addon("capture.job").CaptureJob(scene, bpy.context.view_layer, tmp_path / folder) as job:
            for view in job:
                pictures.append(view.color)
                between_views()
        return pictures

    def show_plane() -> None:
        plane = _show(addon, scene, np.full((10, 20, 4), 1.0, np.float16))
        plane.matrix_world = Matrix.Scale(50.0, 4) @ Matrix.Rotation(1.57, 4, "X")  # right through the scene
        scene.hashlight.preview.shown = "PREVIEW"

    clean = capture("clean", lambda: None)
    bounds_before = addon("capture.bounds").fit_bounds(scene, bpy.context.view_layer, _depsgraph())
    made_meanwhile = capture("made meanwhile", show_plane)
    scene.hashlight.preview.show_in_renders = True
    made_before = capture("made before", show_plane)
    for picture, wanted in zip(made_meanwhile + made_before, clean + clean, strict=True):
        np.testing.assert_array_equal(picture, wanted)
    plane = addon("preview.plane").find_plane(scene, "preview")
    assert plane.visible_get()
    assert not plane.hide_render
    bounds_after = addon("capture.bounds").fit_bounds(scene, bpy.context.view_layer, _depsgraph())
    np.testing.assert_array_equal(bounds_after.size, bounds_before.size)


def _depsgraph() -> bpy.types.Depsgraph:
    return bpy.context.evaluated_depsgraph_get()


def test_a_pictures_memory_is_used_again_once_no_part_of_it_is_needed(addon: Import) -> None:
    memory = addon("preview.pixel_memory")
    memory.forget()
    first, second = memory.borrow(1000), memory.borrow(1000)
    first[:], second[:] = 1.0, 2.0
    part = first.reshape(10, 100)[3:5].view(np.uint32)[:, 7:]
    kept, address = part.copy(), second.ctypes.data
    del first, second
    again = memory.borrow(900)  # a smaller one fits, too
    assert again.ctypes.data == address
    again[:] = 3.0
    memory.borrow(1000)[:] = 4.0
    np.testing.assert_array_equal(part, kept)


@pytest.mark.parametrize("size", [(1920, 1080), (1057, 692), (480, 320), (100, 512), (7000, 3), (1, 1)])
def test_a_picture_is_cut_into_small_strips_without_gaps(addon: Import, size: tuple[int, int]) -> None:
    drawing = addon("preview.drawing")
    width, height = size
    edges = drawing.cut_into_strips(width, height)
    assert edges[0] == 0
    assert edges[-1] == height
    rows = np.diff(edges)
    assert rows.min() >= 1
    assert rows.max() <= drawing.STRIP_PIXELS // width + 1
    textures = [min(top + 1, height) - max(bottom - 1, 0) for bottom, top in itertools.pairwise(edges)]
    assert height < 8 or not any(rows & (rows - 1) == 0 for rows in textures), "a power of two"


def test_renders_show_a_plane_only_where_that_is_wanted(
    addon: Import, small_scene: bpy.types.Scene, drawn: Callable[[str], str]
) -> None:
    scene = small_scene
    scene.render.film_transparent = True
    scene.render.image_settings.file_format = "OPEN_EXR"

    def render() -> np.ndarray:
        scene.render.filepath = str(Path(bpy.app.tempdir) / "render.exr")
        bpy.ops.render.render(write_still=True)
        return addon("capture.passes").read_exr(Path(scene.render.filepath))

    without = render()
    planes = [addon("preview.plane").ensure_plane(scene, kind) for kind in ("preview", "comparison", "bake")]
    _show(addon, scene, np.full((10, 20, 4), 1.0, np.float16))
    assert planes[0].visible_get() and all(plane.hide_render for plane in planes)
    np.testing.assert_array_equal(render(), without)
    words = "Renders of this scene show the plane"
    assert words not in drawn("HASHLIGHT_PT_preview")
    scene.hashlight.preview.show_in_renders = True
    assert words in drawn("HASHLIGHT_PT_preview")
    with_plane = render()
    assert not any(plane.hide_render for plane in planes)
    assert (with_plane[..., 3] > 0).sum() > (without[..., 3] > 0).sum()
    scene.hashlight.preview.show_in_renders = False
    np.testing.assert_array_equal(render(), without)
