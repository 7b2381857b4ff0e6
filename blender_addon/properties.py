"""Settings that belong to one scene, as ``scene.hashlight``: a group for each step, from that step's own folder."""

from __future__ import annotations

import bpy
from bpy.props import CollectionProperty, IntProperty, PointerProperty, StringProperty

from .bake.settings import HASHLIGHT_PG_bake
from .capture.settings import HASHLIGHT_PG_capture, HASHLIGHT_PG_capture_finding
from .image.settings import HASHLIGHT_PG_image
from .preview.settings import HASHLIGHT_PG_preview
from .review.settings import HASHLIGHT_PG_review
from .training.settings import HASHLIGHT_PG_run, HASHLIGHT_PG_training


class HASHLIGHT_PG_scene(bpy.types.PropertyGroup):
    version: IntProperty(
        name="Version",
        description="Which form these settings have: see migrate.py",
        default=0,
        min=0,
        max=1000,
        options={"HIDDEN"},
    )
    folder: StringProperty(
        name="Folder",
        description="Keep captures, runs and rendered frames here. Leave empty for a folder beside the .blend file",
        subtype="DIR_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    former_folder: StringProperty(
        name="Former Folder",
        description="Where everything was kept before the file was saved for the first time",
        options={"HIDDEN"},
    )
    last_folder: StringProperty(
        name="Last Folder",
        description="What was beside the file when it was saved last, maybe under another name",
        options={"HIDDEN"},
    )
    folder_owner: StringProperty(
        name="Folder's Owner",
        description="What this scene was called when it got its part of the folder; a copy of it is called otherwise",
        options={"HIDDEN"},
    )
    folder_part: StringProperty(
        name="Part of the Folder",
        description="Where in the folder this scene's files are; empty for the folder itself",
        options={"HIDDEN"},
    )
    take: StringProperty(
        name="Take", description="The folder of the open take; empty for the first", options={"HIDDEN"}
    )
    other_runs: CollectionProperty(
        name="Other Runs", description="How the runs of the other takes stood, by their folders", type=HASHLIGHT_PG_run
    )
    capture: PointerProperty(type=HASHLIGHT_PG_capture)
    training: PointerProperty(type=HASHLIGHT_PG_training)
    preview: PointerProperty(type=HASHLIGHT_PG_preview)
    review: PointerProperty(type=HASHLIGHT_PG_review)
    bake: PointerProperty(name="Render from Field", type=HASHLIGHT_PG_bake)
    image: PointerProperty(type=HASHLIGHT_PG_image)
    run: PointerProperty(type=HASHLIGHT_PG_run)


CLASSES = (
    HASHLIGHT_PG_capture_finding,
    HASHLIGHT_PG_capture,
    HASHLIGHT_PG_training,
    HASHLIGHT_PG_preview,
    HASHLIGHT_PG_review,
    HASHLIGHT_PG_bake,
    HASHLIGHT_PG_image,
    HASHLIGHT_PG_run,
    HASHLIGHT_PG_scene,
)


def register() -> None:
    bpy.types.Scene.hashlight = PointerProperty(
        name="Hashlight", description="Settings of the Hashlight extension", type=HASHLIGHT_PG_scene
    )


def unregister() -> None:
    del bpy.types.Scene.hashlight
