"""Surfaces of several runs that flow into each other: options of the commands that show or write one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from engine.link.argument_types import finite_number

if TYPE_CHECKING:
    from engine.rendering.sphere_tracer import SphereTracer
    from engine.rendering.viewer import Viewer


class JoiningError(ValueError):
    """There is no surface to show or to join; the message names the run."""


def add_joining(parser: argparse.ArgumentParser) -> None:
    """``--join`` and ``--join-radius``; None when they aren't given."""
    parser.add_argument(
        "--join",
        type=Path,
        metavar="RUN",
        help="of signed distances: together with the surface of another run, inside the bounds of the first",
    )
    parser.add_argument(
        "--join-radius", type=finite_number, metavar="LENGTH", help="over which both flow into each other (0)"
    )


def surface_of(options: argparse.Namespace, viewer: Viewer, run: Path) -> SphereTracer:
    """What ``viewer``, that of ``run``, shows, joined as the options say. Raises JoiningError, RunError."""
    from engine.rendering.sphere_tracer import SphereTracer
    from engine.runs import load_run

    if not isinstance(viewer, SphereTracer):
        raise JoiningError(f"{run}: it has no surface: only a run of signed distances has one")
    radius = options.join_radius or 0.0
    if radius < 0.0:
        raise JoiningError(f"--join-radius: {radius:g} is less than 0")
    if options.join is None:
        if options.join_radius is not None:
            raise JoiningError("--join-radius: only with --join RUN")
        return viewer
    other = load_run(options.join, viewer.device).trainer.primitive.viewer()
    if not isinstance(other, SphereTracer):
        raise JoiningError(f"--join {options.join}: it has no surface: only a run of signed distances has one")
    return viewer.joined(other, radius)
