"""Where light comes from: emitting triangles, points, suns and the environment, asked one at a time."""

import taichi as ti

from taichi_kernels.launch import func
from taichi_kernels.surfaces.path_tracing.bundles import LightColumn, TextureColumn
from taichi_kernels.surfaces.path_tracing.surfaces import emitted, find_surface, texture_at, triangle_area

# A sun that is smaller, as 1 - cosine of half its angle, has one direction: float32 could not tell others apart.
_LEAST_SIZE = 1e-7
_FARTHEST = 1e18


@ti.dataclass
class LightSample:
    """``direction`` towards a light and ``distance`` to it, its ``radiance`` divided by how likely it was asked, and
    ``pdf``, how likely that was per solid angle: +inf where no direction drawn by chance could meet it. A distance
    of 0: no light."""

    direction: ti.math.vec3
    distance: ti.f32
    radiance: ti.math.vec3
    pdf: ti.f32


@func
def find_in_sums(sums: ti.template(), first: ti.i32, count: ti.i32, wanted: ti.f32) -> ti.i32:
    """Where the first entry above ``wanted`` is in a running sum of ``count`` entries, which begins at ``first``."""
    low, high = first, first + count - 1
    while low < high:
        middle = (low + high) // 2
        if sums[middle] > wanted:
            high = middle
        else:
            low = middle + 1
    return low


@func
def chance_of(scene: ti.template(), light: ti.i32) -> ti.f32:
    """How likely a light is asked."""
    before = scene.light_sums[light - 1] if light > 0 else 0.0
    return scene.light_sums[light] - before


@func
def power_weight(own: ti.f32, other: ti.f32) -> ti.f32:
    """Of what was drawn with the density ``own`` and could have been with ``other``, both finite (Veach and Guibas
    1995). They are divided first: squares of what is large are infinite."""
    ratio = other / own
    return 1.0 / (1.0 + ratio * ratio)


@func
def triangle_pdf(scene: ti.template(), triangle: ti.i32, distance: ti.f32, direction: ti.math.vec3) -> ti.f32:
    """How likely a ray's direction is to be asked for a triangle that it meets; 0 for one that isn't asked."""
    pdf = 0.0
    light = scene.emitter_ids[triangle]
    if light >= 0:
        side, area = triangle_area(scene.vertices, triangle)
        pdf = chance_of(scene, light) * distance * distance / ti.max(area * ti.abs(side.dot(direction)), 1e-20)
    return pdf


@func
def _environment_place(scene: ti.template(), direction: ti.math.vec3):
    """Column and row, not rounded, of a direction in the environment."""
    height, width = scene.environment.shape[0], scene.environment.shape[1]
    x = (0.5 - ti.atan2(direction.y, direction.x) / (2.0 * ti.math.pi)) * width
    across = ti.sqrt(direction.x * direction.x + direction.y * direction.y)
    y = (0.5 - ti.atan2(direction.z, across) / ti.math.pi) * height
    return x, y


@func
def environment_at(scene: ti.template(), direction: ti.math.vec3) -> ti.math.vec3:
    """Its radiance in a direction, between its pixels."""
    height, width = scene.environment.shape[0], scene.environment.shape[1]
    x, y = _environment_place(scene, direction)
    x, y = x - 0.5, y - 0.5
    left, top = ti.floor(x), ti.floor(y)
    color = ti.math.vec3(0.0)
    for corner in range(4):
        i, j = corner & 1, corner >> 1
        weight = (x - left if i == 1 else 1.0 - (x - left)) * (y - top if j == 1 else 1.0 - (y - top))
        column = (ti.cast(left, ti.i32) + i + width) % width
        row = ti.math.clamp(ti.cast(top, ti.i32) + j, 0, height - 1)
        for channel in ti.static(range(3)):
            color[channel] += weight * scene.environment[row, column, channel]
    return color


@func
def _share_around_pole(rows: ti.i32, height: ti.i32) -> ti.f32:
    """Which share of the sphere so many rows of the environment cover, counted from a pole."""
    half = ti.sin(0.5 * ti.math.pi * rows / height)
    return half * half


