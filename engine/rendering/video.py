"""MP4 and animated WebP files through ffmpeg."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from engine.link.part_files import written_atomically

# H.264 in 4:2:0 plays everywhere; the BT.709 matrix and tags keep colours the same in every player.
_MP4 = ["-crf", "17", "-preset", "medium", "-vf", "scale=out_color_matrix=bt709:out_range=tv"]
_MP4 += ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-movflags", "+faststart"]
# WebP plays in browsers, without end, and has alpha.
_WEBP = ["-quality", "85", "-compression_level", "4", "-loop", "0"]

SUFFIXES = (".mp4", ".webp")


class VideoError(OSError):
    """A video that can't be written; the message names it and says why."""


@dataclasses.dataclass(frozen=True)
class Video:
    """A file that frames become; its suffix, .mp4 or .webp, decides the format."""

    path: Path
    fps: float = 24.0


def encode_video(video: Video, frames: Iterable[npt.NDArray[np.uint8]]) -> Iterator[int]:
    """Encode ``frames``, uint8 sRGB [H, W, 3] or for WebP also [H, W, 4] with straight alpha, all alike; yields how
    many are in after each.

    MP4 in 4:2:0 needs even sides: odd ones get one more row or column, black. The file appears under its name once it
    is whole; if the iterator is closed early, nothing is left. Raises VideoError.
    """
    path = video.path
    with written_atomically(path) as temporary:
        writer = None
        try:
            for count, frame in enumerate(frames, 1):
                if path.suffix.lower() == ".mp4":
                    frame = np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)))
                if writer is None:
                    writer = _open_writer(temporary, frame, video.fps)
                writer.send(np.ascontiguousarray(frame))
                yield count
        except (OSError, RuntimeError) as error:
            raise VideoError(f"{path}: ffmpeg can't write the video ({_last_line(error)})") from None
        finally:
            if writer is not None:
                writer.close()  # waits for ffmpeg to finish the file
        if not temporary.is_file() or temporary.stat().st_size == 0:
            raise VideoError(f"{path}: ffmpeg wrote no video")


def _open_writer(
    path: Path, frame: npt.NDArray[np.uint8], fps: float
) -> Generator[None, npt.NDArray[np.uint8] | None, None]:
    is_mp4, has_alpha = path.suffix.lower() == ".mp4", frame.shape[2] == 4
    writer: Generator[None, npt.NDArray[np.uint8] | None, None] = imageio_ffmpeg.write_frames(
        str(path),
        (frame.shape[1], frame.shape[0]),
        fps=fps,
        codec="libx264" if is_mp4 else "libwebp_anim",
        quality=None,
        pix_fmt_in="rgba" if has_alpha else "rgb24",
        pix_fmt_out="yuva420p" if has_alpha else "yuv420p",
        macro_block_size=1,
        ffmpeg_log_level="error",
        output_params=_MP4 if is_mp4 else _WEBP,
    )
    writer.send(None)  # starts ffmpeg
    return writer


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
