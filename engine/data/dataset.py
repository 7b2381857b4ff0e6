"""What every dataset format is read into."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from engine.data.views import View
from engine.link.geometry import Bounds
from engine.link.messages import ColorSpace
from engine.link.view_settings import view_settings
from engine.link.wording import counted


class DatasetError(ValueError):
    """A dataset that can't be used; the message names the file, and where it applies the view or field, at fault."""


def first_line(error: BaseException) -> str:
    """What an exception says, without what decoders add to it."""
    return next(iter(str(error).splitlines()), type(error).__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Views of one subject. All share one ``color_space``; ``bounds`` is in the world space of the cameras.

    ``cascades``: 1 where there is nothing outside the bounds. Else the scene goes on around its subject, in a cube
    2**(cascades - 1) times as large as the bounds, about their centre.
    ``warnings``: sentences for the user about what was assumed or looks wrong. ``path``: what was loaded.
    ``has_own_split``: it says itself which views are held out.
    """

    train: list[View]
    test: list[View]
    bounds: Bounds
    color_space: ColorSpace
    warnings: list[str]
    path: Path
    cascades: int = 1
    has_own_split: bool = False

    @property
    def views(self) -> list[View]:
        """Training views, then held-out ones."""
        return self.train + self.test

    def about_holdout(self, holdout: int | None) -> list[str]:
        """A sentence for one who asked for every ``holdout``-th view to be held out where others are; else none."""
        if holdout is None or not self.has_own_split:
            return []
        return [
            "the dataset has a test split of its own, so no other views were kept apart "
            f"({counted(len(self.test), 'test view')}): to choose others, take its list of test views away"
        ]

    def train_settings(self) -> dict[str, Any]:
        """The settings of a TrainConfig that follow from the data."""
        return {"cascades": self.cascades} | view_settings([view.camera for view in self.train], self.bounds)
