"""Scene Cameras and Animation: cameras that are in the scene already."""

from __future__ import annotations

from collections import Counter

import bpy

from ... import roles
from .. import temporary_scene
from ..cameras import why_unfit
from .layout import LeftOut, OwnLayout, Source


class SceneCameras(OwnLayout):
    identifier, number, label = "SCENE_CAMERAS", 3, "Scene Cameras"
    description = "The cameras that are in the scene already, hidden ones as well"
    settings = ()

    def sources(self, scene: bpy.types.Scene) -> list[Source]:
        cameras = _cameras_of(scene)
        names = [camera.name_full for camera in cameras if not why_unfit(camera)]
        if not names and cameras:
            kinds = ", ".join(f"{camera.name} is {why_unfit(camera)}" for camera in cameras[:4])
            raise ValueError(f"Scene {scene.name} has no perspective camera, and only such can be captured: {kinds}")
        if not names:
            raise ValueError(f"Scene {scene.name} has no camera of its own: add one, or choose other Cameras")
        return [Source(name, name) for name in names]

    def left_out(self, scene: bpy.types.Scene) -> list[LeftOut]:
        own = _cameras_of(scene)
        others = [LeftOut(camera.name_full, why_unfit(camera), "", 1) for camera in own if why_unfit(camera)]
        for other in bpy.data.scenes:
            if other != scene and not temporary_scene.is_ours(other):
                elsewhere = [camera for camera in _cameras_of(other) if camera not in own]
                own += elsewhere
                others += [LeftOut(camera.name_full, "", other.name, 1) for camera in elsewhere]
        return others


class Animation(OwnLayout):
    identifier, number, label = "ANIMATION", 4, "Animation"
    description = "The active camera along its animation. Markers that are bound to cameras switch it, as in renders"
    settings = ("frame_step",)
    is_animated = True

    def sources(self, scene: bpy.types.Scene) -> list[Source]:
        cameras = _cameras_by_frame(scene)
        sources = [
            Source(f"frame_{frame:04d}", camera.name_full, frame)
            for frame, camera in cameras.items()
            if not why_unfit(camera)
        ]
        if not sources and cameras:
            kinds = ", ".join(f"{each.camera} is {each.why}" for each in self.left_out(scene))
            raise ValueError(f"No frame has a perspective camera, and only such can be captured: {kinds}")
        if not sources:
            raise ValueError(f"Scene {scene.name} has no active camera to follow along its animation")
        return sources

    def left_out(self, scene: bpy.types.Scene) -> list[LeftOut]:
        counts = Counter(camera for camera in _cameras_by_frame(scene).values() if why_unfit(camera))
        return [LeftOut(camera.name_full, why_unfit(camera), "", count) for camera, count in counts.items()]


def camera_at(scene: bpy.types.Scene, frame: int) -> bpy.types.Object | None:
    """The camera that a render of ``frame`` looks through: that of the last marker up to then that is bound to one
    which is not hidden from renders, of the first such marker before there is any, and else the active one."""
    markers = [each for each in scene.timeline_markers if each.camera is not None and not each.camera.hide_render]
    former = [each for each in markers if each.frame <= frame]
    if former:
        return max(former, key=lambda each: each.frame).camera
    if markers:
        return min(markers, key=lambda each: each.frame).camera
    return scene.camera


def _cameras_by_frame(scene: bpy.types.Scene) -> dict[int, bpy.types.Object]:
    frames = range(scene.frame_start, scene.frame_end + 1, scene.hashlight.capture.frame_step)
    cameras = {frame: camera_at(scene, frame) for frame in frames}
    return {frame: camera for frame, camera in cameras.items() if camera is not None}


def _cameras_of(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The user's cameras in ``scene``, and its active one wherever that is, by name."""
    cameras = [obj for obj in scene.objects if obj.type == "CAMERA" and not roles.role_of(obj)]
    active = scene.camera
    if active is not None and active.type == "CAMERA" and active not in cameras and not roles.role_of(active):
        cameras.append(active)
    return sorted(cameras, key=lambda camera: camera.name_full)
