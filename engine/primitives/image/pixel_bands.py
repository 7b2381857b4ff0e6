"""The pixels that training draws from: bands of an image's rows on the device.

An image that fits is one band. Of a larger one so many bands are at hand as fit, and one after the other makes room
for the next, from the top down and again from there, as files are read fastest.
"""

from __future__ import annotations

import dataclasses

import torch

from engine.data.image_file import ImageFile
from engine.link.arrays import Pixels
from engine.primitives.base import DataError
from engine.primitives.image.places import Places
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.torch_functions.random_numbers import uniform

_BAND_ROWS = 64


@dataclasses.dataclass(frozen=True, eq=False)
class DrawnPixels:
    """``points`` [n, 2] f32 of the field, and the ``colors`` [n, channels] f32 of the image there, premultiplied."""

    points: torch.Tensor
    colors: torch.Tensor


class PixelBands:
    """Bands of the rows of ``file``, each with the row above and the one below, and columns likewise: those that
    interpolation at their border asks for."""

    def __init__(self, file: ImageFile, wraps: bool, device: str, most_bytes: int) -> None:
        """Reads as much as fits into ``most_bytes``. Raises DatasetError, DataError."""
        self._wraps, self._header = wraps, file.header
        header = self._header
        row_bytes = (header.width + 2) * header.channels * (1 if header.dtype == "uint8" else 2)
        if row_bytes * (header.height + 2) <= most_bytes:
            self._rows, slots = header.height, 1
        else:
            self._rows = min(_BAND_ROWS, header.height)
            slots = min(most_bytes // (row_bytes * (self._rows + 2)), -(-header.height // self._rows))
        if not slots:
            raise DataError(f"{file.path}: a band of its rows needs more than the {most_bytes >> 20} MiB for pixels")
        shape = (slots, self._rows + 2, header.width + 2, header.channels)
        dtype = torch.uint8 if header.dtype == "uint8" else torch.float16
        self._pixels = torch.empty(shape, dtype=dtype, device=device)
        self._firsts = torch.zeros(slots, dtype=torch.int64, device=device)
        self._places = Places(*header.turned_size, header.orientation)
        self._index = torch.empty(0, dtype=torch.int64, device=device)
        self._order = _band_order(header.height, self._rows, slots)
        self._next = 0
        self._ends = dict[int, Pixels]()
        if wraps and self.share < 1.0:
            self._ends = {row: file.rows(row, row + 1) for row in (0, header.height - 1)}
        for slot in range(slots):
            self._fill(file, slot)
        # Open no longer than it is needed: on Windows nothing can take its place meanwhile.
        self._file = file if self.share < 1.0 else None

    @property
    def share(self) -> float:
        """How much of the image is at hand, up to 1."""
        return min(len(self._firsts) * self._rows / self._header.height, 1.0)

    def exchange(self) -> None:
        """Put the next band in the place of the one that has been there longest; nothing where all is at hand. Raises
        DatasetError."""
        if self._file is not None:
            self._fill(self._file, self._next % len(self._firsts))

    def draw(self, count: int, seed: int, step: int) -> DrawnPixels:
        """So many places, drawn evenly among those at hand, between the pixels' centres too (bilinearly
        interpolated)."""
        if len(self._index) != count:
            self._index = torch.arange(count, device=self._pixels.device)
        slots = len(self._firsts)
        x = uniform(seed, step, self._index, RandomStream.IMAGE_COLUMN) * self._header.width
        y = uniform(seed, step, self._index, RandomStream.IMAGE_ROW) * self._rows
        if slots == 1:
            slot, first = torch.zeros_like(self._index), self._firsts
        else:
            slot = (uniform(seed, step, self._index, RandomStream.IMAGE_BAND) * slots).long().clamp_(max=slots - 1)
            first = self._firsts[slot]
        colors = self._interpolate(slot, x, y)
        places = self._places.shown(torch.stack((x, first + y), dim=1))
        return DrawnPixels(self._places.to_points(places), colors)

    def _interpolate(self, slot: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """``x`` and ``y`` count a band's own columns and rows from its corner."""
        left, top = (x - 0.5).floor(), (y - 0.5).floor()
        right_share, bottom_share = (x - 0.5 - left)[:, None], (y - 0.5 - top)[:, None]
        _, rows, columns, channels = self._pixels.shape
        corner = (slot * rows + top.long() + 1) * columns + left.long() + 1
        flat = self._pixels.view(-1, channels)
        upper = self._texel(flat, corner).lerp_(self._texel(flat, corner + 1), right_share)
        lower = self._texel(flat, corner + columns).lerp_(self._texel(flat, corner + columns + 1), right_share)
        return upper.lerp_(lower, bottom_share)

    def _texel(self, flat: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        return premultiplied(flat[index], self._header.is_straight)

    def _fill(self, file: ImageFile, slot: int) -> None:
        """Read the next band into ``slot``, its rows at once: for a row above those that were read last, most formats
        are unpacked from their top again."""
        first = self._order[self._next % len(self._order)]
        self._next += 1
        height, last = self._header.height, first + self._rows
        target = self._pixels[slot]
        if self._rows == height:
            for begin, pixels in file.bands():
                self._put(target[begin + 1 :], pixels)
        else:
            begin = max(first - 1, 0)
            self._put(target[begin - first + 1 :], file.rows(begin, min(last + 1, height)))
        opposite = {0: height - 1, self._rows + 1: 0} if self._wraps else {0: 0, self._rows + 1: height - 1}
        for place, known in opposite.items():
            if 0 <= first - 1 + place < height:
                continue
            if first <= known < last:
                target[place] = target[known - first + 1]
            else:
                self._put(target[place:], self._ends[known])
        self._firsts[slot] = first

    def _put(self, target: torch.Tensor, pixels: Pixels) -> None:
        """``pixels`` to the first rows of ``target``, with a column more at either side."""
        width, rows = self._header.width, len(pixels)
        target[:rows, 1:-1] = torch.from_numpy(pixels).to(target.device)
        before, after = (width, 1) if self._wraps else (1, width)
        target[:rows, 0], target[:rows, -1] = target[:rows, before], target[:rows, after]


class BlankPixels:
    """Black ones, to warm up on."""

    share = 1.0

    def __init__(self, channels: int, device: str) -> None:
        self._channels, self._device = channels, device

    def exchange(self) -> None:
        """As PixelBands.exchange."""

    def draw(self, count: int, seed: int, step: int) -> DrawnPixels:
        """As PixelBands.draw."""
        points = torch.full((count, 2), 0.5, device=self._device)
        return DrawnPixels(points, torch.zeros(count, self._channels, device=self._device))


def premultiplied(pixels: torch.Tensor, is_straight: bool) -> torch.Tensor:
    """Stored ``pixels`` [n, channels], uint8 or float16, as float32, in 0..1 where they are bytes."""
    color = pixels.float() / 255.0 if pixels.dtype == torch.uint8 else pixels.float()
    if is_straight:
        color[:, :3] *= color[:, 3:]
    return color


def _band_order(height: int, rows: int, slots: int) -> list[int]:
    """The first rows of all bands, in the order in which they are read: several times from the top down, each time as
    many as there is room for, spread over the whole height. The last band may overlap another."""
    firsts = [min(index * rows, height - rows) for index in range(-(-height // rows))]
    passes = -(-len(firsts) // slots)
    return [first for offset in range(passes) for first in firsts[offset::passes]]
