"""``hashlight export RUN --to mesh``: the surface that a run has learnt by its signed distances, as a mesh."""

from __future__ import annotations

import argparse
from pathlib import Path


def export_mesh(options: argparse.Namespace) -> int:
    """Export. Returns the exit code. Raises ExportError, MeshExportError, RunError."""
    from engine.cli.joining import surface_of
    from engine.cli.output import warn
    from engine.cli.stages import print_line, stage_progress
    from engine.exporting.exporters import ExportError
    from engine.exporting.mesh import DEFAULT_CELLS, extract_surface, write_mesh
    from engine.link.wording import counted
    from engine.primitives.signed_distance.kind import margin_of
    from engine.run_folder import is_run
    from engine.runs import load_run
    from taichi_kernels.runtime import choose_device

    source, target = options.source, options.out
    _require_place(target, options.overwrite)
    if not is_run(source):
        raise ExportError(f"{source}: --to mesh needs a run: train one by `hashlight train MESH`")
    run = load_run(source, choose_device(options.device))
    surface = surface_of(options, run.trainer.primitive.viewer(), source)
    tell, close = stage_progress(options.json, "the surface")
    try:
        mesh, is_cut = extract_surface(
            surface.moved(options.offset or 0.0),
            options.cells or DEFAULT_CELLS,
            lambda done, of: tell("Finding", done, of),
        )
    finally:
        close()
    write_mesh(mesh, target, options.overwrite)
    warnings = []
    if is_cut:
        warnings.append(
            f"{target}: the surface reaches the bounds of the run and is cut off flat there: they leave about "
            f"{margin_of(surface.bounds):.4g} around the mesh, for --offset and all else"
        )
    if options.json:
        counts = {"vertices": len(mesh.vertices), "triangles": len(mesh.faces)}
        print_line({"file": str(target), **counts, "warnings": warnings})
        return 0
    for warning in warnings:
        warn(warning)
    vertices = counted(len(mesh.vertices), "vertex", "vertices")
    print(f"{target}: {vertices}, {counted(len(mesh.faces), 'triangle')}")
    return 0


def _require_place(target: Path, overwrite: bool) -> None:
    """Raises ExportError where no mesh can be written, before it is looked for."""
    from engine.exporting.exporters import ExportError
    from engine.exporting.mesh import SUFFIXES

    if target.suffix.lower() not in SUFFIXES:
        raise ExportError(f"--out: {target.name}: a mesh is written as {', '.join(SUFFIXES)}")
    if not target.absolute().parent.is_dir():
        raise ExportError(f"--out: {target.absolute().parent}: there is no such folder: make it, or name another")
    if target.exists() and not overwrite:
        raise ExportError(f"{target} is there already: name another, or add --overwrite, which sets it aside")
