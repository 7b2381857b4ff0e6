"""What is where a ray meets a triangle: its normals, its material with textures, and the light that it emits."""

import taichi as ti

from taichi_kernels.launch import func
from taichi_kernels.surfaces.path_tracing.bundles import MaterialColumn

# Luminance of linear Rec. 709 colours: what one number is worth that a coloured texture stands for.
_LUMINANCE = (0.2126, 0.7152, 0.0722)
# Rays leave surfaces so far above them, in parts of the largest coordinate: some times its rounding error.
_LIFT = 4e-6
# A shading normal is bent so far towards the view, where it faces away, that its cosine is this.
_LEAST_COSINE = 5e-3


@ti.dataclass
class Surface:
    """``point``; unit ``side``, the triangle's own normal, and ``normal``, the one to shade by, both on the ray's side;
    ``is_back``: 1 where that is not the side that the corners turn around counter-clockwise."""

    point: ti.math.vec3
    side: ti.math.vec3
    normal: ti.math.vec3
    is_back: ti.i32
    material: ti.i32
    u: ti.f32
    v: ti.f32


@func
def luminance(color: ti.math.vec3) -> ti.f32:
    """Of a linear colour."""
    return color.x * _LUMINANCE[0] + color.y * _LUMINANCE[1] + color.z * _LUMINANCE[2]


@func
def _corner(rows: ti.template(), triangle: ti.i32, corner: ti.i32):
    return ti.math.vec3(rows[triangle, 3 * corner], rows[triangle, 3 * corner + 1], rows[triangle, 3 * corner + 2])


@func
def _blend(rows: ti.template(), triangle: ti.i32, second: ti.f32, third: ti.f32):
    """Of the three corners' values, by barycentric coordinates."""
    first = _corner(rows, triangle, 0)
    return first + second * (_corner(rows, triangle, 1) - first) + third * (_corner(rows, triangle, 2) - first)


@func
def triangle_area(vertices: ti.template(), triangle: ti.i32):
    """A triangle's unit normal, and its area."""
    first = _corner(vertices, triangle, 0)
    across = (_corner(vertices, triangle, 1) - first).cross(_corner(vertices, triangle, 2) - first)
    length = across.norm()
    return across / ti.max(length, 1e-30), 0.5 * length


@func
def find_surface(scene: ti.template(), triangle: ti.i32, second: ti.f32, third: ti.f32, direction: ti.math.vec3):
    """The Surface at barycentric coordinates of a triangle, met by a ray of this direction."""
    side, _ = triangle_area(scene.vertices, triangle)
    is_back = 1 if side.dot(direction) > 0.0 else 0
    normal = _blend(scene.normals, triangle, second, third).normalized(1e-20)
    if is_back == 1:
        side, normal = -side, -normal
    facing = -normal.dot(direction)
    if facing < _LEAST_COSINE:
        normal = (normal + (facing - _LEAST_COSINE) * direction).normalized()
    result = Surface(side=side, normal=normal, is_back=is_back, material=scene.material_ids[triangle])
    result.point = _blend(scene.vertices, triangle, second, third)
    at = ti.math.vec2(scene.uvs[triangle, 0], scene.uvs[triangle, 1])
    result.u = at.x + second * (scene.uvs[triangle, 2] - at.x) + third * (scene.uvs[triangle, 4] - at.x)
    result.v = at.y + second * (scene.uvs[triangle, 3] - at.y) + third * (scene.uvs[triangle, 5] - at.y)
    return result


@func
def lift(point: ti.math.vec3, side: ti.math.vec3) -> ti.math.vec3:
    """A little above a surface, so that a ray from there doesn't meet it."""
    return point + side * (_LIFT * ti.max(ti.abs(point).max(), 0.1))


@func
def texture_at(scene: ti.template(), texture: ti.i32, u: ti.f32, v: ti.f32) -> ti.math.vec3:
    """A texture's linear colour between its pixels, repeated in all directions; white where there is none. Pixels of
    sRGB are blended as they are, as Cycles does."""
    color = ti.math.vec3(1.0)
    if texture >= 0:
        first = scene.texture_sizes[texture, 0]
        width, height = scene.texture_sizes[texture, 1], scene.texture_sizes[texture, 2]
        x, y = (u - ti.floor(u)) * width - 0.5, (1.0 - (v - ti.floor(v))) * height - 0.5
        left, top = ti.floor(x), ti.floor(y)
        color = ti.math.vec3(0.0)
        for corner in range(4):
            i, j = corner & 1, corner >> 1
            across, down = x - left, y - top
            weight = (across if i == 1 else 1.0 - across) * (down if j == 1 else 1.0 - down)
            column = (ti.cast(left, ti.i32) + i + width) % width
            row = (ti.cast(top, ti.i32) + j + height) % height
            texel = first + row * width + column
            for channel in ti.static(range(3)):
                color[channel] += weight * ti.cast(scene.texels[texel, channel], ti.f32)
        if scene.texture_sizes[texture, 3] == 1:
            for channel in ti.static(range(3)):
                value = color[channel]
                color[channel] = value / 12.92 if value <= 0.04045 else ti.pow((value + 0.055) / 1.055, 2.4)
    return color


@func
def emitted(scene: ti.template(), surface: Surface, color: ti.math.vec3) -> ti.math.vec3:
    """The radiance that a surface emits to the side of the ray that met it, where its emission's texture has this
    ``color``."""
    radiance = ti.math.vec3(0.0)
    if surface.is_back == 0 or scene.materials[surface.material, MaterialColumn.IS_LAMP] == 0.0:
        for channel in ti.static(range(3)):
            radiance[channel] = color[channel] * scene.materials[surface.material, MaterialColumn.EMISSION + channel]
    return radiance
