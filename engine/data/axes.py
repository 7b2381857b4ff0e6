"""What the matrices of a file are: whose axes they have, OpenGL's (y up, the camera looks down -z), as ours, or those
of OpenCV (y down, it looks along z), and whether they lead from the camera to the world, as ours, or the other way.

A file may say so. Else it is told by the pictures: by the wrong poses they don't agree with each other. Poses alone
can't tell whose axes they have, as both have the same lines of sight: what looks at a subject by one looks around from
it by the other. They do tell matrices from inverted ones where cameras look at one thing: by the others they don't.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.data.bounds import stand_at_one_place
from engine.data.json_object import JsonObject, is_on
from engine.data.picture_agreement import Agreement, Change, agreement_by, changed
from engine.data.remarks import Remarks
from engine.data.views import View
from engine.link.arrays import Floats
from engine.link.geometry import Camera, find_focus
from engine.link.wording import counted

AXES, DIRECTION = "camera_axes", "world_to_camera"
_OTHER_AXES = ("camera_convention", "pose_convention", "coordinate_convention", "convention", "coordinate_system")
_AXES_NAMES = {
    **dict.fromkeys(("opencv", "colmap", "rdf"), True),
    **dict.fromkeys(("opengl", "blender", "nerf", "rub"), False),
}
# Switches, and texts, by which other programs say that matrices are inverted, or that they aren't.
_SWITCHES = {DIRECTION: True, "w2c": True, "is_w2c": True, "camera_to_world": False, "c2w": False, "is_c2w": False}
_OTHER_DIRECTIONS = ("pose_type", "pose_format", "matrix_type", "transform_type", "extrinsics_type", "pose_convention")
_DIRECTION_NAMES = {
    **dict.fromkeys(("w2c", "worldtocamera", "world2camera", "worldtocam", "world2cam", "view", "extrinsics"), True),
    **dict.fromkeys(("c2w", "cameratoworld", "camera2world", "camtoworld", "cam2world"), False),
}
TURN = np.diag([1.0, -1.0, -1.0, 1.0])  # from the axes of one to those of the other

_AHEAD = 0.7  # the cosine between where cameras look and what they look at: half of them within 45 degrees
_CONVERGING = 0.95  # the same of cameras that look at one thing
_UPRIGHT = 0.3  # the cosine between their y and the world's z
_FRAMED = 0.5  # of the edge of a picture that shows a subject, at most, is covered
_AGREEING, _FAR_BETTER = 0.35, 0.2  # correlations by which matrices are taken for inverted, and by how much more


@dataclasses.dataclass(frozen=True)
class Convention:
    """What a file says of its matrices; None: nothing."""

    has_opencv_axes: bool | None = None
    is_inverted: bool | None = None

    def to_ours(self, pose: Floats) -> npt.NDArray[np.float64]:
        """A matrix [4, 4] by this convention as a pose by ours."""
        return _to_ours(pose, bool(self.is_inverted), bool(self.has_opencv_axes))


def stated_convention(values: JsonObject) -> Convention:
    """What a file says. Raises DatasetError."""
    return Convention(_stated_axes(values), _stated_direction(values))


def _stated_axes(values: JsonObject) -> bool | None:
    for name in (AXES, *_OTHER_AXES):
        text = values.peek(name)
        has_opencv_axes = _AXES_NAMES.get(_key(text))
        if has_opencv_axes is not None:
            values.get(name)
            return has_opencv_axes
        if name == AXES and text is not None:
            raise values.refuse(AXES, "expected opengl or opencv", text)
    return None


def _stated_direction(values: JsonObject) -> bool | None:
    if "color_space" in values:  # a capture of our own
        return False
    for name, is_inverted in _SWITCHES.items():
        if isinstance(values.peek(name), bool | int | str):
            return is_on(values.get(name)) == is_inverted
    for name in _OTHER_DIRECTIONS:
        if (stated := _DIRECTION_NAMES.get(_key(values.peek(name)))) is not None:
            values.get(name)
            return stated
    return None


def _key(text: object) -> str:
    return "".join(filter(str.isalnum, text)).lower() if isinstance(text, str) else ""


def _to_ours(pose: Floats, is_inverted: bool, has_opencv_axes: bool) -> npt.NDArray[np.float64]:
    if is_inverted and abs(np.linalg.det(pose)) > 0.0:  # no camera has that, which refuses it
        pose = np.linalg.inv(pose)
    turned: npt.NDArray[np.float64] = pose @ TURN if has_opencv_axes else pose
    return turned


@dataclasses.dataclass(frozen=True, eq=False)
class _Layout:
    """How cameras stand: medians of the cosines between where they look and what they look at, and between their y and
    the world's z."""

    ahead: float
    upright: float

    @classmethod
    def of(cls, cameras: Sequence[Camera]) -> _Layout:
        poses = np.array([camera.camera_to_world for camera in cameras])
        to_focus = find_focus(cameras) - poses[:, :3, 3]
        distances = np.linalg.norm(to_focus, axis=1)
        to_focus /= np.maximum(distances[:, None], 1e-12)
        ahead = 0.0 if stand_at_one_place(cameras) else float(np.median((to_focus * -poses[:, :3, 2]).sum(axis=1)))
        return cls(ahead, float(np.median(poses[:, 2, 1])))


