"""Views of the sphere, as a field is conditioned on them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from engine.data.views import View
from engine.fields.source_views import SourcePicture, SourceViews
from engine.fields.unit_cube import UnitCube
from tests.scenes import sphere_bounds, sphere_views

CUBE = UnitCube(sphere_bounds())


def as_source(view: View, device: str, side: int = 64, cube: UnitCube = CUBE) -> SourcePicture:
    """A view of linear colour."""
    depths = None if view.depth is None else torch.from_numpy(view.depth).to(device)
    return SourcePicture.reduce(view.camera, torch.from_numpy(view.color).to(device), depths, cube, side)


def as_sources(views: Sequence[View], device: str) -> SourceViews:
    """Views of linear colour."""
    return SourceViews(tuple(as_source(view, device) for view in views), linear=True)


def sphere_sources(count: int, device: str, size: int = 24) -> SourceViews:
    """``count`` views from all around."""
    return as_sources(sphere_views(count, size), device)
