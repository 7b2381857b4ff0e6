"""``hashlight export RUN --to mesh``: the surface that a run has learnt by its signed distances, as a mesh."""

from __future__ import annotations

import argparse


def export_mesh(options: argparse.Namespace) -> int:
    """Export. Returns the exit code. Raises ExportError, MeshExportError, RunError."""
    from engine.cli.output import loading_progress
    from engine.exporting.exporters import ExportError
    from engine.exporting.mesh import SUFFIXES, extract_surface, write_mesh
    from engine.link.disk import set_aside
    from engine.link.wording import counted
    from engine.rendering.sphere_tracer import SphereTracer
    from engine.run_folder import is_run
    from engine.runs import load_run
    from taichi_kernels.runtime import choose_device

    source, target = options.source, options.out
    if target.suffix.lower() not in SUFFIXES:
        raise ExportError(f"--out: {target.name}: a mesh is written as {', '.join(SUFFIXES)}")
    if target.exists() and not options.overwrite:
        raise ExportError(f"{target} is there already: name another, or add --overwrite, which sets it aside")
    if not is_run(source):
        raise ExportError(f"{source}: --to mesh needs a run: train one by `hashlight train MESH`")
    viewer = load_run(source, choose_device(options.device)).trainer.primitive.viewer()
    if not isinstance(viewer, SphereTracer):
        raise ExportError(f"{source}: only what learnt signed distances has a surface for --to mesh")
    tell, close = loading_progress("Finding the surface")
    try:
        mesh = extract_surface(viewer.moved(options.offset), options.cells, tell)
    finally:
        close()
    if target.exists():
        set_aside(target)
    write_mesh(mesh, target)
    vertices = counted(len(mesh.vertices), "vertex", "vertices")
    print(f"{target}: {vertices}, {counted(len(mesh.faces), 'triangle')}")
    return 0
