"""The panel of a kind of primitive that the add-on has never heard of: ``tests/engine/plugin/signal.py``."""

from __future__ import annotations

import importlib

import bpy

ADDON = "bl_ext.user_default.hashlight"


class HASHLIGHT_OT_train_signal(bpy.types.Operator):  # noqa: N801
    """Train on the recordings in the scene's folder"""

    bl_idname = "hashlight.train_signal"
    bl_label = "Train on Recordings"

    def execute(self, context: bpy.types.Context) -> set[str]:
        from engine.link.messages import PluginSpec  # the extension's, which is there by now

        files = importlib.import_module(f"{ADDON}.training.files")
        folder = importlib.import_module(f"{ADDON}.folders").session_folder(context.scene)
        recordings = {"sines": ("train", folder / "train.npy"), "held out": ("test", folder / "test.npy")}
        spec = PluginSpec(name="signal", settings={"waves": 8})
        files.train_on_files(context.scene, spec, recordings, {"learning_rate": 0.05})
        return {"FINISHED"}


class HASHLIGHT_PT_signal(bpy.types.Panel):  # noqa: N801
    bl_label = "Signal"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Hashlight"

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.operator("hashlight.train_signal")


CLASSES = (HASHLIGHT_OT_train_signal, HASHLIGHT_PT_signal)
