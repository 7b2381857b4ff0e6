"""The artist scenes: what their builders make, when one is done, and how results are shown."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import artist_scenes, make_tables
from benchmarks.artist.pictures import Shown, compose, compose_small
from benchmarks.artist.session import SUMMARY, asked
from engine.data.formats import load_dataset
from tests.engine.data.scenes import write_nerf_synthetic

REPOSITORY = Path(__file__).resolve().parents[2]
LOOK = """
import json, sys
import bpy
from benchmarks.artist.scenes import SCENES

def shoes():
    return [list(thing.matrix_world.translation) for thing in bpy.data.objects if thing.name.startswith("Shoe")]

found = {}
for name, artist in SCENES.items():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = artist.build()
    facts = found[name] = {
        "engine": scene.render.engine,
        "camera": scene.camera is not None,
        "kinds": sorted({thing.type for thing in scene.objects}),
        "collection": [thing.name for thing in bpy.data.collections[artist.collection].objects]
        if artist.collection else None,
        "rig": artist.rig,
        "film": artist.follows_camera,
    }
    if name == "walk cycle":
        scene.frame_set(1)
        first = shoes()
        scene.frame_set(13)
        facts["steps"] = [first, shoes()]
    if name == "room from inside":
        facts["eye"] = list(scene.camera.matrix_world.translation)
print("FOUND " + json.dumps(found))
"""
ROW: dict[str, Any] = {
    "name": "walk cycle",
    "subject_psnr": 28.04,
    "filled": 0.912,
    "least_filled": 0.701,
    "enlargement": 1.0,
    "minutes": 3.51,
    "train_views": 36,
    "warnings": ["Thigh|1 moves", "another"],
}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What the builders make, each in an empty file; Blender in a process of its own."""
    done = subprocess.run([sys.executable, "-c", LOOK], cwd=REPOSITORY, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.partition("FOUND ")[2].splitlines()[0]))


def test_all_six_scenes_are_built_lit_and_seen_by_a_camera(found: dict[str, Any]) -> None:
    assert tuple(found) == artist_scenes.SCENES
    for name, facts in found.items():
        assert facts["engine"] == "CYCLES" and facts["camera"], name
        assert {"MESH", "LIGHT"} <= set(facts["kinds"]), name
    assert "CURVES" in found["plant and hair"]["kinds"] and "CURVE" in found["product on sweep"]["kinds"]


def test_the_product_is_apart_from_its_sweep(found: dict[str, Any]) -> None:
    product = found["product on sweep"]["collection"]
    assert "Pot" in product and "Handle" in product and "Sweep" not in product


def test_the_walker_walks(found: dict[str, Any]) -> None:
    first, later = found["walk cycle"]["steps"]
    for before, after in zip(first, later, strict=True):
        assert abs(before[1] - after[1]) > 0.1  # metres along the way


def test_the_rooms_camera_is_inside_and_looks_round(found: dict[str, Any]) -> None:
    facts = found["room from inside"]
    assert facts["rig"] == "INSIDE" and facts["film"]
    x, y, z = facts["eye"]
    assert abs(x) < 3.3 and abs(y) < 3.0 and -0.74 < z < 1.95


def test_a_scene_is_done_only_with_the_same_settings() -> None:
    options = argparse.Namespace(size=(240, 240), views=36, held_out=6, seconds=60.0, frames=24)
    summary = {"asked": asked(options)}
    assert artist_scenes.is_done(summary, options) and not artist_scenes.is_done(None, options)
    assert not artist_scenes.is_done(summary, argparse.Namespace(**vars(options) | {"views": 48}))


def test_the_table_tells_figures_and_warnings() -> None:
    quiet = ROW | {"warnings": [], "subject_psnr": None, "enlargement": None}
    del quiet["least_filled"]  # as results had it before
    result = {"device_name": "a card", "size": [240, 240], "scenes": [ROW, quiet]}
    lines = make_tables.artist_table([result]).splitlines()
    assert (
        lines[2]
        == "| walk cycle | a card | 240x240 | 36 | 28.0 | 91%, 70% at least | 1.00 | 3.5 | Thigh/1 moves; another |"
    )
    assert lines[3].endswith("| 36 | - | 91% | - | 3.5 | none |")


def test_a_scenes_row_holds_what_is_told_of_it(tmp_path: Path) -> None:
    write_nerf_synthetic(tmp_path / "job" / "capture", train=4)
    told = ROW | {"psnr": 33.0, "steps": 900, "stages": {"capture": 20.0, "training": 60.0}}
    del told["filled"], told["least_filled"]
    summary = told | {"capture": "job/capture", "run": "job/run", "size": [24, 24], "device_name": "a card"}
    (tmp_path / SUMMARY).write_text(json.dumps(summary), "utf-8")
    row = artist_scenes._read_row(tmp_path)
    assert {name: row[name] for name in told} == told
    alphas = [view.color[..., 3] for view in load_dataset(tmp_path / "job" / "capture").train]
    spans = [max(np.ptp(np.flatnonzero((alpha > 0).any(axis=axis))) + 1 for axis in (0, 1)) for alpha in alphas]
    assert row["filled"] == pytest.approx(np.median(spans) / 24)
    assert row["least_filled"] == pytest.approx(min(spans) / 24)
    result = artist_scenes.describe([summary | {"blender": "5.2", "test_views": 6, "asked": [24]}], [row])
    assert json.loads(json.dumps(result))["scenes"] == [row] and result["asked"] == [24]


def test_the_sheet_shows_every_picture_as_it_is() -> None:
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)]
    red, green, blue, yellow = (Image.new("RGBA", (20, 30), (*color, 255)) for color in colors)
    first, second = Shown("first", "", [red, green], [blue]), Shown("second", "", [yellow], [red])
    sheet = compose([first, second])
    counts = {color: count for count, color in sheet.getcolors(1 << 16)}
    assert [counts[color] for color in colors] == [1200, 600, 600, 600]


def test_the_small_sheet_shows_each_scene_by_cycles_and_by_the_field() -> None:
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)]
    red, green, blue, yellow = (Image.new("RGBA", (320, 160), (*color, 255)) for color in colors)
    sheet = compose_small([Shown("first", "", [red, green, blue], [blue]), Shown("second", "", [yellow, red], [])] * 3)
    counts = {color: count for count, color in sheet.getcolors(1 << 16)}
    assert counts[(200, 0, 0)] == 6 * 160 * 80 and counts[(0, 200, 0)] == counts[(200, 200, 0)] == 3 * 160 * 80
    assert (0, 0, 200) not in counts, "neither the neural view nor frames"
    assert max(sheet.size) < 800


def test_the_small_sheet_shows_large_pictures_whole() -> None:
    framed = Image.new("RGBA", (640, 640), (200, 0, 0, 255))
    framed.paste((0, 200, 0, 255), (40, 40, 600, 600))
    counts = {color: count for count, color in compose_small([Shown("one", "", [framed] * 2, [])]).getcolors(1 << 16)}
    assert counts[(200, 0, 0)] > 160**2 - 140**2, "the red edge of both, but for what is mixed with the green"
    assert compose([Shown("one", "", [framed], [framed])]).getpixel((320, 300)) == (0, 200, 0)
