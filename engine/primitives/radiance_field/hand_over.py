"""When pictures are no longer those of a prior but of the field that is trained: once these are better, of a view that
neither of the two knows."""

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
    """A view by which the two are compared: ``picture``, reduced, of ``camera``."""

    camera: Camera
    picture: SourcePicture

    @classmethod
    def of(cls, view: StoredPicture, cube: UnitCube, preset: str) -> Self:
        """A view of a run that is trained by ``preset``."""
        picture = SourcePicture.reduce(view.camera, view.colors, view.depths, cube, _SIDES[preset])
        height, width = picture.size
        return cls(view.camera.resized(width, height), picture)

    def score(self, renderer: Renderer) -> float:
        """PSNR in dB of what ``renderer`` shows of the view, of display values on black, without what is masked: NaN
        where all of it is, -inf where what is shown isn't finite."""
        shown = renderer.render(self.camera, "moving")
        truth = RenderedImage(self.picture.colors.float(), shown.depth, shown.color_space)
        squares = (shown.to_srgb(0.0) - truth.to_srgb(0.0)).square().mean(dim=-1)
        error = float(squares[self.picture.depths != MASKED].mean())
        if math.isfinite(error):
            return -10.0 * math.log10(max(error, _BEST))
        return -math.inf if bool((self.picture.depths != MASKED).any()) else math.nan

    def prefers(self, renderer: Renderer, least: float) -> bool:
        """Whether ``renderer``, that of the field which is trained, shows the view better than by ``least`` dB, as the
        prior does; never where all of it is masked."""
        return self.score(renderer) >= least + _MARGIN
