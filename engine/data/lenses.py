"""What a transforms file says of a camera's lens, and the camera that follows for a picture of some size.

The camera is a pinhole with OpenCV's k1 k2 p1 p2, or OpenCV's fisheye with k1 k2 k3 k4. Further radial terms of a
pinhole are folded into k1 and k2; other projections are refused, under whatever name a file has them. Focal lengths are
in pixels of the size that the file names.
"""

from __future__ import annotations

import dataclasses
import math

from engine.data.camera_objects import own_camera, tell_unused_of
from engine.data.dataset import DatasetError
from engine.data.distortion import beyond_fisheye, fold_radial_terms, is_followed, lost_share, read_distortion
from engine.data.intrinsics import like_a_lens, read_intrinsics
from engine.data.json_object import JsonObject
from engine.data.principal_points import size_of_values, tell_principal_point
from engine.data.projections import names_no_distortion, read_projection
from engine.data.remarks import Remarks
from engine.link import fisheye
from engine.link.arrays import Floats
from engine.link.geometry import FISHEYE_TERMS, Camera, GeometryError, Projection
from engine.link.values import Limits

_FOCAL = ("fl_x", "fl_y", "camera_angle_x", "camera_angle_y", "x_fov", "y_fov")
_PLACE = ("cx", "cy", "w", "h")
_GRID = 64  # pixels, of a picture that is looked at instead of the real one
_SIZES = Limits(1, 1_000_000)  # of pictures that may have been scaled down since
# Two ways to say a focal length agree to this share; a lens of a wider or narrower angle (radians) is hardly meant.
_TOLERANCE = 0.01
_MOST_OBLONG = 1.1  # pixels: a lens that was calibrated has nearly square ones, video may have others
_PLAUSIBLE_ANGLES = (math.radians(1.0), math.radians(140.0))


