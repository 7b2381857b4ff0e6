"""The image plane in a window: seen in every shading, where the scene camera sees what its picture shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import board
import bpy
import frames
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Euler, Vector
from window import Steps, Window

if TYPE_CHECKING:
    from engine.link.geometry import Camera


def _show_board(window: Window) -> Camera:
    """Put a picture of a checkerboard before the scene camera onto the preview plane; the picture's camera."""
    camera = board.look_through_camera(window)
    session = frames.session_around(board.CENTER, board.RADIUS)
    prepared = window.addon("preview.preparation").prepare(board.picture(camera))
    window.addon("preview.live").show_picture(bpy.context.scene, session, prepared).select_set(False)
    return camera


def _is_drawn(window: Window) -> bool:
    """Whether the plane's picture is there to be drawn, in the scene's view transform."""
    drawing, table = window.addon("preview.plane_drawing"), window.addon("preview.display_table")
    return bool(drawing._shown) and table.is_current(bpy.context.scene)


def test_the_plane_shows_its_picture_in_place_in_solid_and_wireframe_shading(window: Window) -> Steps:
    camera = _show_board(window)
    yield lambda: _is_drawn(window)
    for shading in ("SOLID", "WIREFRAME"):
        window.space.shading.type = shading
        yield 1.0
        board.check_in_place(window, f"board {shading.lower()}", camera)


def test_the_plane_shows_its_picture_in_place_in_material_preview_and_eevee(window: Window) -> Steps:
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_EEVEE_NEXT" if bpy.app.version < (5, 0) else "BLENDER_EEVEE"
    scene.eevee.taa_samples = 8
    camera = _show_board(window)
    for shading in ("MATERIAL", "RENDERED"):
        window.space.shading.type = shading
        yield from board.check_when_rendered(window, f"board eevee {shading.lower()}", camera)


def test_what_is_before_the_plane_hides_it_in_solid_shading(window: Window) -> Steps:
    camera = _show_board(window)
    bpy.context.scene.hashlight.preview.place = "CENTER"
    yield lambda: _is_drawn(window)
    towards = camera.position + 0.4 * (board.CENTER - camera.position)
    place = location_3d_to_region_2d(window.region(), window.view, Vector(towards))

    def seen() -> np.ndarray:
        return window.viewport_pixels("board behind cube")[window.region().height - int(place.y), int(place.x)]

    yield 0.5
    assert seen()[1] < 0.1, "the board should be seen here"
    bpy.ops.mesh.primitive_cube_add(size=0.5, location=towards)
    yield 1.0
    assert seen()[1] > 0.2, "the cube should be seen here"


def test_the_plane_is_seen_whole_from_beside_the_camera_in_solid_shading(window: Window) -> Steps:
    """Its own mesh, which is not seen, leaves its depth: the same, but for rounding."""
    camera = board.look_through_camera(window)
    frame = frames.make_frame(camera, np.full((camera.height, camera.width), board.DISTANCE), (1.0, 0.0, 1.0))
    session = frames.session_around(board.CENTER, board.RADIUS)
    prepared = window.addon("preview.preparation").prepare(frame)
    plane = window.addon("preview.live").show_picture(bpy.context.scene, session, prepared)
    plane.select_set(False)
    window.space.show_region_ui = False
    yield lambda: _is_drawn(window)
    window.view.view_perspective = "PERSP"
    window.view.view_location = plane.matrix_world.translation
    for distance, turn in ((10.0, 0.1), (10.0, 1.2), (40.0, 0.6)):
        window.view.view_distance = distance
        turned = Euler((0.2, turn, 0.0)).to_quaternion()
        window.view.view_rotation = bpy.context.scene.camera.matrix_world.to_quaternion() @ turned
        yield 0.8
        pixels = window.viewport_pixels(f"plane from {distance:.0f} m, turned by {turn}")
        is_inside = _inside(window, plane, pixels.shape[:2])
        is_picture = (pixels[..., 0] > 0.9) & (pixels[..., 1] < 0.1) & (pixels[..., 2] > 0.9)
        assert is_inside.sum() > 1000
        assert is_picture[is_inside].mean() > 0.999, f"{is_picture[is_inside].mean():.3f} of the picture is seen"


def _inside(window: Window, plane: bpy.types.Object, size: tuple[int, int]) -> np.ndarray:
    """Which pixels of the viewport, [H, W], the plane covers without its very rim."""
    region = window.region()
    corners = []
    for x, y in ((-0.49, -0.49), (0.49, -0.49), (0.49, 0.49), (-0.49, 0.49)):
        place = location_3d_to_region_2d(region, window.view, plane.matrix_world @ Vector((x, y, 0.0)))
        corners.append((place.x, region.height - place.y))
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    sides = [
        (x1 - x0) * (rows - y0) - (y1 - y0) * (columns - x0)
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    return np.all([side > 0.0 for side in sides], axis=0) | np.all([side < 0.0 for side in sides], axis=0)


def test_a_saved_picture_is_seen_in_solid_shading_when_its_file_is_opened(window: Window) -> Steps:
    camera = _show_board(window)
    path = str(window.out / "board.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    yield 0.5  # a file that was just loaded has no window to change things in yet
    yield lambda: _is_drawn(window)
    yield 1.0
    board.check_in_place(window, "board opened", camera)


def test_undoing_what_was_done_after_the_first_picture_leaves_its_plane(window: Window) -> Steps:
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.ed.undo_push(message="Cube")
    _show_board(window)
    _show_board(window)  # only the first picture is a step of its own
    bpy.data.objects["Cube"].location.x = 3.0
    bpy.ops.ed.undo_push(message="Move")
    find_plane = window.addon("preview.plane").find_plane
    for is_there in (True, False):
        with window.viewport():
            bpy.ops.ed.undo()
        yield 0.5
        assert (find_plane(bpy.context.scene, "preview") is not None) == is_there
        assert bpy.data.objects["Cube"].location.x == 0.0
