"""What ``hashlight render`` does with a run that learnt an image: all or a rectangle of it as one file, at any size."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.link.image_plane import Rectangle
    from engine.rendering.viewer import FlatViewer


def rectangle_of(text: str) -> Rectangle:
    """``LEFT,TOP,WIDTH,HEIGHT`` in pixels."""
    from engine.link.image_plane import Rectangle

    try:
        left, top, width, height = (int(part) for part in text.split(","))
        if min(left, top) < 0 or min(width, height) < 1:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not LEFT,TOP,WIDTH,HEIGHT, like 0,0,640,480") from None
    return Rectangle(left, top, width, height)


def render_image(viewer: FlatViewer, options: argparse.Namespace) -> int:
    """Write it. Returns the exit code. Raises ImageWriteError."""
    from engine.cli.interrupts import DeferredInterrupt
    from engine.cli.output import Progress
    from engine.link.image_plane import Rectangle
    from engine.rendering.image_writing import ImageWriter

    rectangle = options.rectangle or Rectangle(0, 0, *viewer.size)
    size = options.size or (round(rectangle.width), round(rectangle.height))
    with DeferredInterrupt() as interrupt, Progress("Rendering", size[1], "rows") as shown:
        for done in (rows := iter(ImageWriter(viewer, options.out, rectangle, size))):
            shown.tell(done)
            if interrupt.requested and done < size[1]:
                rows.close()
                break
    if interrupt.requested and shown.done < size[1]:
        print(f"Stopped: {options.out} is not written", file=sys.stderr)
        return interrupt.exit_code
    print(f"{size[0]}x{size[1]} pixels in {options.out}")
    return 0