@dataclasses.dataclass(frozen=True, eq=False)
class Lens:
    """What is known of a lens, in the file's words; ``distortion`` by OpenCV's names. ``where`` names it in errors.
    ``is_captured``: in a capture of our own, where it is as it was rendered, however odd. ``unread``: what is called
    like a focal length, and isn't read."""

    where: str
    values: dict[str, float]
    distortion: dict[str, float]
    projection: Projection = "pinhole"
    is_captured: bool = False
    unread: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the pictures that the values are for; None where the file doesn't say."""
        if "w" in self.values and "h" in self.values:
            return int(self.values["w"]), int(self.values["h"])
        return None

    def size_for(self, picture: tuple[int, int]) -> tuple[int, int]:
        """``size``; what of it the file doesn't say is as in a ``picture``, (width, height)."""
        width, height = self.values.get("w"), self.values.get("h")
        if width is None and height is None:
            return picture
        if width is None:
            width = max(round((height or 0.0) * picture[0] / picture[1]), 1)
        if height is None:
            height = max(round(width * picture[1] / picture[0]), 1)
        return int(width), int(height)

    @property
    def leaves_size_open(self) -> bool:
        """Whether values are in pixels, and nothing says of pictures of which size."""
        in_pixels = any(name in self.values for name in ("fl_x", "fl_y", "cx", "cy"))
        return in_pixels and "w" not in self.values and "h" not in self.values

    @property
    def aspect(self) -> float | None:
        """Width by height of the pictures, as far as the values tell."""
        if self.size is not None:
            return self.size[0] / self.size[1]
        if self.values.get("cx", 0.0) > 0.0 and self.values.get("cy", 0.0) > 0.0:
            return self.values["cx"] / self.values["cy"]
        across, down = self._angle("x"), self._angle("y")
        return None if across is None or down is None else math.tan(across / 2) / math.tan(down / 2)

    def camera(self, pose: Floats, size: tuple[int, int], name: str, remarks: Remarks) -> Camera:
        """The camera at ``pose`` [4, 4] of a picture of ``size``, (width, height), of the shape that the file says.

        What looks wrong with it is told in ``remarks`` of the picture called ``name``. Raises DatasetError.
        """
        width, height = self.size_of_values(size)
        self._tell_other_size(size, name, remarks)
        if self.projection == "fisheye":
            fx, fy = self._fisheye_focal_lengths()
        else:
            fx, fy = self._focal_lengths(width, height, name, remarks)
        cx, cy = self.values.get("cx", width / 2), self.values.get("cy", height / 2)
        if not self.is_captured:
            tell_principal_point(cx, cy, (width, height), name, remarks)
        if self.projection == "fisheye":
            k1, k2, k3, k4 = (self.distortion.get(term, 0.0) for term in FISHEYE_TERMS)
            p1 = p2 = 0.0
        else:
            k1, k2, p1, p2 = self._fold_distortion(math.hypot(width / fx, height / fy) / 2, fx, name, remarks)
            k3 = k4 = 0.0
        across, down = size[0] / width, size[1] / height
        intrinsics = fx * across, fy * down, cx * across, cy * down
        try:
            camera = Camera(pose, *size, *intrinsics, k1, k2, p1, p2, k3, k4, self.projection)
        except GeometryError as error:
            raise DatasetError(f"{self.where}: {error}") from None
        if camera.is_fisheye:
            self._remark_fisheye(camera, name, remarks)
        elif (share := lost_share(camera)) > 0.0:
            remarks.add(
                "views whose distortion can't be undone in a part of their picture ({count}, first {first}: {share} of "
                "it): what is there will be wrong; correct k1 k2 p1 p2, or undistort the pictures first",
                name,
                share=f"{share:.0%}",
            )
        return camera

    def size_of_values(self, picture: tuple[int, int]) -> tuple[float, float]:
        """Width and height of what the values in pixels are for, which may be another size than the file says."""
        said = self.size_for(picture)
        if self.is_captured or self._agrees_with_angle(said[0]):
            return said
        return size_of_values(self.values, said, picture)

    def _tell_other_size(self, picture: tuple[int, int], name: str, remarks: Remarks) -> None:
        said, size = self.size_for(picture), self.size_of_values(picture)
        if size == said:
            return
        remarks.add(
            "views whose cx and cy are the middle of another size ({count}, first {first}: cx {cx}, cy {cy} of "
            "{said}): they and fl_x are taken for pictures of {size}; if that is right, say so by w and h, else name "
            "camera_angle_x beside fl_x",
            name,
            cx=f"{self.values['cx']:.6g}",
            cy=f"{self.values['cy']:.6g}",
            said=f"{said[0]}x{said[1]}",
            size=f"{size[0]:.6g}x{size[1]:.6g}",
        )

    def _agrees_with_angle(self, width: float) -> bool:
        """Whether both a focal length and an angle say that values in pixels are for pictures of this width."""
        length, angle = self.values.get("fl_x"), self._angle("x")
        if length is None or angle is None:
            return False
        return abs(length / _focal_of(angle, width) - 1.0) <= _TOLERANCE

    def _fisheye_focal_lengths(self) -> tuple[float, float]:
        """As the file says them: an angle of view would have to say of which projection."""
        fx = self.values.get("fl_x", self.values.get("fl_y"))
        if fx is None or not fx > 0.0:
            raise DatasetError(f"{self.where}: a fisheye lens needs its focal length in pixels (fl_x)")
        return fx, self.values.get("fl_y", fx)

    def _remark_fisheye(self, camera: Camera, name: str, remarks: Remarks) -> None:
        if unused := [term for term in ("p1", "p2") if self.distortion.get(term)]:
            remarks.add(
                "views with a fisheye lens and terms that it doesn't have ({count}, first {first}: {terms}): these are "
                "left out; if it is a pinhole, correct camera_model",
                name,
                terms=" ".join(unused),
            )
        if (share := float(beyond_fisheye(camera.resized(_GRID, _GRID)).mean())) > 0.0:
            remarks.add(
                "views of which pixels too far off the axis of their fisheye lens are left out ({count}, first "
                "{first}: {share} of it beyond {angle} degrees, or where its terms turn back); if the lens shows less, "
                "correct fl_x and k1 to k4",
                name,
                share=f"{share:.0%}",
                angle=f"{math.degrees(fisheye.WIDEST_ANGLE):.0f}",
            )

    def _focal_lengths(self, width: float, height: float, name: str, remarks: Remarks) -> tuple[float, float]:
        fx = self._focal_length("x", width, name, remarks)
        fy = self._focal_length("y", height, name, remarks)
        first = fx if fx is not None else fy
        if first is None:
            called = f"; {self.unread[0]} isn't read: if it is that, call it so" if self.unread else ""
            raise DatasetError(f"{self.where}: no focal length (fl_x in pixels, or camera_angle_x in radians){called}")
        fx, fy = (first, fy if fy is not None else first)
        if not (fx > 0.0 and fy > 0.0):
            raise DatasetError(f"{self.where}: fx, fy: the focal length must be positive, got {fx:.6g}, {fy:.6g}")
        angle = _angle_of(fx, width)
        if not _is_plausible(angle):
            units = "fl_x is in pixels" if "fl_x" in self.values else "camera_angle_x is in radians, x_fov in degrees"
            remarks.add(
                "views with an angle that hardly any lens has ({count}, first {first}: {angle} degrees, from a focal "
                f"length of {{length}} pixels): {units}; give it so",
                name,
                angle=f"{math.degrees(angle):.3g}",
                length=f"{fx:.4g}",
            )
        elif not 1.0 / _MOST_OBLONG < fx / fy < _MOST_OBLONG:
            remarks.add(
                "views whose pixels are {ratio} times as high as wide ({count}, first {first}: focal lengths of "
                "{across} and {down} pixels): if they are square, correct fl_x or fl_y",
                name,
                ratio=f"{fx / fy:.3g}",
                across=f"{fx:.4g}",
                down=f"{fy:.4g}",
            )
        return fx, fy

    def _focal_length(self, axis: str, pixels: float, name: str, remarks: Remarks) -> float | None:
        length, angle = self.values.get(f"fl_{axis}"), self._angle(axis)
        if angle is None or length is None:
            return length if angle is None else _focal_of(angle, pixels)
        from_angle = _focal_of(angle, pixels)
        if length <= 0.0 or abs(length / from_angle - 1.0) <= _TOLERANCE:
            return length
        takes_angle = _is_plausible(angle) and not _is_plausible(_angle_of(length, pixels))
        remarks.add(
            f"views of which fl_{axis} and camera_angle_{axis} disagree ({{count}}, first {{first}}: {{length}} and "
            f"{{other}} pixels): {f'camera_angle_{axis}' if takes_angle else f'fl_{axis}'} is taken; remove the wrong "
            "one from the file",
            name,
            length=f"{length:.4g}",
            other=f"{from_angle:.4g}",
        )
        return from_angle if takes_angle else length

    def _angle(self, axis: str) -> float | None:
        """The angle of view in radians."""
        field = f"camera_angle_{axis}"
        angle = self.values.get(field)
        if angle is None and (degrees := self.values.get(f"{axis}_fov")) is not None:
            field, angle = f"{axis}_fov", math.radians(degrees)
        if angle is not None and not 0.0 < angle < math.pi:
            raise DatasetError(
                f"{self.where}: {field}: an angle of view in radians lies between 0 and pi, got {angle:.6g}"
            )
        return angle

    def _fold_distortion(self, edge: float, focal: float, name: str, remarks: Remarks) -> tuple[float, ...]:
        """k1, k2, p1 and p2, for a picture that goes to ``edge`` focal lengths from its middle."""
        k1, k2, error = fold_radial_terms(self.distortion, edge)
        if not is_followed(error, focal):
            remarks.add(
                "views whose further distortion terms are only followed to within some pixels ({count}, first {first}: "
                "{error}): undistort the pictures first, for example by COLMAP's image_undistorter",
                name,
                error=f"{error * focal:.2g}",
            )
        return k1, k2, self.distortion.get("p1", 0.0), self.distortion.get("p2", 0.0)


