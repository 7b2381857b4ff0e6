"""What values of command-line options are read as, by both programs: each a ``type`` for ``argparse``."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable

from engine.link.geometry import MAX_IMAGE_SIDE
from engine.link.primitives import MOST_IMAGE_SIDE

# Kernels and Blender's properties count in 32 bits.
MOST = 2**31 - 1
# Seconds, metres or a factor: more than anything is meant to be.
_LARGEST = 1e6


def finite_number(text: str) -> float:
    """Any number but NaN and infinity."""
    if not math.isfinite(value := _number(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def positive_number(text: str) -> float:
    """The type of options that are seconds, or a factor."""
    if not 0.0 < (value := _number(text)) <= _LARGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number up to {_LARGEST:.0f}")
    return value


def length(text: str) -> float:
    """In metres, 0 or more."""
    if not 0.0 <= (value := _number(text)) <= _LARGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a length in metres")
    return value


def whole_number(low: int, high: int = MOST) -> Callable[[str], int]:
    """A parser for whole numbers from ``low``, 0 or more, to ``high``."""

    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,10}", text) or not low <= int(text) <= high:
            limits = f"from {low} on" if high == MOST else f"from {low} to {high}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {limits}")
        return int(text)

    return parse


def image_size(text: str) -> tuple[int, int]:
    """``WIDTHxHEIGHT`` in pixels, of an image that is written in bands."""
    return picture_size(text, MOST_IMAGE_SIDE)


def picture_size(text: str, most: int = MAX_IMAGE_SIDE) -> tuple[int, int]:
    """``WIDTHxHEIGHT`` in pixels, of a picture that is made as a whole."""
    match = re.fullmatch("([0-9]{1,7})[xX]([0-9]{1,7})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, like 800x800")
    width, height = int(match[1]), int(match[2])
    if not (1 <= width <= most and 1 <= height <= most):
        raise argparse.ArgumentTypeError(f"{text!r}: each side must be 1 to {most} pixels")
    return width, height


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
