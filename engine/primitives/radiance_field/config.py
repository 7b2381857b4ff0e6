"""How to train a radiance field, of whichever kind: one frozen dataclass."""

from __future__ import annotations

import abc
import dataclasses
import math
from typing import Annotated, TypeVar

from engine.fields.base import FieldConfig
from engine.link.geometry import MAX_CASCADES
from engine.link.values import Limits
from engine.primitives.config import Count, TrainConfig, Weight
from engine.primitives.field_settings import check_field
from taichi_kernels.compositing import RayLoss

_MIN_DEPTH_FACTOR = 0.1
# Bounds that span this many picture sides or less are framed as a whole: seen from a corner, or partly beside it.
_FRAMED = 2.0
# Shorter steps leave too few rays for what is far away.
_LEAST_SHOWN = 1 / 4
# A ray with its target, its loss and its samples' span.
RAY_BYTES = 80

F = TypeVar("F", bound=FieldConfig)
Share = Annotated[float, Limits(0.0, 1.0)]
Length = Annotated[float, Limits(1e-9, 1e6)]
Factor = Annotated[float, Limits(1e-6, 1e6)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RadianceFieldConfig(TrainConfig, abc.ABC):
    """The settings of training that every kind of radiance field has. Lengths are in units of the bounds' longest edge,
    or of as much of it as pictures show (see ``shown_share``); what the properties give is in unit-cube lengths."""

    field: FieldConfig
    max_rays_per_step: Annotated[int, Limits(1, 1 << 20)]
    # Share of a step's rays that are drawn by what training missed there before (see error_map), the others evenly over
    # all pixels: detail has more of them than smooth ground. A GPU has rays enough for all.
    error_share: Annotated[float, Limits(0.0, 0.999)] = 0.0
    # Captured depth: how far before and behind the surfaces around a pixel rays are sampled, and weight and unit of
    # length of the line-of-sight loss. The weight halves every so many steps, down to a tenth: at once depth puts
    # surfaces where they are, later it would hold them harder than antialiased pictures allow.
    depth_margin: Length = 0.015
    depth_weight: Weight = 0.05
    depth_half_life: Count = 400
    depth_tolerance: Length = 0.02
    # Pixels that the bounds' longest edge would span where a typical view looks, and those along its picture's longer
    # side (see engine.link.view_settings), 0 when not known; and how many cells of the finest level to a pixel. Cells
    # much finer than pixels learn nothing but grain.
    pixels_across: Annotated[float, Limits(0.0, 1e12)] = 0.0
    picture_side: Annotated[float, Limits(0.0, 1e12)] = 0.0
    cells_per_pixel: Factor = 2.0
    # Cubes, each twice as large as the one before: 1 where there is nothing outside the bounds.
    cascades: Annotated[int, Limits(1, MAX_CASCADES)] = 1
    # How near to the camera rays begin.
    near_distance: Annotated[float, Limits(0.0, 1e6)] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_field(self.field)

    @abc.abstractmethod
    def needed_bytes(self, device: str) -> int:
        """About what training so takes at most, without the views' pixels."""

    @property
    def kind(self) -> str:
        """The name of what is learnt (see registry)."""
        return self.field.kind

    @property
    def growth(self) -> int:
        """How many times as large as the bounds' longest edge the unit cube is."""
        return int(2 ** (self.cascades - 1))

    def fit(self, field: F) -> F:
        """The size of ``field``, its own, over the whole unit cube: as fine in the bounds as that says and the views
        show."""
        return field.fit(1.0 / self.unit, self.finest_cells)

    @property
    def finest_cells(self) -> float:
        """How many cells along what they show of the bounds' longest edge the views show, 0 when not known."""
        return self.cells_per_pixel * self.pixels_across * self.shown_share

    @property
    def shown_share(self) -> float:
        """How much of the bounds' longest edge pictures show: less than 1 where cameras look closely at a part, as at a
        subject on a ground plane. A step that suits the bounds would be as long as the subject's details there."""
        if not (self.pixels_across and self.picture_side):
            return 1.0
        return min(max(_FRAMED * self.picture_side / self.pixels_across, _LEAST_SHOWN), 1.0)

    @property
    def unit(self) -> float:
        """What lengths are in units of, in unit-cube lengths."""
        return self.shown_share / self.growth

    def depth_weight_at(self, step: int) -> float:
        """The line-of-sight loss's weight in a training step."""
        return self.depth_weight * max(math.pow(0.5, step / self.depth_half_life), _MIN_DEPTH_FACTOR)

    def ray_loss(self, step: int, linear: bool, gradient_scale: float) -> RayLoss:
        """What rays are compared by in a training step; ``linear``: their colour."""
        return RayLoss(
            linear=linear,
            depth_weight=self.depth_weight_at(step),
            depth_tolerance=self.depth_tolerance * self.unit,
            gradient_scale=gradient_scale,
        )
