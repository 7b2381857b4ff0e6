"""Scenes at hand to learn from, rendered: the oldest gives way to a new one now and then."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from engine.device import PROFILES
from engine.fields.source_channels import encoder_channels
from engine.fields.source_views import SourcePicture
from engine.fields.unit_cube import UnitCube
from engine.priors.config import PriorConfig
from engine.priors.scene_makers import SceneMakers
from engine.priors.scenes.cameras import draw_cameras
from engine.priors.scenes.rendering import SceneRenderer
from engine.priors.scenes.scene import BOUNDS
from taichi_kernels.bundles import Pictures

CUBE = UnitCube(BOUNDS)
# That draw scenes, where the processor has nothing else to do.
_PROCESSES = 4


@dataclasses.dataclass(frozen=True, eq=False)
class SourceForms:
    """A scene's views as a field may be conditioned on them, and what the encoder sees of each, ``channels`` [views,
    CHANNELS, h, w]."""

    pictures: tuple[SourcePicture, ...]
    channels: torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class RenderedScene:
    """``targets``: all views, to draw rays from. ``forms``: these views without depth, and with it."""

    targets: Pictures
    forms: tuple[SourceForms, SourceForms]


class ScenePool:
    """The scenes of a seed, as many as ``config`` says, from one number on."""

    def __init__(self, config: PriorConfig, device: str) -> None:
        self._config, self._device = config, device
        self._scenes: dict[int, RenderedScene] = {}
        self._makers = SceneMakers(config.seed, 0 if PROFILES[device].shares_processor else _PROCESSES)

    def at(self, step: int) -> list[RenderedScene]:
        """Those at hand in a training step: the same ones whether or not training was interrupted before it. The first
        step doesn't wait for all of them."""
        count = self._config.scenes_by(step)
        numbers = range(max(0, count - self._config.pool), count)
        self._scenes = {number: self._scenes.get(number) or self._render(number) for number in numbers}
        return list(self._scenes.values())

    def _render(self, number: int) -> RenderedScene:
        config, device = self._config, self._device
        scene = self._makers.draw(number)
        cameras = draw_cameras(config.seed, number, scene.setting, config.views, config.side)
        views = SceneRenderer(scene, device).render(cameras, config.samples_per_pixel, number)
        pixels = config.side**2
        first = torch.arange(config.views, dtype=torch.int64) * pixels
        side, one, none = (torch.full_like(first, value) for value in (config.side, 1, 0))
        targets = Pictures(
            config.views,
            torch.cat([CUBE.camera_row(camera, device) for camera in cameras]),
            torch.stack([first, side, side, one, none], dim=1).to(device),
            views.colors.view(-1, 4),
            views.depths.view(-1),
        )
        forms = []
        for depths in (None, views.depths):
            pictures = [
                SourcePicture.reduce(camera, colors, None if depths is None else depths[view], CUBE, config.side)
                for view, (camera, colors) in enumerate(zip(cameras, views.colors, strict=True))
            ]
            forms.append(SourceForms(tuple(pictures), _channels(pictures, config.field.stretch)))
        return RenderedScene(targets, (forms[0], forms[1]))


def _channels(pictures: Sequence[SourcePicture], stretch: float) -> torch.Tensor:
    return torch.cat([encoder_channels(picture, True, stretch) for picture in pictures])
