"""Where the cameras of the plan are. Those of an animation are known once its frames were stepped through."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Hashable, Iterable

import bpy
import numpy as np

from engine.link.geometry import Camera
from engine.link.messages import Split

from .cameras import camera_from_object, capture_size, pixel_aspect
from .errors import CaptureError
from .plan import GENERATED_RIGS, PlannedView, Pose, has_planned_cameras, planned_views


@dataclasses.dataclass(frozen=True)
class _Kept:
    """The poses of an animation, good for as long as ``key`` is what decides where they are."""

    key: Hashable
    poses: list[Pose]


_kept: dict[str, _Kept] = {}  # by the scene's name


class FrameWalk:
    """Steps through the frames of a scene's animation rig, once, and keeps where its camera is at each."""

    def __init__(self, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> None:
        """Raises CaptureError when the scene has no such rig."""
        self._scene, self._view_layer = scene.name, view_layer.name
        self._views = planned_views(scene)
        self._camera = scene.camera.name
        self._key = _key(scene)
        self._poses: list[Pose] = []

    def advance(self, seconds: float) -> bool:
        """Go on for about ``seconds``, one frame at least; whether that was the last. The scene is at its own frame
        again afterwards. Raises CaptureError when a camera can't be captured with, or is gone."""
        scene = bpy.data.scenes.get(self._scene)
        if scene is None or _key(scene) != self._key:
            raise CaptureError("The animation was changed: use Plan Cameras again")
        deadline = time.perf_counter() + seconds
        frame, subframe, active = scene.frame_current, scene.frame_subframe, scene.camera
        depsgraph = scene.view_layers[self._view_layer].depsgraph
        try:
            while len(self._poses) < len(self._views):
                view = self._views[len(self._poses)]
                scene.frame_set(view.frame)
                camera = bpy.data.objects[self._camera]  # whatever a marker made the active one
                pinhole = camera_from_object(camera, depsgraph, *capture_size(scene), pixel_aspect(scene))
                self._poses.append(pose_of(view.name, view.split, pinhole))
                if time.perf_counter() > deadline:
                    break
        finally:
            scene.frame_set(frame, subframe=subframe)
            scene.camera = active
        if len(self._poses) < len(self._views):
            return False
        keep_animation(scene, self._poses)
        return True


def keep_animation(scene: bpy.types.Scene, poses: Iterable[Pose]) -> None:
    """Know where the cameras of the scene's animation rig are, from now on."""
    _kept[scene.name] = _Kept(_key(scene), list(poses))


def forget_animation(scene: bpy.types.Scene) -> None:
    """The animation may have changed."""
    _kept.pop(scene.name, None)


def forget_all() -> None:
    """Another file is open."""
    _kept.clear()


def pose_of(name: str, split: Split, camera: Camera) -> Pose:
    """The pose of a pinhole camera."""
    return Pose(name, split, camera.camera_to_world, (camera.width / 2 / camera.fx, camera.height / 2 / camera.fy))


def planned_poses(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> list[Pose]:
    """The cameras that stand in ``scene`` for its rig, training cameras first; none before cameras of a generated rig
    are planned, or the frames of an animation were stepped through. Raises CaptureError."""
    rig = scene.hashlight.capture.rig
    if rig == "ANIMATION":
        kept = _kept.get(scene.name)
        return kept.poses if kept is not None and kept.key == _key(scene) else []
    if rig in GENERATED_RIGS and not has_planned_cameras(scene):
        return []
    poses = []
    slopes: dict[str, tuple[float, float]] = {}  # of a lens: all planned cameras share one
    for view in planned_views(scene):
        assert view.camera is not None
        camera = scene.objects[view.camera]
        if camera.data.name not in slopes:
            lens = camera_from_object(camera, depsgraph, *capture_size(scene), pixel_aspect(scene))
            slopes[camera.data.name] = lens.width / 2 / lens.fx, lens.height / 2 / lens.fy
        matrix = np.array(camera.matrix_world.normalized())
        poses.append(Pose(view.name, view.split, matrix, slopes[camera.data.name]))
    return poses


def first_planned_camera(scene: bpy.types.Scene) -> Camera:
    """The first camera of the plan, as a capture would have it now. Raises CaptureError when there is no plan."""
    view_layer = scene.view_layers[0]
    view_layer.update()
    return camera_of_view(planned_views(scene)[0], scene, view_layer, capture_size(scene))[1]


def camera_of_view(
    view: PlannedView, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, size: tuple[int, int]
) -> tuple[str, Camera]:
    """The name of the object that ``view`` is seen through, and its camera for pictures of ``size``, as ``scene`` is
    evaluated now. Raises CaptureError when it can't be captured with."""
    source = bpy.data.objects[view.camera] if view.camera is not None else scene.camera
    return source.name, camera_from_object(source, view_layer.depsgraph, *size, pixel_aspect(scene))


def _key(scene: bpy.types.Scene) -> Hashable:
    settings = scene.hashlight.capture
    frames = (scene.frame_start, scene.frame_end, settings.frame_step, settings.held_out_views)
    camera = None if scene.camera is None else scene.camera.name
    return settings.rig, camera, *frames, *capture_size(scene), *pixel_aspect(scene)
