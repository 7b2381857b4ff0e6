"""Where the subject of a dataset lies, and whether its pictures agree."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.data.dataset import DatasetError
from engine.data.json_object import JsonObject
from engine.data.remarks import Remarks
from engine.data.views import View
from engine.link.arrays import Floats
from engine.link.geometry import MAX_CASCADES, Bounds, Camera, GeometryError, find_focus
from engine.link.projection import pixel_directions
from engine.link.wording import counted

NERF_SYNTHETIC_HALF_SIZE = 1.5
NERF_SYNTHETIC_DISTANCE = 4.03
# instant-ngp maps the world into its unit cube by position * scale + offset.
NGP_SCALE = 0.33
NGP_OFFSET = 0.5
CHECKED_VIEWS = 16
CHECKED_PIXELS_PER_SIDE = 64
TOLERATED_MISS = 0.02
# So many times as large as where cameras are and what they see, bounds are hardly meant: centimetres, say.
_FAR_TOO_LARGE = 15.0
_FARTHEST_SEEN = 98  # percent of known depth that is nearer
# Around photographs of an object: the bounds' edge in units of the cameras' distance from what they look at (as
# instant-ngp's scripts make it), and cascades that reach several times as far as the cameras stand.
PHOTOGRAPHED_EDGE = 0.76
PHOTOGRAPHED_CASCADES = 5
# Cameras look at the point nearest to their axes if at least half of them have it within 45 degrees of their middle.
LOOKS_AT = 0.7
# Cameras that don't look at one thing: the bounds hold them all, and what they see may be far away.
OUTWARD_CASCADES = 7
# Cameras no farther apart than that, in metres and as part of their distance from the origin, stand at one place.
_ONE_PLACE = 1e-8


@dataclasses.dataclass(frozen=True, eq=False)
class Extent:
    """Where the subject lies, and how far the scene goes on around it; see Dataset."""

    bounds: Bounds
    cascades: int = 1

    def is_close(self, other: Extent) -> bool:
        """Whether both are the same, but for rounding."""
        return self.cascades == other.cascades and self.bounds.is_close(other.bounds)

    @property
    def whole(self) -> Bounds:
        """The box that holds everything: the bounds themselves, or the cube of the outermost cascade."""
        if self.cascades == 1:
            return self.bounds
        half = 0.5 * self.bounds.size.max() * 2 ** (self.cascades - 1)
        return Bounds(self.bounds.center - half, self.bounds.center + half)


def extent_from_file(values: JsonObject, remarks: Remarks) -> Extent | None:
    """What a transforms file says, in its own world space; None where it says nothing.

    The bounds are ``aabb`` [[min], [max]], or by instant-ngp's rule the unit cube of the space that
    ``position * scale + offset`` leads to. The scene around them is ``aabb_scale`` times as large (rounded up to a
    power of two, 128 at most); one below 1 shrinks the bounds.
    """
    growth = values.number("aabb_scale")
    if growth is not None and growth <= 0.0:
        raise values.refuse("aabb_scale", "must be positive", growth)
    scale, offset = values.number("scale"), _offset(values)
    if "aabb" in values:
        bounds = _named_box(values)
        if ignored := [name for name in ("scale", "offset") if name in values]:
            remarks.add(
                f"{values.where}: {counted(len(ignored), 'value isn', 'values aren')}'t used, as aabb says where the "
                f"subject lies ({' and '.join(ignored)}); to go by that, remove aabb"
            )
    elif growth is None and scale is None and offset is None:
        return None
    else:
        scale = NGP_SCALE if scale is None else scale
        if scale <= 0.0:
            raise values.refuse("scale", "must be positive", scale)
        center = (0.5 - (np.full(3, NGP_OFFSET) if offset is None else offset)) / scale
        bounds = _box(center - 0.5 / scale, center + 0.5 / scale, values, "scale")
    if growth is None or growth <= 1.0:
        half = 0.5 * (growth or 1.0) * bounds.size
        return Extent(_box(bounds.center - half, bounds.center + half, values, "aabb_scale"))
    most = 2.0 ** (MAX_CASCADES - 1)
    if growth > most:
        remarks.add(
            f"{values.where}: aabb_scale {growth:g} is taken for {most:g}, the most there is: what lies farther out "
            "isn't learnt; make aabb larger, or scale the poses down"
        )
    return Extent(bounds, 1 + math.ceil(math.log2(min(growth, most))))


def nerf_synthetic_bounds() -> Bounds:
    """The cube that holds every subject of the NeRF-synthetic benchmark."""
    half = np.full(3, NERF_SYNTHETIC_HALF_SIZE)
    return Bounds(-half, half)


def is_nerf_synthetic(cameras: Sequence[Camera]) -> bool:
    """Whether cameras stand about as far from the world's origin as those of the NeRF-synthetic benchmark, 4 of its
    units: other programs write its format, too."""
    distance = float(np.median([np.linalg.norm(camera.position) for camera in cameras]))
    return 0.5 < distance / NERF_SYNTHETIC_DISTANCE < 2.0


def stand_at_one_place(cameras: Sequence[Camera]) -> bool:
    """Whether cameras only differ in where they look, so that they don't tell how far away things are."""
    positions = np.array([camera.position for camera in cameras])
    apart = float(np.abs(positions - positions.mean(axis=0)).max())
    return apart <= _ONE_PLACE * max(1.0, float(np.abs(positions).max()))


