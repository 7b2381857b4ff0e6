"""What is baked and how, as ``scene.hashlight.bake``."""

from __future__ import annotations

import math

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from engine.link.geometry import MAX_IMAGE_SIDE

from ..capture.cameras import FARTHEST


def _choose_size(settings: HASHLIGHT_PG_bake, _context: bpy.types.Context) -> None:
    """Who sets a size wants that one."""
    settings.use_capture_size = False


class HASHLIGHT_PG_bake(bpy.types.PropertyGroup):
    path: EnumProperty(
        name="Path",
        description="Camera path",
        items=(
            ("TURNTABLE", "Turntable", "Once around the bounds"),
            ("ANIMATION", "Camera Animation", "The scene camera, frame by frame, as it is animated"),
        ),
        default="TURNTABLE",
    )
    name: StringProperty(name="Name", description="Put the frames into a folder of this name", default="turntable")
    frames: IntProperty(
        name="Frames",
        description="Length of the turntable, for each level",
        default=72,
        min=1,
        max=20_000,
        soft_max=600,
    )
    elevation: FloatProperty(
        name="Elevation",
        description="Angle of the camera above the horizon",
        subtype="ANGLE",
        default=math.radians(20),
        min=-math.pi / 2,
        max=math.pi / 2,
    )
    levels: IntProperty(
        name="Levels",
        description="Number of turns from Elevation up to Top Elevation",
        default=1,
        min=1,
        max=100,
        soft_max=8,
    )
    top_elevation: FloatProperty(
        name="Top Elevation",
        description="Angle of the camera above the horizon on the last level",
        subtype="ANGLE",
        default=math.radians(60),
        min=-math.pi / 2,
        max=math.pi / 2,
    )
    start: FloatProperty(
        name="Start",
        description="Where the turn begins, counter-clockwise from the X axis",
        subtype="ANGLE",
        default=-math.pi / 2,
        min=-100 * math.tau,
        max=100 * math.tau,
    )
    turns: FloatProperty(
        name="Turns",
        description="Number of times around. Negative turns the other way",
        default=1.0,
        min=-1000.0,
        max=1000.0,
    )
    ease: FloatProperty(
        name="Ease",
        description="Start and end the turn gently. 0 turns evenly",
        subtype="FACTOR",
        default=0.0,
        min=0.0,
        max=1.0,
    )
    radius: FloatProperty(
        name="Radius",
        description="Distance of the camera from the middle of the bounds. 0 fits what was captured",
        subtype="DISTANCE",
        default=0.0,
        min=0.0,
        max=FARTHEST,
    )
    lift: FloatProperty(
        name="Height",
        description="Raise the camera and the point it looks at",
        subtype="DISTANCE",
        default=0.0,
        min=-FARTHEST,
        max=FARTHEST,
    )
    field_of_view: FloatProperty(
        name="Field of View",
        description="Opening angle of the turntable's camera, along the shorter side of the picture",
        subtype="ANGLE",
        default=math.radians(40),
        min=math.radians(1),
        max=math.radians(150),
    )
    use_capture_size: BoolProperty(
        name="Size of Captures",
        description="Give the subject as many pixels as in the captures. Set a resolution for another size",
        default=True,
    )
    resolution_x: IntProperty(
        name="Resolution X",
        description="Width of the turntable's frames",
        subtype="PIXEL",
        default=480,
        min=1,
        max=MAX_IMAGE_SIDE,
        update=_choose_size,
    )
    resolution_y: IntProperty(
        name="Y",
        description="Height of the turntable's frames",
        subtype="PIXEL",
        default=480,
        min=1,
        max=MAX_IMAGE_SIDE,
        update=_choose_size,
    )
    image_format: EnumProperty(
        name="Format",
        description="File format of the frames. Those that come back into the scene are OpenEXR as well",
        items=(
            ("png", "PNG", "8 bits, straight alpha: for everything that shows pictures"),
            (
                "exr",
                "OpenEXR",
                "Half floats, scene-linear, premultiplied alpha: for compositing and the scene's own look",
            ),
        ),
        default="png",
    )
    video: EnumProperty(
        name="Video",
        description="Write a video of the frames, too",
        items=(
            ("mp4", "MP4", "H.264 on black, for players and editors"),
            ("webp", "WebP", "An animated picture for web pages, with the frames' transparency"),
            ("none", "None", "The frames alone"),
        ),
        default="mp4",
    )
    view_transform: EnumProperty(
        name="View Transform",
        description="Colours of PNG frames and videos. OpenEXR stays scene-linear",
        items=(
            ("SCENE", "Scene", "As the scene's Color Management says: view transform, look, exposure, gamma, curves"),
            ("STANDARD", "Standard", "Encoded as sRGB, and nothing else"),
            ("RAW", "Raw", "As it is, for further processing"),
        ),
        default="SCENE",
    )
    samples: IntProperty(
        name="Samples",
        description="Rays for each pixel. Edges are as soft as the captures' with 1; 4 are a little smoother, in four "
        "times as long",
        default=1,
        min=1,
        max=64,
        soft_max=16,
    )
    transparent: BoolProperty(
        name="Transparent", description="Keep empty space transparent, or else black", default=True
    )
    use_depth: BoolProperty(
        name="Depth",
        description="Write depth pictures, too, in metres along the camera's axis",
        default=False,
    )
    result: EnumProperty(
        name="Result",
        description="Where the frames go in the scene",
        items=(
            ("PLANE", "Plane", "An image-sequence plane that plays with the timeline"),
            (
                "COMPOSITE",
                "Depth Composite",
                "The compositor sets the frames and renders of the scene into each other where their depths say. A "
                "turntable gets a camera of its own, which becomes the active one. Frames have the size of renders",
            ),
            ("STRIP", "Strip", "A strip in the scene's sequencer, which renders then show"),
            ("FILES", "Files Only", "Not at all: the files are there"),
        ),
        default="PLANE",
    )
    output: StringProperty(
        name="Folder",
        description="Put a folder with the frames here. Leave empty for the folder that the run is in",
        subtype="DIR_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
