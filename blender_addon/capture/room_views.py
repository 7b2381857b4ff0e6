"""Views of a room from inside: from where, and which way each looks. Pure maths, no Blender."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from engine.link.geometry import Bounds

from .free_space import FreeSpace, Room
from .rigs import fibonacci_directions, look_at, spread_order

_CLEARANCE = 0.08  # of the box's shortest side between a camera and surfaces
_OUTSIDE = 0.1  # of the bounds' size around them in which walls are looked for
_WALLED = 0.9  # of the directions from a place meet a surface if it is in a room
_SURVEYS = 4  # of smaller and smaller boxes
_RAYS = 400  # from each viewpoint, by which it is known what a view shows
_PATCH = 4  # cells along each side of what is counted as seen
_WAYS = 48  # to look from each viewpoint, among which the best is chosen
_MOST_PLACES = 5000  # among which viewpoints are chosen


def find_views(
    space: FreeSpace,
    room: Room,
    counts: tuple[int, int],
    looks: int,
    slopes: tuple[float, float],
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """``camera_to_world`` [n, 4, 4] of ``counts`` training and held-out views of ``room``, in order of capture.

    Viewpoints lie as far from each other as can be; ``looks`` training views are taken from each, held-out views from
    others. A view looks where most is that few views have shown yet; a held-out view, where training views look.
    ``slopes``: half the width and height of what a camera sees one metre before it.
    """
    training, held_out = counts
    viewpoints = max(math.ceil(training / looks), 1)
    places = space.middles(np.argwhere(room.is_place))
    random = np.random.default_rng(seed)
    places = places[np.sort(random.permutation(len(places))[:_MOST_PLACES])]
    chosen = places[spread_order(places, viewpoints + held_out)]
    own, others = chosen[:viewpoints], chosen[viewpoints:]
    if len(others) == 0:  # a room with hardly a place to stand
        others = own
    turn = 2 * math.pi * random.random() if seed else 0.0
    ways = fibonacci_directions(_WAYS, turn=turn)
    rays = fibonacci_directions(_RAYS)
    is_shown = _shown(ways, rays, slopes)
    patches, count = _patches(space)
    seen = np.zeros(count)
    trained = _choose(_patches_met(space.look(own, rays), patches), is_shown, training, seen, np.ones(count))
    others_met = _patches_met(space.look(others, rays), patches)
    tested = _choose(others_met, is_shown, held_out, np.zeros(count), np.minimum(seen, 3.0))
    return _poses(own, ways, trained), _poses(others, ways, tested)


def survey(
    triangles: Callable[[], Iterable[np.ndarray]], bounds: Bounds, eye: np.ndarray | None
) -> tuple[FreeSpace, Room] | None:
    """The free space of the room in ``bounds``, and where in it cameras can stand; None where nothing is walled in.

    ``triangles``: gives arrays [t, 3, 3] of the surfaces' corners in world space. ``eye`` [3]: a point in the room that
    is meant.
    """
    outside = _OUTSIDE * bounds.size  # walls may lie just outside the bounds
    space = FreeSpace(triangles(), bounds.minimum - outside, bounds.maximum + outside)
    clearance = max(round(_CLEARANCE * float(bounds.size.min()) / space.cell), 1)
    room = space.find_room(clearance, eye, (bounds.minimum, bounds.maximum))
    return None if room is None else (space, room)


def room_around(
    triangles: Callable[[], Iterable[np.ndarray]], bounds: Bounds, eye: np.ndarray
) -> tuple[FreeSpace, Room] | None:
    """As ``survey``, of the room that ``eye`` stands in; None where it stands in none."""
    found = survey(triangles, bounds, eye)
    if found is None:
        return None
    space, cell = found[0], found[0].cells_of(eye)
    is_walled = space.is_in_grid(cell) and space.share_walled()[tuple(cell)] >= _WALLED
    return found if is_walled else None


def room_box(
    triangles: Callable[[], Iterable[np.ndarray]], bounds: Bounds, eye: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """The corners [3] and [3] of the box of the surfaces around the room in ``bounds``, None where there is none. The
    arguments are those of ``survey``."""
    box = None
    for _ in range(_SURVEYS):
        found = survey(triangles, bounds, eye)
        if found is None:
            return box
        low, high = box = found[0].box_around(found[1], triangles())
        if ((high - low) > bounds.size / 2).all():
            break
        # It is small beside all that is there: look again, with smaller cells.
        low, high = low - found[0].cell, high + found[0].cell
        bounds = Bounds(low, high)
    return box


def _shown(ways: np.ndarray, rays: np.ndarray, slopes: tuple[float, float]) -> np.ndarray:
    """Which of ``rays`` [r, 3] are in the picture of a camera that looks along each of ``ways`` [w, 3], as floats
    [w, r]."""
    turned = look_at(-ways, np.zeros(3))[:, :3, :3]
    local = np.einsum("wij,ri->wrj", turned, rays)
    depth = -local[..., 2]
    is_in = (depth > 0) & (np.abs(local[..., 0]) <= slopes[0] * depth) & (np.abs(local[..., 1]) <= slopes[1] * depth)
    return is_in.astype(np.float64)


def _patches(space: FreeSpace) -> tuple[np.ndarray, int]:
    """The number of the patch of surface that each cell [cells] belongs to, and how many there are: a few cells each,
    so that rays from several viewpoints meet in them."""
    coarse = np.indices(space.shape) // _PATCH
    shape = [(length - 1) // _PATCH + 1 for length in space.shape]
    return np.ravel_multi_index(tuple(coarse), shape).reshape(-1), int(np.prod(shape))


def _patches_met(cells: np.ndarray, patches: np.ndarray) -> np.ndarray:
    return np.where(cells >= 0, patches[cells], -1)


def _choose(
    hits: np.ndarray, is_shown: np.ndarray, count: int, seen: np.ndarray, worth: np.ndarray
) -> list[tuple[int, int]]:
    """Viewpoint and way of each of ``count`` views, one viewpoint after the other.

    ``hits`` [p, r]: the patches that rays meet. ``seen`` [patches]: how many views show each, counted on. ``worth``
    [patches]: of showing each for the first time.
    """
    views: list[tuple[int, int]] = []
    uses = np.zeros(len(is_shown))  # of each way, from wherever
    is_taken = np.zeros((len(hits), len(is_shown)), bool)
    shown = [_patches_shown(met, is_shown) for met in hits[:count]]
    for number in range(count):
        point = number % len(hits)
        met, shows = shown[point]
        gain = shows @ (worth[met] / (1.0 + seen[met]) ** 2) / np.sqrt(1.0 + uses)
        if not is_taken[point].all():
            gain[is_taken[point]] = -1.0
        way = int(gain.argmax())
        is_taken[point, way] = True
        uses[way] += 1.0
        seen[met[shows[way]]] += 1.0
        views.append((point, way))
    return views


def _patches_shown(hits: np.ndarray, is_shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The patches [k] that rays from a viewpoint meet, and which of them each way shows [w, k]."""
    met, place = np.unique(hits, return_inverse=True)
    is_met = np.zeros((len(place), len(met)))
    is_met[np.arange(len(place)), place] = 1.0
    return met, (is_shown @ is_met > 0.0) & (met >= 0)


def _poses(positions: np.ndarray, ways: np.ndarray, views: list[tuple[int, int]]) -> np.ndarray:
    if not views:
        return np.zeros((0, 4, 4))
    points, chosen = np.array(views).T
    poses = look_at(-ways[chosen], np.zeros(3))  # from behind the origin: along the way
    poses[:, :3, 3] = positions[points]
    return poses
