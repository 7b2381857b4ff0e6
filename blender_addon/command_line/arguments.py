"""The options of the commands. What is not given stays as the .blend and the preferences have it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.link.argument_types import length, picture_size, positive_number, whole_number
from engine.link.presets import FIELDS, PRESETS

from ..capture.layouts.table import LAYOUTS

PROGRAM = "blender -b FILE.blend --command hashlight"
_EPILOG = """\
examples:
  blender -b scene.blend --command hashlight capture --cameras HEMISPHERE --views 60 --capture-size 800x800
  blender -b scene.blend --command hashlight train --capture --seconds 300 --save
  blender -b scene.blend --command hashlight preview --output preview.png
  blender -b scene.blend --command hashlight train --dataset photos --seconds 300 --save
  blender -b scene.blend --command hashlight train --capture --new-take closer --seconds 300 --save
  blender -b scene.blend --command hashlight render --take closer --frames 120 --size 1080x1080 --format exr

Options that are not given stay as the .blend and the preferences have them. An interrupted capture goes on when it is
started again; so does training, and rendering with --resume.

exit code: 0 done, 1 failed, 2 bad usage, 130 stopped with Ctrl-C."""


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the words behind ``--command hashlight``. Exits as argparse does: 0 after --help, 2 for bad usage."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Capture a scene, train a radiance field, render from it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (words, add_arguments) in _COMMANDS.items():
        description = f"{words[0].upper()}{words[1:]}."
        add_arguments(commands.add_parser(name, help=words, description=description))
        if name in _FORMER_COMMANDS:  # without help it is not listed
            former = commands.add_parser(_FORMER_COMMANDS[name], description=description)
            add_arguments(former)
            former.set_defaults(command=name)
    return parser.parse_args(argv)


def _add_capture(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    _add_cameras(parser)
    _add_replace(parser)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    _add_cameras(parser)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    _add_engine(parser)


def _add_preview(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    _add_engine(parser)
    _add_picture(parser, "preview.png")
    parser.add_argument("--percentage", type=whole_number(1, 100), metavar="N", help="of the render resolution")
    parser.add_argument("--mark-predicted", action="store_true", help="hatch surfaces that no captured view shows")


def _add_compare(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    _add_engine(parser)
    _add_picture(parser, "compare-VIEW.png")
    parser.add_argument("--view", help="the captured view's name, like test_000")
    modes = ("SIDE_BY_SIDE", "DIFFERENCE", "NEURAL", "TRUTH")
    parser.add_argument("--mode", type=str.upper, choices=modes, help="how the two pictures are set against each other")
    parser.add_argument("--gain", type=positive_number, metavar="X", help="multiplies differences")


def _add_picture(parser: argparse.ArgumentParser, name: str) -> None:
    words = f"a .png in the scene's view transform or a scene-linear .exr (default: {name} in the session folder)"
    parser.add_argument("--output", type=Path, metavar="FILE", help=words)


def _add_train(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    _add_engine(parser)
    parser.add_argument("--seconds", type=positive_number, metavar="S", help="training time to plan for")
    parser.add_argument("--evaluate-every", type=positive_number, metavar="S", help="seconds between scores")
    parser.add_argument("--field", choices=tuple(FIELDS), help="what learns the scene")
    parser.add_argument("--preset", choices=tuple(PRESETS), help="the engine's set of training parameters")
    parser.add_argument("--seed", type=whole_number(0), help="makes training repeatable")
    words = "from the beginning, in a new take with the same views; the take that is open keeps its run"
    _add_option(parser, "--restart", "--anew", action="store_true", help=words)
    views = parser.add_mutually_exclusive_group()
    views.add_argument("--capture", action="store_true", help="capture, too, and train on each view as it is rendered")
    views.add_argument("--dataset", type=Path, metavar="PATH", help="import this dataset first, as import does")
    _add_holdout(parser)
    group = parser.add_argument_group("with --capture")
    _add_cameras(group)
    _add_replace(group)


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="PATH", help="a folder with transforms.json, or such a file")
    _add_common(parser)
    _add_holdout(parser)
    _add_engine_python(parser)


def _add_holdout(parser: argparse.ArgumentParser) -> None:
    words = "where a dataset has no test views, keep every K-th as one (default: 8; 0 for none)"
    parser.add_argument("--holdout", type=whole_number(0), metavar="K", default=8, help=words)


def _add_render(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    _add_engine(parser)
    parser.add_argument("--path", type=str.upper, choices=("TURNTABLE", "ANIMATION"), help="the way the camera takes")
    parser.add_argument("--name", help="folder of the frames")
    parser.add_argument("--frames", type=whole_number(1), metavar="N", help="length of the turntable")
    parser.add_argument("--size", type=picture_size, metavar="WxH", help="size of the turntable's frames")
    parser.add_argument("--format", choices=("png", "exr"), help="what the frames are written as")
    parser.add_argument("--video", choices=("mp4", "webp", "none"), help="what is made of the frames as well")
    displays = ("SCENE", "STANDARD", "RAW")
    words = "how light is shown in PNG frames and videos"
    parser.add_argument("--view-transform", type=str.upper, choices=displays, help=words)
    parser.add_argument(
        "--levels", type=whole_number(1), metavar="N", help="turns of the turntable, one above the other"
    )
    parser.add_argument(
        "--radius", type=length, metavar="M", help="the turntable's, in metres; 0 fits what was captured"
    )
    parser.add_argument("--samples", type=whole_number(1), metavar="N", help="rays for each pixel, up to 64")
    parser.add_argument("--transparent", action=argparse.BooleanOptionalAction, help="keep what is empty transparent")
    parser.add_argument("--depth", action=argparse.BooleanOptionalAction, help="write depth pictures as well")
    results = ("PLANE", "COMPOSITE", "STRIP", "FILES")
    parser.add_argument("--result", type=str.upper, choices=results, help="how the frames come back into the scene")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where a folder with the frames is put")
    parser.add_argument("--resume", action="store_true", help="keep the frames that are there already")


def _add_takes(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    changes = parser.add_mutually_exclusive_group()
    changes.add_argument("--rename", metavar="NAME", help="call the take another name")
    changes.add_argument("--delete", action="store_true", help="move the take into the bin folder")


def _add_replace(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    words = "where another plan was captured, move that with its run and rendered frames into the bin folder first"
    parser.add_argument("--replace", action="store_true", help=words)


def _add_setup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: %(default)s")


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where captures, runs and rendered frames are kept")
    takes = parser.add_mutually_exclusive_group()
    takes.add_argument("--take", metavar="NAME", help="open this take first (default: the one that is open)")
    takes.add_argument("--new-take", nargs="?", const="", metavar="NAME", help="begin another take first, and open it")
    parser.add_argument("--save", action="store_true", help="save the .blend in the end")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def _add_cameras(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    words = "where the scene is looked at from"
    _add_option(parser, "--cameras", "--rig", type=str.upper, choices=tuple(LAYOUTS), help=words)
    parser.add_argument("--curve", metavar="NAME", help="the curve object of --cameras ALONG_CURVE")
    parser.add_argument("--collection", metavar="NAME", help="capture this collection alone; '' for everything")
    parser.add_argument(
        "--views", type=whole_number(1), metavar="N", help="training views, but of rings and the scene's own"
    )
    words = "test views, which are not trained on"
    _add_option(parser, "--test-views", "--held-out", type=whole_number(0), metavar="N", help=words)
    parser.add_argument("--capture-size", "--size", type=picture_size, metavar="WxH", help="size of the views")
    parser.add_argument("--radius", type=length, metavar="M", help="of the cameras, in metres; 0 fits what is visible")
    parser.add_argument("--fit", action="store_true", help="fit the bounds again, and plan again")
    parser.add_argument("--fit-selected", action="store_true", help="the same, to the selected objects alone")
    parser.add_argument("--plan", action="store_true", help="plan the cameras again")


def _add_engine(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the engine")
    _add_engine_python(group)
    group.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where it computes")
    group.add_argument("--host", help="use an engine that runs there, started with 'hashlight serve'")
    group.add_argument("--port", type=whole_number(1, 65535), help="its port")
    group.add_argument("--token-file", type=Path, metavar="FILE", help="a file with its token")
    group.add_argument("--tls", action="store_true", default=None, help="it was started with --tls-cert")
    group.add_argument("--ca-file", type=Path, metavar="FILE", help="the certificate to trust (PEM)")


def _add_option(parser: argparse.ArgumentParser | argparse._ArgumentGroup, name: str, former: str, **how: Any) -> None:
    """An option that scripts may still call by its ``former`` name, which --help does not show."""
    option = parser.add_argument(name, **how)
    parser.add_argument(former, dest=option.dest, **{**how, "help": argparse.SUPPRESS})


def _add_engine_python(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    parser.add_argument("--engine-python", type=Path, metavar="FILE", help="the Python that the engine is installed in")


_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "capture": ("render all planned views", _add_capture),
    "plan": ("plan the cameras, and tell what is wrong with the plan", _add_plan),
    "train": ("train on the captured views, and save the run", _add_train),
    "evaluate": ("score the test views", _add_evaluate),
    "preview": ("write a picture of the field from the scene camera", _add_preview),
    "compare": ("write a captured view beside its neural picture", _add_compare),
    "import": ("import a dataset's views and cameras", _add_import),
    "render": ("render a turntable or the camera's animation from the field", _add_render),
    "takes": ("list the takes, rename or delete one", _add_takes),
    "setup": ("install the engine, and check it", _add_setup),
}
_FORMER_COMMANDS = {"render": "bake"}  # that scripts may still use
