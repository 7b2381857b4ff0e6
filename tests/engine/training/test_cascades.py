"""A subject in a closed room, photographed without alpha or depth: training with several cascades."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from engine.data.color import to_uint8
from engine.data.views import View
from engine.link.color import encode_srgb
from engine.primitives.config import ConfigError
from engine.primitives.radiance_field.config import RadianceFieldConfig
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.primitives.radiance_field.hash_grid import HASH_GRID
from engine.training.trainer import Trainer
from tests.engine.training.small_run import SMALL, psnr_of, train
from tests.engine.training.textured_sphere import make_view
from tests.scenes import CENTER, sphere_bounds, sphere_cameras

ROOM_HALF = 3.0


def _photograph(index: int, count: int, distance: float, size: int = 40) -> View:
    """The textured sphere in a cubic room whose walls are painted by where they are."""
    # Wide, so that every part of the walls is in several pictures.
    camera = dataclasses.replace(sphere_cameras(count, size, distance)[index], fx=0.7 * size, fy=0.7 * size)
    view = make_view(camera, f"v{index:03d}", "srgb", with_depth=False)
    x, y = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    local = np.stack([(x - camera.cx) / camera.fx, -(y - camera.cy) / camera.fy, -np.ones_like(x)], axis=-1)
    rays = local @ camera.camera_to_world[:3, :3].T
    offset = camera.position - CENTER
    reach = ((np.sign(rays) * ROOM_HALF - offset) / rays).min(axis=-1)
    wall = 0.5 + 0.4 * np.sin(2.0 * (offset + rays * reach[..., None]))
    color = view.color.astype(np.float32)
    alpha = color[..., 3:] / 255.0
    mixed = color[..., :3] / 255.0 * alpha + encode_srgb(wall.astype(np.float32)) * (1.0 - alpha)
    return dataclasses.replace(view, color=to_uint8(np.concatenate([mixed, np.ones_like(alpha)], axis=-1)))


def _config(**overrides: object) -> RadianceFieldConfig:
    room = {"march_steps": 48, "cone_angle": 1 / 24, "occupancy_resolution": 32, "samples_per_step": 8192}
    return choose_preset("cpu", "cpu", {**SMALL, "cascades": 4, **room, **overrides})


def _trainer(device: str, config: RadianceFieldConfig) -> Trainer:
    trainer = Trainer(make_primitive(config, sphere_bounds(), "srgb", device))
    for index in range(24):
        trainer.primitive.add(_photograph(index, 24, 2.0))
    return trainer


@pytest.mark.slow
def test_a_room_is_trained_beyond_the_bounds_and_resumes(device: str) -> None:
    trainer = train(_trainer(device, _config()), 100)
    # Rays that pass the subject end somewhere, though outside the bounds.
    view = _photograph(0, 24, 2.0)
    picture = trainer.primitive.viewer().render(view.camera)
    assert float(picture.color[0, 0, 3]) > 0.5
    other = Trainer(
        make_primitive(HASH_GRID.decode(trainer.primitive.config.to_json()), sphere_bounds(), "srgb", device)
    )
    other.load_state({name: tensor.clone() for name, tensor in trainer.state().items()})
    assert psnr_of(other, [view]) == pytest.approx(psnr_of(trainer, [view]), abs=1e-3)


@pytest.mark.slow
def test_a_room_is_learnt_from_photographs(device: str) -> None:
    """From held-out places: a field that fills the air before each camera fits the others' pictures as well."""
    views = [_photograph(index, 48, 2.0) for index in range(48)]
    trainer = Trainer(make_primitive(_config(), sphere_bounds(), "srgb", device))
    for index, view in enumerate(views):
        if index % 6 != 3:
            trainer.primitive.add(view)
    assert psnr_of(train(trainer, 300), views[3::6]) >= 24.0


def test_settings_of_several_cascades_are_chosen_and_may_be_overridden() -> None:
    bounded, room = choose_preset("gpu", "cuda"), choose_preset("gpu", "cuda", {"cascades": 4})
    assert not bounded.steps.grows and room.steps.grows and room.near_distance > 0
    assert room.steps.smallest == pytest.approx(bounded.steps.smallest / 8)
    assert room.fit(room.field).max_resolution == 8 * bounded.field.max_resolution
    assert choose_preset("gpu", "cuda", {"cascades": 4, "near_distance": 0.5}).near_distance == 0.5
    assert choose_preset("gpu", "cuda", {"cascades": 1}) == bounded


@pytest.mark.parametrize("cascades", [0, 9])
def test_a_number_of_cascades_that_cannot_be_is_refused(cascades: int) -> None:
    with pytest.raises(ConfigError, match="cascades"):
        choose_preset("cpu", "cpu", {"cascades": cascades})
