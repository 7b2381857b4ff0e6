"""Options that several commands share."""

from __future__ import annotations

import argparse
from typing import Any

from engine.link.argument_types import whole_number
from engine.link.presets import AUTO, DEFAULT_FIELD, DEFAULT_PRIMITIVE, FIELDS, PRESETS


class _PrimitiveOption(argparse.Action):
    """Its help is only put together when it's shown: all packages that are installed are looked through for it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, values)

    @property
    def help(self) -> str:
        """All kinds by name."""
        from engine.primitives.registry import list_kinds

        kinds = "; ".join(f"{name}: {summary}" if summary else name for name, summary in list_kinds().items())
        return f"what is learnt ({DEFAULT_PRIMITIVE}). {kinds}"

    @help.setter
    def help(self, _: str | None) -> None:
        """``argparse`` sets what ``add_argument`` is given: nothing."""


def add_device(parser: argparse.ArgumentParser) -> None:
    """``--device auto|cpu|cuda``."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where to compute; auto takes an NVIDIA GPU if there is one (auto)",
    )


def add_primitive(parser: argparse.ArgumentParser) -> None:
    """``--primitive``; None when it isn't given."""
    parser.add_argument("--primitive", metavar="KIND", action=_PrimitiveOption)


def add_field(parser: argparse.ArgumentParser) -> None:
    """``--field``, of a radiance field; None when it isn't given."""
    parser.add_argument("--field", choices=tuple(FIELDS), help=f"what learns the scene ({DEFAULT_FIELD})")


def add_preset(parser: argparse.ArgumentParser) -> None:
    """``--preset``."""
    parser.add_argument("--preset", choices=tuple(PRESETS), default=AUTO, help="settings; auto: by device")


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON, for programs")


def add_holdout(parser: argparse.ArgumentParser, help_text: str) -> None:
    """``--holdout K``."""
    parser.add_argument("--holdout", type=whole_number(2, 10_000), metavar="K", help=help_text)
