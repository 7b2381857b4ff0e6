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
from engine.data.pose_spread import SAME_POSE, relative_poses
from engine.data.remarks import Remarks
from engine.data.views import View
from engine.link.color import encode_srgb

_NEAR = 2e-3  # of how far cameras are apart, and of an axis: what else may be the same pose, with still fewer digits
_STEP = 16  # of the pixels by which most pictures are told from each other
_SIDE = 16  # pixels of the pictures that are compared where cameras are the same
_SAME = 0.1  # of a picture's standard deviation: what storing it anew may change


def leave_out_copies(views: Sequence[View], remarks: Remarks) -> list[View]:
    """``views`` without training views that show what a test view does, unless no other would be left.

    Copies are the same pixels, or nearly the same from nearly the same camera. Of others that share pixels or a camera,
    one of the two is wrong, which is told.
    """
    pixels, looks = _pixels_of(views), _Looks()
    copied = _copies(views, pixels, looks)
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
    left = [at for at in range(len(views)) if at not in copied]
    kept = [views[at] for at in left]
    _tell_shared_pictures(kept, [pixels[at] for at in left], remarks)
    _tell_shared_poses(kept, looks, remarks)
    return kept


class _Looks:
    """Compares views as they look from afar, each of which is only looked at once."""

    def __init__(self) -> None:
        self._looks: dict[str, npt.NDArray[np.float32]] = {}

    def are_alike(self, one: View, other: View) -> bool:
        """Whether two views show the same, but for how they were stored."""
        first, second = self._of(one), self._of(other)
        return float(np.sqrt(np.square(first - second).mean())) <= _SAME * float(first.std())

    def _of(self, view: View) -> npt.NDArray[np.float32]:
        """Display values with alpha [4, 16, 16], of a picture of whatever size."""
        if view.name not in self._looks:
            color = premultiply(view.color, view.color_space)
            planes = [Image.fromarray(np.ascontiguousarray(color[..., channel])) for channel in range(4)]
            small = np.stack([np.asarray(plane.resize((_SIDE, _SIDE), Image.Resampling.BOX)) for plane in planes])
            if view.color_space == "linear":
                small[:3] = encode_srgb(np.clip(small[:3], 0.0, 1.0))
            self._looks[view.name] = small
        return self._looks[view.name]


def _copies(views: Sequence[View], pixels: Sequence[bytes | None], looks: _Looks) -> dict[int, int]:
    """The training views that are copies, by their places, and the test views that they are copies of."""
    copied: dict[int, int] = {}
    for group in _groups(pixels):
        tested = next((at for at in group if views[at].split == "test"), None)
        if tested is not None:
            copied |= {at: tested for at in group if views[at].split == "train"}
    for trained, tested in _near_pairs(views):
        if trained not in copied and looks.are_alike(views[tested], views[trained]):
            copied[trained] = tested
    return copied


def _tell_shared_pictures(views: Sequence[View], pixels: Sequence[bytes | None], remarks: Remarks) -> None:
    poses = _poses_of(views)
    for first, *others in _groups(pixels):
        for at in others:
            if poses[at] != poses[first]:
                remarks.add(
                    "views with exactly the picture of another one, and another camera ({count}, first {first}, as "
                    "{other}): one of the two is wrong; remove it from the list",
                    views[at].name,
                    other=views[first].name,
                )


def _tell_shared_poses(views: Sequence[View], looks: _Looks, remarks: Remarks) -> None:
    for first, *others in _groups(_poses_of(views)):
        for at in others:
            if not looks.are_alike(views[first], views[at]):
                remarks.add(
                    "views with exactly the pose of another one, and another picture ({count}, first {first}, as "
                    "{other}), as of a tracker that was stuck: if the camera or the scene has moved, correct "
                    "transform_matrix or remove them from the list",
                    views[at].name,
                    other=views[first].name,
                )


def _near_pairs(views: Sequence[View]) -> list[tuple[int, int]]:
    """Training and test views whose poses are the same, nearly."""
    poses = relative_poses([view.camera.camera_to_world for view in views])
    is_trained = np.array([view.split == "train" for view in views])
    pairs = []
    for tested in np.flatnonzero(~is_trained).tolist():
        is_near = np.abs(poses - poses[tested]).max(axis=(1, 2)) < _NEAR
        pairs += [(at, tested) for at in np.flatnonzero(is_near & is_trained).tolist()]
    return pairs


def _groups(keys: Iterable[bytes | None]) -> list[list[int]]:
    """The places of keys that are there more than once, those of each together."""
    found: dict[bytes, list[int]] = defaultdict(list)
    for at, key in enumerate(keys):
        if key is not None:
            found[key].append(at)
    return [group for group in found.values() if len(group) > 1]


def _pixels_of(views: Sequence[View]) -> list[bytes | None]:
    """What tells the pixels of each view from all others. None where they are seen to be like no other's by a few of
    them, and where all are of one colour, as in pictures that show nothing."""
    few = [str(view.color.shape).encode() + view.color[::_STEP, ::_STEP].tobytes() for view in views]
    pixels: list[bytes | None] = [None] * len(views)
    for at in (at for group in _groups(few) for at in group):
        color = np.ascontiguousarray(views[at].color)
        if not (color == color[:1, :1]).all():
            pixels[at] = hashlib.blake2b(color.data).digest()
    return pixels


def _poses_of(views: Sequence[View]) -> list[bytes]:
    poses = relative_poses([view.camera.camera_to_world for view in views])
    return [pose.tobytes() for pose in np.round(poses / SAME_POSE) + 0.0]  # -0 becomes 0
