"""What values of command-line options are read as."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from engine.link.argument_types import finite_number, image_size, length, picture_size, positive_number, whole_number


@pytest.mark.parametrize(
    ("parse", "texts", "words"),
    [
        (finite_number, ("nan", "inf", "-inf", "soon", ""), "is not a number"),
        (positive_number, ("0", "-1", "nan", "inf", "1e7", "soon"), "is not a positive number up to 1000000"),
        (length, ("-0.1", "nan", "inf", "1e7", "far"), "is not a length in metres"),
        (
            whole_number(1, 10),
            ("0", "11", "2.5", "many", "-3", "1_0", "9" * 5000),
            "is not a whole number from 1 to 10",
        ),
        (whole_number(0), ("-1", "2147483648", "", "x"), "is not a whole number from 0 on"),
        (picture_size, ("800", "axb", "-3x4", "8x8x8"), "is not WIDTHxHEIGHT"),
        (picture_size, ("0x5", "5x0", "100000x5"), "each side must be"),
        (image_size, ("1048577x5",), "each side must be 1 to 1048576 pixels"),
    ],
)
def test_what_is_out_of_range_is_refused_with_the_reason(
    parse: Callable[[str], Any], texts: tuple[str, ...], words: str
) -> None:
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError, match=words):
            parse(text)


def test_good_values_are_read() -> None:
    assert picture_size("1920X1080") == (1920, 1080) and image_size("1048576x1") == (1048576, 1)
    assert positive_number("1.5") == 1.5 and finite_number("-3") == -3.0 and length("0") == 0.0
    assert whole_number(1, 10)("7") == 7 and whole_number(0)("2147483647") == 2**31 - 1
