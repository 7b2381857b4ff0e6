"""One picture with its camera: what training and evaluation are made of."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Pixels
from engine.link.geometry import Camera
from engine.link.messages import ColorSpace, Split

UNKNOWN_DEPTH = 0.0
# A pixel that is neither trained on nor scored, in the place of its depth.
MASKED_DEPTH = -np.inf


class ViewError(ValueError):
    """A view that can't be used; the message names the view and what is wrong with it."""


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """A training or held-out picture.

    ``color`` [H, W, 4]: with ``color_space`` "linear", float16 scene-linear premultiplied; with "srgb", uint8 sRGB with
    straight alpha. ``depth`` [H, W] float32 planar z in metres, +inf where there is nothing, UNKNOWN_DEPTH or below
    where it isn't known, MASKED_DEPTH where the pixel is to be left out; or None.
    """

    name: str
    camera: Camera
    color: Pixels
    color_space: ColorSpace
    depth: npt.NDArray[np.float32] | None = None
    split: Split = "train"

    def __post_init__(self) -> None:
        size = (self.camera.height, self.camera.width)
        wanted = np.float16 if self.color_space == "linear" else np.uint8
        if self.color.dtype != wanted or self.color.ndim != 3 or self.color.shape[2] != 4:
            raise ViewError(
                f"view {self.name}: {self.color_space} colour must be {np.dtype(wanted)} [H, W, 4], "
                f"got {self.color.dtype} {list(self.color.shape)}"
            )
        if self.color.shape[:2] != size:
            raise ViewError(
                f"view {self.name}: the image is {self.color.shape[1]}x{self.color.shape[0]}, "
                f"its camera says {size[1]}x{size[0]}"
            )
        if self.color_space == "linear" and not np.isfinite(self.color).all():
            raise ViewError(f"view {self.name}: the image contains NaN or infinity")
        if self.depth is not None:
            if self.depth.dtype != np.float32 or self.depth.shape != size:
                raise ViewError(
                    f"view {self.name}: depth must be float32 {list(size)}, "
                    f"got {self.depth.dtype} {list(self.depth.shape)}"
                )
            if np.isnan(self.depth).any():
                raise ViewError(f"view {self.name}: depth contains NaN")

    @property
    def is_opaque(self) -> bool:
        """Whether nothing of the picture is transparent, as in a photograph, which shows what is around its subject."""
        return bool((self.color[..., 3] == (1.0 if self.color_space == "linear" else 255)).all())

    @property
    def is_masked(self) -> bool:
        """Whether no pixel counts."""
        return self.depth is not None and bool((self.depth == MASKED_DEPTH).all())

    @property
    def valid(self) -> npt.NDArray[np.bool_] | None:
        """Which pixels count, [H, W] bool; None: all, also where all are masked."""
        if self.depth is None:
            return None
        valid = self.depth != MASKED_DEPTH
        return valid if valid.any() and not valid.all() else None

    def without_depth(self) -> View:
        """The same, of whose depth only what is masked is known."""
        depth = self.depth
        if depth is not None and self.valid is None and not self.is_masked:
            depth = None
        elif depth is not None:
            depth = np.where(depth == MASKED_DEPTH, depth, depth_without_any(self.color))
        return dataclasses.replace(self, depth=depth)


def depth_without_any(color: Pixels) -> npt.NDArray[np.float32]:
    """Depth [H, W] of a picture [H, W, 4] of which none is known: where it shows nothing, nothing is there."""
    return np.where(color[..., 3] == 0, np.float32(np.inf), np.float32(UNKNOWN_DEPTH))