def guess_bounds(cameras: Sequence[Camera]) -> Bounds:
    """A cube around the point nearest to all optical axes that reaches as far as the farthest camera; a metre around
    cameras that stand at one place."""
    if stand_at_one_place(cameras):
        return _cube_around(cameras)
    center = find_focus(cameras)
    half = max(float(np.linalg.norm(camera.position - center)) for camera in cameras)
    return Bounds(center - half, center + half)


def guess_photographed_extent(cameras: Sequence[Camera]) -> Extent:
    """Where the subject of photographs lies, which show what is around it too: from the cameras alone."""
    if stand_at_one_place(cameras):
        return Extent(_cube_around(cameras), OUTWARD_CASCADES)
    center = find_focus(cameras)
    offsets = np.array([center - camera.position for camera in cameras])
    distances = np.linalg.norm(offsets, axis=1)
    forward = np.array([-camera.camera_to_world[:3, 2] for camera in cameras])
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    ahead = (forward * offsets).sum(axis=1) / np.maximum(distances, 1e-12)
    if np.median(ahead) > LOOKS_AT:
        half = 0.5 * PHOTOGRAPHED_EDGE * float(np.median(distances))
        return Extent(Bounds(center - half, center + half), PHOTOGRAPHED_CASCADES)
    return Extent(_cube_around(cameras), OUTWARD_CASCADES)


def _cube_around(cameras: Sequence[Camera]) -> Bounds:
    """A cube that holds all cameras; of a metre around them where they stand at one place."""
    center = np.mean([camera.position for camera in cameras], axis=0)
    half = max(float(np.linalg.norm(camera.position - center)) for camera in cameras)
    if stand_at_one_place(cameras):
        half = max(1.0, _ONE_PLACE * float(np.abs(center).max()))  # no box may be thinner, so far away
    return Bounds(center - half, center + half)


