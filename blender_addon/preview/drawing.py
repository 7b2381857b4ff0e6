"""Draws pictures into the 3D viewports: frames with depth, cut by the scene's own objects, and flat ones on planes.

A frame stands in the frustum of the camera it was rendered from: in the very view it was made for it covers the
viewport, and in any other it stays where it belongs. Needs a window: ``gpu`` draws nothing in the background.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass

import gpu
import numpy as np
from mathutils import Matrix

from engine.link.geometry import Camera
from engine.link.view_transform import SIZE

from .picture_shader import forget as forget_shader
from .picture_shader import get_quad, get_shader

# A texture can only be filled as a whole, and a large one takes longer than Blender may be kept waiting.
STRIP_PIXELS = 1 << 16
_SIDE = 3  # of textures that only stand for others; no power of two, as in ``cut_into_strips``

_is_warm = False


def picture_to_camera(camera: Camera) -> np.ndarray:
    """[4, 4]: (u * z, v * z, z, 1) of a picture of ``camera`` to its camera space, ``z`` being planar depth."""
    return np.array(
        [
            [camera.width / camera.fx, 0.0, -camera.cx / camera.fx, 0.0],
            [0.0, camera.height / camera.fy, (camera.cy - camera.height) / camera.fy, 0.0],
            [0.0, 0.0, -1.0, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )


def picture_on_square(square_to_world: np.ndarray) -> np.ndarray:
    """[4, 4]: (u, v, 1, 1) of a picture that fills a unit square (-0.5..0.5 in x and y), to world space."""
    result = np.zeros((4, 4))
    result[:, :2] = square_to_world[:, :2]
    result[:, 2] = square_to_world[:, 3] - 0.5 * (square_to_world[:, 0] + square_to_world[:, 1])
    return result


def cut_into_strips(width: int, height: int) -> np.ndarray:
    """The rows [n + 1] at which the strips of a picture of this size begin and end, from the bottom up.

    No texture is to be as high as a power of two: software drivers have code of their own for these, and would compile
    the shader again while the first picture waits.
    """
    fewest = min(-(-width * height // STRIP_PIXELS), height)
    for count in range(fewest, min(fewest + 8, height) + 1):
        edges = np.linspace(0, height, count + 1).astype(int)
        rows = np.minimum(edges[1:] + 1, height) - np.maximum(edges[:-1] - 1, 0)  # with those to blend with
        if np.all(rows & (rows - 1)):
            return edges
    return np.linspace(0, height, fewest + 1).astype(int)


def make_table_texture(table: np.ndarray) -> gpu.types.GPUTexture:
    """The table of a ``ViewTransform`` for the shader."""
    texels = np.ones((SIZE, SIZE, SIZE, 4), np.float32)
    texels[..., :3] = table
    return _texture((SIZE, SIZE, SIZE), "RGBA16F", texels.reshape(-1))


@dataclass(frozen=True)
class DisplayTable:
    """How scene-linear light is displayed: multiplied by ``exposure``, looked up in ``texture``, raised to
    ``exponent``."""

    texture: gpu.types.GPUTexture
    exposure: float = 1.0
    exponent: float = 1.0


def warm_up() -> None:
    """Have the graphics driver compile all that draws pictures, by drawing one that can't be seen into the bound
    viewport; the first time alone, and only while Blender draws it. It may take the driver a tenth of a second, as one
    piece."""
    global _is_warm
    if _is_warm:
        return
    _is_warm = True  # also where it fails: then pictures do, too, and say so
    picture = PictureTexture(_SIDE, _SIDE, np.zeros(4 * _SIDE**2, np.float32))
    picture.upload(0.0)
    picture.draw(np.eye(4), DisplayTable(make_table_texture(np.zeros((SIZE, SIZE, SIZE, 3), np.float32))))


def forget() -> None:
    """Free what all pictures share; what is drawn next makes it anew."""
    global _is_warm
    _is_warm = False
    _no_depth.cache_clear()
    forget_shader()


@functools.cache
def _no_depth() -> gpu.types.GPUTexture:
    """What stands for the depth of a flat picture, which isn't read: of the format that depth has, or a driver might
    compile the shader once more."""
    return _texture((_SIDE, _SIDE), "R32F", np.ones(_SIDE**2, np.float32))


@dataclass(frozen=True)
class _Strip:
    """Whole rows of a picture, uploaded with one more on either side to blend with."""

    place: tuple[float, float, float, float]  # the shader's ``strip``
    color: gpu.types.GPUTexture
    depth: gpu.types.GPUTexture


class PictureTexture:
    """A picture on its way into the viewports, uploaded strip by strip.

    ``pixels`` [H * W * 4] and ``depth`` [H * W] (None: a flat picture) are float32, rows from the bottom up.
    """

    def __init__(self, width: int, height: int, pixels: np.ndarray, depth: np.ndarray | None = None) -> None:
        self.width, self.height = width, height
        self._pixels: np.ndarray | None = pixels
        self._depth = depth
        self._has_depth = depth is not None
        self._edges = cut_into_strips(width, height).tolist()
        self._strips: list[_Strip] = []

    @property
    def is_ready(self) -> bool:
        """Whether all of it is where it can be drawn from."""
        return len(self._strips) == len(self._edges) - 1

    def upload(self, seconds: float) -> bool:
        """Go on with the upload for about so long, by one strip at least; returns ``is_ready``."""
        until = time.perf_counter() + seconds
        while not self.is_ready:
            self._upload_strip()
            if time.perf_counter() >= until:
                break
        if self.is_ready:
            self._pixels = self._depth = None
        return self.is_ready

    def draw(self, picture_to_clip: np.ndarray, table: DisplayTable, standoff: float = 1.0) -> None:
        """Draw over the scene in the bound viewport; only while Blender draws it, and once the picture ``is_ready``.

        Args: ``picture_to_clip`` [4, 4] as in ``picture_shader``; ``standoff``, the ``z`` at which the picture
        stands: for one with depth, where its frame stands when seen from elsewhere.
        """
        shader = get_shader()
        shader.bind()
        shader.uniform_float("picture_to_clip", Matrix(picture_to_clip))
        shader.uniform_float("standoff", standoff)
        shader.uniform_float("has_depth", float(self._has_depth))
        shader.uniform_float("exposure", table.exposure)
        shader.uniform_float("exponent", table.exponent)
        shader.uniform_sampler("table", table.texture)
        depth_test, depth_mask, blend = gpu.state.depth_test_get(), gpu.state.depth_mask_get(), gpu.state.blend_get()
        gpu.state.depth_test_set("LESS_EQUAL")
        gpu.state.depth_mask_set(True)
        gpu.state.blend_set("ALPHA_PREMULT")
        try:
            for strip in self._strips:
                shader.uniform_float("strip", strip.place)
                shader.uniform_sampler("color", strip.color)
                shader.uniform_sampler("depth", strip.depth)
                get_quad().draw(shader)
        finally:
            gpu.state.depth_test_set(depth_test)
            gpu.state.depth_mask_set(depth_mask)
            gpu.state.blend_set(blend)

    def _upload_strip(self) -> None:
        assert self._pixels is not None
        bottom, top = self._edges[len(self._strips) :][:2]
        first, end = max(bottom - 1, 0), min(top + 1, self.height)
        size = (self.width, end - first)
        texels = slice(first * self.width, end * self.width)
        # Full floats, so that the driver need not convert them on the main thread.
        color = _texture(size, "RGBA32F", self._pixels[4 * texels.start : 4 * texels.stop])
        depth = _no_depth() if self._depth is None else _texture(size, "R32F", self._depth[texels])
        self._strips.append(
            _Strip((bottom / self.height, top / self.height, float(first), float(self.height)), color, depth)
        )


def _texture(size: tuple[int, ...], kind: str, values: np.ndarray) -> gpu.types.GPUTexture:
    return gpu.types.GPUTexture(size, format=kind, data=gpu.types.Buffer("FLOAT", values.size, values))
