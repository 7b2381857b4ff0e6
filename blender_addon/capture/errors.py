"""The ways in which capturing fails."""

from __future__ import annotations

from pathlib import Path


class CaptureError(ValueError):
    """The capture can't go on; the message is for the user: it names the object, setting or file at fault."""


class ChangedPlanError(CaptureError):
    """Something else is captured than is planned now, which goes into another take or replaces what is there.
    ``difference``: what the folder holds, as text."""

    def __init__(self, folder: Path, difference: str, advice: str = "capture into a new take") -> None:
        super().__init__(f"{folder} holds {difference}: {advice}")
        self.difference = difference


class ViewError(CaptureError):
    """One view can't be rendered; others may."""


class CaptureCancelled(CaptureError):
    """The user stopped a render."""
