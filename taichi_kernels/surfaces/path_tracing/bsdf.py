"""How surfaces scatter light: what Blender's Principled BSDF is without its rarer inputs.

A metal, or glass, or a diffuse surface under a dielectric layer that takes away what it reflects, mixed by ``metallic``
and ``transmission``. All three shine by GGX microfacets of one roughness, alpha = roughness^2 (Burley 2012), scaled so
that light which meets several of them isn't lost (see ``albedo_tables``).

Directions are in a frame whose z is the shading normal, on the side that the view is on. Light is not scaled where it
enters a denser medium, as that scaling is undone where it leaves.
"""

import taichi as ti

from taichi_kernels.launch import func
from taichi_kernels.surfaces.path_tracing.albedo_tables import (
    ETA_SIZE,
    HIGHEST_STRENGTH,
    LEAST_ALPHA,
    LEAST_REFRACTION,
    TABLE_SIZE,
)
from taichi_kernels.surfaces.path_tracing.microfacets import (
    dielectric_reflectance,
    distribution,
    masking,
    reflect,
    refract,
    schlick,
    visible_normal,
)


@ti.dataclass
class Lobes:
    """A surface as one view sees it: how much of each lobe there is, scaled by what would be missing, and how likely it
    is drawn. ``glass_eta`` is 1 where light goes straight on."""

    base: ti.math.vec3
    alpha: ti.f32
    glass_eta: ti.f32
    layer_eta: ti.f32
    metal: ti.math.vec3
    layer: ti.f32
    glass: ti.f32
    diffuse: ti.math.vec3
    mirror_chance: ti.f32
    glass_chance: ti.f32
    diffuse_chance: ti.f32


@func
def _place(x: ti.f32, size: ti.i32):
    """The table's value before ``x`` in 0 to 1, and how far on it is towards the next."""
    at = ti.math.clamp(x, 0.0, 1.0) * (size - 1)
    first = ti.min(ti.cast(at, ti.i32), size - 2)
    return first, at - first


@func
def _look_up_mirror(table: ti.template(), roughness: ti.f32, cosine: ti.f32) -> ti.f32:
    row, down = _place(roughness, TABLE_SIZE)
    column, across = _place(cosine, TABLE_SIZE)
    low = ti.math.mix(table[row, column], table[row, column + 1], across)
    return ti.math.mix(low, ti.math.mix(table[row + 1, column], table[row + 1, column + 1], across), down)


@func
def _look_up_refraction(table: ti.template(), side: ti.i32, roughness: ti.f32, cosine: ti.f32, eta: ti.f32) -> ti.f32:
    """``table``: rows of roughness, for each ``side`` one after the other."""
    row, down = _place(roughness, TABLE_SIZE)
    column, across = _place(cosine, TABLE_SIZE)
    layer, on = _place(ti.sqrt(ti.abs(eta - 1.0) / (eta + 1.0)) / HIGHEST_STRENGTH, ETA_SIZE)
    result = 0.0
    for corner in range(8):
        i, j, k = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = (down if i == 1 else 1.0 - down) * (across if j == 1 else 1.0 - across) * (on if k == 1 else 1.0 - on)
        result += weight * table[side * TABLE_SIZE + row + i, column + j, layer + k]
    return result


@func
def make_lobes(
    base: ti.math.vec3,
    roughness: ti.f32,
    metallic: ti.f32,
    transmission: ti.f32,
    glass_eta: ti.f32,
    layer_eta: ti.f32,
    layer_mean: ti.f32,
    cosine: ti.f32,
    mirror_albedos: ti.template(),
    mirror_means: ti.template(),
    dielectric_albedos: ti.template(),
    glass_albedos: ti.template(),
) -> Lobes:
    """The lobes of a surface seen at an angle of this ``cosine``. ``glass_eta``: the index beyond the surface divided
    by that on the view's side; ``layer_eta``, ``layer_mean``: that of the dielectric layer, and its reflectance over
    all directions."""
    lobes = Lobes(base=base, alpha=roughness * roughness, glass_eta=glass_eta, layer_eta=layer_eta)
    seen = _look_up_mirror(mirror_albedos, roughness, cosine)
    row, on = _place(roughness, TABLE_SIZE)
    mean = ti.math.mix(mirror_means[row], mirror_means[row + 1], on)
    missing = (1.0 - seen) / seen
    # Over all directions, of Schlick's.
    once = base + (1.0 - base) / 21.0
    lobes.metal = metallic * (1.0 + missing * once * mean / (1.0 - once * (1.0 - mean)))
    glass = (1.0 - metallic) * transmission
    side = 1 if glass_eta < 1.0 else 0
    lobes.glass = glass / _look_up_refraction(glass_albedos, side, roughness, cosine, glass_eta)
    if ti.abs(glass_eta - 1.0) < LEAST_REFRACTION:
        lobes.glass_eta, lobes.glass = 1.0, glass
    opaque = (1.0 - metallic) * (1.0 - transmission)
    scale = 1.0 + missing * layer_mean * mean / (1.0 - layer_mean * (1.0 - mean))
    shine = ti.min(scale * _look_up_refraction(dielectric_albedos, 0, roughness, cosine, layer_eta), 1.0)
    lobes.layer = opaque * scale
    lobes.diffuse = opaque * (1.0 - shine) * base
    mirror = metallic * schlick(base, cosine).max() + opaque * shine
    total = mirror + glass + lobes.diffuse.max()
    # A black surface scatters nothing, by whichever of its lobes.
    share = 1.0 / ti.max(total, 1e-12)
    lobes.glass_chance, lobes.diffuse_chance = glass * share, lobes.diffuse.max() * share
    lobes.mirror_chance = 1.0 - lobes.glass_chance - lobes.diffuse_chance
    return lobes


