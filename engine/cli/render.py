"""``hashlight render``: a turntable or a camera path from a run, as a film or as frames; or the image it learnt."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.arguments import add_device
from engine.cli.joining import add_joining, surface_of
from engine.cli.render_image import rectangle_of, render_image
from engine.link.argument_types import finite_number, image_size, whole_number
from engine.link.geometry import MAX_IMAGE_SIDE

if TYPE_CHECKING:
    from engine.link.geometry import Camera
    from engine.link.messages import ColorSpace
    from engine.rendering.display import Display
    from engine.rendering.viewer import Viewer
    from engine.runs import Run

DEFAULT_FRAMES = 120
DEFAULT_SIZE = (800, 800)
# Options that only pictures of cameras go by.
_OF_CAMERAS = (
    "frames", "fps", "format", "view_transform", "samples", "opaque", "depth", "mark_predicted", "resume", "elevation",
    "start", "fov", "radius", "ease",
)  # fmt: skip
EXAMPLES = """\
examples:
  hashlight render runs/lego --turntable --out lego.mp4
  hashlight render runs/lego --turntable --frames 240 --elevation 30 --size 1920x1080 --out lego.mp4
  hashlight render runs/lego --turntable --format exr --depth --out frames/
  hashlight render runs/lego --camera-path path.json --out film.mp4 --resume
  hashlight render runs/map --size 8192x8192 --out map.png                     a run that learnt an image
  hashlight render runs/map --rectangle 2000,1500,640,480 --size 1280x960 --out detail.exr
  hashlight render runs/statue --join runs/plinth --join-radius 0.1 --turntable --out both.mp4
  hashlight render pot.hashlight/run --turntable --view-transform pot.hashlight/capture/view_transform.npz --out pot.mp4

A film's frames are kept in a folder beside it (lego_frames for lego.mp4), so that --resume can go on after a stop.
PNG frames have straight alpha; EXR frames are scene-linear with premultiplied alpha. A capture from Blender has the
scene's view transform beside its views. A run that learnt 8-bit pictures shows them as they are. A camera path is a
JSON list of cameras (camera_to_world, width, height, fx, fy, cx, cy); --frames N interpolates it to N frames. Without a
turntable and a camera path, what a run learnt as an image is written as one PNG or tiled EXR, of any size."""


class RenderError(RuntimeError):
    """Options that contradict each other; the message says which."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    path = parser.add_mutually_exclusive_group()
    path.add_argument("--turntable", action="store_true", help="once round the subject")
    path.add_argument("--camera-path", type=Path, metavar="FILE", help="along the cameras in a JSON file")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE.mp4|.webp|.png|.exr|DIR",
        help="a film, a folder of frames, or an image",
    )
    parser.add_argument("--frames", type=whole_number(1, 20_000), metavar="N", help=f"how many ({DEFAULT_FRAMES})")
    parser.add_argument("--size", type=image_size, metavar="WxH", help="picture size (that of what was learnt)")
    parser.add_argument(
        "--rectangle", type=rectangle_of, metavar="LEFT,TOP,WIDTH,HEIGHT", help="of an image, in its pixels (all of it)"
    )
    parser.add_argument("--fps", type=finite_number, default=24.0, help="frames a second of the film (24)")
    parser.add_argument("--format", choices=("png", "exr"), default="png", help="of the frames (png)")
    parser.add_argument(
        "--view-transform",
        default="standard",
        metavar="standard|raw|FILE.npz",
        help="how light is shown in PNG and films: as sRGB, as it is, or as Blender showed a captured scene (standard)",
    )
    parser.add_argument("--samples", type=whole_number(1, 64), default=1, metavar="N", help="rays a pixel (1)")
    parser.add_argument("--opaque", action="store_true", help="on black instead of with alpha")
    parser.add_argument("--depth", action="store_true", help="depth too, in depth_*.exr and channel Z of EXR")
    parser.add_argument("--mark-predicted", action="store_true", help="hatch what is predicted rather than captured")
    parser.add_argument("--resume", action="store_true", help="keep the frames that are already there")
    add_joining(parser)
    table = parser.add_argument_group("turntable")
    table.add_argument("--elevation", type=finite_number, default=20.0, metavar="DEG", help="above the horizon (20)")
    table.add_argument("--start", type=finite_number, default=0.0, metavar="DEG", help="first azimuth, from +X (0)")
    table.add_argument("--fov", type=finite_number, default=40.0, metavar="DEG", help="across the shorter side (40)")
    table.add_argument("--radius", type=finite_number, metavar="M", help="distance (fits the subject)")
    table.add_argument("--ease", type=finite_number, default=0.0, metavar="0..1", help="gentle start and end (0)")
    add_device(parser)
    parser.set_defaults(defaults_of_cameras={name: parser.get_default(name) for name in _OF_CAMERAS})


