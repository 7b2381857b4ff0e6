"""COLMAP's own library reads what is exported, every observation in it is true, and it comes back as it went out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plyfile import PlyData

from engine.data.formats import load_dataset
from engine.exporting.colmap_files import quaternion_of
from engine.exporting.exporters import DatasetOptions, ExportError
from engine.link.geometry import Camera
from engine.link.projection import project
from tests.engine.exporting.captures import SIZE, export, off_sphere, sphere_capture, with_views, write_capture
from tests.scenes import CENTER, RADIUS, as_fisheye, picture_of_sphere, sphere_cameras

pycolmap = pytest.importorskip("pycolmap")
POINTS = 400


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_capture(tmp_path_factory.mktemp("shot") / "capture")


@pytest.fixture(scope="module", params=["binary", "text"])
def project_folder(request: pytest.FixtureRequest, capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / request.param
    export("colmap", capture, folder, DatasetOptions(points=POINTS, text=request.param == "text"))
    return folder


def model_of(folder: Path) -> Any:
    return pycolmap.Reconstruction(str(folder / "sparse" / "0"))


def test_cameras_stand_and_see_as_captured(project_folder: Path, capture: Path) -> None:
    model, views = model_of(project_folder), load_dataset(capture).views
    assert [model.image(number + 1).name for number in range(8)] == [f"{view.name}.png" for view in views]
    assert {path.name for path in (project_folder / "images").iterdir()} == {f"{view.name}.png" for view in views}
    for number, view in enumerate(views, 1):
        image = model.image(number)
        camera = model.camera(image.camera_id)
        assert camera.model.name == "PINHOLE" and (camera.width, camera.height) == (SIZE, SIZE)
        np.testing.assert_allclose(camera.params, [view.camera.fx, view.camera.fy, view.camera.cx, view.camera.cy])
        world_to_camera = np.diag([1.0, -1.0, -1.0, 1.0]) @ np.linalg.inv(view.camera.camera_to_world)
        np.testing.assert_allclose(image.cam_from_world().matrix(), world_to_camera[:3], atol=1e-12)


def test_every_observation_is_where_the_point_projects_and_at_the_captured_depth(
    project_folder: Path, capture: Path
) -> None:
    model, views = model_of(project_folder), load_dataset(capture).views
    assert 0.8 * POINTS <= model.num_points3D() <= POINTS
    tracks = 0
    for point in model.points3D.values():
        assert point.track.length() >= 1
        for element in point.track.elements:
            image = model.image(element.image_id)
            observed = image.point2D(element.point2D_idx)
            assert observed.point3D_id in model.points3D
            assert np.abs(image.project_point(point.xyz) - observed.xy).max() < 0.01
            camera = views[element.image_id - 1].camera
            one_pixel = dataclasses.replace(
                camera, width=1, height=1, cx=camera.cx - observed.xy[0] + 0.5, cy=camera.cy - observed.xy[1] + 0.5
            )
            captured = picture_of_sphere(one_pixel)[1][0, 0]
            depth = (image.cam_from_world() * point.xyz)[2]
            assert abs(depth / captured - 1.0) < 0.001
            tracks += 1
    assert tracks > 1.5 * model.num_points3D()  # most are seen by several


def test_points_are_on_the_surface_evenly_in_its_colours_and_with_its_normals(project_folder: Path) -> None:
    model = model_of(project_folder)
    points = [model.point3D(number) for number in sorted(model.points3D)]
    positions = np.array([point.xyz for point in points])
    assert off_sphere(positions).max() < 1e-5
    vertices = PlyData.read(str(project_folder / "sparse/0/points3D.ply"))["vertex"]
    listed, normals, colors = (
        np.stack([vertices[name] for name in names.split()], axis=1)
        for names in ("x y z", "nx ny nz", "red green blue")
    )
    np.testing.assert_allclose(listed, positions, atol=1e-6)
    np.testing.assert_array_equal(colors, [point.color for point in points])
    outwards = (positions - CENTER) / RADIUS
    assert ((normals * outwards).sum(axis=1) > 0.97).all()
    linear = (1.0 + outwards) / 2.0
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
    assert np.abs(colors - 255.0 * shown).max() < 12.0  # of a pixel that the point isn't in the middle of
    away = np.linalg.norm(positions[:, None] - positions, axis=2) + 9.0 * np.eye(len(positions))
    nearest = away.min(axis=1)
    assert nearest.max() < 6.0 * np.median(nearest)


def test_it_is_read_back_with_the_same_cameras_pictures_and_test_views(project_folder: Path, capture: Path) -> None:
    ours, back = load_dataset(capture), load_dataset(project_folder)
    for one, other in zip(ours.views, back.views, strict=True):
        assert (one.name, one.split) == (other.name, other.split)
        np.testing.assert_allclose(other.camera.camera_to_world, one.camera.camera_to_world, atol=1e-6)
        lens = {name: value for name, value in one.camera.to_json().items() if name != "camera_to_world"}
        assert lens == {name: other.camera.to_json()[name] for name in lens}
    assert (back.bounds.minimum >= ours.bounds.minimum).all() and (back.bounds.maximum <= ours.bounds.maximum).all()
    assert (np.abs(back.bounds.center - CENTER) < 0.05).all() and back.bounds.size.min() > 1.9 * RADIUS
    assert (project_folder / "sparse/0/test.txt").read_text().split() == [f"{view.name}.png" for view in ours.test]


def test_what_is_read_back_goes_out_again_the_same(project_folder: Path, tmp_path: Path) -> None:
    exported = export("colmap", project_folder, tmp_path / "again")
    assert exported.points == 0 and any("no points" in warning for warning in exported.warnings)
    first, second = model_of(project_folder), model_of(tmp_path / "again")
    assert len(first.cameras) == len(second.cameras) == 1
    np.testing.assert_array_equal(first.camera(1).params, second.camera(1).params)
    for number in range(1, 9):
        one, other = first.image(number), second.image(number)
        assert one.name == other.name
        np.testing.assert_allclose(one.cam_from_world().matrix(), other.cam_from_world().matrix(), atol=1e-9)
    for picture in (project_folder / "images").iterdir():
        assert picture.read_bytes() == (tmp_path / "again/images" / picture.name).read_bytes()


def with_distortion(camera: Camera) -> Camera:
    return dataclasses.replace(camera, k1=0.12, k2=-0.05, p1=0.004, p2=-0.003)


@pytest.mark.parametrize(("change", "name"), [(with_distortion, "OPENCV"), (as_fisheye, "OPENCV_FISHEYE")])
def test_lenses_see_the_same_through_colmaps_library(tmp_path: Path, change: Any, name: str) -> None:
    export("colmap", write_capture(tmp_path / "capture", sphere_capture(3, 0, change)), tmp_path / "out")
    model, camera = model_of(tmp_path / "out"), change(sphere_cameras(3, SIZE)[0])
    assert model.camera(1).model.name == name and model.num_points3D() > 0
    local = np.random.default_rng(1).uniform(-0.6, 0.6, (50, 3)) - [0.0, 0.0, 2.0]
    seen = model.camera(1).img_from_cam(local * [1.0, -1.0, -1.0])
    np.testing.assert_allclose(project(camera, local), seen, atol=1e-6)
    back = load_dataset(tmp_path / "out").train[0].camera
    assert back.lens_terms == camera.lens_terms and back.projection == camera.projection


def test_what_another_view_sees_through_is_no_point(tmp_path: Path) -> None:
    def hallucinating(view: Any) -> Any:
        if view.name != "v001":
            return view
        depth = np.array(view.depth)
        depth[20:40, 20:40] *= 0.93  # nearer than anything is
        return dataclasses.replace(view, depth=depth)

    export("colmap", write_capture(tmp_path / "capture", with_views(sphere_capture(), hallucinating)), tmp_path / "out")
    positions = np.array([point.xyz for point in model_of(tmp_path / "out").points3D.values()])
    assert len(positions) > 200 and off_sphere(positions).max() < 1e-5


def test_held_out_views_put_no_point_anywhere(tmp_path: Path) -> None:
    def hiding(view: Any) -> Any:
        depth = np.full_like(view.depth, np.inf) if view.split == "train" else view.depth
        return dataclasses.replace(view, depth=depth)

    exported = export("colmap", write_capture(tmp_path / "c", with_views(sphere_capture(), hiding)), tmp_path / "out")
    assert exported.points == 0


def test_without_depth_cameras_and_pictures_alone_are_written_which_is_said(tmp_path: Path) -> None:
    bare = with_views(sphere_capture(), lambda view: dataclasses.replace(view, depth=None))
    exported = export("colmap", write_capture(tmp_path / "capture", bare), tmp_path / "out")
    assert exported.points == 0 and any("it has no depth" in warning for warning in exported.warnings)
    model = model_of(tmp_path / "out")
    assert (model.num_images(), model.num_points3D()) == (8, 0)


def test_a_mirrored_camera_is_refused_by_name(tmp_path: Path) -> None:
    def mirror(camera: Camera) -> Camera:
        return dataclasses.replace(camera, camera_to_world=camera.camera_to_world @ np.diag([-1.0, 1.0, 1.0, 1.0]))

    capture = write_capture(tmp_path / "capture", sphere_capture(3, 0, mirror))
    with pytest.raises(ExportError, match=r"view v000: .*mirrored"):
        export("colmap", capture, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["capture"]


def test_quaternions_are_those_of_any_rotation() -> None:
    random = np.random.default_rng(2)
    turns = [pycolmap.Rotation3d(quaternion / np.linalg.norm(quaternion)) for quaternion in random.normal(size=(40, 4))]
    turns += [pycolmap.Rotation3d(row) for row in np.eye(4)]  # half turns about each axis, and none
    for turn in turns:
        w, *rest = quaternion_of(turn.matrix())
        np.testing.assert_allclose(pycolmap.Rotation3d(np.array([*rest, w])).matrix(), turn.matrix(), atol=1e-12)
        assert w >= 0.0
