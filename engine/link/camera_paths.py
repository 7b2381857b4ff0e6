"""Camera paths that both sides compute alike: the add-on to show and bake them, the command line to render them.

Space, axes and units as in ``geometry``.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Floats
from engine.link.framing import DEFAULT_MARGIN, fit_turntable
from engine.link.geometry import MAX_IMAGE_SIDE, Bounds, Camera, GeometryError

DEFAULT_ELEVATION = math.radians(20.0)
DEFAULT_FIELD_OF_VIEW = math.radians(40.0)
MAX_FRAMES = 20_000


def turntable(
    bounds: Bounds,
    frames: int,
    width: int,
    height: int,
    *,
    elevation: float = DEFAULT_ELEVATION,
    levels: int = 1,
    top_elevation: float | None = None,
    start: float = 0.0,
    turns: float = 1.0,
    ease: float = 0.0,
    field_of_view: float = DEFAULT_FIELD_OF_VIEW,
    radius: float | None = None,
    lift: float = 0.0,
    margin: float = DEFAULT_MARGIN,
    subject: Floats | None = None,
) -> list[Camera]:
    """Cameras on a circle around ``bounds``, or the subject in them, all looking at one point.

    Args:
        frames: how many on each level; the last one stops a step short of closing the circle, so that the film loops.
        width, height: the pictures, in pixels.
        elevation: of the cameras above the horizon, radians, within -pi/2..pi/2; with several levels, of the first.
        levels: how many turns follow each other, evenly from ``elevation`` to ``top_elevation`` (by default the same).
        top_elevation: of the last level, radians.
        start: azimuth of the first camera, radians counter-clockwise from +X as seen from above.
        turns: how many times round; negative turns the other way.
        ease: 0 turns evenly; up to 1, the turn starts and ends ever more gently (and the film loops with a pause).
        field_of_view: along the shorter side of the picture, radians.
        radius: distance of the cameras from the point looked at, metres; None fits the subject into all pictures.
        lift: raises cameras and the point looked at, metres.
        margin: room around the fitted subject, as a share of its size in the picture.
        subject: extreme points of what is in the bounds, world space, [n, 3]; None: the corners of the bounds. With a
            fitted radius the cameras look at the height at which it fills the pictures best, on the upright line
            through its middle; else at the centre of the bounds.

    Raises GeometryError that names a value out of range.
    """
    if levels < 1:
        raise GeometryError(f"levels: must be at least 1, got {levels}")
    if not 1 <= frames <= MAX_FRAMES // levels:
        on_levels = f" on {levels} levels" if levels > 1 else ""
        raise GeometryError(f"frames: {frames}{on_levels} is outside 1..{MAX_FRAMES}")
    top_elevation = elevation if top_elevation is None else top_elevation
    for name, value in (("elevation", elevation), ("top_elevation", top_elevation)):
        if not -math.pi / 2 <= value <= math.pi / 2:
            raise GeometryError(f"{name}: {math.degrees(value):g} degrees is outside -90..90")
    if not 0.0 <= ease <= 1.0:
        raise GeometryError(f"ease: {ease} is outside 0..1")
    if not 0.0 < field_of_view < math.pi:
        raise GeometryError(f"field_of_view: {math.degrees(field_of_view):g} degrees is outside 0..180")
    if radius is not None and not radius > 0.0:
        raise GeometryError(f"radius: must be positive, got {radius}")
    for name, side in (("width", width), ("height", height)):
        if not 1 <= side <= MAX_IMAGE_SIDE:
            raise GeometryError(f"{name}: {side} is outside 1..{MAX_IMAGE_SIDE}")

    focal = min(width, height) / 2 / math.tan(field_of_view / 2)
    azimuths = [start + 2 * math.pi * turns * _eased(float(progress), ease) for progress in np.arange(frames) / frames]
    elevations = np.linspace(elevation, top_elevation, levels).tolist()
    target = bounds.center
    if radius is None:
        points = bounds.corners if subject is None else subject
        rotations = [
            np.stack([orbit_pose(target, 1.0, azimuth, level)[:3, :3] for azimuth in azimuths]) for level in elevations
        ]
        target, radius = fit_turntable(points, rotations, (width / 2 / focal, height / 2 / focal), lift, margin)
    else:
        target = target + np.array([0.0, 0.0, lift])
    cameras = []
    for level, azimuth in itertools.product(elevations, azimuths):
        cameras.append(
            Camera(
                camera_to_world=orbit_pose(target, radius, azimuth, level),
                width=width,
                height=height,
                fx=focal,
                fy=focal,
                cx=width / 2,
                cy=height / 2,
            )
        )
    return cameras


def orbit_pose(target: Floats, radius: float, azimuth: float, elevation: float) -> npt.NDArray[np.float64]:
    """``camera_to_world`` [4, 4] float64 of an upright camera that looks at ``target`` [3] from ``radius`` metres away.

    Written with angles rather than with an up vector, so that it holds straight above and below as well.
    """
    cos_a, sin_a = math.cos(azimuth), math.sin(azimuth)
    cos_e, sin_e = math.cos(elevation), math.sin(elevation)
    right = (-sin_a, cos_a, 0.0)
    up = (-sin_e * cos_a, -sin_e * sin_a, cos_e)
    backward = np.array((cos_e * cos_a, cos_e * sin_a, sin_e))
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = right, up, backward
    pose[:3, 3] = np.asarray(target, dtype=np.float64) + radius * backward
    return pose


def _eased(progress: float, ease: float) -> float:
    """Progress 0..1 blended towards smoothstep, whose speed is zero at both ends."""
    return progress + ease * (progress * progress * (3.0 - 2.0 * progress) - progress)
