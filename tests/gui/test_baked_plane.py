"""A bake's frames on their plane in a window: in every shading, frame by frame, cut by what stands before them."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import board
import bpy
import frames
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector
from window import Steps, Window

if TYPE_CHECKING:
    from engine.link.geometry import Camera

COLORS = ((1.0, 0.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))  # of the frames' boards


def _write(window: Window, path: Path, color: np.ndarray) -> Path:
    """Write a picture [H, W, 4], scene-linear and premultiplied, as the engine does: EXR so, PNG straight in sRGB."""
    if path.suffix == ".exr":
        channels = {name: color[..., i].astype(np.float16) for i, name in enumerate("RGBA")}
        window.addon("picture_files.exr").write_exr(path, channels)
        return path
    from engine.link.color import encode_srgb

    alpha = color[..., 3:].astype(np.float32)
    straight = np.divide(color[..., :3], alpha, out=np.zeros((*color.shape[:2], 3), np.float32), where=alpha > 0)
    pixels = np.concatenate([encode_srgb(straight), alpha], axis=2)
    image = bpy.data.images.new(path.stem, color.shape[1], color.shape[0], alpha=True)
    image.alpha_mode = "STRAIGHT"
    image.pixels.foreach_set(pixels[::-1].reshape(-1))
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return path


def _show_bake(
    window: Window, pictures: Sequence[np.ndarray], camera: Camera, suffix: str, shift: Sequence[float] = (0.0,)
) -> bpy.types.Object:
    """Bring back ``pictures`` as a finished bake of ``camera``; ``shift`` moves the plane sideways, metres by frame."""
    scene = bpy.context.scene
    folder = window.out / f"bake {suffix} {time.monotonic_ns()}"
    folder.mkdir()
    files = [
        _write(window, folder / f"frame_{number:04d}.{suffix}", picture)
        for number, picture in enumerate(pictures, start=1)
    ]
    plane_module, sequence = window.addon("preview.plane"), window.addon("bake.sequence")
    matrix = plane_module.frustum_matrix(camera, plane_module.choose_distance(camera, board.bounds()))
    matrices = []
    for metres in shift:
        shifted = matrix.copy()
        shifted[:3, 3] += metres * camera.camera_to_world[:3, 0]
        matrices.append(shifted)
    plane = sequence.show_sequence(scene, files, scene.frame_start, False)
    sequence.animate_object(plane, matrices, scene.frame_start)
    plane.select_set(False)
    scene.hashlight.preview.shown = "BAKE"
    return plane


def _is_drawn(window: Window) -> bool:
    """Whether this frame of the plane is there to be drawn, in the scene's view transform."""
    drawing, table = window.addon("preview.plane_drawing"), window.addon("preview.display_table")
    idle = not drawing._wanted and drawing._coming is None
    return bool(drawing._shown) and idle and table.is_current(bpy.context.scene)


def _boards(camera: Camera) -> list[np.ndarray]:
    white = board.picture(camera, (1.0, 1.0, 1.0)).color
    return [white * np.array((*color, 1.0), np.float16) for color in COLORS]


