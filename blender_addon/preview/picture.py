"""Pictures from the engine as Blender images."""

from __future__ import annotations

import bpy
import numpy as np

from . import pixel_memory

_ROWS_AT_ONCE = 32  # a block that stays in the processor's cache
_LARGEST_HALF = 0x7BFF  # 65504: beyond it the viewport's half-float textures turn black
_HALF_TO_FLOAT = np.float32(2.0**112)  # makes up for the two formats' different exponent bias


# How often the image of this name was changed: who draws it by other means sees that it is time to do so again.
revisions: dict[str, int] = {}
_written: tuple[str, np.ndarray] | None = None  # the image that was filled last, and with what, until that is read


def to_blender_pixels(color: np.ndarray) -> np.ndarray:
    """A frame as Blender keeps it.

    Args: ``color`` [H, W, 4] float16, first row on top, no negative values expected.
    Returns: [H * W * 4] float32, contiguous, last row first, every value within 0..65504.

    NumPy's own float16 cast takes 23 ms for 1080p where this takes 5: clamp, shift the bits into place, rescale.
    """
    height = color.shape[0]
    halves = color.view(np.int16)
    pixels = pixel_memory.borrow(color.size)
    floats = pixels.reshape(color.shape)
    bits = floats.view(np.uint32)
    for start in range(0, height, _ROWS_AT_ONCE):
        source = halves[start : start + _ROWS_AT_ONCE]
        target = slice(height - start - len(source), height - start)
        # As integers, negative halves are below 0, infinity and NaN above the largest finite one.
        bits[target][::-1] = np.clip(source, 0, _LARGEST_HALF)
        np.left_shift(bits[target], 13, out=bits[target])
        np.multiply(floats[target], _HALF_TO_FLOAT, out=floats[target])
    return pixels


def update_image(
    image: bpy.types.Image | None, name: str, size: tuple[int, int], pixels: np.ndarray
) -> bpy.types.Image:
    """Put ``pixels``, as ``to_blender_pixels`` makes them of a picture of this width and height, into ``image``, or
    into a new one called ``name`` when that is of another size. Returns the image that holds them now; the former one
    is gone."""
    target = image if has_size(image, size) else make_image(name, size)
    if image is not None and image != target:
        replace_image(image, target)
    write_pixels(target, pixels)
    return target


def has_size(image: bpy.types.Image | None, size: tuple[int, int]) -> bool:
    """Whether there is an image, and it has this width and height."""
    return image is not None and tuple(image.size) == size


def make_image(name: str, size: tuple[int, int]) -> bpy.types.Image:
    """A new image of this width and height, without a picture yet.

    Colour and alpha of what is put into it stay as they are (premultiplied, scene-linear): it is marked as data, so
    that neither colour management nor Blender's alpha handling touches the numbers.
    """
    image = bpy.data.images.new(name, *size, alpha=True, float_buffer=True, is_data=True)
    image.alpha_mode = "CHANNEL_PACKED"
    return image


def write_pixels(image: bpy.types.Image, pixels: np.ndarray) -> None:
    """Fill ``image`` with [H * W * 4] float32 as ``to_blender_pixels`` makes them."""
    global _written
    image.pixels.foreach_set(pixels)
    image.update()
    note_change(image)
    if not bpy.app.background:
        _written = image.name, pixels


def read_pixels(image: bpy.types.Image) -> np.ndarray:
    """What ``image`` holds, [H * W * 4] float32; not to be changed. What was put into it just now is not copied."""
    global _written
    written, _written = _written, None
    if written is not None and written[0] == image.name and written[1].size == len(image.pixels):
        return written[1]
    pixels = pixel_memory.borrow(len(image.pixels))
    image.pixels.foreach_get(pixels)
    return pixels


def note_change(image: bpy.types.Image) -> None:
    """What ``image`` shows has changed."""
    global _written
    revisions[image.name] = revisions.get(image.name, 0) + 1
    if _written is not None and _written[0] == image.name:
        _written = None


def forget_changes() -> None:
    """Other images have the same names now."""
    global _written
    revisions.clear()
    _written = None


def replace_image(former: bpy.types.Image, image: bpy.types.Image) -> None:
    """Have ``image`` take the name and all users of ``former``, which is gone then."""
    name = former.name
    former.user_remap(image)
    bpy.data.images.remove(former)
    image.name = name
