"""What values that no reader used seem to be, by their names, and what the field is called that is read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.data.split_words import part_of

_KINDS = (
    (r"mask|segment|matte|silhouette", "masks", "mask_path"),
    (r"depth|disparity", "depth", "depth_file_path, and its unit integer_depth_scale"),
    (r"distort|(?<![a-z])[kp]_?\d(?!\d)", "lens distortion", "k1 to k6, p1 and p2"),
    (r"background|bkgd|(?<![a-z])bg(?![a-z])|transparent", "a background", "white_transparent or black_transparent"),
    (r"focal|fov|intrinsic|camera_?mat|(?<![a-z])f[xy](?![a-z])", "a lens", "fl_x, fl_y, cx and cy"),
    (r"split|subset|partition|held_?out|hold_?out", "test views", "test_filenames, or split of a frame"),
    (r"bound|bbox|(?<![a-z])box|extent", "bounds", "aabb"),
)


def describe_kinds(names: Sequence[str]) -> str:
    """A part of a sentence that says for each kind of ``names`` what to call them instead; "" where none looks like
    anything."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in names:
        if (kind := _kind_of(name)) is not None:
            found.setdefault(kind, []).append(name)
    return "".join(
        f"; if {' and '.join(called)} {'says' if len(called) == 1 else 'say'} {what}, call it {field}"
        for (what, field), called in found.items()
    )


def _kind_of(name: str) -> tuple[str, str] | None:
    for pattern, what, field in _KINDS:
        if re.search(pattern, name.lower()):
            return what, field
    return ("test views", "test_filenames, or split of a frame") if part_of(name) is not None else None
