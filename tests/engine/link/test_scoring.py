"""What a score is about: which pixels show the subject, worked out by hand on small pictures."""

from __future__ import annotations

import numpy as np
import pytest

from engine.link.geometry import Bounds, Camera, extent_of
from engine.link.scoring import (
    FIELD_COVERS,
    MAX_PSNR,
    depths_in_bounds,
    describe_psnr,
    describe_quality,
    find_subject,
    psnr,
    subject_mask,
)

# A box of 2 m about the origin, seen along -Z from 5 m above: its faces are 4 and 6 m away.
BOX = Bounds([-1.0, -1.0, -1.0], [1.0, 1.0, 1.0])
RED = np.array([0.5, 0.0, 0.0, 1.0], np.float32)


def camera_above(side: int = 5, height: float = 5.0) -> Camera:
    pose = np.eye(4)
    pose[2, 3] = height
    return Camera(pose, side, side, 10.0 * side, 10.0 * side, side / 2, side / 2)  # narrow: every ray meets the box


def picture(*covered: tuple[int, int], color: np.ndarray = RED, side: int = 5) -> np.ndarray:
    pixels = np.zeros((side, side, 4), np.float32)
    for row, column in covered:
        pixels[row, column] = color
    return pixels


def test_the_subject_is_what_either_covers_and_one_pixel_around() -> None:
    truth, field = np.zeros((5, 7)), np.zeros((5, 7))
    truth[0, 0] = 0.001  # the faintest antialiased edge counts
    field[3, 5] = 2 * FIELD_COVERS
    field[3, 1] = 0.5 * FIELD_COVERS  # what nobody sees doesn't
    drawn = ["##.....", "##.....", "....###", "....###", "....###"]
    np.testing.assert_array_equal(subject_mask(truth, field), [[letter == "#" for letter in row] for row in drawn])


def test_what_covers_nothing_is_no_subject() -> None:
    assert not subject_mask(np.zeros((3, 3)), np.zeros((3, 3))).any()


def test_masked_pixels_are_no_subject() -> None:
    truth, field = picture((1, 1), (3, 3)), picture((1, 1), (3, 3))
    depth = np.zeros((5, 5), np.float32)  # not known
    plain = find_subject(camera_above(), BOX, truth, depth, field).mask
    depth[:, 2:] = -np.inf
    mask = find_subject(camera_above(), BOX, truth, depth, field).mask
    assert plain[3, 3] and not mask[:, 2:].any()
    np.testing.assert_array_equal(mask[:, :2], plain[:, :2])


def test_psnr_over_a_mask_leaves_the_rest_out() -> None:
    truth = np.zeros((4, 4, 3))
    image = truth.copy()
    image[0, :2] = 0.1  # two of sixteen pixels are wrong by a tenth
    mask = np.zeros((4, 4), bool)
    mask[0] = True  # and half of those of the mask
    assert psnr(image, truth) == pytest.approx(-10 * np.log10(0.01 * 2 / 16))
    assert psnr(image, truth, mask) == pytest.approx(-10 * np.log10(0.01 / 2))
    mask[0, :2] = False
    assert psnr(image, truth, mask) == pytest.approx(MAX_PSNR)


def test_every_pixel_of_an_opaque_photograph_counts() -> None:
    truth = np.ones((5, 5, 4), np.float32)
    subject = find_subject(camera_above(), BOX, truth, None, np.zeros((5, 5, 4), np.float32))
    assert subject.mask.all() and not subject.field.any()


def test_how_far_the_bounds_reach_along_each_ray() -> None:
    near, far = depths_in_bounds(camera_above(), BOX)
    np.testing.assert_allclose(near, 4.0 - 0.02)  # a hundredth of the box's edge is slack
    np.testing.assert_allclose(far, 6.0 + 0.02)
    near, far = depths_in_bounds(camera_above(height=0.5), BOX)
    assert (near == 0.0).all() and far == pytest.approx(np.full((5, 5), 1.52))
    pose = camera_above().camera_to_world.copy()
    pose[0, 3] = 9.0
    near, far = depths_in_bounds(Camera(pose, 2, 2, 20.0, 20.0, 1.0, 1.0), BOX)
    assert not near.any() and not far.any(), "rays beside the box"


