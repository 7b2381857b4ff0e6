"""Image quality, as papers report it: SSIM and FLIP; and PSNR, whose home Blender's side can import, too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Floats
from engine.link.scoring import MAX_PSNR, psnr, require_same_size, subject_mask

__all__ = ["MAX_PSNR", "MissingFlipError", "flip", "psnr", "ssim", "subject_mask"]

SSIM_WINDOW = 11


class MissingFlipError(ImportError):
    """FLIP was asked for, but its library isn't installed; the message says what to do."""


def ssim(image: Floats, truth: Floats, mask: npt.NDArray[np.bool_] | None = None) -> float:
    """Structural similarity of two float images [H, W, 3] in 0..1; 1 where they are the same.

    Wang et al.'s settings: an 11-pixel Gaussian window of sigma 1.5, population covariance, data range 1, mean over
    the channels, and over the pixels whose window lies in the picture. Pictures smaller than the window are continued
    by reflection. With ``mask`` [H, W] bool the mean over those among its pixels, or, if it has none of them, all of
    its pixels; it must have one at least.
    """
    from skimage.metrics import structural_similarity

    require_same_size(image, truth)
    if mask is None:
        mask = np.ones(image.shape[:2], bool)
    missing = [max(0, SSIM_WINDOW - side) for side in image.shape[:2]]
    margins = ((0, missing[0]), (0, missing[1]), (0, 0))
    _, similarity = structural_similarity(
        np.pad(image.astype(np.float64), margins, mode="symmetric"),
        np.pad(truth.astype(np.float64), margins, mode="symmetric"),
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    border = SSIM_WINDOW // 2
    chosen = np.zeros(similarity.shape[:2], bool)
    chosen[border:-border, border:-border] = np.pad(mask, margins[:2])[border:-border, border:-border]
    if not chosen.any():
        chosen = np.pad(mask, margins[:2])
    return float(similarity[chosen].mean())


def flip(image: Floats, truth: Floats, mask: npt.NDArray[np.bool_]) -> float:
    """How different two sRGB images [H, W, 3] in 0..1 look to people who flip between them: the mean over ``mask``
    [H, W] bool, of a pixel at least, of LDR-FLIP, 0 (the same) to 1, at the 67 pixels per degree that it assumes by
    default (Andersson et al., "FLIP: A Difference Evaluator for Alternating Images", 2020).

    Raises MissingFlipError where its library isn't installed.
    """
    try:
        from flip_evaluator import evaluate
    except ImportError:
        raise MissingFlipError(
            "FLIP needs the package flip-evaluator: install it beside the engine (`pip install flip-evaluator`), or "
            "leave --flip out"
        ) from None
    require_same_size(image, truth)
    test, reference = (np.ascontiguousarray(picture, np.float32) for picture in (image, truth))
    differences, _, _ = evaluate(reference, test, "LDR", applyMagma=False, computeMeanError=False)
    return float(differences[..., 0][mask].mean())