def read_lens(values: JsonObject, outer: Lens | None, remarks: Remarks) -> Lens:
    """What ``values``, a file or one of its frames, says of the lens; what it doesn't say is as in ``outer``.

    An object ``camera`` in it is as if it lay between the two. Raises DatasetError for a projection that isn't read,
    and for values that are none.
    """
    is_captured = "color_space" in values if outer is None else outer.is_captured
    if (inner := own_camera(values)) is not None:
        outer = read_lens(inner, outer, remarks)
        tell_unused_of(inner, remarks)
    projection = read_projection(values, remarks) or ("pinhole" if outer is None else outer.projection)
    own: dict[str, float] = {}
    for name in (*_FOCAL, *_PLACE):
        if (value := values.number(name)) is not None:
            own[name] = value
    own = _merged(read_intrinsics(values, remarks), own, values.where, remarks)
    for side in ("w", "h"):
        if side in own and own[side] != int(own[side]):
            raise DatasetError(f"{values.where}: {side}: expected a whole number of pixels, got {own[side]}")
        values.number(side, _SIZES)
    inherited = {} if outer is None else dict(outer.values)
    if any(name in own for name in _FOCAL):  # said anew, in whatever way
        inherited = {name: value for name, value in inherited.items() if name not in _FOCAL}
    # Terms of one projection mean another thing in the other.
    terms = outer.distortion if outer is not None and outer.projection == projection else {}
    distortion = read_distortion(values, terms, remarks, projection)
    if names_no_distortion(values) and (given := [term for term, value in distortion.items() if value]):
        remarks.add(
            "camera_model is a pinhole without distortion, and terms of it are given ({times}, first in {first}: "
            "{terms}): they are used; if the pictures are undistorted, remove them, else call camera_model OPENCV",
            values.where,
            terms=" ".join(given),
        )
    unread = (*like_a_lens(values), *(() if outer is None else outer.unread))
    return Lens(values.where, inherited | own, distortion, projection, is_captured, unread)


def _merged(listed: dict[str, float], named: dict[str, float], where: str, remarks: Remarks) -> dict[str, float]:
    """What a matrix says of a lens, and what is said by name, which goes before it."""
    for name, value in listed.items():
        if name in named and abs(value - named[name]) > _TOLERANCE * abs(named[name]):
            remarks.add(
                f"intrinsics that say another {name} than the value of that name ({{times}}, first in {{first}}: "
                "{listed} instead of {named}): the latter is taken; remove the wrong one",
                where,
                listed=f"{value:.6g}",
                named=f"{named[name]:.6g}",
            )
    return listed | named


def _focal_of(angle: float, pixels: float) -> float:
    return 0.5 * pixels / math.tan(0.5 * angle)


def _angle_of(focal: float, pixels: float) -> float:
    return 2.0 * math.atan2(0.5 * pixels, focal)


def _is_plausible(angle: float) -> bool:
    return _PLAUSIBLE_ANGLES[0] <= angle <= _PLAUSIBLE_ANGLES[1]
