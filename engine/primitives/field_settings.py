"""The settings of a field among those of what is trained."""

from __future__ import annotations

from typing import Protocol

from engine.fields.base import FieldError
from engine.primitives.config import ConfigError


class FieldSettings(Protocol):
    """What fields of all kinds are configured by."""

    def check(self) -> None:
        """Raises FieldError that names the setting at fault."""


def check_field(field: FieldSettings) -> None:
    """Raises ConfigError that names the setting at fault, as one of the part ``field``."""
    try:
        field.check()
    except FieldError as error:
        raise ConfigError(f"field.{error}") from None
