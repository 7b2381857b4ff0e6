"""The ways in which capturing fails."""

from __future__ import annotations


class CaptureError(ValueError):
    """The capture can't go on; the message is for the user: it names the object, setting or file at fault."""


class ViewError(CaptureError):
    """One view can't be rendered; others may."""


class CaptureCancelled(CaptureError):
    """The user stopped a render."""