def test_a_backdrop_behind_the_bounds_does_not_count() -> None:
    truth = picture((2, 2), color=RED)
    truth[truth[..., 3] == 0.0] = (0.9, 0.9, 0.9, 1.0)  # a white wall, far behind
    depth = np.full((5, 5), 20.0, np.float32)
    depth[2, 2] = 5.0
    exact = picture((2, 2))
    subject = find_subject(camera_above(), BOX, truth, depth, exact)
    # The subject's own pixel. Its neighbours show the wall, of which the field knows nothing.
    assert subject.mask.sum() == 1 and subject.mask[2, 2]
    np.testing.assert_allclose(subject.field, truth)


@pytest.mark.parametrize("depth", [None, 0.0, np.inf])
def test_a_backdrop_beside_the_bounds_does_not_count_without_depth_either(depth: float | None) -> None:
    pose = camera_above().camera_to_world
    wide = Camera(pose, 5, 5, 5.0, 5.0, 2.5, 2.5)  # the box is in the middle three of five columns and rows
    truth = np.full((5, 5, 4), 0.9, np.float32)
    truth[..., 3] = 1.0
    field = picture(*((row, column) for row in (1, 2, 3) for column in (1, 2, 3)))
    known = None if depth is None else np.full((5, 5), depth, np.float32)
    subject = find_subject(wide, BOX, truth, known, field)
    inside = np.zeros((5, 5), bool)
    inside[1:4, 1:4] = True
    np.testing.assert_array_equal(subject.mask, inside)
    np.testing.assert_allclose(subject.field[~inside], truth[~inside])


def test_what_the_field_puts_before_a_backdrop_counts_for_as_much_as_it_covers() -> None:
    truth = np.full((5, 5, 4), 1.0, np.float32)  # nothing but a white wall
    depth = np.full((5, 5), 20.0, np.float32)
    field = picture((1, 3), color=np.array([0.0, 0.0, 0.0, 0.25], np.float32))  # a quarter of black
    subject = find_subject(camera_above(), BOX, truth, depth, field)
    assert subject.mask.sum() == 1 and subject.mask[1, 3]
    np.testing.assert_allclose(subject.field[1, 3], [0.75, 0.75, 0.75, 1.0])


def test_what_stands_before_the_bounds_hides_the_subject() -> None:
    truth = picture((2, 2), (0, 0), color=RED)
    depth = np.full((5, 5), np.inf, np.float32)
    depth[2, 2], depth[0, 0] = 5.0, 1.0  # in the box, and 3 m in front of it
    field = np.ones((5, 5, 4), np.float32)  # whatever the field has there
    subject = find_subject(camera_above(), BOX, truth, depth, field)
    assert not subject.mask[0, 0] and subject.mask[2, 2]
    np.testing.assert_allclose(subject.field[0, 0], truth[0, 0])


def test_covered_pixels_without_depth_count() -> None:
    truth = picture((2, 2), color=np.array([0.2, 0.2, 0.2, 0.4], np.float32))  # smoke has no surface
    subject = find_subject(camera_above(), BOX, truth, np.full((5, 5), np.inf, np.float32), picture())
    assert subject.mask[2, 2]


def test_with_cascades_the_field_reaches_further() -> None:
    flat = Bounds([0.0, 0.0, 0.0], [2.0, 4.0, 1.0])
    assert extent_of(flat, 1) is flat
    wide = extent_of(flat, 3)
    np.testing.assert_allclose(wide.minimum, [1.0 - 8.0, 2.0 - 8.0, 0.5 - 8.0])
    np.testing.assert_allclose(wide.size, 16.0)


def test_scores_in_words() -> None:
    words = [describe_quality(decibels) for decibels in (-1.0, 20.0, 26.0, 30.0, 40.0)]
    assert words == ["blurred", "blurred", "soft", "good", "very good"]
    assert describe_psnr(27.934, 34.8) == "27.93 dB (soft)"
    assert describe_psnr(None, 34.8) == "34.80 dB over whole pictures"
