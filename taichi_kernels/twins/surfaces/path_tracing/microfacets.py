"""Twin of ``taichi_kernels.surfaces.path_tracing.microfacets``: on tensors, of any precision.

Directions are unit vectors [..., 3] in a frame whose z is the surface's normal, pointing away from the surface.
"""

from __future__ import annotations

import math

import torch
from torch.nn.functional import normalize


def masking(directions: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Smith's Lambda [...]: a direction sees 1 / (1 + Lambda) of the microfacets that face it (Heitz 2014)."""
    across = (directions[..., :2] ** 2).sum(dim=-1)
    return 0.5 * ((1.0 + alpha**2 * across / directions[..., 2] ** 2).sqrt() - 1.0)


def distribution(halves: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """How many microfacets have the normal ``halves``, per solid angle and area of the surface (Walter et al. 2007)."""
    across = (halves[..., :2] ** 2).sum(dim=-1)
    length = across / alpha**2 + halves[..., 2] ** 2
    return 1.0 / (math.pi * alpha**2 * length**2)


def visible_normals(views: torch.Tensor, alpha: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Normals of microfacets, drawn as often as they are seen from ``views``; ``draws`` [..., 2] in [0, 1) (Dupuy and
    Benyoub 2023)."""
    scale = torch.stack([alpha, alpha, torch.ones_like(alpha)], dim=-1)
    stretched = normalize(views * scale, dim=-1)
    angle = 2.0 * math.pi * draws[..., 0]
    z = (1.0 - draws[..., 1]) * (1.0 + stretched[..., 2]) - stretched[..., 2]
    across = (1.0 - z * z).clamp(min=0.0).sqrt()
    cap = torch.stack([across * angle.cos(), across * angle.sin(), z], dim=-1)
    return normalize((cap + stretched) * scale, dim=-1)


def dielectric_reflectance(cosine: torch.Tensor, eta: torch.Tensor) -> torch.Tensor:
    """Fresnel's reflectance of unpolarised light [...]; ``eta``: index of refraction beyond the surface, divided by the
    one before it. 1 where all light is reflected."""
    under_root = eta**2 - 1.0 + cosine**2
    beyond = under_root.clamp(min=0.0).sqrt()
    across = (beyond - cosine) / (beyond + cosine)
    along = (cosine * (beyond + cosine) - 1.0) / (cosine * (beyond - cosine) + 1.0)
    return torch.where(under_root > 0.0, 0.5 * across**2 * (1.0 + along**2), 1.0)


def schlick(base: torch.Tensor, cosine: torch.Tensor) -> torch.Tensor:
    """Reflectance [..., 3] of a metal whose colour is ``base`` seen straight on (Schlick 1994)."""
    return base + (1.0 - base) * ((1.0 - cosine).clamp(min=0.0) ** 5)[..., None]


def refract(directions: torch.Tensor, halves: torch.Tensor, eta: torch.Tensor) -> torch.Tensor:
    """Where light from ``directions`` goes beyond a microfacet; undefined where all is reflected."""
    cosine = (directions * halves).sum(dim=-1)
    beyond = (1.0 - (1.0 - cosine**2) / eta**2).clamp(min=0.0).sqrt()
    return (cosine / eta - beyond)[..., None] * halves - directions / eta[..., None]


def reflect(directions: torch.Tensor, halves: torch.Tensor) -> torch.Tensor:
    """Where light from ``directions`` goes off a microfacet."""
    return 2.0 * (directions * halves).sum(dim=-1, keepdim=True) * halves - directions
