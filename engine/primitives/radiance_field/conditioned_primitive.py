"""A radiance field that is conditioned on views: it learns how each of them looks from the others."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Self

import numpy as np
import torch

from engine.fields.pixel_nerf import PixelNerfField
from engine.fields.source_views import SourcePicture, SourceViews
from engine.link.arrays import Floats
from engine.link.geometry import Bounds
from engine.link.messages import ColorSpace
from engine.primitives.base import NoDataError
from engine.primitives.memory import require_for_views
from engine.primitives.radiance_field.conditioned_config import ConditionedConfig
from engine.primitives.radiance_field.conditioned_renderer import ConditionedRenderer
from engine.primitives.radiance_field.occupancy_primitive import OccupancyPrimitive
from engine.primitives.radiance_field.pixel_store import StoredPicture
from engine.primitives.radiance_field.primitive import blank_view
from engine.rendering.renderer import Renderer
from engine.rendering.switching_renderer import SwitchingRenderer
from taichi_kernels.bundles import Pictures
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.torch_functions.random_numbers import uniform

# A step's views are drawn from so many times as many nearest ones as may be asked about a point: pictures are rendered
# from the nearest, but not from the same ones each time.
_AMONG_NEAREST = 2
# How often each cell that the views leave open is looked at for where anything is.
_LOOKS = {"cpu": 2, "gpu": 6}


class ConditionedPrimitive(OccupancyPrimitive):
    """The rays of a step are those of one view, and what is known are some of the others: from a view that could be
    looked up nothing would be learnt. Pictures are rendered from all."""

    config: ConditionedConfig
    field: PixelNerfField

    def __init__(self, config: ConditionedConfig, bounds: Bounds, color_space: ColorSpace, device: str) -> None:
        super().__init__(config, bounds, color_space, device)
        self.field.condition_on(SourceViews((), color_space == "linear"))
        self._source_rows: dict[str, int] = {}  # by the views' names
        self._positions: dict[str, Floats] = {}
        self._shown = ""  # the view that the step learns to show
        self._is_looked_at = True  # there is nothing to look at yet

    @property
    def is_ready(self) -> bool:
        """See Primitive."""
        return len(self.pixels) > 1

    def step(self, step: int, progress: float | None) -> bool:
        """See Primitive."""
        if not self.is_ready:
            raise NoDataError("each view is learnt from others: add at least two before training")
        self._shown, others = self._draw_views(step)
        with self.field.learning_from([self._source_rows[name] for name in others]):
            return super().step(step, progress)

    def viewer(self) -> Renderer:
        """See RadianceFieldPrimitive. Where anything is, is found before a picture of views that came since."""
        cube, space, near_distance = self.cube, self.color_space, self.limits.near_distance
        return SwitchingRenderer(self.current_renderer, cube, space, self.device, near_distance)

    def current_renderer(self) -> ConditionedRenderer:
        """Shows what is known from the views at hand."""
        self.look()
        return self._renderer

    @functools.cached_property
    def _renderer(self) -> ConditionedRenderer:
        steps, occupied = self.config.rendering_steps, self.sampler.grid.occupied
        near_distance = self.limits.near_distance
        return ConditionedRenderer(self.field, occupied, self.cube, self.color_space, steps, near_distance)

    def look(self) -> None:
        """Have the occupancy grid know where anything is, as far as the field can tell from the views at hand: it knows
        before it has learnt anything."""
        if self._is_looked_at:
            return
        self.sampler.grid.explore(self.field.density, self._batch, _LOOKS[self.config.preset])
        self._is_looked_at = True

    def scratch(self) -> Self:
        """See Primitive."""
        other = super().scratch()
        other.add(blank_view(self.bounds, self.color_space, "warm-up from another view"))
        return other

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See Primitive. The views of the snapshot are known until others come in their places."""
        super().load_state(state)
        self._source_rows.clear()
        self._is_looked_at = False

    @property
    def _pictures(self) -> Pictures:
        return self.pixels.pictures_of(self._shown)

    def _draw_views(self, step: int) -> tuple[str, list[str]]:
        """The view to learn, and from which others."""
        names, most = self.pixels.names, self.config.field.most_views
        draws = uniform(self.config.seed, step, torch.arange(2 + len(names)), RandomStream.SOURCE_VIEW).tolist()
        shown = names.pop(int(draws[0] * len(names)))
        names.sort(key=lambda name: float(np.linalg.norm(self._positions[name] - self._positions[shown])))
        near = sorted(zip(draws[2:], names[: _AMONG_NEAREST * most], strict=False))
        return shown, [name for _, name in near[: 1 + int(draws[1] * min(most, len(near)))]]

    def take_in(self, name: str, picture: StoredPicture) -> None:
        source = SourcePicture.reduce(
            picture.camera, picture.colors, picture.depths, self.cube, self.config.field.picture_side
        )
        if name not in self.pixels:
            require_for_views(self.config.field.view_bytes(source.depths.numel()), name, self.device)
        super().take_in(name, picture)
        sources = self.field.sources
        row = self._find_row(name, source)
        if row == len(sources) or not sources.pictures[row].equals(source):
            self.field.condition_on(sources.put(row, source))
        self._is_looked_at = False
        self._source_rows[name], self._positions[name] = row, picture.camera.position

    def _find_row(self, name: str, source: SourcePicture) -> int:
        """Where the view's picture is among the sources or is to be: in a snapshot they have no names, but cameras."""
        if name in self._source_rows:
            return self._source_rows[name]
        taken, pictures = set(self._source_rows.values()), self.field.sources.pictures
        free = (row for row in range(len(pictures)) if row not in taken)
        return next((row for row in free if torch.equal(pictures[row].camera, source.camera)), len(pictures))