@func
def evaluate(lobes: Lobes, view: ti.math.vec3, light: ti.math.vec3):
    """Which share of the light from a direction goes to the view, times the direction's cosine, and how likely
    ``sample`` draws it, per solid angle. Without lobes of a single direction."""
    value, pdf = ti.math.vec3(0.0), 0.0
    is_rough = lobes.alpha >= LEAST_ALPHA
    to_view = masking(view, lobes.alpha)
    if light.z > 0.0:
        value += lobes.diffuse * (light.z / ti.math.pi)
        pdf += lobes.diffuse_chance * light.z / ti.math.pi
        if is_rough:
            half = (view + light).normalized()
            cosine = view.dot(half)
            drawn = distribution(half, lobes.alpha) / ((1.0 + to_view) * 4.0 * view.z)
            seen = (1.0 + to_view) / (1.0 + to_view + masking(light, lobes.alpha))
            glass = dielectric_reflectance(cosine, lobes.glass_eta)
            gray = lobes.layer * dielectric_reflectance(cosine, lobes.layer_eta) + lobes.glass * glass
            value += drawn * seen * (lobes.metal * schlick(lobes.base, cosine) + gray)
            pdf += drawn * (lobes.mirror_chance + lobes.glass_chance * glass)
    elif light.z < 0.0 and is_rough and lobes.glass > 0.0 and lobes.glass_eta != 1.0:
        half = view + lobes.glass_eta * light
        half = half.normalized() * (1.0 if half.z > 0.0 else -1.0)
        before, beyond = view.dot(half), light.dot(half)
        if before > 0.0 and beyond < 0.0:
            eta = lobes.glass_eta
            drawn = distribution(half, lobes.alpha) * before / ((1.0 + to_view) * view.z)
            drawn *= eta * eta * -beyond / ((before + eta * beyond) * (before + eta * beyond))
            through = 1.0 - dielectric_reflectance(before, eta)
            seen = (1.0 + to_view) / (1.0 + to_view + masking(light, lobes.alpha))
            value += drawn * seen * through * lobes.glass * ti.sqrt(lobes.base)
            pdf += drawn * through * lobes.glass_chance
    return value, pdf


@func
def sample(lobes: Lobes, view: ti.math.vec3, chance: ti.f32, u: ti.f32, v: ti.f32):
    """A direction that light may come from, (0, 0, 0) for none, and, where the lobe has this single one, its value
    divided by how likely it was drawn, (0, 0, 0) elsewhere."""
    light, weight = ti.math.vec3(0.0), ti.math.vec3(0.0)
    if chance < lobes.diffuse_chance:
        across, angle = ti.sqrt(u), 2.0 * ti.math.pi * v
        light = ti.math.vec3(across * ti.cos(angle), across * ti.sin(angle), ti.sqrt(ti.max(1.0 - u, 1e-12)))
    else:
        half = ti.math.vec3(0.0, 0.0, 1.0)
        left = chance - lobes.diffuse_chance
        is_flat = lobes.alpha < LEAST_ALPHA or (left < lobes.glass_chance and lobes.glass_eta == 1.0)
        if not is_flat:
            half = visible_normal(view, lobes.alpha, u, v)
        cosine = view.dot(half)
        light = reflect(view, half)
        if left < lobes.glass_chance:
            tint = ti.math.vec3(1.0)
            goes_through = left > lobes.glass_chance * dielectric_reflectance(cosine, lobes.glass_eta)
            if goes_through:
                light, tint = refract(view, half, lobes.glass_eta), ti.sqrt(lobes.base)
            if is_flat:
                weight = lobes.glass / lobes.glass_chance * tint
            if (light.z < 0.0) != goes_through:
                light = ti.math.vec3(0.0)
        else:
            if is_flat:
                gray = lobes.layer * dielectric_reflectance(cosine, lobes.layer_eta)
                weight = (lobes.metal * schlick(lobes.base, cosine) + gray) / lobes.mirror_chance
            if light.z <= 0.0:
                light = ti.math.vec3(0.0)
    return light, weight
