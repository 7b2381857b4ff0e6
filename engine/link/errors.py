"""What can go wrong with the link, as exceptions that both sides share."""

from __future__ import annotations


class LinkError(Exception):
    """Something about the link: a malformed message, a refused or a lost connection."""


class FrameOutdated(LinkError):
    """The message is sound, but its pixels have been replaced by newer ones."""
