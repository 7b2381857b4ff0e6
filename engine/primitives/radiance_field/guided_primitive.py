"""A radiance field that a prior guides while there are few views: it learns from that, too, and takes over from it."""

from __future__ import annotations

import functools
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
# After so many half-lives of the prior's say the field takes over, whatever a view says that waits for as long: it may
# show a side that no other view does, and is to be learnt from at last.
_PATIENCE = 2
# So many of the prior's pictures are made as soon as there is time.
_FIRST_PICTURES = 4
_PREDICTED = "Few views: predicted"
_HAND_OVER = "guide.hand_over"


class GuidedPrimitive(OccupancyPrimitive):
    """An OccupancyPrimitive, and as long as there are fewer than ``guided_views`` training views a prior beside it, if
    there is one. Some of the steps learn from the prior's pictures, and its picture is shown, until the field shows a
    view that neither knows better (see ``Judge``), or such a view has waited for too long: then the prior is given up.
    Of one to three views none waits: a further one is shown by both in the moment it comes. With enough views from the
    start the prior isn't even read."""

    config: GuidedConfig

    def __init__(self, config: GuidedConfig, bounds: Bounds, color_space: ColorSpace, device: str) -> None:
        super().__init__(config, bounds, color_space, device)
        self._read_prior: Callable[[], FieldPrior] | None = None
        self._guide: Guide | None = None
        self._has_taken_over = True  # nothing is shown but the field
        self._waiting: tuple[str, StoredPicture] | None = None  # the view that judges, which isn't trained on
        # Its name, and the PSNR in dB that the prior had of it before it knew it. A snapshot has both, not the view.
        self._least: tuple[str, float] | None = None
        self._judged_steps = 0  # how many steps were taken since it has waited
        self._fresh: dict[str, StoredPicture] = {}  # views that came since the prior was asked last
        self._learns_from_guide = False

    def be_guided_by(self, read_prior: Callable[[], FieldPrior]) -> None:
        """Begin with a prior, which is read when it is first needed; to be called before anything is added. Scenes that
        go on around their subject are none that a prior knows: there it has no say."""
        if self.config.guided_views > 1 and self.config.cascades == 1:
            self._read_prior, self._has_taken_over = read_prior, False

    # --- views --------------------------------------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """See Primitive."""
        return self._view_count > 0

    def find_picture(self, name: str) -> StoredPicture | None:
        """See RadianceFieldPrimitive: also of the view that waits."""
        if self._waiting is not None and self._waiting[0] == name:
            return self._waiting[1]
        return super().find_picture(name)

    def take_in(self, name: str, picture: StoredPicture) -> None:
        """See RadianceFieldPrimitive."""
        is_new = self.find_picture(name) is None
        if is_new and self._read_prior is not None and self._view_count + 1 >= self.config.guided_views:
            self._take_over()
        if is_new and self._is_to_wait(name):
            self._admit()
            self._waiting, self._judged_steps = (name, picture), 0
        elif self._is_waiting(name):
            self._waiting = name, picture
        else:
            super().take_in(name, picture)
        if self._guide is None:
            return
        if self._guide.knows(name):
            self._guide.take_in(name, picture)
        elif self._is_few or name in self._fresh:
            self._fresh[name] = picture

    @property
    def _view_count(self) -> int:
        """How many training views there are, the one that waits too."""
        return len(self.pixels) + (self._waiting is not None)

    @property
    def _is_few(self) -> bool:
        return self._view_count < self.config.guided_views

    def _is_waiting(self, name: str) -> bool:
        return self._waiting is not None and self._waiting[0] == name

    def _is_to_wait(self, name: str) -> bool:
        """Whether a new view is to judge by: the newest of few. Of a run that is gone on with it is the one that was,
        whenever it comes, and none that the prior knows."""
        if self._has_taken_over:
            return False
        if self._waiting is None and self._least is not None:
            return name == self._least[0]
        if self._guide is not None and self._guide.knows(name):
            return False
        return _ENOUGH_TO_WAIT <= self._view_count + 1 < self.config.guided_views

    def _admit(self) -> None:
        """Train on the view that waits, too: it judges no longer."""
        if self._waiting is not None:
            super().take_in(*self._waiting)
            self._waiting = self._least = None

    # --- the prior ----------------------------------------------------------------------------------------------------

    def _find_guide(self) -> Guide | None:
        """The prior, conditioned on the views at hand; None where there is none, no view yet, or no need for it. What
        keeps it from being read is raised once: the field learns without it then."""
        if self._guide is None and self._read_prior is not None and len(self.pixels):
            read_prior, self._read_prior = self._read_prior, None
            try:
                self._guide = self._begin_guide(read_prior())
            except Exception:
                self._take_over()
                raise
            self.sampler.grid.expect(*self._guide.occupancy)
        if self._guide is not None and self._fresh:
            self._introduce(self._guide)
        return self._guide

    def _begin_guide(self, prior: FieldPrior) -> Guide:
        guide = Guide(prior, self.config, self.bounds, self.color_space, self.device)
        for name in self.pixels.names:
            guide.take_in(name, self.pixels.picture(name))
        if self._waiting is not None:
            self._fresh = dict([self._waiting])
        return guide

    def _introduce(self, guide: Guide) -> None:
        """Have the prior know the views that came, the last of them once both were compared by it, which neither knows.
        If that would take too much time now, one that waits is compared by later, and another not at all."""
        *others, (name, picture) = self._fresh.items()
        self._fresh = {name: picture}
        for other in others:
            guide.take_in(*other)
        if guide.is_affordable:
            self._compare(guide, name, picture)
        elif self._is_waiting(name):
            return
        self._fresh = {}
        if not self._has_taken_over:
            guide.take_in(name, picture)

    def _compare(self, guide: Guide, name: str, picture: StoredPicture) -> None:
        with guide.at_work():
            judge = Judge.of(picture, self.cube, self.config.preset)
            least = judge.score(guide.renderer)
            is_better = self._last_rays > 0 and judge.prefers(self._own_renderer, least)
        if is_better:
            self._take_over()
        elif self._is_waiting(name):
            self._least = name, least

    def _look_who_is_better(self) -> None:
        if self._waiting is not None and self._least is not None and self._last_rays:
            judge = Judge.of(self._waiting[1], self.cube, self.config.preset)
            if judge.prefers(self._own_renderer, self._least[1]):
                self._take_over()

    @functools.cached_property
    def _own_renderer(self) -> Renderer:
        """Shows the field."""
        return super().viewer()

    def _take_over(self) -> None:
        """From now on pictures are the field's, and it learns from the views alone: by now it knows more than the prior
        could teach."""
        self._has_taken_over, self._read_prior, self._guide, self._fresh = True, None, None, {}
        self._admit()
        self._least = None

    # --- training -----------------------------------------------------------------------------------------------------

    def step(self, step: int, progress: float | None) -> bool:
        """See Primitive."""
        if not len(self.pixels):
            self._admit()
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
        config, views = self.config, self._view_count
        if views >= _ENOUGH_TO_WAIT:
            self._judged_steps += 1
        if self._judged_steps > _PATIENCE * config.guide_half_life:
            self._take_over()
        elif step % _JUDGED_EVERY == 0:
            self._look_who_is_better()
        if self._has_taken_over:
            return False
        share = config.guide_share_at(step, views)
        if share == 0.0:
            if self._waiting is None:
                self._take_over()
            return False
        is_first = len(guide.pixels) < min(_FIRST_PICTURES, config.guide_pictures)
        if guide.is_outdated and (is_first or step % config.guide_every == 0) and guide.is_affordable:
            guide.show_next()
        if not len(guide.pixels):
            return False
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
        return _PREDICTED if self.is_ready and not self._has_taken_over else ""

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
        judge, least = self._least or (None, None)
        facts = {"judge": judge, "least": least}
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
            self._least = facts["judge"], facts["least"]
