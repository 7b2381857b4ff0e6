"""Lens distortion by OpenCV's names: read from wherever a file has it, and brought to the four terms that are used."""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from engine.data.json_object import JsonObject
from engine.data.remarks import Remarks
from engine.link import fisheye
from engine.link.geometry import FISHEYE_TERMS, Camera, Projection
from engine.link.values import Limits, shorten
from engine.link.wording import counted

# A list of terms is in OpenCV's order, but for nerfstudio's of six.
_LISTS = ("distortion_params", "distortion_coefficients", "distortion_coeffs", "dist_coeffs", "distortion",
          "distortion_parameters", "distortion_coeff", "lens_distortion", "D")  # fmt: skip
_OPENCV_ORDER = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
_NERFSTUDIO_ORDER = ("k1", "k2", "k3", "k4", "p1", "p2")
# Nerfies has two lists, others have them within one object.
_RADIAL, _TANGENTIAL = ("k1", "k2", "k3"), ("p1", "p2")
_PARTS = {
    "radial_distortion": _RADIAL,
    "tangential_distortion": _TANGENTIAL,
    "radial": _RADIAL,
    "tangential": _TANGENTIAL,
}
_WITH_PRISM = (12, 14)  # terms, of which those behind the eighth are for thin prisms and tilted sensors
_LIMITS = Limits(-1e6, 1e6)
_WIDEST = 10.0  # focal lengths from the middle: beyond, nothing is a picture
_ITERATIONS = 20  # of the kernels
_GRID = 12
_FOLLOWED = 0.5  # pixels


def read_distortion(
    values: JsonObject, outer: dict[str, float], remarks: Remarks, projection: Projection = "pinhole"
) -> dict[str, float]:
    """The terms that ``values`` has; those of ``outer`` where it only has some by name. ``projection`` says what four
    terms in a list are. Raises DatasetError."""
    named = _read_named(values)
    for field in values.spelled(_LISTS):
        if not isinstance(values.peek(field), list | dict) and field != "distortion_params":
            continue
        if isinstance(values.get(field), dict):
            inner = JsonObject(values.get(field), f"{values.where}: {field}")
            listed = _read_parts(inner) | _read_named(inner)
            if unused := inner.unused():
                unread = counted(len(unused), "value in it isn't used", "values in it aren't used")
                remarks.add(
                    f"{field}: {unread}, as no terms are called so ({shorten(', '.join(unused))}; {{times}}, first in "
                    "{first}): call them k1 to k6, p1 and p2",
                    values.where,
                )
        else:
            listed = _read_list(values, field, remarks, projection)
        if differing := [name for name in named if named[name] != listed.get(name, 0.0)]:
            remarks.add(
                f"distortion terms that differ from those in {field} ({{times}}, first in {{first}}: {{terms}}): "
                "the terms by name are taken; remove the others",
                values.where,
                terms=", ".join(differing),
            )
        return listed | named
    return outer | _read_parts(values) | named


def fold_radial_terms(terms: dict[str, float], edge: float) -> tuple[float, float, float]:
    """k1 and k2 that come nearest to all radial ``terms`` out to ``edge`` focal lengths from the middle, and how far
    they miss, in focal lengths."""
    k1, k2, *further = (terms.get(f"k{number}", 0.0) for number in range(1, 7))
    if not any(further):
        return k1, k2, 0.0
    radius = np.linspace(0.0, min(edge, _WIDEST), 64)[1:]
    square = radius**2
    k3, k4, k5, k6 = further
    if k5 or k6:  # OpenCV's rational model, where k4 is a part of the divisor
        scale = (1 + square * (k1 + square * (k2 + square * k3))) / (1 + square * (k4 + square * (k5 + square * k6)))
    else:  # nerfstudio's and COLMAP's polynomial
        scale = 1 + square * (k1 + square * (k2 + square * (k3 + square * k4)))
    powers = np.stack([radius**3, radius**5], axis=1)
    shift = radius * (scale - 1.0)
    folded = np.linalg.lstsq(powers, shift, rcond=None)[0]
    return float(folded[0]), float(folded[1]), float(np.abs(powers @ folded - shift).max())


