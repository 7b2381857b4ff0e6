"""What a prior says of a scene: its pictures, how sure it is of them, and what they may take."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np

from engine.data.views import View
from engine.link.geometry import Camera
from engine.primitives.radiance_field.fields import choose_preset
from engine.primitives.radiance_field.guide import Guide
from engine.primitives.radiance_field.guided_config import GuidedConfig
from engine.primitives.radiance_field.pixel_store import StoredPicture
from engine.priors.weights import Prior
from tests.engine.primitives.radiance_field.known_prior import GUIDED, ORDER, VIEWS
from tests.scenes import sphere_bounds


def _guide(device: str, prior: Prior, views: list[View]) -> Guide:
    config = choose_preset("cpu", device, GUIDED)
    assert isinstance(config, GuidedConfig)
    guide = Guide(prior, config, sphere_bounds(), "linear", device)
    for view in views:
        guide.take_in(view.name, StoredPicture.upload(view, device))
    return guide


def test_what_it_does_leaves_training_most_of_the_time(device: str, prior: Prior, clock: SimpleNamespace) -> None:
    guide = _guide(device, prior, ORDER[:2])
    assert guide.is_affordable
    with guide.at_work():
        clock.now += 10.0
    assert not guide.is_affordable
    clock.now += 29.0
    assert not guide.is_affordable
    clock.now += 1.0
    assert guide.is_affordable


def test_its_pictures_are_made_anew_only_when_views_came(device: str, prior: Prior) -> None:
    guide = _guide(device, prior, ORDER[:2])
    for _ in range(GUIDED["guide_pictures"]):
        assert guide.is_outdated
        guide.show_next()
    assert not guide.is_outdated and len(guide.pixels) == GUIDED["guide_pictures"]
    guide.take_in(ORDER[2].name, StoredPicture.upload(ORDER[2], device))
    assert guide.is_outdated


def test_it_is_sure_of_what_a_view_shows_and_less_of_what_none_does(device: str, prior: Prior) -> None:
    guide = _guide(device, prior, ORDER[:1])
    facing, behind = ORDER[0].camera, _turned_around(ORDER[0])
    sure, unsure = (
        guide.renderer.confidence(camera, picture)[picture.color[..., 3] > 0.9].mean()
        for camera in (facing, behind)
        for picture in [guide.renderer.render(camera)]
    )
    assert float(sure) > float(unsure) + 0.1


def test_without_captured_depth_what_it_shows_itself_hides_what_is_behind_it(device: str, prior: Prior) -> None:
    front = ORDER[0]
    other = next(view for view in VIEWS if view.camera is _turned_around(front))
    behind = dataclasses.replace(other, depth=None)
    alone, both = (_guide(device, prior, views).renderer for views in ([front], [front, behind]))
    sure, as_sure = (
        renderer.confidence(front.camera, picture)[picture.color[..., 3] > 0.9].mean()
        for renderer in (alone, both)
        for picture in [renderer.render(front.camera)]
    )
    assert float(as_sure) > 0.8 * float(sure), "the view from behind is taken to show the front"


def _turned_around(view: View) -> Camera:
    """A camera on the other side of the sphere."""
    directions = [other.camera.camera_to_world[:3, 2] for other in VIEWS]
    return VIEWS[int(np.argmin([one @ view.camera.camera_to_world[:3, 2] for one in directions]))].camera
