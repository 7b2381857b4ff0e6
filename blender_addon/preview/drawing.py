"""Draws a frame into a 3D viewport so that it and the scene's own objects cut each other where their depths say.

The frame stands in the frustum of the camera it was rendered from: in the very view it was made for it covers the
viewport, and in any other it stays where it belongs. Needs a window: ``gpu`` draws nothing in the background.
"""

from __future__ import annotations

import functools

import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader
from mathutils import Matrix

from engine.link.geometry import Camera
from engine.link.messages import Frame

from .display_transform import BRIGHTEST, SIZE, TOE
from .picture import to_blender_pixels

# lens: focal lengths and centre as shares of the picture's size; rows run bottom-up in textures as Blender keeps them.
_VERTEX_SOURCE = """
void main()
{
  vec2 ray = (corner - lens.zw) / lens.xy;
  gl_Position = camera_to_clip * vec4(ray * standoff, -standoff, 1.0);
  gl_Position.z = 0.0; /* the depth is the fragment's own: never cut by the clipping planes of where the quad stands */
  place = corner;
}
"""

_FRAGMENT_SOURCE = """
vec4 texel(ivec2 at, ivec2 size)
{
  return texelFetch(color, clamp(at, ivec2(0), size - 1), 0);
}

vec4 sharp_or_smooth(ivec2 size)
{
  vec2 at = place * vec2(size) - 0.5;
  ivec2 low = ivec2(floor(at));
  vec2 share = at - vec2(low);
  if (all(lessThan(abs(share - round(share)), vec2(0.01)))) {
    return texel(ivec2(round(at)), size); /* one texel a pixel */
  }
  return mix(mix(texel(low, size), texel(low + ivec2(1, 0), size), share.x),
             mix(texel(low + ivec2(0, 1), size), texel(low + ivec2(1, 1), size), share.x),
             share.y);
}

vec3 entry(ivec3 at)
{
  return texelFetch(table, at, 0).rgb;
}

/* Tetrahedral interpolation in the table of the view transform. */
vec3 to_display(vec3 linear)
{
  vec3 at = log(clamp(linear, 0.0, BRIGHTEST) / TOE + 1.0) / log(BRIGHTEST / TOE + 1.0) * (TABLE_SIZE - 1.0);
  ivec3 low = ivec3(min(floor(at), vec3(TABLE_SIZE - 2.0)));
  vec3 f = at - vec3(low);
  const ivec3 X = ivec3(1, 0, 0), Y = ivec3(0, 1, 0), Z = ivec3(0, 0, 1);
  ivec3 first = (f.x >= f.y && f.x >= f.z) ? X : (f.y >= f.z ? Y : Z); /* the axis along which f is largest */
  ivec3 last = (first == X) ? (f.y <= f.z ? Y : Z) : ((first == Y) ? (f.x <= f.z ? X : Z) : (f.x <= f.y ? X : Y));
  ivec3 second = ivec3(1) - last;
  float largest = dot(f, vec3(first));
  float smallest = dot(f, vec3(last));
  float middle = f.x + f.y + f.z - largest - smallest;
  return entry(low) * (1.0 - largest) + entry(low + first) * (largest - middle)
       + entry(low + second) * (middle - smallest) + entry(low + ivec3(1)) * smallest;
}

vec3 decode_srgb(vec3 c)
{
  return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), greaterThan(c, vec3(0.04045)));
}

void main()
{
  ivec2 size = textureSize(color, 0);
  vec4 premultiplied = sharp_or_smooth(size);
  float z = texelFetch(depth, clamp(ivec2(place * vec2(size)), ivec2(0), size - 1), 0).r;
  if (premultiplied.a <= 0.0 || z <= 0.0 || z > FARTHEST) {
    discard; /* nothing here, or only a share of a neighbouring texel that holds something */
  }
  vec2 ray = (place - lens.zw) / lens.xy;
  vec4 clip = camera_to_clip * vec4(ray * z, -z, 1.0);
  if (clip.w <= 0.0) {
    discard;
  }
  gl_FragDepth = clamp(0.5 * clip.z / clip.w + 0.5, 0.0, 1.0);
  vec3 straight = premultiplied.rgb / premultiplied.a;
  /* What is drawn here is encoded as sRGB when it is stored, so it is decoded before. */
  fragment = vec4(decode_srgb(to_display(straight)) * premultiplied.a, premultiplied.a);
}
"""
_FARTHEST = 1e30