def _most_seen(pixels: np.ndarray) -> list[float]:
    """The brightest value of each channel well inside the viewport, rounded to 0 or 1."""
    height, width = pixels.shape[:2]
    middle = pixels[height // 2 - 60 : height // 2 + 60, width // 2 - 60 : width // 2 + 60]
    return np.round(middle.max(axis=(0, 1))).tolist()


def test_each_frame_is_seen_in_place_in_solid_and_wireframe_shading(window: Window) -> Steps:
    scene = bpy.context.scene
    for suffix in ("png", "exr"):
        camera = board.look_through_camera(window)
        _show_bake(window, _boards(camera), camera, suffix)
        for shading in ("SOLID", "WIREFRAME"):
            window.space.shading.type = shading
            for frame, color in enumerate(COLORS, start=scene.frame_start):
                scene.frame_set(frame)
                yield 0.3
                yield lambda: _is_drawn(window)
                yield 0.5
                pixels = board.check_in_place(window, f"baked {suffix} {shading.lower()} {frame}", camera)
                assert _most_seen(pixels) == list(color), f"{suffix}, {shading}: frame {frame}"


def test_playing_the_timeline_shows_frame_after_frame_without_stopping_blender(window: Window) -> Steps:
    scene = bpy.context.scene
    camera = board.look_through_camera(window)
    _show_bake(window, _boards(camera), camera, "png")
    scene.frame_end = scene.frame_start + 2
    drawing = window.addon("preview.plane_drawing")
    seen: set[str] = set()
    with window.viewport():
        bpy.ops.screen.animation_play()

    def are_all_seen() -> bool:
        seen.update(shown.picture.file.name for shown in drawing._shown.values() if shown.texture is not None)
        return len(seen) == len(COLORS)

    yield are_all_seen
    with window.viewport():
        bpy.ops.screen.animation_cancel()


def test_frames_with_alpha_look_alike_from_png_and_exr(window: Window) -> Steps:
    camera = board.look_through_camera(window)
    ramp = np.linspace(0.0, 1.0, camera.width, dtype=np.float32)
    picture = np.empty((camera.height, camera.width, 4), np.float16)
    picture[..., :3] = ramp[None, :, None] * np.array((0.8, 0.4, 0.1), np.float32)
    picture[..., 3] = ramp
    shots = []
    for suffix in ("exr", "png"):
        _show_bake(window, [picture], camera, suffix)
        yield 0.3
        yield lambda: _is_drawn(window)
        yield 0.5
        shots.append(window.viewport_pixels(f"baked ramp {suffix}"))
    assert np.ptp(shots[0]) > 0.5
    assert np.abs(shots[0] - shots[1]).max() < 0.03


def test_what_is_before_the_baked_plane_hides_it_and_what_is_behind_it_does_not(window: Window) -> Steps:
    camera = board.look_through_camera(window)
    _show_bake(window, _boards(camera), camera, "png")
    for part, is_hidden in ((0.4, True), (1.6, False)):
        towards = camera.position + part * (board.CENTER - camera.position)
        place = location_3d_to_region_2d(window.region(), window.view, Vector(towards))
        bpy.ops.mesh.primitive_cube_add(size=0.5, location=towards)
        bpy.context.object.select_set(False)
        yield 0.3
        yield lambda: _is_drawn(window)
        yield 0.5
        pixels = window.viewport_pixels(f"baked cube at {part}")
        green = pixels[window.region().height - int(place.y), int(place.x), 1]
        assert (green > 0.2) == is_hidden, f"a cube at {part} of the way"
        bpy.data.objects.remove(bpy.context.object)


def test_only_the_plane_that_is_to_be_shown_is(window: Window) -> Steps:
    scene = bpy.context.scene
    camera = board.look_through_camera(window)
    scene.hashlight.preview.place = "FRONT"
    prepared = window.addon("preview.preparation").prepare(board.picture(camera, COLORS[1]))
    session = frames.session_around(board.CENTER, board.RADIUS)
    window.addon("preview.live").show_picture(scene, session, prepared).select_set(False)
    _show_bake(window, _boards(camera), camera, "png")
    for shown, color in (("PREVIEW", COLORS[1]), ("BAKE", COLORS[0]), ("PREVIEW", COLORS[1])):
        scene.hashlight.preview.shown = shown
        yield 0.5
        yield lambda: _is_drawn(window)
        yield 0.5
        assert _most_seen(window.viewport_pixels(f"only the {shown.lower()} plane")) == list(color), shown


def test_undoing_what_was_done_after_a_bake_leaves_its_plane(window: Window) -> Steps:
    scene = bpy.context.scene
    camera = board.look_through_camera(window)
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.ed.undo_push(message="Cube")
    results = window.addon("bake.results")
    bake = results.Bake(
        name="turntable",
        scene=scene.name,
        cameras=[camera],
        bounds=board.bounds(),
        follows_camera=False,
        frame_start=1,
        result="PLANE",
        output="",
        folder=None,
    )
    results.show(scene, bake, [_write(window, window.out / "frame_0001.png", board.picture(camera).color)])
    bpy.data.objects["Cube"].location.x = 3.0
    bpy.ops.ed.undo_push(message="Move")
    with window.viewport():
        bpy.ops.ed.undo()
    yield 0.5
    assert bpy.data.objects["Cube"].location.x == 0.0
    assert window.addon("preview.plane").find_plane(bpy.context.scene, "bake") is not None
    with window.viewport():
        bpy.ops.ed.undo()
    yield 0.5
    assert window.addon("preview.plane").find_plane(bpy.context.scene, "bake") is None, "the bake is a step of its own"
    assert "Cube" in bpy.data.objects


def test_a_frame_that_is_slow_to_read_leaves_the_former_one_where_it_belongs(window: Window) -> Steps:
    scene = bpy.context.scene
    camera = board.look_through_camera(window)
    pose = camera.camera_to_world.copy()  # from which the board looks as the second frame does from the camera
    distance = window.addon("preview.plane").choose_distance(camera, board.bounds())
    pose[:3, 3] += 0.5 * board.DISTANCE / distance * pose[:3, 0]
    drawing = window.addon("preview.plane_drawing")
    _show_bake(window, _boards(camera), camera, "png", shift=(0.0, 0.5, 1.0))
    yield 0.3
    yield lambda: _is_drawn(window)
    read, is_asked, may_read = drawing.read_frame, threading.Event(), threading.Event()

    def read_slowly(path: Path) -> object:
        is_asked.set()
        may_read.wait()
        return read(path)

    drawing.read_frame = read_slowly
    try:
        scene.frame_set(scene.frame_start + 1)
        yield is_asked.is_set
        yield 0.5
        assert not _is_drawn(window)
        pixels = board.check_in_place(window, "baked former frame", camera)
        assert _most_seen(pixels) == list(COLORS[0])
        may_read.set()
        yield lambda: _is_drawn(window)
    finally:
        may_read.set()
        drawing.read_frame = read
    yield 0.5
    pixels = board.check_in_place(window, "baked later frame", dataclasses.replace(camera, camera_to_world=pose))
    assert _most_seen(pixels) == list(COLORS[1])


def test_a_frame_that_is_not_there_shows_nothing(window: Window) -> Steps:
    scene = bpy.context.scene
    camera = board.look_through_camera(window)
    _show_bake(window, _boards(camera), camera, "png")
    for file in window.out.glob("bake png */frame_0002.png"):
        file.unlink()
    scene.frame_set(scene.frame_start + 1)
    yield 0.3
    yield lambda: _is_drawn(window)
    yield 0.5
    assert np.ptp(window.viewport_pixels("baked missing")[200:400, 300:500], axis=(0, 1)).max() < 0.1


def _check_when_rendered(window: Window, name: str, camera: Camera, color: Sequence[float]) -> Steps:
    yield from board.check_when_rendered(window, name, camera, lambda pixels: _most_seen(pixels) == list(color))


def test_baked_frames_are_seen_in_place_in_material_preview_and_eevee(window: Window) -> Steps:
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_EEVEE_NEXT" if bpy.app.version < (5, 0) else "BLENDER_EEVEE"
    scene.eevee.taa_samples = 8
    camera = board.look_through_camera(window)
    _show_bake(window, _boards(camera), camera, "png")
    for shading in ("MATERIAL", "RENDERED"):
        window.space.shading.type = shading
        for frame, color in enumerate(COLORS[:2], start=scene.frame_start):
            scene.frame_set(frame)
            yield from _check_when_rendered(window, f"baked eevee {shading.lower()} {frame}", camera, color)


def test_baked_frames_are_seen_in_place_in_cycles(window: Window) -> Steps:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.preview_samples, scene.cycles.use_preview_denoising = 4, False
    camera = board.look_through_camera(window)
    for suffix in ("png", "exr"):
        _show_bake(window, _boards(camera), camera, suffix)
        window.space.shading.type = "RENDERED"
        for frame, color in enumerate(COLORS, start=scene.frame_start):
            scene.frame_set(frame)
            yield from _check_when_rendered(window, f"baked cycles {suffix} {frame}", camera, color)
