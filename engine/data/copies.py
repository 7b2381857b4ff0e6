"""Pictures that are there twice, and cameras that are: copies of test views that would be trained on, pictures with
another's camera, and cameras with another's picture."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.data.color import premultiply
from engine.data.remarks import Remarks
from engine.data.views import View
from engine.link.color import encode_srgb

_ROUNDING = 1e-6  # of the largest coordinate: poses that were written with fewer digits are still the same
_SIDE = 16  # pixels of the pictures that are compared where cameras are the same
_SAME = 0.1  # of a picture's standard deviation: what storing it anew may change


def leave_out_copies(views: Sequence[View], remarks: Remarks) -> list[View]:
    """``views`` without training views that show what a test view does, unless no other would be left.

    Copies are the same pixels, or nearly the same from the same camera. Of others that share pixels or a camera, one of
    the two is wrong, which is told.
    """
    by_pixels = _groups(_pixels_of(view) for view in views)
    by_pose = _groups(_poses_of(views))
    looks = {at: _look_of(views[at]) for group in by_pose for at in group}
    copied: dict[int, int] = {}  # of training views, and the test views that they are copies of
    for group in by_pixels:
        copied |= _copies_in(group, views)
    for group in by_pose:
        for alike in _alike(group, looks):
            copied |= _copies_in(alike, views)
    if len(copied) == sum(view.split == "train" for view in views):
        remarks.add_all(
            "training views that are copies of test views ({count}, first {first}): there are no others, so they are "
            "trained on, and scores say nothing; choose other test views",
            (views[at].name for at in copied),
        )
        copied = {}
    for at in sorted(copied):
        remarks.add(
            "training views that are copies of test views ({count}, first {first}, of {other}) aren't trained on: "
            "remove them from the training list",
            views[at].name,
            other=views[copied[at]].name,
        )
    _tell_shared(
        by_pixels, by_pose, looks, [view if at not in copied else None for at, view in enumerate(views)], remarks
    )
    return [view for at, view in enumerate(views) if at not in copied]


def _tell_shared(
    by_pixels: Sequence[Sequence[int]],
    by_pose: Sequence[Sequence[int]],
    looks: dict[int, npt.NDArray[np.float32]],
    views: Sequence[View | None],
    remarks: Remarks,
) -> None:
    same_pose = {at: group[0] for group in by_pose for at in group}
    for group in by_pixels:
        for at in group[1:]:
            view, first = views[at], views[group[0]]
            if view is not None and first is not None and same_pose.get(at, at) != same_pose.get(group[0], group[0]):
                remarks.add(
                    "views with exactly the picture of another one, and another camera ({count}, first {first}, as "
                    "{other}): one of the two is wrong; remove it from the list",
                    view.name,
                    other=first.name,
                )
    for group in by_pose:
        (first_at, *_), *others = _alike(group, looks)
        for at in sorted(at for alike in others for at in alike):
            view, first = views[at], views[first_at]
            if view is not None and first is not None:
                remarks.add(
                    "views with exactly the pose of another one, and another picture ({count}, first {first}, as "
                    "{other}), as of a tracker that was stuck: if the camera or the scene has moved, correct "
                    "transform_matrix or remove them from the list",
                    view.name,
                    other=first.name,
                )


def _copies_in(group: Sequence[int], views: Sequence[View]) -> dict[int, int]:
    """The training views of those that are alike, with a test view among them; none where there is no test view."""
    tested = next((at for at in group if views[at].split == "test"), None)
    return {} if tested is None else {at: tested for at in group if views[at].split == "train"}


def _groups(keys: Iterable[bytes | None]) -> list[list[int]]:
    """The places of keys that are there more than once, those of each together."""
    found: dict[bytes, list[int]] = defaultdict(list)
    for at, key in enumerate(keys):
        if key is not None:
            found[key].append(at)
    return [group for group in found.values() if len(group) > 1]


def _pixels_of(view: View) -> bytes | None:
    """What tells pixels from all others; None where all are of one colour, as in pictures that show nothing."""
    color = view.color
    if (color == color[:1, :1]).all():
        return None
    return str(color.shape).encode() + hashlib.blake2b(np.ascontiguousarray(color).data).digest()


def _poses_of(views: Sequence[View]) -> list[bytes]:
    poses = np.array([view.camera.camera_to_world[:3] for view in views])
    step = _ROUNDING * max(1.0, float(np.abs(poses).max(initial=0.0)))
    return [pose.tobytes() for pose in np.round(poses / step) + 0.0]  # -0 becomes 0


def _alike(group: Sequence[int], looks: dict[int, npt.NDArray[np.float32]]) -> list[list[int]]:
    """Those of ``group`` that look the same together."""
    found: list[list[int]] = []
    for at in group:
        same = next((alike for alike in found if _looks_as(looks[alike[0]], looks[at])), None)
        if same is None:
            found.append([at])
        else:
            same.append(at)
    return found


def _looks_as(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> bool:
    return float(np.sqrt(np.square(one - other).mean())) <= _SAME * float(one.std())


def _look_of(view: View) -> npt.NDArray[np.float32]:
    """The picture as it looks from afar: display values with alpha [4, 16, 16], of whatever size it is."""
    color = premultiply(view.color, view.color_space)
    planes = [Image.fromarray(np.ascontiguousarray(color[..., channel])) for channel in range(4)]
    small: npt.NDArray[np.float32] = np.stack(
        [np.asarray(plane.resize((_SIDE, _SIDE), Image.Resampling.BOX)) for plane in planes]
    )
    if view.color_space == "linear":
        small[:3] = encode_srgb(np.clip(small[:3], 0.0, 1.0))
    return small
