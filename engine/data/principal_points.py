"""Where the middle of a lens (its principal point) lies in a picture, and what that says of the size that values in
pixels are for: calibrated lenses have it near the picture's middle."""

from __future__ import annotations

import math
from collections.abc import Mapping

from engine.data.remarks import Remarks

_FACTORS = (2.0, 3.0, 4.0, 6.0, 8.0, 1 / 2, 1 / 3, 1 / 4, 1 / 6, 1 / 8)  # that pictures are scaled by
_TOLERANCE = 0.1  # of a side: lenses have twice their middle that near to it
_OFF = 0.1  # of a side: so far off its middle lenses hardly are, but for shift lenses and in pictures that were cropped
_WITHIN = 0.05  # of a side: nearer to its ends no lens has its middle

_Size = tuple[int, int]


def size_of_values(values: Mapping[str, float], said: _Size, picture: _Size) -> tuple[float, float]:
    """Width and height of the pictures that ``cx`` and ``cy`` are in the middle of: mostly as ``said``; else that of
    the ``picture``, or one by which pictures are scaled down or up, if both of them say so."""
    cx, cy = values.get("cx", 0.0), values.get("cy", 0.0)
    if cx <= 0.0 or cy <= 0.0 or _is_middle(cx, cy, said):
        return said
    if _is_middle(cx, cy, picture):
        return picture
    scaled = ((size[0] * factor, size[1] * factor) for size in (said, picture) for factor in _FACTORS)
    return next((size for size in scaled if _is_middle(cx, cy, size)), said)


def tell_principal_point(cx: float, cy: float, size: tuple[float, float], name: str, remarks: Remarks) -> None:
    """Note a principal point that hardly any lens has, of the picture called ``name``."""
    details = {"cx": f"{cx:.6g}", "cy": f"{cy:.6g}", "size": f"{size[0]:.6g}x{size[1]:.6g}"}
    shares = cx / size[0], cy / size[1]
    if any(not _WITHIN <= share <= 1.0 - _WITHIN for share in shares):
        remarks.add(
            "views whose middle of the lens isn't within their picture ({count}, first {first}: cx {cx}, cy {cy} of "
            "{size}): cx, cy and fl_x must be in pixels of the size that w and h say",
            name,
            **details,
        )
    elif any(abs(share - 0.5) > _OFF for share in shares):
        remarks.add(
            "views whose middle of the lens is far off their picture's ({count}, first {first}: cx {cx}, cy {cy} of "
            "{size}): that is right for shifted lenses and cropped pictures; else correct cx and cy, or name as w and "
            "h the size that they and fl_x are for",
            name,
            **details,
        )


def _is_middle(cx: float, cy: float, size: tuple[float, float]) -> bool:
    return all(abs(math.log(2.0 * center / side)) < _TOLERANCE for center, side in zip((cx, cy), size, strict=True))
