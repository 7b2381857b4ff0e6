"""Where the cameras of the plan are. Those of an animation are known once its frames were stepped through, those that
the viewport hides once Blender was made to evaluate them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Hashable, Iterable

import bpy
import numpy as np

from engine.link.geometry import Camera
from engine.link.messages import Split

from .cameras import camera_from_object, capture_size, find_camera, pixel_aspect
from .errors import CaptureError
from .layouts.table import layout_of
from .plan import PlannedView, Pose, has_planned_cameras, planned_views


@dataclasses.dataclass(frozen=True)
class _Kept:
    """Poses by view, good for as long as ``key`` is what decides where they are."""

    key: Hashable
    poses: dict[str, Pose]


_kept: dict[str, _Kept] = {}  # by the scene's name


def needs_walk(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> bool:
    """Whether some of the planned cameras can't be told from the scene as it is evaluated: those of other frames, and
    those that the view layer does not show, for which Blender leaves out drivers, parents and all else. Raises
    CaptureError."""
    layout = layout_of(scene)
    if layout.is_generated and not has_planned_cameras(scene):
        return False
    return not all(_is_evaluated(view, scene, view_layer) for view in planned_views(scene))


class ViewWalk:
    """Looks through those cameras of the plan that ``needs_walk`` is about, once, and keeps where they are."""

    def __init__(self, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> None:
        """Raises CaptureError when there is no plan."""
        self._scene, self._view_layer = scene.name, view_layer.name
        self._views = [view for view in planned_views(scene) if not _is_evaluated(view, scene, view_layer)]
        self._key = _key(scene)
        self._poses: list[Pose] = []

    def advance(self, seconds: float) -> bool:
        """Go on for about ``seconds``, one view at least; whether that was the last. The scene is at its own frame,
        and has its own camera, again afterwards. Raises CaptureError when a camera can't be captured with, or is gone.
        """
        scene = bpy.data.scenes.get(self._scene)
        if scene is None or _key(scene) != self._key:
            raise CaptureError("The animation was changed: use Plan Cameras again")
        deadline = time.perf_counter() + seconds
        frame, subframe, active = scene.frame_current, scene.frame_subframe, scene.camera
        view_layer, size = scene.view_layers[self._view_layer], capture_size(scene)
        try:
            while len(self._poses) < len(self._views):
                view = self._views[len(self._poses)]
                source, camera = camera_of_view(view, scene, view_layer, size)
                self._poses.append(pose_of(view.name, view.split, camera, source))
                if time.perf_counter() > deadline:
                    break
        finally:
            if (scene.frame_current, scene.frame_subframe) != (frame, subframe):
                scene.frame_set(frame, subframe=subframe)
            scene.camera = active
            view_layer.update()
        if len(self._poses) < len(self._views):
            return False
        keep_poses(scene, self._poses)
        return True


def keep_poses(scene: bpy.types.Scene, poses: Iterable[Pose]) -> None:
    """Know where the cameras of the scene's plan are, from now on."""
    _kept[scene.name] = _Kept(_key(scene), {pose.name: pose for pose in poses})


def forget_poses(scene: bpy.types.Scene) -> None:
    """What they depend on may have changed."""
    _kept.pop(scene.name, None)


def forget_all() -> None:
    """Another file is open."""
    _kept.clear()


def pose_of(name: str, split: Split, camera: Camera, source: str) -> Pose:
    """The pose of a pinhole camera, that of the object ``source``."""
    slopes = camera.width / 2 / camera.fx, camera.height / 2 / camera.fy
    return Pose(name, split, camera.camera_to_world, slopes, source)


def planned_poses(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> list[Pose]:
    """The cameras that stand in ``scene`` for its rig, training cameras first; none before cameras of a generated rig
    are planned. Those that ``needs_walk`` is about are known once a ViewWalk has been there. Raises CaptureError."""
    if layout_of(scene).is_generated and not has_planned_cameras(scene):
        return []
    kept = _kept.get(scene.name)
    known = kept.poses if kept is not None and kept.key == _key(scene) else {}
    view_layer = scene.view_layers[depsgraph.view_layer.name]
    poses = []
    slopes: dict[str, tuple[float, float]] = {}  # of a lens: all planned cameras share one
    for view in planned_views(scene):
        if _is_evaluated(view, scene, view_layer):
            camera = _object_of(view)
            if camera.data.name_full not in slopes:
                lens = camera_from_object(camera, depsgraph, *capture_size(scene), pixel_aspect(scene))
                slopes[camera.data.name_full] = lens.width / 2 / lens.fx, lens.height / 2 / lens.fy
            matrix = np.array(camera.matrix_world.normalized())
            poses.append(Pose(view.name, view.split, matrix, slopes[camera.data.name_full], view.camera))
        elif view.name in known:
            poses.append(known[view.name])
    return poses


def planned_cameras(scene: bpy.types.Scene) -> list[Camera]:
    """The cameras of the plan, each object once, as renders have them at this frame. Raises CaptureError when there is
    no plan."""
    view_layer, size, active = scene.view_layers[0], capture_size(scene), scene.camera
    views = {view.camera: dataclasses.replace(view, frame=None) for view in planned_views(scene)}
    try:
        return [camera_of_view(view, scene, view_layer, size)[1] for view in views.values()]
    finally:
        scene.camera = active
        view_layer.update()


def camera_of_view(
    view: PlannedView, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, size: tuple[int, int]
) -> tuple[str, Camera]:
    """The name of the object that ``view`` is seen through, and its camera for pictures of ``size``. Afterwards
    ``scene`` may be at another frame, and have another active camera: Blender evaluates that one, whatever hides it.
    Raises CaptureError when it can't be captured with."""
    if view.frame is not None:
        scene.frame_set(view.frame)
    camera = _object_of(view)
    if scene.camera != camera and not camera.visible_get(view_layer=view_layer):
        scene.camera = camera
    view_layer.update()
    return camera.name_full, camera_from_object(camera, view_layer.depsgraph, *size, pixel_aspect(scene))


def _object_of(view: PlannedView) -> bpy.types.Object:
    camera = find_camera(view.camera)
    if camera is None:
        raise CaptureError(f"Camera {view.camera} is gone: plan the cameras again")
    return camera


def _is_evaluated(view: PlannedView, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> bool:
    """Whether the camera of ``view`` is where the scene, as it is evaluated, has it."""
    camera = _object_of(view)
    return view.frame is None and (camera == scene.camera or camera.visible_get(view_layer=view_layer))


def _key(scene: bpy.types.Scene) -> Hashable:
    settings = scene.hashlight.capture
    frames = (scene.frame_start, scene.frame_end, settings.frame_step, settings.held_out_views)
    camera = None if scene.camera is None else scene.camera.name
    bound = [each for each in scene.timeline_markers if each.camera is not None]
    markers = tuple((each.frame, each.camera.name, each.camera.hide_render) for each in bound)
    return settings.rig, camera, markers, *frames, *capture_size(scene), *pixel_aspect(scene)
