"""How large subjects are in pictures, and cameras that frame them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from engine.link import framing
from engine.link.camera_paths import Framing, Orbit, orbit_pose, turntable
from engine.link.geometry import Bounds, Camera

SLOPES = (math.tan(math.radians(20)),) * 2
SEED = np.random.default_rng(0)


def sphere(count: int) -> np.ndarray:
    points = SEED.normal(size=(count, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


SUBJECTS = {
    "sphere": 0.5 * sphere(800) + (3.0, -2.0, 1.0),
    "wide": SEED.uniform(-1, 1, (500, 3)) * (4.0, 1.0, 0.5),
    "tall": SEED.uniform(-1, 1, (500, 3)) * (0.4, 0.4, 3.0),
    "flat": SEED.uniform(-1, 1, (500, 3)) * (3.0, 3.0, 0.01),
    "rod": SEED.uniform(-1, 1, (500, 3)) * (5.0, 0.2, 0.2),
    "cone": np.concatenate((SEED.uniform(-1, 1, (200, 3)) * (1.0, 1.0, 0.0), [[0.0, 0.0, 2.0]])),
}


def rotations(count: int, low: float = -1.0) -> np.ndarray:
    """Of cameras that look from ``count`` directions all around, none from below the height ``low``."""
    z = low + (1.0 - low) * (np.arange(count) + 0.5) / count
    turns = np.arange(count) * math.pi * (3 - math.sqrt(5))
    return np.stack(
        [orbit_pose(np.zeros(3), 1.0, turn, math.asin(height))[:3, :3] for turn, height in zip(turns, z, strict=True)]
    )


def shares(points: np.ndarray, position: np.ndarray, rotation: np.ndarray, slopes: tuple[float, float]) -> np.ndarray:
    """Where the picture's sides -1..1 each point is seen, [n, 2]."""
    local = (points - position) @ rotation
    assert (local[:, 2] < 0).all(), "a point is behind the camera"
    return local[:, :2] / -local[:, 2:] / slopes


@pytest.mark.parametrize("slopes", [SLOPES, (0.6, 0.25), (0.25, 0.6), (3.0, 3.0)])
@pytest.mark.parametrize("name", SUBJECTS)
def test_every_picture_holds_the_subject_and_is_filled_by_it(name: str, slopes: tuple[float, float]) -> None:
    looks = rotations(60)
    filled = []
    for position, rotation in zip(framing.frame_subject(SUBJECTS[name], looks, slopes), looks, strict=True):
        seen = shares(SUBJECTS[name], position, rotation, slopes)
        assert np.abs(seen).max() <= 1 / 1.05 + 1e-9
        middle = (seen.min(axis=0) + seen.max(axis=0)) / 2
        filled.append(np.ptp(seen, axis=0).max() / 2)
        assert np.abs(middle).max() < 1e-3, "as much room on the left as on the right, above as below"
    if slopes != (3.0, 3.0):  # there cameras would have to stand in the subject
        assert min(filled) >= 0.65 and np.median(filled) >= 0.8


def test_a_margin_is_a_share_of_the_picture() -> None:
    looks = rotations(40)
    for margin in (0.0, 0.25, 1.0):
        positions = framing.frame_subject(SUBJECTS["sphere"], looks, SLOPES, margin)
        for position, rotation in zip(positions, looks, strict=True):
            seen = shares(SUBJECTS["sphere"], position, rotation, SLOPES)
            assert np.ptp(seen, axis=0).max() / 2 == pytest.approx(1 / (1 + margin), rel=0.03)


@pytest.mark.parametrize("count", [12, 60, 200])
@pytest.mark.parametrize("name", ["wide", "tall", "sphere", "cone"])
def test_distances_of_neighbours_are_alike(name: str, count: int) -> None:
    looks = rotations(count)
    points = SUBJECTS[name]
    origin = (points.min(axis=0) + points.max(axis=0)) / 2
    positions = framing.frame_subject(points, looks, SLOPES)
    distances = np.einsum("ci,ci->c", positions - origin, looks[:, :, 2])
    angles = np.arccos(np.clip(looks[:, :, 2] @ looks[:, :, 2].T, -1, 1))
    # Closer together than by themselves, or as SCALE_ANGLE says.
    alone = np.concatenate([framing.frame_subject(points, look[None], SLOPES) for look in looks])
    own = np.einsum("ci,ci->c", alone - origin, looks[:, :, 2])
    ratio = distances[:, None] / distances
    assert (ratio <= np.maximum(np.exp(angles), own[:, None] / own) * (1 + 1e-6)).all()
    if name != "wide":
        assert (ratio <= np.exp(angles) * (1 + 1e-6)).all()


def test_a_stretch_moves_cameras_away_but_never_too_far() -> None:
    looks = rotations(30)
    near = framing.frame_subject(SUBJECTS["sphere"], looks, SLOPES)
    far = framing.frame_subject(SUBJECTS["sphere"], looks, SLOPES, stretch=np.linspace(1.0, 3.0, 30))
    distance = np.linalg.norm(far - SUBJECTS["sphere"].mean(axis=0), axis=1)
    assert (distance >= np.linalg.norm(near - SUBJECTS["sphere"].mean(axis=0), axis=1) - 1e-6).all()
    for position, rotation in zip(far, looks, strict=True):
        assert np.ptp(shares(SUBJECTS["sphere"], position, rotation, SLOPES), axis=0).max() / 2 >= 0.65