def lost_share(camera: Camera) -> float:
    """The share of a picture's pixels whose rays can't be found, as its distortion folds them onto others."""
    if not camera.is_distorted:
        return 0.0
    lens = (camera.fx, camera.fy, camera.cx, camera.cy, camera.k1, camera.k2, camera.p1, camera.p2)
    return _lost_share((camera.width, camera.height), lens)


@functools.lru_cache(maxsize=1024)
def _lost_share(size: tuple[int, int], lens: tuple[float, ...]) -> float:
    fx, fy, cx, cy, k1, k2, p1, p2 = lens
    x, y = np.meshgrid(*(np.linspace(0.5, side - 0.5, _GRID) for side in size))
    x, y = (x - cx) / fx, (y - cy) / fy
    u, v = x, y
    with np.errstate(all="ignore"):
        for _ in range(_ITERATIONS):
            square = u * u + v * v
            radial = 1 + square * (k1 + square * k2)
            u, v = (
                (x - 2 * p1 * u * v - p2 * (square + 2 * u * u)) / radial,
                (y - p1 * (square + 2 * v * v) - 2 * p2 * u * v) / radial,
            )
        square = u * u + v * v
        radial = 1 + square * (k1 + square * k2)
        off_x = u * radial + 2 * p1 * u * v + p2 * (square + 2 * u * u) - x
        off_y = v * radial + p1 * (square + 2 * v * v) + 2 * p2 * u * v - y
        is_found = np.hypot(off_x * fx, off_y * fy) <= _FOLLOWED
    return 1.0 - float(is_found.mean())


def beyond_fisheye(camera: Camera) -> npt.NDArray[np.bool_]:
    """Which pixels of a fisheye's picture are too far off its axis to be used: [H, W] bool."""
    x = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    y = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    beyond: npt.NDArray[np.bool_] = np.hypot(x[None], y[:, None]) > fisheye.edge(camera.lens_terms)
    return beyond


def is_followed(error: float, focal: float) -> bool:
    """Whether an error in focal lengths is none that is seen."""
    return math.isfinite(error) and error * focal <= _FOLLOWED


def _read_named(values: JsonObject) -> dict[str, float]:
    found: dict[str, float] = {}
    for term in _OPENCV_ORDER:
        for name in values.spelled((term,))[:1]:
            if (value := values.number(name, _LIMITS)) is not None:
                found[term] = value
    return found


def _read_parts(values: JsonObject) -> dict[str, float]:
    named: dict[str, float] = {}
    for part, order in _PARTS.items():
        field = next(iter(values.spelled((part,))), part)
        terms = values.numbers(field, _LIMITS) or []
        if len(terms) > len(order):
            raise values.refuse(field, f"expected at most {len(order)} terms", terms)
        named = dict(zip(order, terms, strict=False)) | named
    return named


def _read_list(values: JsonObject, field: str, remarks: Remarks, projection: Projection) -> dict[str, float]:
    terms = _numbers(values, field)
    if not any(terms):
        return dict.fromkeys(_OPENCV_ORDER, 0.0)
    if projection == "fisheye" and len(terms) == len(FISHEYE_TERMS):
        return dict(zip(FISHEYE_TERMS, terms, strict=True))
    if len(terms) == len(_NERFSTUDIO_ORDER):
        return dict(zip(_NERFSTUDIO_ORDER, terms, strict=True))
    if len(terms) in _WITH_PRISM and not any(terms[len(_OPENCV_ORDER) :]):
        terms = terms[: len(_OPENCV_ORDER)]
    if len(terms) not in (1, 2, 4, 5, 8):
        raise values.refuse(field, "expected 4, 5 or 8 terms in OpenCV's order, or k1 k2 k3 k4 p1 p2", terms)
    order = _OPENCV_ORDER[: len(terms)]
    if any(terms[2:]):
        remarks.add(f"{field}: its {len(terms)} terms are taken for {' '.join(order)}, OpenCV's order; else name each")
    return dict(zip(order, terms, strict=True))


def _numbers(values: JsonObject, field: str) -> list[float]:
    """The terms in a list; OpenCV's, as numpy has them, are a row or column within another one."""
    items = values.objects(field)
    if items and isinstance(items[0], list) and (matrix := values.matrix(field)) is not None:
        return [float(term) for term in matrix.ravel()]
    return values.numbers(field, _LIMITS) or []
