"""Surfaces as meshes: closed, where they should be, however many slabs they are cut into, and written to files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from engine.data.meshes import load_mesh, to_trimesh
from engine.exporting import mesh as exporting
from engine.exporting.mesh import MeshExportError, extract_surface, write_mesh
from engine.link.geometry import Bounds


@dataclasses.dataclass
class Ball:
    """Of a known ``radius`` around a known place."""

    radius: float
    bounds: Bounds = dataclasses.field(default_factory=lambda: Bounds(np.array([1.0, 2.0, 3.0]), np.array([3, 4, 6.0])))

    def distances_at(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        return (np.linalg.norm(points - self.bounds.center, axis=1) - self.radius).astype(np.float32)


@pytest.mark.parametrize("planes", [None, 2, 7])
def test_a_ball_is_one_closed_surface_in_its_place(planes: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if planes is not None:
        monkeypatch.setattr(exporting, "_SLAB_POINTS", planes * 22 * 31)
    told = list[tuple[int, int]]()
    found = to_trimesh(extract_surface(Ball(0.8), 30, lambda *done: told.append(done))[0], ".ply")
    assert found.is_watertight and found.euler_number == 2
    assert found.volume == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=0.02)  # positive: it faces outwards
    assert np.allclose(found.centroid, [2.0, 3.0, 4.5], atol=1e-3)
    assert np.abs(np.linalg.norm(found.vertices - found.centroid, axis=1) - 0.8).max() < 0.01
    assert told[-1] == (21, 21)


def test_a_surface_that_reaches_out_of_the_box_is_closed_there() -> None:
    mesh, is_cut = extract_surface(Ball(1.2), 30)
    found = to_trimesh(mesh, ".ply")
    assert is_cut and not extract_surface(Ball(0.8), 30)[1]
    assert found.is_watertight and np.allclose(found.extents[:2], 2.0, atol=0.01)


@pytest.mark.parametrize("suffix", exporting.SUFFIXES)
def test_a_file_that_was_written_is_read_as_it_was(suffix: str, tmp_path: Path) -> None:
    mesh, _ = extract_surface(Ball(0.8), 12)
    write_mesh(mesh, tmp_path / f"ball{suffix}")
    read, warnings = load_mesh(tmp_path / f"ball{suffix}")
    assert not warnings and np.allclose(read.box, mesh.box, atol=1e-5) and len(read.faces) == len(mesh.faces)
    write_mesh(mesh, tmp_path / f"ball{suffix}", overwrite=True)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"ball{suffix}", f"ball{suffix}-former-1"}


def test_no_surface_and_no_such_format_are_told(tmp_path: Path) -> None:
    with pytest.raises(MeshExportError, match="no surface inside the bounds"):
        extract_surface(Ball(-1.0), 8)
    with pytest.raises(ValueError, match="cells: 1"):
        extract_surface(Ball(0.5), 1)
    with pytest.raises(MeshExportError, match=r"ball\.fbx: a mesh is written as \.ply"):
        write_mesh(extract_surface(Ball(0.8), 8)[0], tmp_path / "ball.fbx")
    with pytest.raises(MeshExportError, match="can't be written"):
        write_mesh(extract_surface(Ball(0.8), 8)[0], tmp_path / "none" / "ball.ply")
