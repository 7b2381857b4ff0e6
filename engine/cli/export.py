"""``hashlight export``: a capture, a dataset or what a run was trained from, in the format of another program; or the
surface that a run has learnt."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from engine.cli.arguments import add_device, add_holdout
from engine.cli.export_mesh import export_mesh
from engine.cli.joining import add_joining
from engine.link.argument_types import finite_number, whole_number

# As engine.exporting.exporters has them, which loads torch.
FORMATS = ("colmap", "nerfstudio")
MESH = "mesh"
# Options that say something of the one alone: None where they aren't given.
_OF_DATASETS = ("images", "background", "view_transform", "points", "text", "holdout")
_OF_MESHES = ("cells", "offset", "join", "join_radius")
EXAMPLES = """\
examples:
  hashlight export pot.hashlight/capture --to colmap --out pot-colmap
  hashlight export pot.hashlight/run --to nerfstudio --points 300000 --out pot-nerfstudio
  hashlight export data/garden --to nerfstudio --images jpeg --out garden-nerfstudio
  hashlight export runs/statue --to mesh --cells 512 --out statue.glb

SOURCE is a capture, any dataset that `hashlight train` reads, or a run, for what that was trained from. Test views stay
such: COLMAP's are listed in test.txt, nerfstudio's in test_filenames. Points come from captured depth, and need it.
A mesh is that of a run which learnt signed distances."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder of a capture, a dataset or a run")
    parser.add_argument("--to", choices=(*FORMATS, MESH), required=True, help="what to make of it")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR|FILE",
        help="the folder to make, or a mesh: .ply, .glb, .obj, .stl",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="where that is there, call it DIR-former-1, instead of refusing"
    )
    parser.add_argument(
        "--images",
        choices=("png", "jpeg", "exr"),
        help="8 bits with alpha, 8 bits on a background, or scene-linear light with alpha (png)",
    )
    parser.add_argument(
        "--background", choices=("black", "white"), help="behind the pictures, instead of alpha (jpeg: black)"
    )
    parser.add_argument(
        "--view-transform",
        metavar="standard|raw|FILE.npz",
        help="how light becomes 8 bits (as Blender showed the captured scene, else standard)",
    )
    parser.add_argument(
        "--points",
        type=whole_number(0, 20_000_000),
        metavar="N",
        help="how many at most, spread evenly, from captured depth; 0 for none (100000)",
    )
    parser.add_argument("--text", action="store_true", default=None, help="COLMAP's model as text instead of binary")
    add_holdout(parser, "without a test split: keep every K-th view as a test view (as the run did)")
    parser.add_argument(
        "--cells", type=whole_number(2, 4096), metavar="N", help="of a mesh: along its longest edge (256)"
    )
    parser.add_argument(
        "--offset",
        type=finite_number,
        metavar="LENGTH",
        help="of a mesh: move its surface outwards so far, inwards if negative (0)",
    )
    add_joining(parser)
    add_device(parser)
    parser.add_argument(
        "--json", action="store_true", help="print progress and the result as JSON, a line each, for programs"
    )


def run(options: argparse.Namespace) -> int:
    """Export. Returns the exit code."""
    _refuse_others(options)
    if options.to == MESH:
        return export_mesh(options)
    from engine.cli.output import warn
    from engine.cli.run_datasets import dataset_of
    from engine.cli.stages import print_line, stage_progress
    from engine.exporting.exporters import DatasetOptions, ExportError, exporter_for
    from engine.link.wording import counted, counted_views
    from engine.rendering.display import named_display
    from engine.run_folder import is_run
    from engine.run_info import read_run_info

    source, holdout = options.source, options.holdout
    if is_run(source):
        info = read_run_info(source)
        source = dataset_of(source, info, "give the dataset itself")
        holdout = holdout or info.get("holdout")
    if options.text and options.to != "colmap":
        raise ExportError("--text: only for --to colmap")
    given = {name: getattr(options, name) for name in ("images", "points", "text")}
    settings = DatasetOptions(
        background=options.background,
        display=None if options.view_transform is None else named_display(options.view_transform),
        holdout=holdout,
        overwrite=options.overwrite,
        **{name: value for name, value in given.items() if value is not None},
    )
    tell, close = stage_progress(options.json)
    try:
        exported = exporter_for(options.to).export(source, options.out, settings, tell)
    finally:
        close()
    if options.json:
        print_line(dataclasses.asdict(exported) | {"folder": str(exported.folder)})
        return 0
    for warning in exported.warnings:
        warn(warning)
    views = counted_views(exported.train_views, exported.test_views)
    print(f"{exported.folder}: {views}, {counted(exported.points, 'point')}")
    return 0


def _refuse_others(options: argparse.Namespace) -> None:
    """Raises ExportError that names all options which say nothing of what is asked for."""
    from engine.exporting.exporters import ExportError

    others = _OF_DATASETS if options.to == MESH else _OF_MESHES
    given = [f"--{name.replace('_', '-')}" for name in others if getattr(options, name) is not None]
    if given:
        them = "it" if len(given) == 1 else "them"
        raise ExportError(f"{', '.join(given)}: not for --to {options.to}: leave {them} out")
