"""The views that a radiance field is learnt from and scored on, but for the pixels that are trained on."""

from __future__ import annotations

from typing import Any

from engine.data.views import View, ViewError
from engine.link.geometry import Camera
from engine.link.message_types import Split


class KnownViews:
    """Where from all views were seen, and the pictures of those that are held out."""

    def __init__(self) -> None:
        self.splits: dict[str, Split] = {}  # what each is for, by name
        self._cameras: dict[str, Camera] = {}
        self._held_out: dict[str, View] = {}

    def require_same_split(self, view: View) -> None:
        """Raises ViewError when one of that name is there for the other purpose."""
        former = self.splits.get(view.name, view.split)
        if former != view.split:
            raise ViewError(f"view {view.name}: it is a {former} view already")

    def note(self, view: View) -> None:
        """Know this view; one that is held out is kept."""
        self.splits[view.name], self._cameras[view.name] = view.split, view.camera
        if view.split == "test":
            self._held_out[view.name] = view

    @property
    def held_out(self) -> list[View]:
        """Those to score."""
        return list(self._held_out.values())

    def describe(self) -> list[dict[str, Any]]:
        """Names, splits and cameras, JSON-ready."""
        return [
            {"name": name, "split": self.splits[name], "camera": camera.to_json()}
            for name, camera in self._cameras.items()
        ]
