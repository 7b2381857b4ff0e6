"""The ``hashlight`` command. One module a command, which offers ``add_arguments(parser)`` and ``run(options) -> int``,
and, where useful, EXAMPLES for its --help. A module is only imported when its command is asked for, and imports what is
heavy inside ``run``, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import keyword
import os
import sys
import time
from collections.abc import Sequence
from types import ModuleType

from engine import __version__
from engine.cli.install_advice import INSTALL
from engine.cli.interrupts import exit_code_of, interrupts_raised

COMMANDS = {
    "demo": "the whole job on a scene of its own: capture, train, preview, turntable, report",
    "serve": "run the engine for Blender, on this machine or for another one",
    "import": "turn a dataset into a capture folder, for Blender",
    "train": "train a radiance field from a dataset",
    "eval": "score a run on views it wasn't trained on",
    "render": "render a turntable or a camera path from a run",
    "export": "write a capture or a dataset in another program's format",
    "prior": "train what PixelNeRF knows before it sees a scene, and look at it",
    "bench": "measure quality over training time, steps and frames a second",
    "doctor": "say what runs here, and what to do about what doesn't",
}
OWN_PACKAGES = ("engine", "taichi_kernels")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 fine, 1 it failed, 2 bad usage, 128 and a signal's number when that
    ended it, such as 130 for Ctrl-C."""
    started = time.perf_counter()
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _build_parser(_find_command(arguments))
    try:
        options = parser.parse_args(arguments)
    except SystemExit as end:  # argparse has printed what is wrong, or the help that was asked for
        return int(end.code or 0)
    if options.command is None:
        parser.print_help()
        return 2
    options.started = started
    _share_cores()
    try:
        with interrupts_raised():
            return int(_module_of(options.command).run(options))
    except KeyboardInterrupt as stop:
        print(f"\nhashlight {options.command}: stopped", file=sys.stderr)
        return exit_code_of(stop)
    except Exception as error:
        words = _describe(error)
        if words is None:
            raise
        print(f"hashlight {options.command}: {words}", file=sys.stderr)
        return 1


def _share_cores() -> None:
    """Have torch's threads sleep when they wait for each other, instead of spinning for milliseconds.

    Beside a renderer that keeps every core busy, a training step took up to ten times as long with the default. OpenMP
    reads this when torch is imported; what the user has set stays. GNU's spins for a tenth of a millisecond first: the
    next of a network's products comes sooner, and to be woken takes longer.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def _module_of(command: str) -> ModuleType:
    """The module of a command. Python doesn't take a word of its own for a module's name: that gets an underscore."""
    return importlib.import_module(f"engine.cli.{command}{'_' if keyword.iskeyword(command) else ''}")


def _find_command(arguments: Sequence[str]) -> str | None:
    return next((word for word in arguments if word in COMMANDS), None)


def _build_parser(command: str | None) -> argparse.ArgumentParser:
    """The whole parser; only ``command`` gets its own options, for that is the only module that is imported."""
    parser = argparse.ArgumentParser(
        prog="hashlight",
        description="Radiance fields inside Blender: capture, train while capturing, preview, render.",
        epilog="hashlight COMMAND --help explains a command.",
    )
    parser.add_argument("--version", action="version", version=f"hashlight {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == command:
            module = _module_of(name)
            module.add_arguments(subparser)
            subparser.epilog = getattr(module, "EXAMPLES", None)
    return parser


def _describe(error: Exception) -> str | None:
    """One line for the user, or None where the traceback is what helps: what isn't ours or the system's is a bug."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] not in OWN_PACKAGES:
        return f"the Python package {error.name} is missing here: {INSTALL}"
    if isinstance(error, OSError):
        return str(error) if error.filename is None else f"{error.filename}: {error.strerror}"
    if type(error).__module__.split(".")[0] in OWN_PACKAGES:
        return str(error)
    return None
