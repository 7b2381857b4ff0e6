"""Make the README's pictures from a finished demo: the scene as Cycles and as the field render it, and the turntable.

python picture.py demo docs/images

writes demo.png, and turntable.webp, which moves.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import bpy
from PIL import Image, ImageDraw, ImageFont

PANEL, GAP, LABEL = 480, 8, 30
TURNTABLE_FRAMES, TURNTABLE_SIZE = 6, 320
PAPER, INK = (27, 28, 31), (205, 207, 212)


def render_scene_camera(path: Path, is_neural: bool) -> Image.Image:
    """The open file's scene camera: the subject alone, or what the preview plane shows of it."""
    scene = bpy.context.scene
    for thing in scene.objects:
        if thing.type == "MESH":
            thing.hide_render = ("hashlight_plane" in thing) != is_neural
    scene.render.resolution_x = scene.render.resolution_y = PANEL
    scene.cycles.samples = 128
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return Image.open(path).convert("RGBA")


def compose(truth: Image.Image, neural: Image.Image, frames: list[Image.Image], label: str) -> Image.Image:
    """Truth and neural picture side by side, a strip of the turntable below."""
    width = 2 * PANEL + GAP
    side = (width - (len(frames) - 1) * GAP) // len(frames)
    sheet = Image.new("RGB", (width, LABEL + PANEL + GAP + side), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for column, (picture, text) in enumerate(((truth, "Cycles"), (neural, label))):
        x = column * (PANEL + GAP)
        draw.text((x + 10, 6), text, INK, font)
        sheet.paste(picture, (x, LABEL), picture)
    for index, frame in enumerate(frames):
        small = frame.convert("RGBA").resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(small, (index * (side + GAP), LABEL + PANEL + GAP), small)
    return sheet


def describe(summary: dict[str, Any]) -> str:
    """What the neural picture was learnt from, for its label."""
    width, height = summary["size"]
    views, seconds = summary["training_views"], summary["training_seconds"]
    return f"Hashlight: {views} views of {width}x{height}, {seconds:.0f} s on {summary['device_name']}"


def write_turntable(path: Path, frames: list[Image.Image], milliseconds: int) -> None:
    """An animation that loops, on the pictures' own dark ground."""
    opaque = []
    for frame in frames:
        ground = Image.new("RGBA", frame.size, (*PAPER, 255))
        ground.alpha_composite(frame.convert("RGBA"))
        opaque.append(ground.convert("RGB").resize((TURNTABLE_SIZE, TURNTABLE_SIZE), Image.Resampling.LANCZOS))
    opaque[0].save(path, save_all=True, append_images=opaque[1:], duration=milliseconds, loop=0, quality=80, method=4)


def main() -> None:
    """The command line."""
    demo, target = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()
    summary = json.loads((demo / "summary.json").read_text("utf-8"))
    bpy.ops.wm.open_mainfile(filepath=str(demo / summary["blend"]))
    with tempfile.TemporaryDirectory() as scratch:
        truth = render_scene_camera(Path(scratch) / "truth.png", is_neural=False)
        neural = render_scene_camera(Path(scratch) / "neural.png", is_neural=True)
    files = sorted((demo / "hashlight-demo.hashlight" / "bakes" / "turntable").glob("*.png"))
    frames = [Image.open(file) for file in files]
    strip = [frames[index * len(frames) // TURNTABLE_FRAMES] for index in range(TURNTABLE_FRAMES)]
    target.mkdir(parents=True, exist_ok=True)
    compose(truth, neural, strip, describe(summary)).save(target / "demo.png", optimize=True)
    write_turntable(target / "turntable.webp", frames, milliseconds=round(1000 / bpy.context.scene.render.fps))


if __name__ == "__main__":
    main()