@func
def _pixel_pdf(scene: ti.template(), row: ti.i32, column: ti.i32) -> ti.f32:
    """How likely a direction in a pixel of the environment is drawn, per solid angle."""
    height, width = scene.environment.shape[0], scene.environment.shape[1]
    rows = scene.environment_rows[row] - (scene.environment_rows[row - 1] if row > 0 else 0.0)
    columns = scene.environment_columns[row * width + column]
    if column > 0:
        columns -= scene.environment_columns[row * width + column - 1]
    # The cosine at the row's beginning less that at its end, which near the poles are the same number in float32.
    fall = 2.0 * ti.sin(ti.math.pi * (row + 0.5) / height) * ti.sin(0.5 * ti.math.pi / height)
    return rows * columns / (fall * 2.0 * ti.math.pi / width)


@func
def environment_pdf(scene: ti.template(), direction: ti.math.vec3) -> ti.f32:
    """How likely a direction is asked for the environment, per solid angle."""
    height, width = scene.environment.shape[0], scene.environment.shape[1]
    x, y = _environment_place(scene, direction)
    column, row = ti.min(ti.cast(x, ti.i32), width - 1), ti.min(ti.cast(y, ti.i32), height - 1)
    chance = chance_of(scene, scene.light_sums.shape[0] - 1)
    return chance * _pixel_pdf(scene, ti.max(row, 0), ti.max(column, 0)) if chance > 0.0 else 0.0


@func
def _ask_triangle(scene: ti.template(), light: ti.i32, chance: ti.f32, origin: ti.math.vec3, u: ti.f32, v: ti.f32):
    result = LightSample()
    triangle = scene.emitters[light]
    root = ti.sqrt(u)
    second, third = root * (1.0 - v), root * v
    surface = find_surface(scene, triangle, second, third, ti.math.vec3(0.0))
    towards = surface.point - origin
    distance = towards.norm()
    side, area = triangle_area(scene.vertices, triangle)
    if distance > 0.0 and area > 0.0:
        towards /= distance
        facing = side.dot(towards)
        surface.is_back = 1 if facing > 0.0 else 0
        pdf = chance * distance * distance / ti.max(area * ti.abs(facing), 1e-20)
        result = LightSample(direction=towards, distance=distance * (1.0 - 1e-4), pdf=pdf)
        color = texture_at(
            scene, scene.material_textures[surface.material, TextureColumn.EMISSION], surface.u, surface.v
        )
        result.radiance = emitted(scene, surface, color) / pdf
    return result


@func
def _ask_lamp(scene: ti.template(), row: ti.i32, chance: ti.f32, origin: ti.math.vec3, u: ti.f32, v: ti.f32):
    place, strength = ti.math.vec3(0.0), ti.math.vec3(0.0)
    for axis in ti.static(range(3)):
        place[axis] = scene.lights[row, LightColumn.PLACE + axis]
        strength[axis] = scene.lights[row, LightColumn.STRENGTH + axis]
    result = LightSample(direction=place, distance=_FARTHEST, radiance=strength / chance, pdf=ti.math.inf)
    if scene.lights[row, LightColumn.IS_SUN] == 0.0:
        towards = place - origin
        distance = ti.max(towards.norm(), 1e-9)
        result.direction, result.distance = towards / distance, distance
        result.radiance /= distance * distance
    else:
        size = scene.lights[row, LightColumn.SIZE]
        if size > _LEAST_SIZE:
            down = u * size
            across, angle = ti.sqrt(down * (2.0 - down)), 2.0 * ti.math.pi * v
            first, second = make_frame(place)
            around = across * (ti.cos(angle) * first + ti.sin(angle) * second)
            result.direction = (around + (1.0 - down) * place).normalized()
            result.pdf = chance / (2.0 * ti.math.pi * size)
            result.radiance = sun_radiance(strength, size) / result.pdf
    return result


@func
def sun_radiance(irradiance: ti.math.vec3, size: ti.f32) -> ti.math.vec3:
    """Of a sun's disc: its irradiance over the disc's projected solid angle."""
    return irradiance / (ti.math.pi * size * (2.0 - size))


@func
def make_frame(axis: ti.math.vec3):
    """Two unit vectors across a unit ``axis`` and each other (Duff et al. 2017)."""
    sign = 1.0 if axis.z >= 0.0 else -1.0
    a = -1.0 / (sign + axis.z)
    b = axis.x * axis.y * a
    first = ti.math.vec3(1.0 + sign * axis.x * axis.x * a, sign * b, -sign * axis.x)
    return first, ti.math.vec3(b, sign + axis.y * axis.y * a, -axis.y)


