"""What a prior says of a scene that few views are known of: pictures of it from anywhere, and how sure it is of it."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch

from engine.fields.pixel_nerf import PixelNerfField
from engine.link.geometry import Bounds
from engine.link.messages import ColorSpace
from engine.primitives.radiance_field.conditioned_config import ConditionedConfig
from engine.primitives.radiance_field.conditioned_primitive import ConditionedPrimitive
from engine.primitives.radiance_field.conditioned_renderer import ConditionedRenderer
from engine.primitives.radiance_field.guided_config import GuidedConfig
from engine.primitives.radiance_field.guiding_cameras import guiding_camera
from engine.primitives.radiance_field.json_tensors import read_facts, write_facts
from engine.primitives.radiance_field.pixel_nerf import PIXEL_NERF
from engine.primitives.radiance_field.pixel_store import PixelStore, StoredPicture
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.torch_functions.random_numbers import uniform

# All that it does for training takes no more of the time; to be shown is another matter.
_SHARE_OF_TIME = 0.25
_PREFIX = "guide."
_FACTS = _PREFIX + "facts"
_WEIGHTS = "field.weights"


class FieldPrior(Protocol):
    """What a conditioned field knows before it has learnt anything from the scene at hand."""

    @property
    def settings(self) -> dict[str, Any]:
        """Those of a run whose field has this size."""

    def load_into(self, field: PixelNerfField) -> None:
        """Have ``field``, of this size, know it. Raises ValueError."""


class Guide:
    """A prior, conditioned on the views that it is given. ``pixels``: its latest pictures, of which those pixels are
    masked by chance that it isn't sure of: so they have the weight of its confidence. ``ray_count``: how many rays of
    these a step draws."""

    def __init__(
        self, prior: FieldPrior, config: GuidedConfig, bounds: Bounds, color_space: ColorSpace, device: str
    ) -> None:
        self._config, self._color_space = config, color_space
        self._reader = _make_reader(prior.settings, config, bounds, color_space, device)
        prior.load_into(self._reader.field)
        self._number = 0
        self._began, self._seconds = time.monotonic(), 0.0  # how long it has been at work since
        self._left = 0  # how many pictures are to be made anew by the views at hand
        self._names = set[str]()
        self.pixels = PixelStore(self._reader.cube, device)
        self.ray_count = min(512, config.max_rays_per_step)

    # --- views --------------------------------------------------------------------------------------------------------

    def take_in(self, name: str, picture: StoredPicture) -> None:
        """Be conditioned on a view, in the place of the one of its name. Raises MemoryShortage."""
        self._reader.take_in(name, picture)
        self._names.add(name)
        self._left = self._config.guide_pictures

    def knows(self, name: str) -> bool:
        """Whether a view of this name was given, before it was saved perhaps."""
        return name in self._names

    @property
    def renderer(self) -> ConditionedRenderer:
        """Shows what the prior makes of the views."""
        return self._reader.current_renderer()

    @property
    def occupancy(self) -> tuple[torch.Tensor, int]:
        """The densities of its occupancy grid, [resolution^3], and that resolution."""
        with self.at_work():
            self._reader.look()
        grid = self._reader.sampler.grid
        return grid.densities, grid.resolution

    # --- its pictures -------------------------------------------------------------------------------------------------

    @property
    def is_outdated(self) -> bool:
        """Whether views came that not all of its pictures are made by: ``show_next`` takes as long as many training
        steps, and only then tells anything new."""
        return self._left > 0

    @property
    def is_affordable(self) -> bool:
        """Whether it has left training most of the time so far. Without captured depth what a prior shows is soft, and
        a picture may take as long as hundreds of steps."""
        return self._seconds <= _SHARE_OF_TIME * (time.monotonic() - self._began)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """What is done within it counts as the prior's share of the time."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._seconds += time.monotonic() - began

    def show_next(self) -> None:
        """Render the next picture, in the place of the oldest once there are enough."""
        with self.at_work():
            self._show_next()

    def _show_next(self) -> None:
        reader, config = self._reader, self._config
        known = [reader.pixels.picture(name).camera for name in reader.pixels.names]
        camera = guiding_camera(known, reader.bounds, self._number, config.guide_side)
        renderer = self.renderer
        picture = renderer.render(camera)
        confidence = renderer.confidence(camera, picture)
        index = torch.arange(confidence.numel(), device=confidence.device)
        drawn = uniform(config.seed, self._number, index, RandomStream.GUIDING_PIXEL).view_as(confidence)
        depths = torch.where(drawn < confidence, 0.0, -torch.inf)
        name = str(self._number % config.guide_pictures)
        self.pixels.add(name, StoredPicture(camera, picture.color.half(), depths))
        self._number += 1
        self._left -= 1

    # --- in a snapshot ------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, torch.Tensor]:
        """All that it is, for ``read``: the weights in half precision, as priors are kept."""
        facts = {"sizes": dataclasses.asdict(self._reader.config.field), "views": sorted(self._names)}
        state = {_PREFIX + name: tensor for name, tensor in self._reader.state().items()}
        state[_PREFIX + _WEIGHTS] = state[_PREFIX + _WEIGHTS].half()
        return state | {_FACTS: write_facts(facts)}

    @classmethod
    def read(
        cls,
        state: Mapping[str, torch.Tensor],
        config: GuidedConfig,
        bounds: Bounds,
        color_space: ColorSpace,
        device: str,
    ) -> Guide | None:
        """That of a snapshot, None where it has none. Raises ValueError that names what can't be read."""
        if _FACTS not in state:
            return None
        facts = read_facts(_FACTS, state[_FACTS], {"sizes": dict, "views": list})
        own = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items() if name.startswith(_PREFIX)}
        weights = own.get(_WEIGHTS)
        if weights is None:
            raise ValueError(f"{_PREFIX}{_WEIGHTS}: missing")
        guide = cls(_KeptPrior(facts["sizes"], weights), config, bounds, color_space, device)
        guide._reader.load_state(own | {_WEIGHTS: weights.float()})
        guide._names = {str(name) for name in facts["views"]}
        return guide


@dataclasses.dataclass(frozen=True, eq=False)
class _KeptPrior:
    """The FieldPrior of a snapshot: the sizes of its field, and ``weights`` [parameters, 1]."""

    sizes: Mapping[str, Any]
    weights: torch.Tensor

    @property
    def settings(self) -> dict[str, Any]:
        return {f"field.{name}": value for name, value in self.sizes.items()}

    def load_into(self, field: PixelNerfField) -> None:
        own = field.weights.values
        if self.weights.shape != own.shape:
            raise ValueError(f"{_PREFIX}{_WEIGHTS}: expected {list(own.shape)}, found {list(self.weights.shape)}")
        own.copy_(self.weights)


def _make_reader(
    settings: Mapping[str, Any], config: GuidedConfig, bounds: Bounds, color_space: ColorSpace, device: str
) -> ConditionedPrimitive:
    """What reads the scene from views, of the sizes in ``settings``. It learns nothing."""
    preset = config.preset
    own = {
        "max_rays_per_step": 1,
        "pixels_across": config.pixels_across,
        "picture_side": config.picture_side,
        "near_distance": config.near_distance,
        "seed": config.seed,
    }
    reading = PIXEL_NERF.configure(preset, device, {**own, **settings})
    assert isinstance(reading, ConditionedConfig)
    return ConditionedPrimitive(reading, bounds, color_space, device)
