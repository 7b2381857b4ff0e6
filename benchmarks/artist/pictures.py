"""What the artist scenes look like: held-out views, previews and frames on a sheet, in the scenes' own colours."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps

from benchmarks.artist.session import PREVIEW, SUMMARY
from engine.data.formats import load_dataset
from engine.link.framing import filled_share
from engine.link.view_transform import FILE_NAME, load_view_transform
from engine.rendering.display import DisplayEncoding, display_encoding_of
from engine.rendering.renderer import RenderedImage
from engine.runs import load_run

LARGEST = 320  # pixels: of larger pictures the large sheet shows the middle
GAP, LABEL = 6, 22
SMALL = 160  # pixels of a picture on the small sheet
PAPER, INK = (27, 28, 31), (205, 207, 212)


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """A scene on the sheet, a row of pictures above another, all RGBA at 100 % and whole: ``views`` by Cycles, by the
    field, and the neural view."""

    name: str
    label: str
    views: list[Image.Image]
    frames: list[Image.Image]


def read_summary(folder: Path) -> dict[str, Any] | None:
    """What the session in ``folder`` left; None where none has ended well."""
    try:
        summary: dict[str, Any] = json.loads((folder / SUMMARY).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return summary


def filled_shares(capture: Path) -> list[float]:
    """How much of each training view of a capture the subject fills: the share of the width or height, whichever is
    more."""
    return [filled_share(view.color[..., 3]) for view in load_dataset(capture).train]


def show_scene(folder: Path) -> Shown:
    """A held-out view as Cycles and as the field render it, the preview of the scene camera, and below them three
    frames of the film."""
    summary = read_summary(folder)
    assert summary is not None
    capture = folder / summary["capture"]
    encode = display_encoding_of(load_view_transform(capture / FILE_NAME))
    view = load_dataset(capture).test[0]
    field = load_run(folder / summary["run"], summary["device"]).trainer.primitive.viewer().render(view.camera)
    preview = np.load(folder / PREVIEW, allow_pickle=False)
    views = [_to_image(_picture_of(view.color), encode), _to_image(field, encode)]
    views.append(_to_image(_picture_of(preview), encode))
    frames = [folder / file for file in summary["frames"]]
    chosen = [frames[index * len(frames) // 3] for index in range(3)]
    words = f"{summary['name']}: held-out view by Cycles, by the field; the scene camera's preview; frames below"
    return Shown(summary["name"], words, views, [Image.open(file).convert("RGBA") for file in chosen])


def compose(scenes: list[Shown]) -> Image.Image:
    """All scenes, one below the other. Of large pictures the middle."""
    rows = [[[_crop(image) for image in row] for row in (scene.views, scene.frames)] for scene in scenes]
    widths, height = [1], GAP
    for row in (row for both in rows for row in both):
        widths.append(sum(image.width + GAP for image in row) + GAP)
        height += max(image.height for image in row) + GAP
    sheet = Image.new("RGB", (max(widths), height + LABEL * len(scenes)), PAPER)
    draw, font, y = ImageDraw.Draw(sheet), ImageFont.load_default(13), GAP
    for scene, both in zip(scenes, rows, strict=True):
        draw.text((GAP, y), scene.label, INK, font)
        y += LABEL
        for row in both:
            x = GAP
            for image in row:
                sheet.paste(image, (x, y), image)
                x += image.width + GAP
            y += max(image.height for image in row) + GAP
    return sheet


def compose_small(scenes: list[Shown]) -> Image.Image:
    """Of each scene a held-out view as Cycles renders it, and beside it as the field does, small, two scenes a row."""
    across = 2 * (SMALL + GAP)
    rows = math.ceil(len(scenes) / 2)
    sheet = Image.new("RGB", (2 * across + GAP, rows * (LABEL + SMALL + GAP)), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, scene in enumerate(scenes):
        x, y = GAP + index % 2 * across, index // 2 * (LABEL + SMALL + GAP)
        draw.text((x, y + 3), f"{scene.name}: Cycles, field", INK, font)
        for image in scene.views[:2]:
            small = ImageOps.contain(image, (SMALL, SMALL), Image.Resampling.LANCZOS)
            sheet.paste(small, (x, y + LABEL), small)
            x += SMALL + GAP
    return sheet


def _picture_of(color: np.ndarray) -> RenderedImage:
    """Premultiplied scene-linear ``color`` [H, W, 4] as a picture; its depth is of no interest."""
    height, width = color.shape[:2]
    return RenderedImage(torch.from_numpy(color.astype(np.float32)), torch.full((height, width), torch.inf), "linear")


def _to_image(picture: RenderedImage, encode: DisplayEncoding) -> Image.Image:
    return Image.fromarray(picture.to_bytes(None, encode), "RGBA")


def _crop(image: Image.Image) -> Image.Image:
    width, height = min(image.width, LARGEST), min(image.height, LARGEST)
    x, y = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((x, y, x + width, y + height))
