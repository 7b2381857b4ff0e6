"""When pictures are no longer those of a prior but of the field that is trained: once these are as good, of a view that
the field was not trained on."""

from __future__ import annotations

import dataclasses
import math
from typing import Self

from engine.fields.source_views import MASKED, SourcePicture
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Camera
from engine.primitives.radiance_field.pixel_store import StoredPicture
from engine.rendering.renderer import RenderedImage, Renderer

# Pixels a side of what is compared.
_SIDES = {"cpu": 48, "gpu": 128}
# The field must be so much better in dB. Both are about to know that view, too, of which a field makes no less than a
# prior; but it is only one, and a change back isn't to be.
_MARGIN = 0.2
_BEST = 1e-10


@dataclasses.dataclass(frozen=True, eq=False)
class Judge:
    """The view called ``name``, by which the two are compared: ``picture``, reduced, of ``camera``. ``least``: the PSNR
    in dB that a prior which didn't know this view had of it."""

    name: str
    camera: Camera
    picture: SourcePicture
    least: float

    @classmethod
    def of(cls, name: str, view: StoredPicture, least: float, cube: UnitCube, preset: str) -> Self:
        """A view of a run that is trained by ``preset``."""
        picture = SourcePicture.reduce(view.camera, view.colors, view.depths, cube, _SIDES[preset])
        height, width = picture.size
        return cls(name, view.camera.resized(width, height), picture, least)

    def held_to(self, renderer: Renderer) -> Self:
        """With the score that ``renderer`` has now as ``least``: the prior's, which isn't conditioned on it yet."""
        return dataclasses.replace(self, least=self.score(renderer))

    def score(self, renderer: Renderer) -> float:
        """PSNR in dB of what ``renderer`` shows of the view, of display values on black, without what is masked."""
        shown = renderer.render(self.camera, "moving")
        truth = RenderedImage(self.picture.colors.float(), shown.depth, shown.color_space)
        squares = (shown.to_srgb(0.0) - truth.to_srgb(0.0)).square().mean(dim=-1)
        squares = squares[self.picture.depths != MASKED]
        return -10.0 * math.log10(max(float(squares.mean()), _BEST)) if len(squares) else -math.inf

    def prefers(self, renderer: Renderer) -> bool:
        """Whether ``renderer``, that of the field which is trained, shows the view better than the prior did."""
        return self.score(renderer) >= self.least + _MARGIN
