"""How large Cycles' tiles are while views are captured beside a window: Cycles minds Esc between two of them.

Kept off the screen that is the only moment; else it also looks up every second or two. Tiles make no difference to the
picture. There should not be too many of them: Cycles writes each to a file, the missing ones too when it is stopped.
Changing their size has it read the whole scene again, so that is done only where it is far off.
"""

from __future__ import annotations

import math
import os

import bpy

TILE_SECONDS = 0.4  # what a tile is to take

_SMALLEST, _LARGEST = 16, 2048  # pixels along a side
_MOST = 900  # tiles
_FAR_OFF = 2.0  # times as long as wanted
# Samples a second before anything was rendered: of a plain scene, for each core, and of a graphics card.
_CORE_RATE, _CARD_RATE = 2e5, 2e7


def guess_tiles(scene: bpy.types.Scene) -> None:
    """Tiles for the first view of ``scene``, a copy that views are captured in."""
    if scene.render.engine != "CYCLES":
        return
    rate = _CARD_RATE if scene.cycles.device == "GPU" else _CORE_RATE * (os.cpu_count() or 1)
    scene.cycles.use_auto_tile = True
    scene.cycles.tile_size = tile_side(max(scene.cycles.samples, 1) / rate, _count_pixels(scene))


def adapt_tiles(scene: bpy.types.Scene, pixels: int, seconds: float) -> None:
    """Tiles for the next views of ``scene``, now that one of so many ``pixels`` has taken ``seconds``."""
    if scene.render.engine != "CYCLES":
        return
    pixel_seconds = seconds / pixels
    now = min(scene.cycles.tile_size**2, pixels) * pixel_seconds
    wanted = tile_side(pixel_seconds, pixels)
    is_slow = now > _FAR_OFF * TILE_SECONDS and wanted < scene.cycles.tile_size
    # Very small ones cost time of their own.
    is_wasteful = wanted > 4 * scene.cycles.tile_size and scene.cycles.tile_size**2 < pixels
    if is_slow or is_wasteful:
        scene.cycles.tile_size = wanted


def tile_side(pixel_seconds: float, pixels: int) -> int:
    """The side, in pixels, of a tile that takes ``TILE_SECONDS``, or of a longer one where a picture of so many
    ``pixels`` would be cut into too many of them."""
    side = max(math.sqrt(TILE_SECONDS / max(pixel_seconds, 1e-12)), math.sqrt(pixels / _MOST))
    return min(max(math.ceil(side / 8) * 8, _SMALLEST), _LARGEST)


def _count_pixels(scene: bpy.types.Scene) -> int:
    return scene.render.resolution_x * scene.render.resolution_y