@pytest.mark.parametrize("count", [30_000, 400])
@pytest.mark.parametrize("kind", ["ball", "box", "blunt cone"])
def test_extreme_points_reach_as_far_as_all_points(kind: str, count: int) -> None:
    points = {
        "ball": sphere(count) * (1.0, 2.0, 3.0),
        "box": SEED.uniform(-1, 1, (count, 3)),
        "blunt cone": np.concatenate((np.pad(sphere(count)[:, :2], ((0, 0), (0, 1))), [[0.1, 0.0, 0.04]])),
    }[kind].astype(np.float32)
    few = framing.extreme_points(points, 300)
    assert len(few) <= 300
    assert set(map(tuple, few.tolist())) <= set(map(tuple, points.tolist())), "points of the subject"
    directions = sphere(500)
    lost = (directions @ points.T).max(axis=1) - (directions @ few.T).max(axis=1)
    assert lost.max() <= 0.06 * np.linalg.norm(np.ptp(points, axis=0))
    assert (lost >= -1e-6).all()


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("size", [(64, 64), (160, 90), (90, 160)])
@pytest.mark.parametrize("elevation", [-10.0, 20.0, 75.0, 90.0])
def test_a_turntable_holds_the_subject_and_is_filled_by_it(name: str, size: tuple[int, int], elevation: float) -> None:
    points = SUBJECTS[name]
    bounds = Bounds(points.min(axis=0) - 2.0, points.max(axis=0) + np.array((1.0, 2.0, 3.0)))  # with much that is empty
    cameras = turntable(bounds, 24, size, Orbit(math.radians(elevation)), Framing(subject=points))
    slopes = tuple(side / 2 / cameras[0].fx for side in size)
    seen = [shares(points, camera.position, camera.camera_to_world[:3, :3], slopes) for camera in cameras]
    assert max(np.abs(one).max() for one in seen) == pytest.approx(1 / 1.05, rel=1e-6)
    assert max(np.ptp(one, axis=0).max() / 2 for one in seen) >= 0.65
    heights = np.array([(one[:, 1].min(), one[:, 1].max()) for one in seen])
    if elevation < 90:
        assert heights.min() == pytest.approx(-heights.max(), abs=1e-3), "as much room above as below"


def test_a_turntable_on_several_levels_holds_the_subject() -> None:
    points = SUBJECTS["tall"]
    bounds = Bounds(points.min(axis=0) - 0.1, points.max(axis=0) + 0.1)
    orbit = Orbit(elevation=-0.2, levels=3, top_elevation=1.3)
    for lift in (0.0, 0.7):
        cameras = turntable(bounds, 12, (64, 64), orbit, Framing(subject=points, lift=lift))
        slopes = (32 / cameras[0].fx, 32 / cameras[0].fy)
        reached = [np.abs(shares(points, c.position, c.camera_to_world[:3, :3], slopes)).max() for c in cameras]
        assert max(reached) == pytest.approx(1 / 1.05, rel=1e-6)


def test_covered_shares_are_those_of_the_box_around_what_is_covered() -> None:
    alpha = np.zeros((40, 80), np.float16)
    assert framing.covered_shares(alpha) == (0.0, 0.0) and framing.filled_share(alpha) == 0.0
    alpha[10:20, 4] = 0.01
    alpha[12, 4:44] = 1.0
    assert framing.covered_shares(alpha) == (0.5, 0.25)
    assert framing.filled_share(alpha) == 0.5
    assert framing.filled_share(np.ones((5, 7), np.uint8)) == 1.0


def test_pixels_spanned_is_the_median_over_the_pictures() -> None:
    points = np.array([(-0.5, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 0.0, 0.1)])
    pose = orbit_pose(np.zeros(3), 10.0, -math.pi / 2, 0.0)
    cameras = [Camera(pose, 400, 300, 1000.0 * k, 1000.0 * k, 200.0, 150.0) for k in (1, 2, 9)]
    assert framing.pixels_spanned(cameras[:1], points) == pytest.approx(100.0)
    assert framing.pixels_spanned(cameras, points) == pytest.approx(200.0)
    assert framing.pixels_spanned(cameras[2:], points) == 400.0, "the rest lies outside"
    assert framing.pixels_spanned([], points) == 0.0


def looking_down(height: float, field_of_view: float, size: int = 400) -> Camera:
    pose = np.eye(4)
    pose[2, 3] = height
    focal = size / 2 / math.tan(math.radians(field_of_view) / 2)
    return Camera(pose, size, size, focal, focal, size / 2, size / 2)


def test_close_ups_enlarge_as_much_as_they_show_things_larger() -> None:
    points = np.array(list(itertools.product((-1.0, 0.0, 1.0), (-1.0, 0.0, 1.0), (-0.01, 0.01))))
    captured = [looking_down(5.0, 40.0), looking_down(5.0, 40.0), looking_down(50.0, 40.0)]
    detail = framing.captured_detail(captured, points)
    frames = [
        looking_down(5.0, 40.0),
        looking_down(5.0, 40.0, size=800),  # a larger picture
        looking_down(5.0, 10.0),  # zoomed in: the subject is wider than the picture
        looking_down(1.0, 40.0),  # near: so it is here
        looking_down(-2.0, 40.0),  # looks away
    ]
    zoom = math.tan(math.radians(20.0)) / math.tan(math.radians(5.0))
    np.testing.assert_allclose(framing.enlargements(frames, points, detail), [1.0, 2.0, zoom, 5.0, 0.0], rtol=0.02)
    corners = points[np.abs(points).min(axis=1) > 0.001][:4]
    assert framing.enlargements(frames[2:3], corners, framing.captured_detail(captured, corners)) == pytest.approx(
        zoom, rel=0.02
    ), "none of the points is in the picture"
    assert framing.enlargements(frames[:1], points, framing.captured_detail([], points)) == np.inf
    assert len(framing.enlargements([], points, detail)) == 0
