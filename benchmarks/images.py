"""Images made by script to learn from, the same each time: a map of any size, with detail at every scale and text, and
a landscape in scene-linear light, as a camera would take it. Both are functions of the pixel, made in bands of rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO
import torch
from PIL import Image, ImageDraw, ImageFont

from engine.link.color import encode_srgb
from engine.link.part_files import written_atomically
from taichi_kernels.torch_functions.random_numbers import hash_u32

BAND = 256  # rows
_TILE = 64
# A label stands in a cell of so many pixels' side, its letters as high as one of these parts of it.
_LABEL_CELLS = (8192, 1024, 256)
_LETTERS = 16
_SUN = 4000.0  # times white
_GRAIN = 0.008  # of white, in white


def _hashed(x: torch.Tensor, y: torch.Tensor, seed: int) -> torch.Tensor:
    """Uniform in [0, 1) f32 for whole coordinates, which broadcast."""
    first = hash_u32(x.long() + 0x9E3779B9 * (seed + 1))
    return (hash_u32(first ^ hash_u32(y.long() + 7919 * seed)) >> 8).float() / 16777216.0


def _noise(x: torch.Tensor, y: torch.Tensor, cell: float, seed: int) -> torch.Tensor:
    """Smooth noise in -1..1 [rows, columns] of the columns ``x`` and rows ``y``, that varies over ``cell`` pixels."""
    column, row = (x / cell).floor().long(), (y / cell).floor().long()
    first, last = int(row[0]), int(row[-1]) + 2
    lattice = torch.arange(first, last, device=x.device)[:, None]
    at, share = column, (x / cell - column).float()
    share = share * share * (3.0 - 2.0 * share)
    rows = torch.lerp(_hashed(at, lattice, seed), _hashed(at + 1, lattice, seed), share)
    down = (y / cell - row).float()
    down = (down * down * (3.0 - 2.0 * down))[:, None]
    return torch.lerp(rows[row - first], rows[row - first + 1], down) * 2.0 - 1.0


def _fractal(x: torch.Tensor, y: torch.Tensor, cell: float, gain: float, finest: float, seed: int) -> torch.Tensor:
    """Octaves of noise from ``cell`` down to ``finest``, each ``gain`` times as strong as the one before."""
    total, strength = torch.zeros(len(y), len(x), device=x.device), 1.0
    while cell >= finest:
        total += strength * _noise(x, y, cell, seed)
        cell, strength, seed = cell / 2.0, strength * gain, seed + 1
    return total


def _discs(color: torch.Tensor, x: torch.Tensor, y: torch.Tensor, cell: int, seed: int) -> None:
    """Paint a disc into every other cell of ``color`` [3, rows, columns]: sharp edges."""
    column, row = (x // cell)[None], (y // cell)[:, None]
    drawn = [_hashed(column, row, seed + index) for index in range(6)]
    radius = cell * (0.08 + 0.3 * drawn[0])
    away = torch.hypot(x[None] - (column + 0.5) * cell, y[:, None] - (row + 0.5) * cell)
    is_inside = ((radius - away).clamp(0.0, 1.0) * (drawn[1] < 0.5)).float()
    for channel in range(3):
        color[channel] += 0.6 * is_inside * (drawn[3 + channel] - color[channel])


def map_band(width: int, top: int, rows: int, device: str) -> npt.NDArray[np.uint8]:
    """Rows of the map [rows, width, 3]: terrain, discs from 16 to 16384 pixels, a grid of roads, and labels."""
    x = torch.arange(width, device=device, dtype=torch.float64) + 0.5
    y = torch.arange(top, top + rows, device=device, dtype=torch.float64) + 0.5
    height = _fractal(x, y, 16384.0, 0.75, 2.0, 100)
    moist = _fractal(x, y, 4096.0, 0.75, 2.0, 200)
    color = torch.stack((0.45 + 0.22 * height, 0.5 + 0.14 * height + 0.1 * moist, 0.42 - 0.12 * height + 0.12 * moist))
    for index, cell in enumerate(16 * 4**power for power in range(6)):
        _discs(color, x, y, cell, 300 + 10 * index)
    for spacing, thickness in ((2048, 12), (256, 3)):
        is_road = (x % spacing < thickness)[None] | (y % spacing < thickness)[:, None]
        color = torch.where(is_road, torch.full_like(color, 0.85), color)
    band = (color.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
    _write_labels(band, top)
    return band


def _write_labels(band: npt.NDArray[np.uint8], top: int) -> None:
    """Each cell's coordinates as text into a band of the map, dark or light."""
    rows, width = band.shape[:2]
    for cell in _LABEL_CELLS:
        letters = max(cell // _LETTERS, 8)
        font = ImageFont.load_default(letters)
        for row in range((top - 2 * letters) // cell, (top + rows) // cell + 1):
            place = row * cell + cell // 3 - top  # of the label's upper edge, in the band
            if place + 2 * letters <= 0 or place >= rows or row < 0:
                continue
            for column in range(-(-width // cell)):
                label = Image.new("L", (min(cell, width - column * cell), 2 * letters))
                ImageDraw.Draw(label).text((letters, 0), f"{column}-{row} of {cell}", fill=255, font=font)
                begin, end = max(place, 0), min(place + 2 * letters, rows)
                share = np.asarray(label)[begin - place : end - place, :, None].astype(np.float32) / 255.0
                part = band[begin:end, column * cell : column * cell + label.width]
                ink = 20.0 if (column + row) % 2 else 240.0
                part[:] = (part + share * (ink - part) + 0.5).astype(np.uint8)


def landscape_band(width: int, height: int, top: int, rows: int, device: str) -> npt.NDArray[np.float32]:
    """Rows of a landscape [rows, width, 3] in scene-linear light, white being about 1: sky with clouds and the sun,
    ridges one behind the other, and a textured ground, a little blurred, as lenses do."""
    x = (torch.arange(-1, width + 1, device=device, dtype=torch.float64) + 0.5) / width * 6144.0
    y = (torch.arange(top - 1, top + rows + 1, device=device, dtype=torch.float64) + 0.5) / width * 6144.0
    finest, tall = 2.0 * 6144.0 / width, 6144.0 * height / width
    down = (y / tall).float()[:, None]
    clouds = _fractal(x, y, 1500.0, 0.55, finest, 10).clamp(min=0.0)
    sun = torch.hypot(x[None] - 4300.0, y[:, None] - 0.16 * tall).float()
    glow = 2.0 * torch.exp(-sun / 260.0) + _SUN * (sun < 42.0)
    color = torch.stack([
        (base * (0.35 + 0.65 * down) + 0.5 * clouds) + glow * tint
        for base, tint in ((0.35, 1.0), (0.55, 0.85), (0.95, 0.6))
    ])  # fmt: skip
    column = torch.zeros(1, device=device, dtype=torch.float64)
    for index in range(5):
        crest = (
            0.38 + 0.1 * index + 0.07 * _fractal(column + 100.0 * index, x, 1400.0, 0.5, 4.0 * finest, 30 + 20 * index)
        )
        is_hill = (down > crest.view(1, -1)).float()
        texture = _fractal(x, y, 400.0, 0.93, finest, 60 + 20 * index)
        shade = (0.6 + 0.4 * texture).clamp(min=0.02) * 0.75**index
        haze = 0.75 ** (index + 1)
        for channel, (own, far) in enumerate(((0.30, 0.45), (0.34, 0.55), (0.16, 0.75))):
            hill = own * shade + far * haze * 0.25
            color[channel] += is_hill * (hill - color[channel])
    kernel = torch.tensor([0.25, 0.5, 0.25], device=device)
    color = torch.nn.functional.conv2d(color[:, None], (kernel[:, None] * kernel)[None, None])[:, 0]
    # The sensor's noise grows with the root of the light; three uniform numbers make one that is nearly normal.
    grains = torch.arange(len(color[0, 0]), device=device), torch.arange(top, top + rows, device=device)[:, None]
    for channel in range(3):
        noise = (
            sum((_hashed(*grains, 500 + 3 * channel + draw) for draw in range(3)), torch.tensor(-1.5, device=device))
            * 2.0
        )
        color[channel] += _GRAIN * noise * color[channel].clamp(min=0.0).sqrt()
    return color.clamp(min=0.0).permute(1, 2, 0).contiguous().cpu().numpy()


def _bands(height: int) -> Iterator[tuple[int, int]]:
    return ((top, min(BAND, height - top)) for top in range(0, height, BAND))


def write_map(path: Path, width: int, height: int, device: str) -> None:
    """As a tiled TIFF or, by the name's ending, a PNG."""
    _write(path, width, height, "uint8", (map_band(width, top, rows, device) for top, rows in _bands(height)))


def write_landscape(path: Path, width: int, height: int, device: str) -> None:
    """As a tiled OpenEXR file of half floats or, as it would be displayed, a PNG."""
    bands = (landscape_band(width, height, top, rows, device) for top, rows in _bands(height))
    if path.suffix == ".exr":
        _write(path, width, height, "half", (band.astype(np.float16) for band in bands))
    else:
        _write(path, width, height, "uint8", ((encode_srgb(band) * 255 + 0.5).astype(np.uint8) for band in bands))


def _write(path: Path, width: int, height: int, dtype: str, bands: Iterator[npt.NDArray[Any]]) -> None:
    spec = OpenImageIO.ImageSpec(width, height, 3, dtype)
    spec.attribute("compression", "zip")
    if path.suffix != ".png":
        spec.tile_width = spec.tile_height = _TILE
    with written_atomically(path) as part:
        output = OpenImageIO.ImageOutput.create(str(part))
        if output is None or not output.open(str(part), spec):
            raise OSError(f"{path}: can't be written ({OpenImageIO.geterror()})")
        top = 0
        for band in bands:
            rows = len(band)
            if path.suffix == ".png":
                is_written = output.write_scanlines(top, top + rows, 0, band)
            else:
                is_written = output.write_tiles(0, width, top, top + rows, 0, 1, band)
            if not is_written:
                raise OSError(f"{path}: can't be written ({output.geterror()})")
            top += rows
        output.close()
