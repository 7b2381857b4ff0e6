"""``blender -b FILE.blend --command hashlight ...`` as it is typed: another Blender, its words and its exit code."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import bpy
from window import Steps, Window

RIG = ("--views", "3", "--test-views", "1", "--size", "24x24")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a Blender printed, and how it ended."""

    code: int
    out: str
    err: str


def _call(blend: Path, *words: str) -> Generator[object, None, Outcome]:
    """Carry out one command; this Blender goes on meanwhile."""
    out, err = blend.with_suffix(".out"), blend.with_suffix(".err")
    command = [bpy.app.binary_path, "-b", str(blend), "--command", "hashlight", *words]
    with out.open("w") as out_file, err.open("w") as err_file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out_file, stderr=err_file)
        try:
            yield lambda: process.poll() is not None
        finally:
            process.kill()
            code = process.wait()
    return Outcome(code, out.read_text("utf-8"), err.read_text("utf-8"))


def _complaints(outcome: Outcome) -> list[str]:
    return [line for line in outcome.err.splitlines() if line.startswith("hashlight: ")]


def test_the_commands_from_capture_to_bake(window: Window) -> Steps:
    folder = Path(tempfile.mkdtemp(prefix="command-"))
    blend, session = folder / "scene.blend", folder / "scene.hashlight"
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    bpy.ops.mesh.primitive_uv_sphere_add(radius=1.0)
    scene.collection.objects.link(bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN")))
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    bpy.ops.wm.save_userpref()  # the other Blender has the extension enabled, too

    captured = yield from _call(blend, "capture", *RIG)
    assert captured.code == 0, captured
    assert str(session / "capture") in captured.out
    assert "4 of 4 views" in captured.err
    trained = yield from _call(blend, "train", "--seconds", "1", "--save")
    assert trained.code == 0, trained
    assert "PSNR" in trained.out
    step = json.loads((session / "run" / "run.json").read_text())["step"]
    assert step > 0
    baked = yield from _call(
        blend, "render", "--frames", "2", "--size", "16x16", "--video", "none", "--result", "strip", "--save"
    )
    assert baked.code == 0, baked
    frames = [session / "bakes" / "turntable" / f"frame_{number:04d}.png" for number in (1, 2)]
    assert all(str(frame) in baked.out and frame.is_file() for frame in frames)

    bpy.ops.wm.open_mainfile(filepath=str(blend))
    yield 0.3
    scene = bpy.context.scene
    assert scene.hashlight.run.step == step
    (strip,) = scene.sequence_editor.strips
    assert [element.filename for element in strip.elements] == [frame.with_suffix(".exr").name for frame in frames]
    assert Path(bpy.path.abspath(strip.directory)) == frames[0].parent


def test_what_goes_wrong_is_told_in_a_line_and_by_the_exit_code(window: Window) -> Steps:
    folder = Path(tempfile.mkdtemp(prefix="command-"))
    blend = folder / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    bpy.ops.wm.save_userpref()

    missing = yield from _call(folder / "nowhere.blend", "capture", *RIG)
    assert missing.code == 1, missing
    (complaint,) = _complaints(missing)
    assert "nowhere.blend can't be opened" in complaint
    assert not (folder / "nowhere.hashlight").exists()
    early = yield from _call(blend, "render")
    assert early.code == 1, early
    assert _complaints(early) == ["hashlight: there is no run to render from: train first"]
    wrong = yield from _call(blend, "train", "--preset", "gup")
    assert wrong.code == 2, wrong
    assert "invalid choice: 'gup'" in wrong.err
