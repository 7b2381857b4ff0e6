"""The pixels that an image is scored by: all of a small one, of a large one as many, evenly spread."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from engine.data.image_file import ImageFile
from engine.link.color import encode_srgb
from engine.link.messages import ColorSpace
from engine.link.scoring import MAX_PSNR
from engine.primitives.image.pixel_bands import premultiplied
from engine.primitives.image.places import Places
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.torch_functions.random_numbers import uniform

MOST_PIXELS = 1 << 20
# Of relative errors: light that is darker counts as this dark.
_DARKEST = 0.01
_CHUNK = 1 << 15


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredPixels:
    """``points`` [n, 2] f32 of a field, pixel centres, and the ``colors`` [n, channels] f32 there, premultiplied, both
    in the computer's memory."""

    points: torch.Tensor
    colors: torch.Tensor

    @classmethod
    def read(cls, file: ImageFile) -> Self:
        """Reads the whole of ``file``, a band at a time: what is damaged or isn't a number is found. Raises
        DatasetError."""
        header, parts = file.header, list[npt.NDArray[np.generic]]()
        columns, rows = spread_evenly(header.width, header.height, MOST_PIXELS)
        for first, band in file.bands():
            begin, end = np.searchsorted(rows, (first, first + len(band)))
            parts.append(band[rows[begin:end] - first, columns[begin:end]])
        places = Places(*header.turned_size, header.orientation)
        stored = torch.from_numpy(np.stack((columns, rows), axis=1).astype(np.float32) + 0.5)
        colors = premultiplied(torch.from_numpy(np.concatenate(parts)), header.is_straight)
        return cls(places.to_points(places.shown(stored)), colors)

    def __len__(self) -> int:
        return len(self.points)

    def chunks(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Points and colours, so many at a time that they are soon evaluated."""
        return zip(self.points.split(_CHUNK), self.colors.split(_CHUNK), strict=True)


class PixelErrors:
    """Sums up what differs between an image and what is shown of it."""

    def __init__(self, color_space: ColorSpace) -> None:
        self._is_linear = color_space == "linear"
        self._count, self._display, self._relative = 0, 0.0, 0.0

    def add(self, shown: torch.Tensor, truth: torch.Tensor) -> None:
        """Both [n, channels] f32, premultiplied: compared as they are displayed on black, alpha as it is."""
        self._count += truth.numel()
        self._display += float((self._displayed(shown) - self._displayed(truth)).double().square().sum())
        relative = 2.0 * (shown - truth).double().abs() / (shown.abs() + truth.abs() + _DARKEST).double()
        self._relative += float(relative.sum())

    @property
    def figures(self) -> dict[str, float]:
        """``psnr``, dB, of display values; of light also ``relative_error``: the mean of differences relative to the
        mean of both sides, 2 at most, as beside sharp edges one of them is far brighter."""
        error = self._display / self._count
        figures = {"psnr": min(-10.0 * float(np.log10(max(error, 1e-12))), MAX_PSNR)}
        return figures | ({"relative_error": self._relative / self._count} if self._is_linear else {})

    def _displayed(self, color: torch.Tensor) -> torch.Tensor:
        if not self._is_linear:
            return color.clamp(0.0, 1.0)
        return torch.cat((encode_srgb(color[:, :3]), color[:, 3:].clamp(0.0, 1.0)), dim=1)


def spread_evenly(width: int, height: int, most: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Columns and rows of at most about ``most`` pixels, all if there are no more: one of each of equal squares; which,
    is drawn, the same for all images of that size. In the order of rows."""
    side = 1
    while -(-width // side) * -(-height // side) > most:
        side += 1
    corners = np.meshgrid(np.arange(0, width, side), np.arange(0, height, side))
    index = torch.arange(corners[0].size)
    x, y = (
        np.minimum(
            corner.reshape(-1) + (uniform(0, side, index, RandomStream.SCORED_PIXEL + axis) * side).long().numpy(),
            sides - 1,
        )
        for axis, (corner, sides) in enumerate(zip(corners, (width, height), strict=True))
    )
    order = np.argsort(y, kind="stable")
    return x[order], y[order]