def guess_convention(
    views: Sequence[View], stated: Convention, remarks: Remarks, told_by: Sequence[View] | None = None
) -> list[View]:
    """``views``, read by what is ``stated``, by OpenGL's axes and from the camera to the world where no file says what
    matrices are: as those of them tell that are ``told_by``, or all. What is guessed is told."""
    change = _guess(views if told_by is None else told_by, stated, remarks)
    if change is None:
        return list(views)
    return [dataclasses.replace(view, camera=changed(view.camera, change)) for view in views]


def _guess(views: Sequence[View], stated: Convention, remarks: Remarks) -> Change | None:
    """How poses are to be changed."""
    layout = _Layout.of([view.camera for view in views])
    if layout.ahead > _AHEAD and layout.upright > _UPRIGHT:  # they look at one thing, the right way up
        return None
    as_is = agreement_by(views, lambda pose: pose)
    if stated.is_inverted is None:
        found = _inverse_of(views, stated, layout, as_is)
        if found is not None:
            change, has_opencv_axes, why = found
            axes = "" if stated.has_opencv_axes is not None else f' and "{AXES}": "{_axes_name(has_opencv_axes)}"'
            remarks.add(
                f"the matrices are taken for world-to-camera ones with {_whose(has_opencv_axes)} axes and inverted, as "
                f'{why}: if that is right, say "{DIRECTION}": true{axes} in the file, else "{DIRECTION}": false'
            )
            return change
    if stated.has_opencv_axes is None:
        return _guess_axes(views, layout, as_is, remarks)
    return None


def _inverse_of(
    views: Sequence[View], stated: Convention, layout: _Layout, as_is: Agreement
) -> tuple[Change, bool, str] | None:
    """How poses are to be changed if the matrices are inverted, whether they have OpenCV's axes then, and why that is
    so; None where nothing tells that they are."""
    whose = (False, True) if stated.has_opencv_axes is None else (stated.has_opencv_axes,)

    def inverted(has_opencv_axes: bool) -> Change:
        turned = bool(stated.has_opencv_axes)  # as it was read
        return lambda pose: _to_ours(_to_ours(pose, False, turned), True, has_opencv_axes)

    changes = {has_opencv_axes: inverted(has_opencv_axes) for has_opencv_axes in whose}
    agreements = {axes: agreement_by(views, change) for axes, change in changes.items()}
    best = max(agreements, key=lambda axes: agreements[axes].mean)
    lead = agreements[best].lead_over(as_is)
    if lead is not None and lead > _FAR_BETTER and agreements[best].mean > _AGREEING:
        turned = agreement_by(views, lambda pose: pose @ TURN)
        if (agreements[best].lead_over(turned) or 0.0) > _FAR_BETTER:
            return changes[best], best, f"by that pictures agree more with each other (correlations of {lead:.2f} more)"
    if abs(layout.ahead) < _AHEAD and lead is None:
        for axes, change in changes.items():
            other = _Layout.of([changed(view.camera, change) for view in views])
            if other.ahead > _CONVERGING and other.upright > _UPRIGHT and len(views) > 2:
                return change, axes, f"{len(views)} cameras look at one thing by that alone"
    return None


def _guess_axes(views: Sequence[View], layout: _Layout, as_is: Agreement, remarks: Remarks) -> Change | None:
    """How poses become those by OpenGL's axes, where no file says whose they have."""
    ahead, upright = layout.ahead, layout.upright
    lead = agreement_by(views, lambda pose: pose @ TURN).lead_over(as_is)
    if lead is not None and lead < 0.0:
        return None
    looks_away, is_upside_down = ahead < -_AHEAD, upright < -_UPRIGHT
    how = ("looks away", "look away from each other") if looks_away else ("hangs upside down", "hang upside down")
    why = f"{counted(len(views), f'camera {how[0]}', f'cameras {how[1]}')} by OpenGL's axes"
    if lead is not None:
        why = f"by OpenGL's axes pictures agree less with each other (correlations of {lead:.2f} less)"
    elif not (looks_away or is_upside_down):
        if len(views) > 1 and upright <= _UPRIGHT and not (ahead > _AHEAD and _are_framed(views)):
            remarks.add(
                f"whose axes the poses have, {len(views)} pictures don't tell: OpenGL's are taken (y up, the camera "
                f'looks along -z); if that is right, say "{AXES}": "opengl" in the file, else "opencv"'
            )
        return None
    elif ahead > _AHEAD or not (is_upside_down or _are_framed(views)):
        remarks.add(f'{why}: if that is right, say "{AXES}": "opengl" in the file, else "opencv" (y down, z ahead)')
        return None
    remarks.add(
        f"the poses are taken for OpenCV's (y down, the camera looks along z), as {why}: if that is right, say "
        f'"{AXES}": "opencv" in the file, else "opengl"'
    )
    return lambda pose: pose @ TURN


def _are_framed(views: Sequence[View]) -> bool:
    """Whether pictures show a subject before nothing, which their edges are mostly of."""
    edges = [
        np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]]) for alpha in (v.color[..., 3] for v in views)
    ]
    return float(np.median([(edge > 0).mean() for edge in edges])) < _FRAMED


def _axes_name(has_opencv_axes: bool) -> str:
    return "opencv" if has_opencv_axes else "opengl"


def _whose(has_opencv_axes: bool) -> str:
    return "OpenCV's" if has_opencv_axes else "OpenGL's"
