"""Pictures decoded into views, on a few threads, and what their files can't show brought into them."""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt

from engine.data.dataset import DatasetError
from engine.data.depth_images import read_depth
from engine.data.distortion import beyond_fisheye
from engine.data.images import read_color, resize_nearest
from engine.data.masks import read_mask
from engine.data.orientation import turn
from engine.data.picture_finder import IMAGE_SUFFIXES, fold, path_parts
from engine.data.remarks import Remarks
from engine.data.view_sources import FittedView
from engine.data.views import MASKED_DEPTH, UNKNOWN_DEPTH, View, ViewError, depth_without_any
from engine.link.arrays import Dtype, Pixels
from engine.link.messages import ColorSpace
from engine.link.wording import counted
from engine.machine import free_memory

DECODING_THREADS = 8
_FULL: Mapping[ColorSpace, float] = {"srgb": 255, "linear": 1.0}
_NEARLY = 0.06  # of the full range: what JPEG may make of a colour
_FEW, _LITTLE = 0.25, 0.35  # of a picture's middle, and of all of it, that masks leave
_LONGEST_NAME = 120
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def decode_views(
    fitted: Sequence[FittedView], remarks: Remarks, progress: Callable[[int, int], None] | None = None
) -> list[View]:
    """Decode all pictures (the decoders release the interpreter lock), in order. Raises DatasetError."""
    names = view_names([view.source.listed for view in fitted])
    workers = min(DECODING_THREADS, os.cpu_count() or 1)
    views: list[View] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        pending = [pool.submit(_decode, view, name) for view, name in zip(fitted, names, strict=True)]
        try:
            for view, future in zip(fitted, pending, strict=True):
                decoded, sentences = future.result()
                views.append(decoded)
                for sentence in sentences:
                    remarks.add(sentence, view.source.listed)
                _require_one_color_space(views)
                if progress is not None:
                    progress(len(views), len(pending))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    _check_masks([pair for pair in zip(fitted, views, strict=True) if pair[0].source.mask is not None], remarks)
    return views


def view_names(file_paths: Sequence[str]) -> list[str]:
    """A name for each view that is unique and a file's on any system: its picture's, with its folders where it must
    be."""
    parts = [_strip_suffix(path_parts(path)) for path in file_paths]
    names = [_as_name(path[-1:]) for path in parts]
    if _repeats(names):
        names = [_as_name(path) for path in parts]
    repeated, seen = _repeats(names), set(map(fold, names))
    for at, name in enumerate(names):
        if fold(name) in repeated:
            number = next(number for number in range(1, len(names) + 2) if fold(f"{name}_{number}") not in seen)
            names[at] = f"{name}_{number}"
            seen.add(fold(names[at]))
    return names


def _decode(fitted: FittedView, name: str) -> tuple[View, list[str]]:
    """A view, and what is to be said of it."""
    source, sentences = fitted.source, []
    try:
        color, color_space = read_color(source.image, fitted.header.content)
        color = turn(color, fitted.orientation)
        for background in source.frame.transparent:
            if trouble := _make_transparent(color, color_space, background):
                sentences.append(trouble)
        depth = _read_depth(fitted, color, sentences)
        if source.mask is not None:
            depth = _mask_out(fitted, depth, color, sentences)
            if (depth == MASKED_DEPTH).all():
                sentences.append(
                    "views of which their masks leave nothing ({count}, first {first}) are left out: to use them, "
                    "store what is to be learnt as another value than 0 in their masks"
                )
        if fitted.camera.is_fisheye and (beyond := beyond_fisheye(fitted.camera)).any():
            depth = _leave_out(beyond, depth, color)
        return View(name, fitted.camera, color, color_space, depth, source.split), sentences
    except ViewError as error:
        raise DatasetError(f"{source.frame.where}: {error}") from None
    except MemoryError:
        raise DatasetError(
            f"{source.image}: not enough memory for this picture on top of those read before: scale the pictures down, "
            "or list fewer of them"
        ) from None


def _check_masks(masked: Sequence[tuple[FittedView, View]], remarks: Remarks) -> None:
    if all(view.valid is None and not view.is_masked for _, view in masked):
        remarks.add_all(
            "pictures with masks, none of which leaves anything out ({count}, first {first}): what is exactly 0 in one "
            "isn't learnt; store what is to be left out so",
            (fitted.source.listed for fitted, _ in masked),
        )
    _tell_inverted_masks(masked, remarks)


def _tell_inverted_masks(masked: Sequence[tuple[FittedView, View]], remarks: Remarks) -> None:
    """Note masks that leave out what pictures are taken of, as if they were the other way round."""
    kept = [(fitted.source.listed, view.valid) for fitted, view in masked if view.valid is not None]
    shares = [(float(valid.mean()), float(_middle(valid).mean())) for _, valid in kept]
    whole, middle = np.median(shares, axis=0) if shares else (1.0, 1.0)
    if middle < _FEW or (whole < _LITTLE and middle < 0.5):
        remarks.add_all(
            "pictures whose masks leave out most of their middle ({count}, first {first}: typically "
            f"{1 - middle:.0%} of it, and {1 - whole:.0%} of all): if they are the other way round, invert them, as "
            "what is 0 in a mask isn't learnt",
            (listed for listed, _ in kept),
        )


