"""Camera paths that both sides compute alike: the add-on to show and bake them, the command line to render them.

Space, axes and units as in ``geometry``.
"""

from __future__ import annotations

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Orbit:
    """How cameras go round. Raises GeometryError that names a value out of range.

    ``elevation`` above the horizon, radians, within -pi/2..pi/2. ``levels``: how many turns follow each other, evenly
    from ``elevation`` to ``top_elevation`` (None: all at the same). ``start``: azimuth of the first camera, radians
    counter-clockwise from +X as seen from above. ``turns``: how many times round, the other way where negative.
    ``ease``: 0 turns evenly; up to 1, the turn starts and ends ever more gently (and the film loops with a pause).
    """

    elevation: float = DEFAULT_ELEVATION
    levels: int = 1
    top_elevation: float | None = None
    start: float = 0.0
    turns: float = 1.0
    ease: float = 0.0

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise GeometryError(f"levels: must be at least 1, got {self.levels}")
        for name, value in (("elevation", self.elevation), ("top_elevation", self.highest)):
            if not -math.pi / 2 <= value <= math.pi / 2:
                raise GeometryError(f"{name}: {math.degrees(value):g} degrees is outside -90..90")
        if not 0.0 <= self.ease <= 1.0:
            raise GeometryError(f"ease: {self.ease} is outside 0..1")

    @property
    def highest(self) -> float:
        """Elevation of the last level, radians."""
        return self.elevation if self.top_elevation is None else self.top_elevation

    def azimuths(self, frames: int) -> list[float]:
        """Azimuths of a level's cameras, radians: the last a step short of closing the circle, so that the film
        loops."""
        progress = np.arange(frames) / frames
        return [self.start + 2 * math.pi * self.turns * _eased(float(part), self.ease) for part in progress]

    def elevations(self) -> list[float]:
        """Elevations of the levels, radians."""
        levels: list[float] = np.linspace(self.elevation, self.highest, self.levels).tolist()
        return levels


@dataclasses.dataclass(frozen=True, eq=False)
class Framing:
    """What fills the pictures. Raises GeometryError that names a value out of range.

    ``field_of_view`` along the shorter side of the picture, radians. ``radius``: distance of the cameras from the point
    looked at, metres; None fits the subject into all pictures. ``lift`` raises cameras and the point looked at, metres.
    ``margin``: room around the fitted subject, as a share of its size in the picture. ``subject``: extreme points of
    what is in the bounds, world space, [n, 3]; None: the corners of the bounds. With a fitted radius the cameras look
    at the height at which it fills the pictures best, on the upright line through its middle; else at the centre of the
    bounds.
    """

    field_of_view: float = DEFAULT_FIELD_OF_VIEW
    radius: float | None = None
    lift: float = 0.0
    margin: float = DEFAULT_MARGIN
    subject: Floats | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.field_of_view < math.pi:
            raise GeometryError(f"field_of_view: {math.degrees(self.field_of_view):g} degrees is outside 0..180")
        if self.radius is not None and not self.radius > 0.0:
            raise GeometryError(f"radius: must be positive, got {self.radius}")


DEFAULT_ORBIT, DEFAULT_FRAMING = Orbit(), Framing()


def turntable(
    bounds: Bounds,
    frames: int,
    size: tuple[int, int],
    orbit: Orbit = DEFAULT_ORBIT,
    framing: Framing = DEFAULT_FRAMING,
) -> list[Camera]:
    """Cameras around ``bounds``, or the subject in them, all looking at one point: ``frames`` on each level, for
    pictures of ``size`` (width, height) pixels. Raises GeometryError that names a value out of range."""
    if not 1 <= frames <= MAX_FRAMES // orbit.levels:
        on_levels = f" on {orbit.levels} levels" if orbit.levels > 1 else ""
        raise GeometryError(f"frames: {frames}{on_levels} is outside 1..{MAX_FRAMES}")
    for name, side in zip(("width", "height"), size, strict=True):
        if not 1 <= side <= MAX_IMAGE_SIDE:
            raise GeometryError(f"{name}: {side} is outside 1..{MAX_IMAGE_SIDE}")

    width, height = size
    focal = min(size) / 2 / math.tan(framing.field_of_view / 2)
    azimuths, elevations = orbit.azimuths(frames), orbit.elevations()
    target = bounds.center
    if framing.radius is None:
        points = bounds.corners if framing.subject is None else framing.subject
        rotations = [
            np.stack([orbit_pose(target, 1.0, azimuth, level)[:3, :3] for azimuth in azimuths]) for level in elevations
        ]
        slopes = (width / 2 / focal, height / 2 / focal)
        target, radius = fit_turntable(points, rotations, slopes, framing.lift, framing.margin)
    else:
        target, radius = target + np.array([0.0, 0.0, framing.lift]), framing.radius
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