def check_coverage(bounds: Bounds, views: Sequence[View]) -> list[str]:
    """Compare what the pictures show with the box: a warning where more than a little of the subject lies outside.

    With depth, the visible points themselves are tested; without, whether the rays of covered pixels meet the box.
    Where no picture has any transparency, only a box that no ray meets at all is called wrong.
    """
    stride = max(1, len(views) // CHECKED_VIEWS)
    missed: list[tuple[float, str]] = []
    for view in views[::stride]:
        share = _missed_share(bounds, view)
        if share is not None:
            missed.append((share, view.name))
    mean = float(np.mean([share for share, _ in missed])) if missed else 0.0
    if mean <= TOLERATED_MISS:
        return []
    worst_share, worst = max(missed)
    return [
        f"the bounds {bounds.minimum.tolist()} to {bounds.maximum.tolist()} miss {mean:.0%} of the subject "
        f"(worst in view {worst}: {worst_share:.0%}); what lies outside can't be learnt: enlarge aabb in the file"
    ]


def check_size(bounds: Bounds, views: Sequence[View]) -> list[str]:
    """A warning where ``bounds`` are far larger than where the cameras stand and, as far as depth is known, what they
    see: most of a field's resolution would be lost on nothing."""
    if stand_at_one_place([view.camera for view in views]):
        return []
    places = [view.camera.position for view in views]
    for view in views[:: max(1, len(views) // CHECKED_VIEWS)]:
        known = () if view.depth is None else view.depth[np.isfinite(view.depth) & (view.depth > 0.0)]
        if len(known):
            ahead = -view.camera.camera_to_world[:3, 2] * float(np.percentile(known, _FARTHEST_SEEN))
            places.append(view.camera.position + ahead)
    extent = float(np.ptp(places, axis=0).max())
    factor = float(bounds.size.max()) / extent
    if factor < _FAR_TOO_LARGE:
        return []
    return [
        f"the bounds are {factor:.3g} times as large as where cameras stand and what is known of what they see "
        f"({bounds.size.max():.3g} m a side and {extent:.3g} m): fine detail will be lost; if they are in another unit "
        "than the poses, correct aabb or scale"
    ]


def _missed_share(bounds: Bounds, view: View) -> float | None:
    """The share of the view's covered pixels outside the box; None where the picture can't tell."""
    alpha = view.color[..., 3]
    height, width = alpha.shape
    rows = np.arange(0, height, max(1, height // CHECKED_PIXELS_PER_SIDE))
    columns = np.arange(0, width, max(1, width // CHECKED_PIXELS_PER_SIDE))
    y, x = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    full = 1.0 if view.color_space == "linear" else 255.0
    covered = alpha[y, x] > 0.5 * full
    y, x = y[covered], x[covered]
    if len(x) == 0:
        return None
    camera = view.camera
    # A pinhole's distortion moves a ray by far less than this check's tolerance.
    directions = pixel_directions(camera, x + 0.5, y + 0.5) @ camera.camera_to_world[:3, :3].T
    if view.depth is not None:
        depth = view.depth[y, x]
        known = np.isfinite(depth) & (depth > 0.0)
        if not known.any():
            return None
        points = camera.position + directions[known] * depth[known, None]
        margin = 0.01 * bounds.size
        inside = ((points >= bounds.minimum - margin) & (points <= bounds.maximum + margin)).all(axis=1)
        return float(1.0 - inside.mean())
    hits = meets_box(bounds, camera.position, directions)
    if covered.all():  # a photograph with a background: only part of it is the subject
        return None if hits.any() else 1.0
    return float(1.0 - hits.mean())


def meets_box(bounds: Bounds, origin: Floats, directions: Floats) -> npt.NDArray[np.bool_]:
    """Whether each ray from ``origin`` [3] along ``directions`` [n, 3] meets the box ahead of it: [n] bool."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first = (bounds.minimum - origin) / directions
        second = (bounds.maximum - origin) / directions
    near = np.nanmax(np.minimum(first, second), axis=1)
    far = np.nanmin(np.maximum(first, second), axis=1)
    meets: npt.NDArray[np.bool_] = far >= np.maximum(near, 0.0)
    return meets


def _named_box(values: JsonObject) -> Bounds:
    box = values.matrix("aabb")
    if box is None or box.shape != (2, 3):
        raise values.refuse("aabb", "expected [[min x, y, z], [max x, y, z]]", values.get("aabb"))
    return _box(box[0], box[1], values, "aabb")


def _box(minimum: Floats, maximum: Floats, values: JsonObject, field: str) -> Bounds:
    try:
        return Bounds(minimum, maximum)
    except GeometryError as error:
        raise DatasetError(f"{values.where}: {field}: {error}") from None


def _offset(values: JsonObject) -> npt.NDArray[np.float64] | None:
    if not isinstance(values.get("offset"), list):
        single = values.number("offset")
        return None if single is None else np.full(3, single)
    offset = np.array(values.numbers("offset"))
    if offset.shape != (3,):
        raise values.refuse("offset", "expected a number or three", values.get("offset"))
    return offset
