"""Where planned cameras stand, as pure maths."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

Import = Callable[[str], ModuleType]


@pytest.fixture
def rigs(addon: Import) -> ModuleType:
    return addon("capture.rigs")


def covering_angle(chosen: np.ndarray, band: np.ndarray) -> float:
    """The largest angle from any direction of ``band`` to the nearest of ``chosen``."""
    return float(np.arccos(np.clip((band @ chosen.T).max(axis=1), -1, 1)).max())


@pytest.mark.parametrize(("low", "high"), [(-math.pi / 2, math.pi / 2), (0.0, math.pi / 2), (0.2, 1.0)])
def test_fibonacci_points_are_even_and_inside_the_band(rigs: ModuleType, low: float, high: float) -> None:
    directions = rigs.fibonacci_directions(200, low, high)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    elevation = np.arcsin(directions[:, 2])
    assert low <= elevation.min() and elevation.max() <= high
    cosines = directions @ directions.T - 3 * np.eye(200)
    nearest = np.arccos(cosines.max(axis=1))
    ideal = math.sqrt(2 * math.pi * (math.sin(high) - math.sin(low)) / 200)  # side of each one's share, if square
    assert 0.6 * ideal < nearest.min() and nearest.max() < 1.3 * ideal


def test_rings(rigs: ModuleType) -> None:
    directions = rigs.ring_directions(3, 8, math.radians(10), math.radians(50))
    elevations = np.degrees(np.arcsin(directions[:, 2])).reshape(3, 8)
    np.testing.assert_allclose(elevations, np.repeat([[10.0], [30.0], [50.0]], 8, axis=1))
    azimuth = np.degrees(np.unwrap(np.arctan2(directions[:8, 1], directions[:8, 0])))
    np.testing.assert_allclose(np.diff(azimuth), 45.0)
    assert np.degrees(np.arcsin(rigs.ring_directions(1, 4, 0.0, math.radians(60))[:, 2])) == pytest.approx([30.0] * 4)


@pytest.mark.parametrize("kind", ["sphere", "hemisphere", "rings"])
def test_any_first_k_views_cover_the_subject(rigs: ModuleType, kind: str) -> None:
    low, high = {"sphere": (-math.pi / 2, math.pi / 2), "hemisphere": (0.1, 1.4), "rings": (0.1, 1.2)}[kind]
    if kind == "rings":
        directions = rigs.ring_directions(5, 20, low, high)
    else:
        directions = rigs.fibonacci_directions(100, low, high)
    ordered = directions[rigs.spread_order(directions)]
    assert sorted(map(tuple, ordered)) == sorted(map(tuple, directions))
    band = rigs.fibonacci_directions(2000, low, high)
    for k in (2, 3, 5, 8, 13, 21, 34, 55, 100):
        best_known = covering_angle(rigs.fibonacci_directions(k, low, high), band)
        assert covering_angle(ordered[:k], band) < 1.8 * best_known + 1e-9, k
    # Unordered, the first ten all lie at one end.
    assert covering_angle(ordered[:10], band) < 0.6 * covering_angle(directions[:10], band)


def test_spread_order_copes_with_equal_points_and_few(rigs: ModuleType) -> None:
    assert sorted(rigs.spread_order(np.zeros((5, 3)))) == [0, 1, 2, 3, 4]
    assert list(rigs.spread_order(np.zeros((1, 3)))) == [0]
    assert len(rigs.spread_order(np.zeros((0, 3)))) == 0


@pytest.mark.parametrize("count", [1, 4, 8, 12])
def test_held_out_views_are_spread_and_apart_from_training(rigs: ModuleType, count: int) -> None:
    low, high = math.radians(5), math.radians(80)
    training = rigs.fibonacci_directions(48, low, high)
    held_out = rigs.held_out_directions(count, training, low, high)
    assert held_out.shape == (count, 3)
    assert np.arccos((held_out @ training.T).max()) > 0.2 * rigs.mean_spacing(training)
    if count > 1:
        assert rigs.mean_spacing(held_out) > rigs.mean_spacing(training)
    elevation = np.arcsin(held_out[:, 2])
    assert low <= elevation.min() and elevation.max() <= high


def test_held_out_views_of_given_cameras(rigs: ModuleType) -> None:
    assert rigs.held_out_indices(100, 4) == [12, 37, 62, 87]
    assert rigs.held_out_indices(8, 8) == [2, 6]
    assert rigs.held_out_indices(3, 8) == []
    assert rigs.held_out_indices(10, 0) == []


def test_jitter_is_seeded_bounded_and_keeps_the_band(rigs: ModuleType) -> None:
    directions = rigs.fibonacci_directions(60, 0.1, 1.2)
    one, same, other = (rigs.jitter_directions(directions, 1.0, seed, 0.1, 1.2) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.01
    assert np.arccos((one * directions).sum(axis=1)).max() < rigs.mean_spacing(directions)
    elevation = np.arcsin(one[:, 2])
    assert elevation.min() > 0.1 - 1e-9 and elevation.max() < 1.2 + 1e-9
    np.testing.assert_array_equal(rigs.jitter_directions(directions, 0.0, 1, 0.1, 1.2), directions)
    stretch = rigs.jitter_stretch(50, 1.0, 0)
    assert 1.0 <= stretch.min() < stretch.max() <= 1.25


@pytest.mark.parametrize("direction", [(0, 0, 1), (0, 0, -1), (1e-12, 0, 1), (1, 0, 0), (0, -1, 0), (1, 2, 3)])
def test_look_at_is_a_rotation_that_looks_at_the_target(rigs: ModuleType, direction: tuple[float, ...]) -> None:
    target = np.array((3.0, -2.0, 1.0))
    position = target + 4.0 * np.array(direction) / np.linalg.norm(direction)
    pose = rigs.look_at(position, target)
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)
    np.testing.assert_allclose(position - 4.0 * pose[:3, 2], target, atol=1e-9)
    assert pose[2, 1] >= -1e-9  # upright


def test_nonsense_is_refused(rigs: ModuleType) -> None:
    with pytest.raises(ValueError, match="lowest elevation"):
        rigs.fibonacci_directions(5, 1.0, 0.5)
    with pytest.raises(ValueError, match="stands in"):
        rigs.look_at((1, 1, 1), (1, 1, 1))