def _middle(pixels: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    height, width = pixels.shape
    return pixels[height // 4 : height - height // 4, width // 4 : width - width // 4]


def _make_transparent(color: Pixels, color_space: ColorSpace, background: str) -> str:
    """Take what has exactly that colour for nothing. Returns what there is to be said of it, or ""."""
    full = _FULL[color_space]
    away = np.abs(color[..., :3].astype(np.float32) - (full if background == "white" else 0.0)).max(axis=2)
    nearly = int(((away > 0) & (away <= _NEARLY * full)).sum())
    color[away == 0] = 0
    nothing = int((color[..., 3] == 0).sum())
    if nothing == 0:
        return (
            f"{background}_transparent: pictures without any pixel of exactly {background} ({{count}}, first "
            "{first}): nothing of them was made transparent; store them with alpha instead"
        )
    if nearly > nothing:
        return (
            f"{background}_transparent: pictures of which more is nearly {background} than exactly ({{count}}, first "
            "{first}), as lossy compression leaves it: only the latter was made transparent; store them with alpha"
        )
    return ""


def _read_depth(fitted: FittedView, color: Pixels, sentences: list[str]) -> npt.NDArray[np.float32] | None:
    path, unit = fitted.source.depth, fitted.source.transforms.depth_unit
    if path is None:
        return None
    depth = read_depth(path, unit.of_integers, unit.of_floats)
    if not fitted.source.transforms.is_capture:  # only there -inf masks a pixel
        depth = np.where(np.isneginf(depth), np.float32(np.inf), depth)
    is_behind = (depth < 0.0) & np.isfinite(depth)
    if is_behind.any():
        sentences.append(
            "depth pictures with numbers below 0 ({count}, first {first}), which are taken for depth that isn't known: "
            "if they are z along the camera's axis, store them with the other sign"
        )
        depth = np.where(is_behind, np.float32(UNKNOWN_DEPTH), depth)
    elif (depth == UNKNOWN_DEPTH).all():
        sentences.append(
            "depth pictures that say nothing ({count}, first {first}) aren't used: they have no number above 0, or 8 "
            "bits a pixel without a unit; name that as integer_depth_scale, or store more bits"
        )
    depth = _to_size_of(fitted, depth)
    return np.where(depth == UNKNOWN_DEPTH, depth_without_any(color), depth)


def _mask_out(
    fitted: FittedView, depth: npt.NDArray[np.float32] | None, color: Pixels, sentences: list[str]
) -> npt.NDArray[np.float32]:
    source = fitted.source
    assert source.mask is not None
    mask = read_mask(source.mask)
    if mask.takes_nearly_black:
        sentences.append(
            "masks in which more than 1% is nearly 0, but not 0, beside white ({count}, first {first}): that is taken "
            "for 0; store 0 for what is to be left out, or the same value for all that isn't"
        )
    return _leave_out(_to_size_of(fitted, mask.kept) == source.masks_out, depth, color)


def _leave_out(
    pixels: npt.NDArray[np.bool_], depth: npt.NDArray[np.float32] | None, color: Pixels
) -> npt.NDArray[np.float32]:
    """``depth`` that has these pixels taught nothing."""
    if depth is None:
        depth = depth_without_any(color)
    return np.where(pixels, np.float32(MASKED_DEPTH), depth)


def _to_size_of(fitted: FittedView, pixels: npt.NDArray[Dtype]) -> npt.NDArray[Dtype]:
    """A depth or mask picture [h, w] in the size of the view's picture, and turned as that is."""
    if fitted.is_stored_shape((pixels.shape[1], pixels.shape[0])):
        pixels = turn(pixels, fitted.orientation)
    return resize_nearest(pixels, fitted.camera.width, fitted.camera.height)


def _require_one_color_space(views: Sequence[View]) -> None:
    first, last = views[0], views[-1]
    if last.color_space != first.color_space:
        kind: Mapping[ColorSpace, str] = {"linear": "scene-linear (EXR, HDR)", "srgb": "8-bit sRGB"}
        raise DatasetError(
            f"view {last.name} is {kind[last.color_space]}, but view {first.name} is {kind[first.color_space]}: "
            "a dataset must be all of one kind"
        )


def _strip_suffix(parts: tuple[str, ...]) -> tuple[str, ...]:
    suffix = PurePath(parts[-1]).suffix
    return (*parts[:-1], parts[-1].removesuffix(suffix)) if suffix.lower() in IMAGE_SUFFIXES else parts


def _as_name(parts: tuple[str, ...]) -> str:
    text = unicodedata.normalize("NFC", "_".join(part for part in parts if part != ".."))
    text = _NOT_IN_NAMES.sub("_", text).strip(" .")
    if len(text.encode()) > _LONGEST_NAME:
        text = text.encode()[-_LONGEST_NAME:].decode(errors="ignore").strip(" .")
    return f"_{text}" if not text or text.startswith(".") or _DEVICE.fullmatch(text) else text


def _repeats(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(map(fold, names)).items() if count > 1}


def require_memory(fitted: Sequence[FittedView], path: Path) -> None:
    """Raise DatasetError where the decoded pictures don't fit into memory: told before the first is decoded."""
    needed = sum(view.bytes_decoded for view in fitted)
    free = free_memory("cpu")
    if free is None or needed <= free:
        return
    largest = max((view.camera.width, view.camera.height) for view in fitted)
    factor = math.sqrt(0.8 * free / needed)
    size = f"{int(largest[0] * factor)}x{int(largest[1] * factor)}"
    raise DatasetError(
        f"{path}: {counted(len(fitted), 'picture')} of up to {largest[0]}x{largest[1]} pixels: {needed / 1e9:.1f} GB "
        f"once decoded, and {free / 1e9:.1f} GB are free: scale them down to {size}, or list every "
        f"{math.ceil(needed / (0.8 * free))}. one; cameras follow the pictures' size by themselves"
    )
