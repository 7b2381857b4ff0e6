"""Meshes from files: where their triangles come to lie, and what is said of those that can't be learnt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.data.meshes import SUFFIXES, MeshError, load_mesh, turn_back, turn_up

CUBE = """v 0 0 0
v 1 0 0
v 1 0 1
v 0 0 1
v 0 2 0
v 1 2 0
v 1 2 1
v 0 2 1
f 1 2 3 4
f 5 8 7 6
f 1 5 6 2
f 2 6 7 3
f 3 7 8 4
f 4 8 5 1
"""
_PLY_HEAD = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
_PLY_FACES = "element face 1\nproperty list uchar int vertex_indices\nend_header\n"


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_faces_of_four_become_triangles_and_y_is_up(tmp_path: Path) -> None:
    mesh, warnings = load_mesh(_write(tmp_path, "cube.obj", CUBE))
    assert mesh.faces.shape == (12, 3) and mesh.open_edges == 0.0 and not warnings
    assert mesh.box.tolist() == [[0.0, -1.0, 0.0], [1.0, 0.0, 2.0]]


@pytest.mark.parametrize("suffix", [".glb", ".ply", ".stl", ".obj"])
def test_all_formats_are_read_with_their_scenes_transforms(suffix: str, tmp_path: Path) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box(), transform=trimesh.transformations.translation_matrix([2.0, 0.0, 3.0]))
    scene.add_geometry(trimesh.creation.box())
    written = scene if suffix == ".glb" else scene.to_mesh()
    written.export(tmp_path / f"two{suffix}")
    mesh, _ = load_mesh(tmp_path / f"two{suffix}")
    assert len(mesh.faces) == 24 and mesh.open_edges == 0.0
    z_up = suffix in (".ply", ".stl")
    assert mesh.box[1].tolist() == pytest.approx([2.5, 0.5, 3.5] if z_up else [2.5, 0.5, 0.5])


def test_holes_are_told_with_a_figure_and_points_are_left_out(tmp_path: Path) -> None:
    path = _write(tmp_path, "open.obj", "".join(CUBE.splitlines(keepends=True)[:-1]))
    _, warnings = load_mesh(path)
    assert len(warnings) == 1 and "23.53% of its edges border on one face" in warnings[0]
    scene = trimesh.Scene([trimesh.creation.box(), trimesh.PointCloud(np.zeros((3, 3)))])
    scene.export(tmp_path / "both.glb")
    _, warnings = load_mesh(tmp_path / "both.glb")
    assert len(warnings) == 1 and "lines or points" in warnings[0]


def test_a_mesh_far_from_the_origin_is_as_closed_as_it_is(tmp_path: Path) -> None:
    mesh = trimesh.creation.icosphere(subdivisions=2)
    mesh.apply_scale(0.1).apply_translation([1.2e6, 5.1e6, 300.0])
    mesh.export(tmp_path / "far.obj", digits=9)
    assert load_mesh(tmp_path / "far.obj")[0].open_edges == 0.0


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("none.obj", "v 0 0 0\n", "no faces"),
        ("points.ply", _PLY_HEAD + "end_header\n0 0 0\n1 0 0\n0 1 0\n", "no faces"),
        ("nan.obj", "v 0 0 0\nv 1 0 0\nv 1 nan 0\nf 1 2 3\n", "1 vertex is NaN or infinite, the first is number 2"),
        ("line.obj", "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "its 1 face has no area"),
        ("dot.obj", "v 0 0 0\nf 1 1 1\n", "no area"),
        ("far.obj", "v 0 0 0\nv 1 0 0\nf 1 2 7\n", "damaged"),
        ("far.ply", _PLY_HEAD + _PLY_FACES + "0 0 0\n1 0 0\n0 1 0\n3 0 1 9\n", "vertex 9|damaged"),
        ("below.ply", _PLY_HEAD + _PLY_FACES + "0 0 0\n1 0 0\n0 1 0\n3 0 1 -5\n", "vertex -5, but there are 3|damaged"),
        ("cut.glb", "hello", "damaged, or no GLB file"),
        ("mesh.fbx", "", "a mesh is read from .obj, .ply"),
        ("empty.stl", "", "no faces|damaged"),
    ],
)
def test_what_cant_be_learnt_is_refused_by_name(name: str, text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(MeshError, match=words) as caught:
        load_mesh(_write(tmp_path, name, text))
    assert str(caught.value).startswith(str(tmp_path / name))


def test_what_isnt_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="there is no such file"):
        load_mesh(tmp_path / "gone.obj")
    (tmp_path / "folder.obj").mkdir()
    with pytest.raises(MeshError, match="it is a folder"):
        load_mesh(tmp_path / "folder.obj")


def test_up_is_turned_there_and_back() -> None:
    points = np.random.default_rng(1).normal(size=(5, 3))
    assert np.array_equal(turn_back(turn_up(points)), points)
    assert turn_up(np.array([[0.0, 1.0, 0.0]])).tolist() == [[0.0, 0.0, 1.0]]
    assert ".glb" in SUFFIXES
