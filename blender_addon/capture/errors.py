"""The one way in which capturing fails."""

from __future__ import annotations


class CaptureError(ValueError):
    """The capture can't go on; the message is for the user: it names the object, setting or file at fault."""
