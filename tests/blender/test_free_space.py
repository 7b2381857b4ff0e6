"""Where in a room cameras can stand and what they see of it: pure maths."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

Import = Callable[[str], ModuleType]
_FACES = {
    "-x": (0, 2, 6, 4),
    "+x": (1, 5, 7, 3),
    "-y": (0, 4, 5, 1),
    "+y": (2, 3, 7, 6),
    "-z": (0, 1, 3, 2),
    "+z": (4, 6, 7, 5),
}


def box(low: tuple[float, float, float], high: tuple[float, float, float], without: tuple[str, ...] = ()) -> np.ndarray:
    """The triangles [t, 3, 3] of a box, some of its faces left out."""
    corners = np.array([[(high if k >> axis & 1 else low)[axis] for axis in range(3)] for k in range(8)], np.float32)
    faces = [face for name, face in _FACES.items() if name not in without]
    return np.array([corners[[face[0], face[k], face[k + 1]]] for face in faces for k in (1, 2)])


def survey(addon: Import, triangles: list[np.ndarray], low: Any, high: Any, eye: Any = None) -> Any:
    bounds = addon("capture.bounds").Bounds(np.array(low, float), np.array(high, float))
    eye = None if eye is None else np.array(eye)
    return addon("capture.room_views").survey(lambda: triangles, bounds, eye)


def places(found: Any) -> np.ndarray:
    space, room = found
    return space.middles(np.argwhere(room.is_place))


def test_places_keep_clear_of_walls_and_furniture(addon: Import) -> None:
    found = survey(addon, [box((0, 0, 0), (6, 4, 3)), box((2, 1, 0), (3, 3, 1))], (0, 0, 0), (6, 4, 3))
    points = places(found)
    assert len(points) > 1000
    assert (points > 0.15).all() and (points < np.array((6, 4, 3)) - 0.15).all()
    gap = np.maximum(np.array((2, 1, 0)) - points, points - np.array((3, 3, 1))).max(axis=1)
    assert gap.min() > 0.1, "beside the table, or above it"
    assert points[:, 0].max() > 5.5 and points[:, 0].min() < 0.5, "from wall to wall"


def test_bounds_within_the_walls_still_find_them(addon: Import) -> None:
    points = places(survey(addon, [box((0, 0, 0), (6, 4, 3))], (0.2, 0.2, 0.1), (5.8, 3.8, 2.9)))
    assert (points > (0.2, 0.2, 0.1)).all() and (points < (5.8, 3.8, 2.9)).all()


@pytest.mark.parametrize(("eye", "low", "high"), [((1, 1, 1), 0.0, 3.0), ((8, 2, 1), 3.0, 9.0), (None, 3.0, 9.0)])
def test_the_room_around_the_eye_is_meant_else_the_largest(addon: Import, eye: Any, low: float, high: float) -> None:
    rooms = [box((0, 0, 0), (3, 4, 3)), box((3, 0, 0), (9, 4, 3))]
    points = places(survey(addon, rooms, (0, 0, 0), (9, 4, 3), eye))
    assert (points[:, 0] > low).all() and (points[:, 0] < high).all()


def test_a_room_without_ceiling_and_front_is_one(addon: Import) -> None:
    assert len(places(survey(addon, [box((0, 0, 0), (5, 5, 3), ("+z", "-y"))], (0, 0, 0), (5, 5, 3)))) > 100


def test_a_ground_with_things_on_it_is_no_room(addon: Import) -> None:
    things = [box((-5, -5, -0.1), (5, 5, 0)), box((0, 0, 0), (0.1, 0.1, 2)), box((2, -3, 0), (3, -2, 0.1))]
    assert survey(addon, things, (-5, -5, -0.1), (5, 5, 3)) is None


def test_the_box_of_a_small_room_in_a_large_scene_is_found(addon: Import) -> None:
    ground = box((-40, -40, -1), (40, 40, -0.3))
    triangles = [ground, box((0, 0, 0), (5, 4, 2.5))]
    bounds = addon("capture.bounds").Bounds(np.array((-40.0, -40.0, -1.0)), np.array((40.0, 40.0, 3.0)))
    low, high = addon("capture.room_views").room_box(lambda: triangles, bounds, np.array((1.0, 1.0, 1.0)))
    np.testing.assert_allclose(low, (0, 0, 0), atol=1e-5)
    np.testing.assert_allclose(high, (5, 4, 2.5), atol=1e-5)


def test_rays_meet_the_first_surface(addon: Import) -> None:
    space, _ = survey(addon, [box((0, 0, 0), (6, 4, 3)), box((2, 1, 0), (3, 3, 3))], (0, 0, 0), (6, 4, 3))
    met = space.look(np.array([(1.0, 2.0, 1.5)]), np.array([(1.0, 0.0, 0.0), (-1.0, 0.0, 0.0)]))[0]
    x = space.middles(np.stack(np.unravel_index(met, space.shape), axis=1))[:, 0]
    np.testing.assert_allclose(x, (2.0, 0.0), atol=space.cell)


def test_views_are_as_many_as_wanted_and_differ(addon: Import) -> None:
    found = survey(addon, [box((0, 0, 0), (6, 4, 3))], (0, 0, 0), (6, 4, 3))
    find = addon("capture.room_views").find_views
    training, held_out = find(*found, (30, 6), 3, (0.8, 0.8), 0)
    assert training.shape == (30, 4, 4) and held_out.shape == (6, 4, 4)
    assert len(np.unique(training[:, :3, 3].round(6), axis=0)) == 10, "three looks from each viewpoint"
    assert len(np.unique(training.reshape(30, 16).round(6), axis=0)) == 30
    apart = np.linalg.norm(held_out[:, None, :3, 3] - training[None, :, :3, 3], axis=2).min(axis=1)
    assert apart.min() > 0.3, "held-out views are taken from other places"
    np.testing.assert_allclose(
        training[:, :3, :3] @ training[:, :3, :3].transpose(0, 2, 1), np.eye(3)[None].repeat(30, 0), atol=1e-9
    )
    again, _ = find(*found, (30, 6), 3, (0.8, 0.8), 0)
    np.testing.assert_array_equal(training, again)
    other, _ = find(*found, (30, 6), 3, (0.8, 0.8), 7)
    assert not np.allclose(training, other)


def test_a_place_for_one_camera_is_enough(addon: Import) -> None:
    found = survey(addon, [box((0, 0, 0), (1, 1, 1))], (0, 0, 0), (1, 1, 1))
    training, held_out = addon("capture.room_views").find_views(*found, (1, 0), 5, (0.5, 0.5), 0)
    assert len(training) == 1 and len(held_out) == 0
