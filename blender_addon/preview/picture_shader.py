"""The shader that draws a strip of a picture into a 3D viewport, at its own depths and in the scene's view transform.

A picture's square of coordinates (u to the right, v upwards, both 0..1) lies in the scene by a matrix that takes
(u * z, v * z, z, 1) to clip space: ``z`` is planar depth for a frame in the frustum of its camera, and 1 for a plane.
"""

from __future__ import annotations

import functools

import gpu
from gpu_extras.batch import batch_for_shader

from engine.link.view_transform import BRIGHTEST, SIZE, TOE

# strip: from where to where it goes in v, the picture's row that is the texture's first, and the picture's height.
_VERTEX_SOURCE = """
void main()
{
  place = vec2(corner.x, mix(strip.x, strip.y, corner.y));
  gl_Position = picture_to_clip * vec4(place * standoff, standoff, 1.0);
  gl_Position.z = 0.0; /* the depth is the fragment's own: never cut by the clipping planes of where the quad stands */
}
"""

_FRAGMENT_SOURCE = """
ivec2 in_strip(ivec2 at)
{
  return clamp(at - ivec2(0, int(strip.z)), ivec2(0), textureSize(color, 0) - 1);
}

vec4 texel(ivec2 at)
{
  return texelFetch(color, in_strip(at), 0);
}

vec4 sharp_or_smooth(vec2 size)
{
  vec2 at = place * size - 0.5;
  ivec2 low = ivec2(floor(at));
  vec2 share = at - vec2(low);
  if (all(lessThan(abs(share - round(share)), vec2(0.01)))) {
    return texel(ivec2(round(at))); /* one texel a pixel */
  }
  return mix(mix(texel(low), texel(low + ivec2(1, 0)), share.x),
             mix(texel(low + ivec2(0, 1)), texel(low + ivec2(1, 1)), share.x),
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

void main()
{
  vec2 size = vec2(float(textureSize(color, 0).x), strip.w);
  vec4 premultiplied = sharp_or_smooth(size);
  float z = has_depth > 0.0 ? texelFetch(depth, in_strip(ivec2(place * size)), 0).r : standoff;
  if (premultiplied.a <= 0.0 || z <= 0.0 || z > FARTHEST) {
    discard; /* nothing here, or only a share of a neighbouring texel that holds something */
  }
  vec4 clip = picture_to_clip * vec4(place * z, z, 1.0);
  if (clip.w <= 0.0) {
    discard;
  }
  /* A plane's own mesh can't be seen in Solid shading, but its depth is there: the same, but for rounding. */
  float lead = has_depth > 0.0 ? 0.0 : LEAD;
  gl_FragDepth = clamp(0.5 * clip.z / clip.w + 0.5 - lead, 0.0, 1.0);
  vec3 straight = premultiplied.rgb / premultiplied.a;
  /* Blender lays what is drawn here over the scene with display values to the power of 2.2, and takes the root last. */
  vec3 displayed = pow(to_display(straight * exposure), vec3(exponent));
  fragment = vec4(pow(displayed, vec3(2.2)) * premultiplied.a, premultiplied.a);
}
"""
_FARTHEST = 1e30
_LEAD = 1e-6  # of a flat picture's depth, 0..1: some steps of 24 bits; at 6 m from the usual view less than 4 mm


@functools.cache
def get_shader() -> gpu.types.GPUShader:
    """The shader, with uniforms picture_to_clip, strip, standoff, has_depth (1.0 or 0.0), exposure, exponent and
    samplers color, depth, table."""
    interface = gpu.types.GPUStageInterfaceInfo("hashlight_picture")
    interface.smooth("VEC2", "place")
    info = gpu.types.GPUShaderCreateInfo()
    info.vertex_in(0, "VEC2", "corner")
    info.vertex_out(interface)
    info.push_constant("MAT4", "picture_to_clip")
    info.push_constant("VEC4", "strip")
    info.push_constant("FLOAT", "standoff")
    info.push_constant("FLOAT", "has_depth")
    info.push_constant("FLOAT", "exposure")
    info.push_constant("FLOAT", "exponent")
    info.sampler(0, "FLOAT_2D", "color")
    info.sampler(1, "FLOAT_2D", "depth")
    info.sampler(2, "FLOAT_3D", "table")
    info.fragment_out(0, "VEC4", "fragment")
    constants = {"BRIGHTEST": BRIGHTEST, "TOE": TOE, "TABLE_SIZE": float(SIZE), "FARTHEST": _FARTHEST, "LEAD": _LEAD}
    for name, value in constants.items():
        info.define(name, f"{value:.8e}")
    info.depth_write("ANY")
    info.vertex_source(_VERTEX_SOURCE)
    info.fragment_source(_FRAGMENT_SOURCE)
    return gpu.shader.create_from_info(info)


@functools.cache
def get_quad() -> gpu.types.GPUBatch:
    """The square that a strip is drawn with."""
    corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
    return batch_for_shader(get_shader(), "TRI_STRIP", {"corner": corners})


def forget() -> None:
    """Free the shader and the square; what is drawn next makes them anew."""
    get_quad.cache_clear()
    get_shader.cache_clear()
