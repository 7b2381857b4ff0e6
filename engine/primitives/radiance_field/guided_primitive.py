"""A radiance field that a prior guides while there are few views: it learns from that, too, and takes over from it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Self

import torch

from engine.device import PROFILES
from engine.link.geometry import Bounds
from engine.link.messages import ColorSpace
from engine.primitives.radiance_field.error_map import ErrorMap
from engine.primitives.radiance_field.guide import FieldPrior, Guide
from engine.primitives.radiance_field.guided_config import GuidedConfig
from engine.primitives.radiance_field.hand_over import Judge
from engine.primitives.radiance_field.json_tensors import read_facts, write_facts
from engine.primitives.radiance_field.occupancy_primitive import OccupancyPrimitive
from engine.primitives.radiance_field.pixel_store import StoredPicture
from engine.rendering.renderer import Renderer
from engine.rendering.switching_renderer import SwitchingRenderer
from taichi_kernels.bundles import Pictures
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.torch_functions.random_numbers import uniform

# From so many training views on the newest one waits: it judges field and prior until the field has taken over, or the
# next view comes. With fewer, each is needed.
_ENOUGH_TO_WAIT = 4
# Steps between two looks at whether the field may take over.
_JUDGED_EVERY = 32
_PREDICTED = "Few views: predicted"
# So many of the prior's pictures are made one after the other.
_FIRST_PICTURES = 4
_HAND_OVER = "guide.hand_over"


class GuidedPrimitive(OccupancyPrimitive):
    """An OccupancyPrimitive, and as long as there are fewer than ``guided_views`` training views a prior beside it, if
    there is one. Some of the steps learn from the prior's pictures, and its picture is shown, until the field shows a
    view that it wasn't trained on as well: then the prior is given up. With enough views from the start it isn't even
    read."""

    config: GuidedConfig

    def __init__(self, config: GuidedConfig, bounds: Bounds, color_space: ColorSpace, device: str) -> None:
        super().__init__(config, bounds, color_space, device)
        self._read_prior: Callable[[], FieldPrior] | None = None
        self._guide: Guide | None = None
        self._has_taken_over = True  # nothing is shown but the field
        self._judge: Judge | None = None
        self._kept_judge: tuple[str, float] | None = None  # of a snapshot, until its view is there: name and least
        self._waiting: tuple[str, StoredPicture] | None = None
        self._fresh: dict[str, StoredPicture] = {}  # views that came since the prior was asked last
        self._learns_from_guide = False

    def be_guided_by(self, read_prior: Callable[[], FieldPrior]) -> None:
        """Begin with a prior, which is read when it is first needed; to be called before anything is added. Scenes that
        go on around their subject are none that a prior knows: there it has no say."""
        if self.config.guided_views > 1 and self.config.cascades == 1:
            self._read_prior, self._has_taken_over = read_prior, False

    # --- views --------------------------------------------------------------------------------------------------------

    def take_in(self, name: str, picture: StoredPicture) -> None:
        """See RadianceFieldPrimitive."""
        is_new = name not in self.pixels
        if self._waiting is not None and self._waiting[0] != name:
            self._admit()
        if self._kept_judge is not None and self._kept_judge[0] == name:
            self._judge = Judge.of(name, picture, self._kept_judge[1], self.cube, self.config.preset)
        if is_new and self._may_wait(name):
            self._waiting = name, picture
        else:
            super().take_in(name, picture)
        if self._guide is None:
            return
        if self._guide.knows(name):
            self._guide.take_in(name, picture)
        elif self._is_few or (self._judge is None and not self._fresh):
            self._fresh[name] = picture

    def _may_wait(self, name: str) -> bool:
        """Whether a new view can be left to judge by: of a run that is gone on with, the one that was."""
        if self._guide is not None and self._guide.knows(name) and (self._judge is None or self._judge.name != name):
            return False
        views = len(self.pixels) + 1
        return not self._has_taken_over and _ENOUGH_TO_WAIT <= views < self.config.guided_views

    @property
    def _is_few(self) -> bool:
        return len(self.pixels) + (self._waiting is not None) < self.config.guided_views

    def _admit(self) -> None:
        """Train on the view that waits, too."""
        if self._waiting is not None:
            super().take_in(*self._waiting)
            self._waiting = None

    # --- the prior ----------------------------------------------------------------------------------------------------

    def _find_guide(self) -> Guide | None:
        """The prior, conditioned on the views at hand; None where there is none, no view yet, or no need for it. What
        keeps it from being read is raised once: the field learns without it then."""
        if self._guide is None and self._read_prior is not None and len(self.pixels):
            read_prior, self._read_prior = self._read_prior, None
            if self._is_few:
                try:
                    self._guide = self._begin_guide(read_prior())
                except Exception:
                    self._take_over()
                    raise
                self.sampler.grid.expect(*self._guide.occupancy)
            else:
                self._take_over()
        if self._guide is not None and self._fresh:
            self._compare(self._guide)
        return self._guide

    def _begin_guide(self, prior: FieldPrior) -> Guide:
        guide = Guide(prior, self.config, self.bounds, self.color_space, self.device)
        for name in self.pixels.names:
            guide.take_in(name, self.pixels.picture(name))
        if self._waiting is not None:
            self._fresh = dict([self._waiting])
        return guide

    def _compare(self, guide: Guide) -> None:
        """Have the prior know the views that came, and score both by the last of them, which neither knows."""
        *others, (name, picture) = self._fresh.items()
        self._fresh = {}
        for other in others:
            guide.take_in(*other)
        judge = Judge.of(name, picture, math.inf, self.cube, self.config.preset)
        self._judge = judge.held_to(guide.renderer)
        self._look_who_is_better()
        if self._is_few and self._waiting is None:
            self._judge = None  # from now on the field learns from that view, too
        if not self._has_taken_over:
            guide.take_in(name, picture)

    def _look_who_is_better(self) -> None:
        if self._judge is not None and self._last_rays and self._judge.prefers(self._own_renderer):
            self._take_over()

    @functools.cached_property
    def _own_renderer(self) -> Renderer:
        """Shows the field."""
        return super().viewer()

    def _take_over(self) -> None:
        """From now on pictures are the field's, and it learns from the views alone: by now it knows more than the prior
        could teach."""
        self._has_taken_over, self._judge, self._guide, self._fresh = True, None, None, {}
        self._admit()

    # --- training -----------------------------------------------------------------------------------------------------

    def step(self, step: int, progress: float | None) -> bool:
        """See Primitive."""
        guide = self._find_guide()
        if guide is None or not self._prepare(guide, step):
            return super().step(step, progress)
        own, self.sampler.ray_count = self.sampler.ray_count, guide.ray_count
        self._learns_from_guide = True
        try:
            return super().step(step, progress)
        finally:
            self._learns_from_guide = False
            guide.ray_count, self.sampler.ray_count = self.sampler.ray_count, own

    def _prepare(self, guide: Guide, step: int) -> bool:
        """What is due before a step; returns whether this one is to learn from the prior's pictures."""
        config, views = self.config, len(self.pixels) + (self._waiting is not None)
        if step % _JUDGED_EVERY == 0:
            self._look_who_is_better()
        if self._has_taken_over:
            return False
        share = config.guide_share_at(step, views)
        if share == 0.0:
            if self._judge is None:
                self._take_over()
            return False
        is_first = len(guide.pixels) < min(_FIRST_PICTURES, config.guide_pictures)
        is_due = step % config.guide_every == 0 and guide.is_affordable
        if guide.is_outdated and (is_first or is_due):
            guide.show_next()
        draw = uniform(config.seed, step, torch.zeros(1, dtype=torch.int64), RandomStream.GUIDED_STEP)
        return float(draw) < share

    @property
    def _pictures(self) -> Pictures:
        if self._learns_from_guide and self._guide is not None:
            return self._guide.pixels.pictures
        return super()._pictures

    @property
    def _errors(self) -> ErrorMap | None:
        return None if self._learns_from_guide else super()._errors

    # --- what others see of it ----------------------------------------------------------------------------------------

    @property
    def remark(self) -> str:
        """See Primitive."""
        is_shown = not self._has_taken_over and len(self.pixels) and (self._guide is not None or self._is_few)
        return _PREDICTED if is_shown else ""

    def viewer(self) -> Renderer:
        """See RadianceFieldPrimitive: the prior's picture, or the field's, as it is at each call."""
        own = self._own_renderer
        if self._has_taken_over:
            return own

        def choose() -> Renderer:
            guide = self._find_guide()
            return own if guide is None else guide.renderer

        return SwitchingRenderer(choose, self.cube, self.color_space, self.device, self.limits.near_distance)

    def scratch(self) -> Self:
        """See Primitive. On a GPU with a prior where there is one, whose first pictures would wait for its kernels; a
        CPU has no others for it."""
        other = super().scratch()
        if self._read_prior is not None and self._is_few and PROFILES[self.device].is_asynchronous:
            other.be_guided_by(self._read_prior)
        return other

    def state(self) -> dict[str, torch.Tensor]:
        """See Primitive. While the prior has a say it is part of it: a run goes on without its file."""
        guide = self._find_guide()
        if guide is None:
            return super().state()
        judge = (None, None) if self._judge is None else (self._judge.name, self._judge.least)
        facts = {"judge": judge[0], "least": judge[1]}
        return super().state() | guide.state() | {_HAND_OVER: write_facts(facts)}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See Primitive."""
        super().load_state(state)
        self._guide = Guide.read(state, self.config, self.bounds, self.color_space, self.device)
        if self._guide is None:
            return
        kinds = {"judge": (str, type(None)), "least": (float, type(None))}
        facts = read_facts(_HAND_OVER, state.get(_HAND_OVER), kinds)
        self._has_taken_over = False
        if facts["judge"] is not None and facts["least"] is not None:
            self._kept_judge = facts["judge"], facts["least"]
