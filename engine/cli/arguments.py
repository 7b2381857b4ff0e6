"""Options that several commands share, and the checks of their values."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable

from engine.link.geometry import MAX_IMAGE_SIDE
from engine.link.presets import AUTO, DEFAULT_FIELD, DEFAULT_PRIMITIVE, FIELDS, PRESETS, PRIMITIVES


def positive_seconds(text: str) -> float:
    """A positive, finite number."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return seconds


def finite_number(text: str) -> float:
    """Any number but NaN and infinity."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A parser for whole numbers from ``low`` to ``high``."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return value

    return parse


def picture_size(text: str) -> tuple[int, int]:
    """``WIDTHxHEIGHT`` in pixels."""
    match = re.fullmatch(r"(\d{1,6})[xX](\d{1,6})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, like 800x800")
    width, height = int(match[1]), int(match[2])
    if not (1 <= width <= MAX_IMAGE_SIDE and 1 <= height <= MAX_IMAGE_SIDE):
        raise argparse.ArgumentTypeError(f"{text!r}: each side must be 1 to {MAX_IMAGE_SIDE} pixels")
    return width, height


def add_device(parser: argparse.ArgumentParser) -> None:
    """``--device auto|cpu|cuda``."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where to compute; auto takes an NVIDIA GPU if there is one (auto)",
    )


def add_primitive(parser: argparse.ArgumentParser) -> None:
    """``--primitive``; None when it isn't given. Packages beside the engine may bring others than those it names."""
    parser.add_argument(
        "--primitive", metavar="KIND", help=f"what is learnt: {', '.join(PRIMITIVES)} ({DEFAULT_PRIMITIVE})"
    )


def add_field(parser: argparse.ArgumentParser) -> None:
    """``--field``, of a radiance field; None when it isn't given."""
    parser.add_argument("--field", choices=tuple(FIELDS), help=f"what learns the scene ({DEFAULT_FIELD})")


def add_preset(parser: argparse.ArgumentParser) -> None:
    """``--preset``."""
    parser.add_argument("--preset", choices=tuple(PRESETS), default=AUTO, help="settings; auto: by device")


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON, for programs")


def add_holdout(parser: argparse.ArgumentParser, help_text: str) -> None:
    """``--holdout K``."""
    parser.add_argument("--holdout", type=whole_number(2, 10_000), metavar="K", help=help_text)