@functools.cache
def _shader() -> gpu.types.GPUShader:
    interface = gpu.types.GPUStageInterfaceInfo("hashlight_frame")
    interface.smooth("VEC2", "place")
    info = gpu.types.GPUShaderCreateInfo()
    info.vertex_in(0, "VEC2", "corner")
    info.vertex_out(interface)
    info.push_constant("MAT4", "camera_to_clip")
    info.push_constant("VEC4", "lens")
    info.push_constant("FLOAT", "standoff")
    info.sampler(0, "FLOAT_2D", "color")
    info.sampler(1, "FLOAT_2D", "depth")
    info.sampler(2, "FLOAT_3D", "table")
    info.fragment_out(0, "VEC4", "fragment")
    for name, value in (("BRIGHTEST", BRIGHTEST), ("TOE", TOE), ("TABLE_SIZE", float(SIZE)), ("FARTHEST", _FARTHEST)):
        info.define(name, f"{value:.8e}")
    if hasattr(info, "depth_write"):
        info.depth_write("ANY")
    info.vertex_source(_VERTEX_SOURCE)
    info.fragment_source(_FRAGMENT_SOURCE)
    return gpu.shader.create_from_info(info)


@functools.cache
def _quad() -> gpu.types.GPUBatch:
    corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
    return batch_for_shader(_shader(), "TRI_STRIP", {"corner": corners})


def make_table_texture(table: np.ndarray) -> gpu.types.GPUTexture:
    """A table of ``display_transform.bake_table`` for the shader."""
    return _texture((SIZE, SIZE, SIZE), "RGBA16F", table.reshape(-1))


class FrameTexture:
    """A frame on its way into the viewport: converted when made, uploaded when drawn first.

    Raises ValueError for a frame without depth.
    """

    def __init__(self, frame: Frame) -> None:
        if frame.depth is None:
            raise ValueError("the frame has no depth")
        self.camera: Camera = frame.camera
        self._pixels: np.ndarray | None = to_blender_pixels(frame.color)
        self._depth: np.ndarray | None = np.ascontiguousarray(frame.depth[::-1]).reshape(-1)
        self._textures: tuple[gpu.types.GPUTexture, gpu.types.GPUTexture] | None = None

    def draw(self, view_to_clip: np.ndarray, table: gpu.types.GPUTexture, standoff: float) -> None:
        """Draw over the scene in the bound viewport; only while Blender draws it.

        Args: ``view_to_clip`` [4, 4], world to clip of the view; ``standoff``, metres before the frame's camera where
        the picture stands when seen from elsewhere.
        """
        if self._textures is None:
            self._upload()
        assert self._textures is not None
        camera = self.camera
        shader = _shader()
        shader.bind()
        shader.uniform_float("camera_to_clip", Matrix(view_to_clip @ camera.camera_to_world))
        lens = (
            camera.fx / camera.width,
            camera.fy / camera.height,
            camera.cx / camera.width,
            1.0 - camera.cy / camera.height,
        )
        shader.uniform_float("lens", lens)
        shader.uniform_float("standoff", standoff)
        for name, texture in zip(("color", "depth", "table"), (*self._textures, table), strict=True):
            shader.uniform_sampler(name, texture)
        depth_test, depth_mask, blend = gpu.state.depth_test_get(), gpu.state.depth_mask_get(), gpu.state.blend_get()
        gpu.state.depth_test_set("LESS_EQUAL")
        gpu.state.depth_mask_set(True)
        gpu.state.blend_set("ALPHA_PREMULT")
        try:
            _quad().draw(shader)
        finally:
            gpu.state.depth_test_set(depth_test)
            gpu.state.depth_mask_set(depth_mask)
            gpu.state.blend_set(blend)

    def _upload(self) -> None:
        size = (self.camera.width, self.camera.height)
        # Full floats, so that the driver need not convert them on the main thread.
        self._textures = (_texture(size, "RGBA32F", self._pixels), _texture(size, "R32F", self._depth))
        self._pixels = self._depth = None


def _texture(size: tuple[int, ...], kind: str, values: np.ndarray) -> gpu.types.GPUTexture:
    return gpu.types.GPUTexture(size, format=kind, data=gpu.types.Buffer("FLOAT", values.size, values))


def forget() -> None:
    """Free the shader and the quad; what is drawn next makes them anew."""
    _quad.cache_clear()
    _shader.cache_clear()
