"""PSNR and SSIM against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engine.evaluation.metrics import MAX_PSNR, psnr, ssim


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
