"""PSNR and SSIM against figures worked out by hand."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from engine.evaluation.metrics import MAX_PSNR, MissingFlipError, flip, psnr, ssim


def test_psnr_of_a_constant_error() -> None:
    truth = np.full((12, 12, 3), 0.5, np.float32)
    assert psnr(truth + 0.1, truth) == pytest.approx(20.0, abs=1e-4)
    assert psnr(truth + 0.01, truth) == pytest.approx(40.0, abs=1e-4)


def test_psnr_stays_finite_for_the_same_picture() -> None:
    truth = np.random.default_rng(0).random((12, 12, 3), np.float32)
    assert psnr(truth, truth) == pytest.approx(MAX_PSNR)


def test_ssim_of_constant_pictures_follows_its_formula() -> None:
    # Without variance only the luminance term is left: (2ab + c1) / (a^2 + b^2 + c1), c1 = 0.01^2.
    a, b = 0.4, 0.6
    expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    assert ssim(np.full((16, 16, 3), a), np.full((16, 16, 3), b)) == pytest.approx(expected, abs=1e-9)


def test_ssim_falls_with_noise() -> None:
    rng = np.random.default_rng(0)
    truth = np.tile(np.linspace(0, 1, 32)[None, :, None], (32, 1, 3))
    noise = rng.normal(size=truth.shape)
    assert ssim(truth, truth) == pytest.approx(1.0)
    assert 1.0 > ssim(truth + 0.02 * noise, truth) > ssim(truth + 0.2 * noise, truth)


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="one size"):
        psnr(np.zeros((4, 4, 3)), np.zeros((4, 5, 3)))


def test_ssim_of_tiny_pictures() -> None:
    truth = np.random.default_rng(0).random((3, 20, 3))
    assert ssim(truth, truth) == pytest.approx(1.0) and ssim(truth * 0.5, truth) < 0.95


def test_ssim_over_a_mask_leaves_the_rest_out() -> None:
    # Left half the same, right half constant: far from the border between them, each has its own similarity.
    a, b = 0.4, 0.6
    truth = np.full((32, 64, 3), a)
    image = truth.copy()
    image[:, 32:] = b
    left, right = np.zeros((32, 64), bool), np.zeros((32, 64), bool)
    left[:, :20], right[:, 44:] = True, True
    assert ssim(image, truth, left) == pytest.approx(1.0)
    assert ssim(image, truth, right) == pytest.approx((2 * a * b + 1e-4) / (a * a + b * b + 1e-4), abs=1e-9)
    assert ssim(image, truth, np.ones((32, 64), bool)) == pytest.approx(ssim(image, truth))


def test_ssim_of_a_subject_at_the_edge_of_the_picture() -> None:
    truth = np.full((32, 32, 3), 0.4)
    edge = np.zeros((32, 32), bool)
    edge[:2] = True  # no window around these lies in the picture
    assert ssim(truth, truth, edge) == pytest.approx(1.0)
    assert ssim(truth + 0.2, truth, edge) < 0.95


def test_flip_is_nothing_for_the_same_picture_and_grows_with_what_is_seen() -> None:
    pytest.importorskip("flip_evaluator")
    truth = np.zeros((24, 48, 3), np.float32)
    image = truth.copy()
    image[:, 24:] = 1.0
    left, right = np.zeros((24, 48), bool), np.zeros((24, 48), bool)
    left[:, :12], right[:, 36:] = True, True
    assert flip(truth, truth, left) == pytest.approx(0.0, abs=1e-6)
    assert flip(image, truth, left) < 0.01 and flip(image, truth, right) > 0.9
    assert flip(image * 0.1, truth, right) < flip(image, truth, right)


def test_flip_without_its_library_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flip_evaluator", None)
    with pytest.raises(MissingFlipError, match="pip install flip-evaluator"):
        flip(np.zeros((4, 4, 3)), np.zeros((4, 4, 3)), np.ones((4, 4), bool))
