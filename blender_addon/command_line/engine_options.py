"""The engine that a command's options name, in the preferences for as long as the command runs."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Mapping

from ..preferences import get_preferences


@contextlib.contextmanager
def chosen_engine(options: argparse.Namespace) -> Iterator[None]:
    """Set the preferences as ``options`` say; they are as before in the end."""
    wanted: dict[str, object] = {"device": options.device} | _python_wanted(options)
    if options.host is not None:
        wanted |= {"use_running_engine": True, "host": options.host}
    wanted |= {"port": options.port, "use_tls": options.tls}
    if options.token_file is not None:
        wanted |= {"token": "", "token_file": str(options.token_file.absolute())}
    if options.ca_file is not None:
        wanted |= {"ca_file": str(options.ca_file.absolute())}
    with _set(wanted):
        yield


@contextlib.contextmanager
def chosen_engine_python(options: argparse.Namespace) -> Iterator[None]:
    """Have the options' engine used by a command that only needs the Python of one here."""
    with _set(_python_wanted(options)):
        yield


def _python_wanted(options: argparse.Namespace) -> dict[str, object]:
    if options.engine_python is None:
        return {}
    return {"use_running_engine": False, "engine_python": str(options.engine_python.absolute())}


@contextlib.contextmanager
def _set(wanted: Mapping[str, object]) -> Iterator[None]:
    preferences = get_preferences()
    before = {name: getattr(preferences, name) for name, value in wanted.items() if value is not None}
    try:
        for name in before:
            setattr(preferences, name, wanted[name])
        yield
    finally:
        for name, value in before.items():
            setattr(preferences, name, value)
