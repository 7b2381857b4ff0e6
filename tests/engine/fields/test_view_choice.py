"""Which views see a point, what they know of it, and which of many are asked."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from engine.fields.source_views import SourceViews
from engine.fields.view_choice import Sightings
from tests.engine.fields.sphere_sources import CUBE, as_sources, sphere_sources
from tests.scenes import CENTER, RADIUS, sphere_cameras, sphere_views

CAMERAS = sphere_cameras(6, 25)


def _points(*points: np.ndarray) -> torch.Tensor:
    return torch.from_numpy((np.stack(points) - CUBE.bounds.center) * CUBE.scale + 0.5).float()


def _towards(camera_number: int) -> np.ndarray:
    """From the sphere's middle to a camera, of length 1."""
    offset = CAMERAS[camera_number].position - CENTER
    return offset / np.linalg.norm(offset)


def test_a_point_before_on_and_behind_a_surface_is_told_by_its_gap(device: str) -> None:
    sources = as_sources(sphere_views(1, 25, CAMERAS[:1]), device)
    offset = _towards(0)
    points = _points(*(CENTER + length * offset for length in (0.6, 0.5, 0.4, -0.5))).to(device)
    seen = Sightings.find(sources, points, 2.0)
    expected = torch.tensor([-0.1, 0.0, 0.1, 1.0]) * CUBE.scale * 2.0
    torch.testing.assert_close(seen.gaps[:, 0].cpu(), expected, rtol=0.0, atol=2e-3)
    assert seen.is_known.all()
    assert (seen.visibility[:2] > 0.9).all() and (seen.visibility[2:] > 0.0).all() and (seen.visibility[2:] < 0.1).all()


def test_where_a_view_shows_nothing_is_nothing_and_without_depth_nothing_is_known(device: str) -> None:
    view = sphere_views(1, 25, CAMERAS[:1])[0]
    beside = CENTER + 0.58 * np.cross(_towards(0), [0.0, 0.0, 1.0]) / np.linalg.norm(np.cross(_towards(0), [0, 0, 1]))
    points = _points(beside, CENTER).to(device)
    seen = Sightings.find(as_sources([view], device), points, 1.0)
    assert seen.gaps[0, 0] < -1e3 and seen.visibility[0, 0] == 1.0
    seen = Sightings.find(as_sources([dataclasses.replace(view, depth=None)], device), points, 1.0)
    assert seen.is_known[:, 0].tolist() == [True, False]  # a transparent pixel shows that nothing is there
    assert seen.gaps[1, 0] == 0.0 and seen.visibility[1, 0] == 1.0


def test_what_is_outside_behind_or_masked_is_not_seen(device: str) -> None:
    view = sphere_views(1, 25, CAMERAS[:1])[0]
    points = _points(CENTER + 1.5 * np.cross(_towards(0), [0.0, 0.0, 1.0]), CENTER + 3.0 * _towards(0), CENTER)
    seen = Sightings.find(as_sources([view], device), points.to(device), 1.0)
    assert (seen.visibility[:, 0] > 0.0).tolist() == [False, False, True]
    masked = dataclasses.replace(view, depth=np.full_like(view.depth, -np.inf))
    seen = Sightings.find(as_sources([masked], device), points.to(device), 1.0)
    assert not seen.visibility.any()


def test_of_many_views_those_are_asked_that_see_a_point_from_where_it_is_looked_at(device: str) -> None:
    sources = sphere_sources(6, device, 25)
    points = _points(*(CENTER + RADIUS * _towards(number) for number in range(6))).to(device)
    directions = torch.from_numpy(np.stack([-_towards(number) for number in range(6)])).float().to(device)
    seen = Sightings.find(sources, points, 1.0)
    chosen = seen.choose(sources, 1, directions)
    assert chosen.views[:, 0].tolist() == list(range(6))
    torch.testing.assert_close(chosen.places[:, 0], seen.places[range(6), range(6)])
    # By the cameras' distance, too, it is the one straight above.
    assert seen.choose(sources, 1, None).views[:, 0].tolist() == list(range(6))
    # Looked at from behind, it is still those that see it: what the others show there is something else.
    behind = seen.choose(sources, 1, -directions)
    assert (behind.visibility > 0.9).all()


def test_few_views_are_all_asked_whatever_their_order(device: str) -> None:
    sources = sphere_sources(3, device, 25)
    points = torch.rand(20, 3, device=device)
    seen = Sightings.find(sources, points, 1.0)
    assert seen.choose(sources, 3, None) is seen and seen.choose(sources, 5, None) is seen
    order = [2, 0, 1]
    other = Sightings.find(sources.select(order), points, 1.0)
    assert torch.equal(other.visibility, seen.visibility[:, order]) and torch.equal(other.gaps, seen.gaps[:, order])


def test_among_many_the_choice_does_not_depend_on_their_order(device: str) -> None:
    sources = sphere_sources(7, device, 25)
    order = [4, 1, 6, 0, 5, 2, 3]
    turned: SourceViews = sources.select(order)
    points, directions = torch.rand(60, 3, device=device), torch.randn(60, 3, device=device)
    directions = torch.nn.functional.normalize(directions)
    one = Sightings.find(sources, points, 1.0).choose(sources, 3, directions).views
    two = Sightings.find(turned, points, 1.0).choose(turned, 3, directions).views
    assert torch.equal(one.sort(dim=1).values, torch.tensor(order, device=device)[two].sort(dim=1).values)


def test_each_point_may_have_views_of_its_own(device: str) -> None:
    sources = sphere_sources(5, device)
    points = torch.rand(30, 3, generator=torch.Generator().manual_seed(0)).to(device)
    views = torch.randint(0, 5, (30, 2), generator=torch.Generator().manual_seed(1)).to(device)
    everywhere, own = Sightings.find(sources, points, 1.0), Sightings.find(sources, points, 1.0, views)
    rows = torch.arange(30, device=device)[:, None]
    for field in dataclasses.fields(Sightings):
        torch.testing.assert_close(getattr(own, field.name), getattr(everywhere, field.name)[rows, views])
