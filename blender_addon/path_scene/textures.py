"""Image textures, each once."""

from __future__ import annotations

import bpy
import numpy as np

from .findings import Findings

_MOST_VALUE = 65504.0  # of 16 bits
# Colour spaces whose numbers are scene-linear, or no colours.
_LINEAR = {"Linear Rec.709", "scene_linear", "Non-Color", "Raw"}


class Textures:
    """The pictures that materials show."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._numbers: dict[str, int] = {}
        self._encodings: list[int] = []
        self._pixels: list[np.ndarray] = []

    def number_of(self, node: bpy.types.Node) -> int | None:
        """The number of the picture that an Image Texture node shows; None where it has none."""
        image = node.image
        if image is None or not is_readable(image):
            self._findings.add("image textures that are missing", node.id_data.name if image is None else image.name)
            return None
        vector = node.inputs["Vector"]
        if vector.is_linked and not _is_plain_uv(vector.links[0]):
            self._findings.add("mapping of textures", image.name)
        if node.extension != "REPEAT" or node.projection != "FLAT" or image.source == "TILED":
            self._findings.add("textures that don't repeat, or are projected or tiled", image.name)
        if image.name_full not in self._numbers:
            self._numbers[image.name_full] = len(self._pixels)
            self._encodings.append(int(is_encoded(image, self._findings)))
            self._pixels.append(read_pixels(image).clip(0.0, _MOST_VALUE).astype(np.float16))
        return self._numbers[image.name_full]

    def arrays(self) -> dict[str, np.ndarray]:
        """As PathSceneData has them."""
        parts = [pixels.reshape(-1, 3) for pixels in self._pixels]
        return {
            "texture_sizes": np.array([pixels.shape[:2] for pixels in self._pixels], np.int32).reshape(-1, 2),
            "texture_encodings": np.array(self._encodings, np.int32),
            "texels": np.concatenate(parts) if parts else np.zeros((0, 3), np.float16),
        }


def is_readable(image: bpy.types.Image) -> bool:
    """Whether a picture has pixels, which may have Blender read its file."""
    return image.has_data or (image.size[0] > 0 and image.size[1] > 0 and len(image.pixels) > 0)


def is_encoded(image: bpy.types.Image, findings: Findings) -> bool:
    """Whether a picture's pixels are sRGB: Blender converts those of floats when it reads them, others when they are
    used. Those of other colour spaces are taken as they are."""
    space = image.colorspace_settings.name
    if not image.is_float and space not in {"sRGB", *_LINEAR}:
        findings.add(f"the colour space {space}", image.name)
    return not image.is_float and space == "sRGB"


def read_pixels(image: bpy.types.Image) -> np.ndarray:
    """[h, w, 3] float32, the first row on top; finite: what is not a number is black."""
    width, height = image.size
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    pixels = values.reshape(height, width, image.channels)[::-1]
    pixels = pixels[..., :3] if image.channels >= 3 else np.repeat(pixels[..., :1], 3, axis=2)
    return np.nan_to_num(np.ascontiguousarray(pixels, np.float32))


def _is_plain_uv(link: bpy.types.NodeLink) -> bool:
    node = link.from_node
    return node.bl_idname == "ShaderNodeTexCoord" and link.from_socket.name == "UV"
