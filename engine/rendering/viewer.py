"""What shows a primitive, of whichever kind: pictures that a camera in the world sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np
import torch

from engine.link.geometry import Bounds, Camera
from engine.link.image_plane import Rectangle
from engine.link.messages import ColorSpace, Quality

if TYPE_CHECKING:
    from engine.rendering.renderer import RenderedImage


class Viewer(Protocol):
    """Shows what may still be learning: each picture shows it as it is."""

    device: str
    color_space: ColorSpace

    @property
    def bounds(self) -> Bounds:
        """The box in world space that holds what is learnt."""

    def render(self, camera: Camera, quality: Quality = "final") -> RenderedImage:
        """What ``camera`` sees, at its own size: "moving" may be a little less exact where that is faster."""

    def frozen(self, *, with_field: bool = True) -> Self:
        """Shows it as it is now, however long training goes on meanwhile. Without a copy ``with_field``, only data that
        is added has no part in it."""

    @property
    def frozen_bytes(self) -> int:
        """How much memory ``frozen`` takes."""


@runtime_checkable
class PredictingViewer(Viewer, Protocol):
    """Shows what may be predicted rather than learnt."""

    def captured(self, camera: Camera, picture: RenderedImage) -> torch.Tensor | None:
        """How well captured views see what ``picture``, its own latest and of ``camera``, shows: [H, W] f32 in 0..1, 0
        where it is predicted alone, 1 where nothing is shown; None where nothing is predicted."""


@runtime_checkable
class FlatViewer(Viewer, Protocol):
    """Shows an image, of which a part at any size may be wanted rather than what a camera sees."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image, in pixels."""

    def facing(self, rectangle: Rectangle, size: tuple[int, int]) -> Camera:
        """The camera that sees just ``rectangle`` of the image, as a picture of ``size``."""


def warm_up(viewer: Viewer) -> None:
    """Run its kernels once, so that nothing is compiled when the first picture is asked for."""
    viewer.render(looking_at(viewer.bounds, 8))


def looking_at(bounds: Bounds, size: int) -> Camera:
    """A small camera that has all of ``bounds`` in view."""
    pose = np.eye(4)
    pose[:3, 3] = bounds.center + np.array([0.0, 0.0, 3 * bounds.radius])
    return Camera(pose, size, size, float(size), float(size), size / 2, size / 2)
