"""Learn an image of the file."""

from __future__ import annotations

import bpy

from engine.link.primitives import SCORED_IMAGE

from ..attempts import Attempts
from ..training.files import train_on_files
from ..training.reasons import find_missing_engine
from . import canvas, source


class HASHLIGHT_OT_train_image(Attempts, bpy.types.Operator):
    """Write the image into the scene's folder, and have the open take's run learn it, going on where it stood"""

    # Returns at once; pumping does the rest.
    bl_idname = "hashlight.train_image"
    bl_label = "Train on Image"
    bl_options = {"REGISTER"}

    image: bpy.props.StringProperty(
        name="Image", description="Of the file. Empty: that of the Image Editor or of the active texture node"
    )
    wraps: bpy.props.BoolProperty(
        name="Repeats", description="The image is a tile: it goes on across its borders, on its other side"
    )
    anew: bpy.props.BoolProperty(name="Start Over", description="Set the take's run aside rather than go on with it")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = find_missing_engine()
        cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.attempt(lambda: self._train(context))

    def _train(self, context: bpy.types.Context) -> None:
        image = bpy.data.images.get(self.image) if self.image else source.find_image(context)
        if self.image and image is None:
            raise ValueError(f"There is no image {self.image}")
        if reason := source.reason_against(image):
            raise ValueError(reason)
        assert image is not None
        path, spec = source.write_source(context.scene, image, self.wraps)
        files = {image.name: ("train", path), SCORED_IMAGE: ("test", path)}
        train_on_files(context.scene, spec, files, anew=self.anew)


CLASSES = (HASHLIGHT_OT_train_image,)


def register() -> None:
    """Follow what is learnt."""
    canvas.register()


def unregister() -> None:
    """Undo ``register``."""
    canvas.unregister()
