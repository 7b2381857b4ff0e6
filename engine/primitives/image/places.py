"""Where pixels are: in the image as it is stored, as it is shown, and as the field's points."""

from __future__ import annotations

import dataclasses

import torch

# EXIF's orientations: whether columns become rows, and which of the shown axes then go the other way.
_TURNS = {
    1: (False, False, False), 2: (False, True, False), 3: (False, True, True), 4: (False, False, True),
    5: (True, False, False), 6: (True, True, False), 7: (True, True, True), 8: (True, False, True),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Places:
    """Of an image that is shown as ``width`` x ``height`` pixels. Places [n, 2] f32 count pixels from the left and from
    the top, centres at +0.5; points are those in units of the longer side, so that cells are square."""

    width: int
    height: int
    orientation: int = 1

    def to_points(self, places: torch.Tensor) -> torch.Tensor:
        """The field's points of ``places`` in the image as it is shown."""
        return places / max(self.width, self.height)

    def shown(self, stored: torch.Tensor) -> torch.Tensor:
        """Where ``stored`` places are shown."""
        is_turned, flips_x, flips_y = _TURNS[self.orientation]
        x, y = stored.unbind(1)
        if is_turned:
            x, y = y, x
        return torch.stack((self.width - x if flips_x else x, self.height - y if flips_y else y), dim=1)
