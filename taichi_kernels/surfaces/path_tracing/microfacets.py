"""Rough surfaces as microfacets, inside kernels: the GGX distribution with Smith's masking, and Fresnel's reflectance.

Directions are unit vectors in a frame whose z is the surface's normal, pointing away from the surface; ``eta`` is the
index of refraction beyond the surface, divided by the one before it.
"""

import taichi as ti

from taichi_kernels.launch import func


@func
def masking(direction: ti.math.vec3, alpha: ti.f32) -> ti.f32:
    """Smith's Lambda: a direction sees 1 / (1 + Lambda) of the microfacets that face it (Heitz 2014)."""
    across = direction.x * direction.x + direction.y * direction.y
    return 0.5 * (ti.sqrt(1.0 + alpha * alpha * across / (direction.z * direction.z)) - 1.0)


@func
def distribution(half: ti.math.vec3, alpha: ti.f32) -> ti.f32:
    """How many microfacets have this normal, per solid angle and area of the surface (Walter et al. 2007)."""
    across = half.x * half.x + half.y * half.y
    length = across / (alpha * alpha) + half.z * half.z
    return 1.0 / (ti.math.pi * alpha * alpha * length * length)


@func
def visible_normal(view: ti.math.vec3, alpha: ti.f32, u: ti.f32, v: ti.f32) -> ti.math.vec3:
    """One of a microfacet, drawn as often as it is seen, by two numbers in [0, 1) (Dupuy and Benyoub 2023)."""
    stretched = ti.math.vec3(alpha * view.x, alpha * view.y, view.z).normalized()
    angle = 2.0 * ti.math.pi * u
    z = (1.0 - v) * (1.0 + stretched.z) - stretched.z
    across = ti.sqrt(ti.max(1.0 - z * z, 0.0))
    joined = ti.math.vec3(across * ti.cos(angle), across * ti.sin(angle), z) + stretched
    return ti.math.vec3(alpha * joined.x, alpha * joined.y, joined.z).normalized()


@func
def dielectric_reflectance(cosine: ti.f32, eta: ti.f32) -> ti.f32:
    """Fresnel's, of unpolarised light: 1 where all of it is reflected."""
    under_root = eta * eta - 1.0 + cosine * cosine
    result = 1.0
    if under_root > 0.0:
        beyond = ti.sqrt(under_root)
        across = (beyond - cosine) / (beyond + cosine)
        along = (cosine * (beyond + cosine) - 1.0) / (cosine * (beyond - cosine) + 1.0)
        result = 0.5 * across * across * (1.0 + along * along)
    return result


@func
def schlick(base: ti.math.vec3, cosine: ti.f32) -> ti.math.vec3:
    """Reflectance of a metal whose colour is ``base`` seen straight on (Schlick 1994)."""
    away = ti.max(1.0 - cosine, 0.0)
    return base + (1.0 - base) * (away * away * away * away * away)


@func
def refract(direction: ti.math.vec3, half: ti.math.vec3, eta: ti.f32) -> ti.math.vec3:
    """Where light goes beyond a microfacet; undefined where all is reflected."""
    cosine = direction.dot(half)
    beyond = ti.sqrt(ti.max(1.0 - (1.0 - cosine * cosine) / (eta * eta), 0.0))
    return (cosine / eta - beyond) * half - direction / eta


@func
def reflect(direction: ti.math.vec3, half: ti.math.vec3) -> ti.math.vec3:
    """Where light goes off a microfacet."""
    return 2.0 * direction.dot(half) * half - direction
