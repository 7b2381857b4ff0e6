"""Where the bounds are, and how large objects are beside all the rest: those that make the bounds many times larger, a
sky, a ground, something forgotten far away; those that are most of the subject. No Blender."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator

import numpy as np

from engine.link.geometry import Bounds

from .plan_warnings import PlanWarning, leave_out, list_names, select
from .rigs import box_corners
from .surroundings import Surroundings

_TIMES = 10.0  # as large as the rest, from which on it is told
_AT_ONCE = 5.0  # the smallest of the giants, beside the rest: sizes that grow by and by have none
_ALIKE = 2.0  # times as large as all the rest at most, an object is like that
_MOST = 60  # objects that are told of: a ground may be laid of many tiles
_MOST_OF_IT = 0.5  # of the size of what is inside the bounds, or of its points, is what it is about


def check_distance(bounds: Bounds) -> Iterator[PlanWarning]:
    """A warning of bounds so far from the world's origin that Blender can't tell apart what is in them."""
    if bounds.is_too_far_for_float32:
        away = float(np.abs(bounds.center).max())
        words = f"What is captured is {away:.0f} m from the world's origin, where coordinates are "
        yield PlanWarning(f"{words}{bounds.coordinate_spacing:.2g} m apart: surfaces and cameras jump. Move it nearer")


def check_size(surroundings: Surroundings, bounds: Bounds, width: int) -> Iterator[PlanWarning]:
    """A warning of objects that dwarf the rest of what is inside ``bounds``, in pictures ``width`` pixels across."""
    boxes = _boxes_within(surroundings, bounds)
    if len(boxes) < 2:
        return
    names = _by_reach(boxes)
    sizes = [_size_around([boxes[name] for name in names[count:]]) for count in range(min(_MOST, len(names) - 1) + 1)]
    sizes = [max(size, 1e-9) for size in sizes]
    steps = [former / later for former, later in itertools.pairwise(sizes)]
    count = 1 + max(range(len(steps)), key=lambda index: steps[index])  # where most is gained
    rest = sizes[count]
    if sizes[0] <= _TIMES * rest or steps[count - 1] <= _AT_ONCE:
        return
    giants = names[:count]
    alike = [name for name in giants if _size_around([boxes[name]]) <= _ALIKE * rest]
    if len(alike) > len(names) - count:  # they are no strays: what is spread out is the scene
        return
    times = sizes[0] / rest
    verb = "makes" if len(giants) == 1 else "make"
    words = (
        f"{list_names(giants)} {verb} what is captured {sizes[0]:.4g} m large, {times:.0f} times as large as the rest "
        f"({rest:.3g} m, about {_pixels(width / times)} of {width}): leave {'it' if len(giants) == 1 else 'them'} out, "
        "or select the rest and use Fit to Selected"
    )
    yield PlanWarning(words, (leave_out(giants, fit=True), select(names[count:])))


def are_most(names: Collection[str], surroundings: Surroundings, bounds: Bounds) -> bool:
    """Whether the objects called ``names`` are most of what is inside ``bounds``, by the longest side of the box around
    them or by the number of their points: a figure has many, and the ground that it stands on is larger."""
    boxes = _boxes_within(surroundings, bounds)
    chosen = [box for name, box in boxes.items() if name in names]
    if not chosen:
        return False
    if _size_around(chosen) >= _MOST_OF_IT * _size_around(list(boxes.values())):
        return True
    points = Counter[str]()
    for geometry in surroundings.geometry.values():
        for owner in geometry.owners:
            points[owner] += len(geometry.points) if owner in boxes else 0
    return sum(points[name] for name in set(names)) >= _MOST_OF_IT * points.total()


def _boxes_within(surroundings: Surroundings, bounds: Bounds) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The corners of the box around each object's part of ``bounds``, by name."""
    boxes: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for geometry in surroundings.geometry.values():
        if len(geometry.points) == 0:
            continue
        corners = box_corners(geometry.points.min(axis=0), geometry.points.max(axis=0))
        for matrix, owner in zip(geometry.matrices, geometry.owners, strict=True):
            world = corners @ matrix[:3, :3].T + matrix[:3, 3]
            low = np.maximum(world.min(axis=0), bounds.minimum)
            high = np.minimum(world.max(axis=0), bounds.maximum)
            if (low <= high).all():
                former = boxes.get(owner, (low, high))
                boxes[owner] = np.minimum(low, former[0]), np.maximum(high, former[1])
    return boxes


def _by_reach(boxes: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[str]:
    """The objects' names, those first that reach farthest from where most of them are."""
    middle = np.median([(low + high) / 2 for low, high in boxes.values()], axis=0)

    def reach(name: str) -> float:
        low, high = boxes[name]
        return float(np.linalg.norm(np.maximum(np.abs(low - middle), np.abs(high - middle))))

    return sorted(boxes, key=lambda name: (-reach(name), name))


def _size_around(boxes: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The longest side of the box around ``boxes``."""
    low = np.min([low for low, _ in boxes], axis=0)
    high = np.max([high for _, high in boxes], axis=0)
    return float((high - low).max())


def _pixels(number: float) -> str:
    return "1 pixel" if number < 1.5 else f"{number:.0f} pixels"