def run(options: argparse.Namespace) -> int:
    """Render. Returns the exit code; that of the signal that ended it early, with the finished frames kept."""
    from engine.rendering.bake import Bake
    from engine.rendering.frame_files import FrameStyle
    from engine.rendering.video import SUFFIXES, Video
    from engine.rendering.viewer import FlatViewer
    from engine.runs import load_run
    from taichi_kernels.runtime import choose_device

    is_seen_by_cameras = options.turntable or options.camera_path is not None
    if is_seen_by_cameras and options.size is not None and max(options.size) > MAX_IMAGE_SIDE:
        raise RenderError(f"--size: pictures of cameras have at most {MAX_IMAGE_SIDE} pixels a side")
    opened = load_run(options.run, choose_device(options.device))
    viewer = opened.trainer.primitive.viewer()
    if options.join is not None or options.join_radius is not None:
        viewer = surface_of(options, viewer, options.run)
    if not is_seen_by_cameras:
        if not isinstance(viewer, FlatViewer):
            raise RenderError("from where? Add --turntable, or --camera-path FILE")
        _refuse_options_of_cameras(options)
        return render_image(viewer, options)
    if options.rectangle is not None:
        raise RenderError("--rectangle: only for images: leave --turntable and --camera-path out")
    cameras = _choose_cameras(options, opened, viewer)
    is_film = options.out.suffix.lower() in SUFFIXES
    if options.out.suffix and not is_film and not options.out.is_dir():
        raise RenderError(f"--out: {options.out.name} is neither {' nor '.join(SUFFIXES)} nor a folder")
    folder = options.out.with_name(f"{options.out.stem}_frames") if is_film else options.out
    display = _choose_display(options.view_transform, viewer.color_space)
    style = FrameStyle((options.format,), not options.opaque, options.depth, display, options.mark_predicted)
    if options.mark_predicted:
        _tell_of_marks(viewer)
    video = Video(options.out, options.fps) if is_film else None
    bake = Bake(viewer, cameras, folder, style, samples=options.samples, video=video, resume=options.resume)
    return _bake_with_progress(bake, folder, options)


def _refuse_options_of_cameras(options: argparse.Namespace) -> None:
    defaults = options.defaults_of_cameras
    if given := [f"--{name.replace('_', '-')}" for name in defaults if getattr(options, name) != defaults[name]]:
        raise RenderError(f"{', '.join(given)}: only for pictures of cameras: add --turntable, or --camera-path FILE")


def _tell_of_marks(viewer: Viewer) -> None:
    from engine.rendering.prediction_marks import captured_in
    from engine.rendering.viewer import looking_at

    camera = looking_at(viewer.bounds, 8)
    if captured_in(viewer, camera, viewer.render(camera)) is None:
        print("Nothing that this run shows is predicted: --mark-predicted changes nothing")


def _choose_display(name: str, color_space: ColorSpace) -> Display:
    """Raises ViewTransformError."""
    from engine.rendering.display import named_display

    display = named_display(name)
    if color_space == "srgb" and name != "standard":
        print(f"The run learnt 8-bit sRGB pictures, shown as they are: --view-transform {name} changes nothing")
    return display


def _bake_with_progress(bake: Any, folder: Path, options: argparse.Namespace) -> int:
    from engine.cli.interrupts import DeferredInterrupt
    from engine.cli.output import Progress
    from engine.rendering.bake import BakeError

    with DeferredInterrupt() as interrupt, Progress("Rendering", bake.progress.total, "frames") as shown:
        try:
            for progress in bake:
                shown.tell(progress.done, progress.message)
                if interrupt.requested:
                    break
        except BakeError:
            if not interrupt.requested:  # else ffmpeg has heard the signal, too
                raise
        finally:
            bake.close()
    if interrupt.requested:
        print(f"Stopped: {bake.progress.done} frames are in {folder}; --resume goes on", file=sys.stderr)
        return interrupt.exit_code
    print(f"{bake.progress.total} frames in {folder}" + (f", film {options.out}" if folder != options.out else ""))
    return 0


def _choose_cameras(options: argparse.Namespace, run: Run, viewer: Viewer) -> list[Camera]:
    from engine.rendering.camera_paths import Framing, Orbit, interpolate, load_camera_path, turntable
    from engine.rendering.subject import find_subject

    if options.turntable:
        return turntable(
            viewer.bounds,
            options.frames or DEFAULT_FRAMES,
            options.size or _training_size(run),
            Orbit(math.radians(options.elevation), start=math.radians(options.start), ease=options.ease),
            Framing(
                math.radians(options.fov),
                options.radius,
                subject=find_subject(viewer) if options.radius is None else None,
            ),
        )
    cameras = load_camera_path(options.camera_path)
    if options.size is not None:
        cameras = [camera.resized(*options.size) for camera in cameras]
    return cameras if options.frames is None else interpolate(cameras, options.frames)


def _training_size(run: Run) -> tuple[int, int]:
    views = run.info.get("data", {}).get("views")
    if not views:
        return DEFAULT_SIZE
    return int(views[0]["camera"]["width"]), int(views[0]["camera"]["height"])
