"""Numbers that are none: scripts and drivers may set them, whatever limits a setting has."""

from __future__ import annotations

import functools
import math

import bpy

from .errors import CaptureError

# Settings of a scene, by what they are called in Blender's interface.
_OF_RENDERS = {
    "Pixel Aspect X": "render.pixel_aspect_x",
    "Pixel Aspect Y": "render.pixel_aspect_y",
    "Exposure (Color Management)": "view_settings.exposure",
    "Gamma": "view_settings.gamma",
    "Exposure (Film)": "cycles.film_exposure",
}


def check_settings(settings: bpy.types.PropertyGroup) -> None:
    """Raise CaptureError for a number among ``settings`` that is none."""
    for identifier, name in _numbers_of(type(settings)):
        if not math.isfinite(value := getattr(settings, identifier)):
            raise CaptureError(f"{name} is {value}, which is no number: set it again")


def check_scene(scene: bpy.types.Scene) -> None:
    """Raise CaptureError for a number of what decides how ``scene`` is captured that is none."""
    check_settings(scene.hashlight.capture)
    for name, path in _OF_RENDERS.items():
        owner, _, identifier = path.partition(".")
        value = getattr(getattr(scene, owner, None), identifier, 1.0)
        if not math.isfinite(value) or (owner == "render" and value <= 0.0):
            raise CaptureError(f"{name} of scene {scene.name} is {value}: set it again")


@functools.cache
def _numbers_of(kind: type[bpy.types.PropertyGroup]) -> tuple[tuple[str, str], ...]:
    """The identifiers and names of the settings of a kind that hold one number."""
    found = (prop for prop in kind.bl_rna.properties if prop.type == "FLOAT" and not prop.is_array)
    return tuple((prop.identifier, prop.name) for prop in found)
