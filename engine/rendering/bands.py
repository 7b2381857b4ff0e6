"""Renders large pictures in bands of whole rows, so that other work can be done between two of them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from engine.device import PROFILES
from engine.link.geometry import Camera

# What a band is to take.
BAND_SECONDS = 0.03
_MIN_PIXELS = 1 << 10

T = TypeVar("T")


class Bands:
    """Cuts pictures into bands; how large they may be is learnt from how long they take."""

    def __init__(self, device: str) -> None:
        # The limit keeps a band that follows empty rows from being far too large for the subject.
        self._pixels = self._most = float(PROFILES[device].most_band_pixels)

    def render(self, camera: Camera, render: Callable[[Camera], T]) -> Iterator[T]:
        """What ``render`` makes of each band's camera, from the top down."""
        top = 0
        while top < camera.height:
            started = time.perf_counter()
            band = cut_band(camera, top, int(self._pixels))
            result = render(band)
            is_last = band.height == camera.height - top
            if not is_last or top == 0:  # the last band may be too small to tell anything
                self._learn(band.width * band.height, time.perf_counter() - started)
            top += band.height
            yield result

    def _learn(self, pixels: int, seconds: float) -> None:
        affordable = pixels * BAND_SECONDS / max(seconds, 1e-4)
        least, most = max(0.25 * self._pixels, _MIN_PIXELS), min(2.0 * self._pixels, self._most)
        self._pixels = min(max(affordable, least), most)


def cut_band(camera: Camera, top: int, pixels: int) -> Camera:
    """The camera of a band of whole rows of the picture of ``camera``, from row ``top`` on: about ``pixels`` of them,
    at least one row."""
    rows = min(max(1, pixels // camera.width), camera.height - top)
    return dataclasses.replace(camera, height=rows, cy=camera.cy - top)