@func
def _ask_environment(scene: ti.template(), chance: ti.f32, u: ti.f32, v: ti.f32):
    height, width = scene.environment.shape[0], scene.environment.shape[1]
    row = find_in_sums(scene.environment_rows, 0, height, v)
    first = row * width
    column = find_in_sums(scene.environment_columns, first, width, u) - first
    before = scene.environment_rows[row - 1] if row > 0 else 0.0
    down = (v - before) / ti.max(scene.environment_rows[row] - before, 1e-20)
    left = scene.environment_columns[first + column - 1] if column > 0 else 0.0
    across = (u - left) / ti.max(scene.environment_columns[first + column] - left, 1e-20)
    # Rows are counted from the nearer pole, for z itself can't tell those there apart.
    begin, end, pole = row, row + 1, 1.0
    if 2 * row >= height:
        begin, end, pole = height - row, height - row - 1, -1.0
    covered = ti.math.mix(
        _share_around_pole(begin, height), _share_around_pole(end, height), ti.math.clamp(down, 0.0, 1.0)
    )
    z, beside = pole * (1.0 - 2.0 * covered), 2.0 * ti.sqrt(ti.max(covered * (1.0 - covered), 0.0))
    angle = (0.5 - (column + ti.math.clamp(across, 0.0, 1.0)) / width) * 2.0 * ti.math.pi
    result = LightSample(distance=_FARTHEST, direction=ti.math.vec3(beside * ti.cos(angle), beside * ti.sin(angle), z))
    result.pdf = chance * _pixel_pdf(scene, row, column)
    result.radiance = environment_at(scene, result.direction) / result.pdf
    return result


@func
def ask_light(scene: ti.template(), origin: ti.math.vec3, which: ti.f32, u: ti.f32, v: ti.f32) -> LightSample:
    """A place on one of the lights, as seen from a point."""
    result = LightSample()
    count = scene.light_sums.shape[0]
    # Tensors can't be empty: where there are no emitting triangles or lamps, the last sum says so.
    if scene.light_sums[count - 1] > 0.0:
        light = find_in_sums(scene.light_sums, 0, count, which)
        chance = chance_of(scene, light)
        triangles = count - 1 - scene.lights.shape[0]
        if light < triangles:
            result = _ask_triangle(scene, light, chance, origin, u, v)
        elif light < count - 1:
            result = _ask_lamp(scene, light - triangles, chance, origin, u, v)
        else:
            result = _ask_environment(scene, chance, u, v)
    return result


@func
def far_light(scene: ti.template(), direction: ti.math.vec3, pdf: ti.f32, is_camera: ti.i32, hides_environment: ti.i32):
    """The light that a ray meets which meets no surface: of the environment and of suns' discs, each weighted by how
    likely the direction was drawn (``pdf``, +inf for the only one) beside how likely it would be asked."""
    found = ti.math.vec3(0.0)
    if is_camera == 0 or hides_environment == 0:
        weight = power_weight(pdf, environment_pdf(scene, direction)) if pdf < ti.math.inf else 1.0
        found += weight * environment_at(scene, direction)
    first = scene.light_sums.shape[0] - 1 - scene.lights.shape[0]
    for row in range(scene.lights.shape[0]):
        size = scene.lights[row, LightColumn.SIZE]
        if scene.lights[row, LightColumn.IS_SUN] > 0.0 and size > _LEAST_SIZE and is_camera == 0:
            place, strength = ti.math.vec3(0.0), ti.math.vec3(0.0)
            for axis in ti.static(range(3)):
                place[axis] = scene.lights[row, LightColumn.PLACE + axis]
                strength[axis] = scene.lights[row, LightColumn.STRENGTH + axis]
            away = direction - place
            # 1 - cosine, without the rounding error of a cosine near 1.
            if 0.5 * away.dot(away) <= size:
                asked = chance_of(scene, first + row) / (2.0 * ti.math.pi * size)
                weight = power_weight(pdf, asked) if pdf < ti.math.inf else 1.0
                found += weight * sun_radiance(strength, size)
    return found
