"""What a score is about: which pixels of a view show the subject, and how good a PSNR is, in a word.

Over a whole picture, PSNR says first of all how much of it is empty: what shows nothing is right from the first step.
So the scores that people are shown are those of the subject alone: of pixels where the captured picture or the field
covers something, and of their neighbours, inside the bounds. The engine and the add-on both score by this module.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Floats
from engine.link.geometry import Bounds, Camera
from engine.link.metrics import Described, Grade, Metric
from engine.link.projection import pixel_directions

MAX_PSNR = 100.0  # dB; errors below 1e-5 are float32's own, and a mean over views stays finite
# Alpha from which on the field covers a pixel: what is below is also left out of moving pictures, unseen.
FIELD_COVERS = 0.01
# A surface this share of the box's edges outside it counts as inside: a floor, say, that the box stands on.
BOUNDS_SLACK = 0.01
# Lowest PSNR of the subject (dB) for each word. See `describe_quality` for where they come from.
_WORDS = (("very good", 32.0), ("good", 29.0), ("soft", 24.0), ("blurred", -1e9))
# What radiance fields are judged and followed by. Runs that older versions scored have figures of whole pictures alone.
RADIANCE_FIELD_METRICS: Described = {
    "subject_psnr": Metric(
        label="PSNR",
        unit="dB",
        digits=2,
        better="higher",
        grades=tuple(Grade(word=word, least=least) for word, least in _WORDS),
        about="Scores are of the subject alone",
    ),
    "subject_ssim": Metric(label="SSIM", digits=3, better="higher"),
    "subject_flip": Metric(label="FLIP", digits=3),
    "psnr": Metric(
        label="PSNR of whole pictures",
        unit="dB",
        digits=2,
        better="higher",
        about="Scores are of whole pictures, as older versions gave them: Evaluate Now scores the subject",
    ),
    "ssim": Metric(label="SSIM of whole pictures", digits=3, better="higher"),
    "rays_per_step": Metric(label="Rays per step", digits=0, better="higher"),
    "samples_per_step": Metric(label="Samples per step", digits=0, better="higher"),
    "active_samples": Metric(label="Samples backpropagated", digits=0),
}
# Of images, of which every pixel is known: from 38 dB on, what differs is hardly seen even beside the image.
_IMAGE_WORDS = (("very good", 38.0), ("good", 32.0), ("soft", 27.0), ("blurred", -1e9))
IMAGE_METRICS: Described = {
    "psnr": Metric(
        label="PSNR",
        unit="dB",
        digits=2,
        better="higher",
        grades=tuple(Grade(word=word, least=least) for word, least in _IMAGE_WORDS),
        about="Scores are of the image's own pixels, evenly spread",
    ),
    "relative_error": Metric(label="Relative error of light", digits=3),
    "samples_per_step": Metric(label="Samples per step", digits=0, better="higher"),
    "share_at_hand": Metric(label="Share of the image in memory", digits=2, better="higher"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """What of a view is scored: ``mask`` [H, W] bool, and ``field`` [H, W, 4] float32 premultiplied, what the field
    makes of the view, over the captured picture where that shows what lies outside the bounds."""

    mask: npt.NDArray[np.bool_]
    field: npt.NDArray[np.float32]


def find_subject(camera: Camera, bounds: Bounds, truth: Floats, depth: Floats | None, field: Floats) -> Subject:
    """What of a view shows the subject.

    A field can't know what lies outside its bounds. Where the captured depth shows such a surface, it depends: one in
    front of the box hides what is in there, and such a pixel is left out. One behind the box shows that nothing is in
    there: the pixel is left out, unless the field put something there, which is then compared with the captured
    picture for as much as it covers of it. So it is with rays that pass the box by, whatever their depth. On the others
    every covered pixel counts where there is no depth or an infinite one: all of an opaque photograph from inside.

    Args:
        camera: of the view; lens distortion is not followed, it moves a ray by less than ``BOUNDS_SLACK``.
        bounds: outside of which the field is empty, world space.
        truth: the captured picture, [H, W, 4] float, premultiplied.
        depth: captured planar z, [H, W] in metres, +inf where there is nothing, 0 where it isn't known, -inf where the
            pixel is masked: those are left out; None where there is none.
        field: the field's picture, like ``truth`` and in the same colour space.
    """
    truth, field = truth.astype(np.float32), field.astype(np.float32)
    near, far = depths_in_bounds(camera, bounds)
    if depth is None:
        depth = np.zeros(truth.shape[:2], np.float32)
    known = (depth > 0.0) & np.isfinite(depth)
    hidden = known & (depth < near)
    outside = hidden | (known & (depth > far)) | (far <= 0.0)
    field[hidden] = 0.0
    mask = subject_mask(np.where(outside, 0.0, truth[..., 3]), field[..., 3])
    mask &= ~outside | (field[..., 3] > FIELD_COVERS)
    mask &= depth != -np.inf
    field[outside] += (1.0 - field[outside, 3:]) * truth[outside]
    return Subject(mask, field)


def subject_mask(truth_alpha: Floats, field_alpha: Floats) -> npt.NDArray[np.bool_]:
    """Where a view shows the subject: [H, W] bool, of two [H, W] alphas in 0..1.

    That is where the captured picture covers anything, or the field covers more than ``FIELD_COVERS``, and the eight
    neighbours of such pixels, so that edges count with both of their sides.
    """
    covered = np.pad((truth_alpha > 0.0) | (field_alpha > FIELD_COVERS), 1)
    rows = covered[:-2] | covered[1:-1] | covered[2:]
    mask: npt.NDArray[np.bool_] = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return mask


def depths_in_bounds(camera: Camera, bounds: Bounds) -> tuple[Floats, Floats]:
    """Planar z [H, W] float64 at which each pixel's ray enters and leaves ``bounds``, grown by ``BOUNDS_SLACK``.

    0 at the entrance where the camera stands inside. A ray that misses the box has 0 and 0: all it shows lies beyond.
    """
    y, x = np.mgrid[: camera.height, : camera.width] + 0.5
    directions = pixel_directions(camera, x, y) @ camera.camera_to_world[:3, :3].T
    directions[np.abs(directions) < 1e-12] = 1e-12
    slack = BOUNDS_SLACK * bounds.size
    first = (bounds.minimum - slack - camera.position) / directions
    second = (bounds.maximum + slack - camera.position) / directions
    near = np.maximum(np.minimum(first, second).max(axis=2), 0.0)
    far = np.maximum(first, second).min(axis=2)
    misses = far < near
    return np.where(misses, 0.0, near), np.where(misses, 0.0, far)


def psnr(image: Floats, truth: Floats, mask: npt.NDArray[np.bool_] | None = None) -> float:
    """Peak signal-to-noise ratio in dB of two float images [H, W, 3] in 0..1, over ``mask`` [H, W] bool alone if there
    is one, of a pixel at least; at most ``MAX_PSNR``, also where they are the same. Raises ValueError for two sizes."""
    require_same_size(image, truth)
    squares = (image.astype(np.float64) - truth.astype(np.float64)) ** 2
    error = float(np.mean(squares if mask is None else squares[mask]))
    return -10.0 * math.log10(max(error, 10.0 ** (-MAX_PSNR / 10.0)))


def require_same_size(image: Floats, truth: Floats) -> None:
    """Raise ValueError unless both are [H, W, 3], of one size."""
    if image.shape != truth.shape or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f"two [H, W, 3] images of one size are compared, got {list(image.shape)} and {list(truth.shape)}"
        )


def describe_quality(subject_psnr: float) -> str:
    """A word for a PSNR of the subject in dB: blurred, soft, good or very good.

    The limits come from looking at held-out views of the demo's still life, at full size and enlarged, beside the
    captured ones. At 17 dB there are shapes, in wrong colours; at 23 all things can be told, but the vase's pattern is
    faint, brass isn't yet brass, and the pedestal has lost its flutes. At 26 to 28 things and colours are right, while
    the wood's grain and the edges are worn and surfaces mottled. Above that a render's errors were scaled down: at 30
    grain and pattern are there and little mottling is left, and at 32 it takes flicking between the two to tell them
    apart.
    """
    return RADIANCE_FIELD_METRICS["subject_psnr"].grade(subject_psnr)


def describe_psnr(subject_psnr: float | None, whole_psnr: float) -> str:
    """A score as people are told of it: "27.93 dB (soft)". Without a figure for the subject, which runs of older
    versions lack, the whole picture's, and no word: that depends too much on how much of the picture is empty."""
    if subject_psnr is None:
        return f"{whole_psnr:.2f} dB over whole pictures"
    return f"{subject_psnr:.2f} dB ({describe_quality(subject_psnr)})"
