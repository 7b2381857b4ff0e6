"""The files that each view is read from: found, and fitted to its camera before anything is decoded."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from engine.data.dataset import DatasetError
from engine.data.depth_images import DEPTH_SUFFIXES
from engine.data.images import LINEAR_SUFFIXES, PictureHeader, read_header
from engine.data.masks import MaskFinder
from engine.data.picture_finder import IMAGE_SUFFIXES, IN_ANOTHER_FOLDER, Found, PictureFinder
from engine.data.remarks import Remarks
from engine.data.transforms import FrameRecord, Transforms
from engine.link.geometry import Camera
from engine.link.messages import Split

READING_THREADS = 8
MASK_SUFFIXES = (*IMAGE_SUFFIXES, ".npy")

_UNREAD_SUFFIXES = (
    ".npz",
    ".raw",
    ".bin",
    ".dat",
    ".pt",
    ".pth",
    ".pkl",
    ".h5",
    ".mat",
    ".gz",
    ".zip",
    ".txt",
    ".json",
)


@dataclasses.dataclass(frozen=True)
class _Beside:
    """Files that a frame may list beside its picture, and how it is used without."""

    name: str
    suffixes: tuple[str, ...]
    without: str


_DEPTH = _Beside("depth pictures", DEPTH_SUFFIXES, "without depth")
_MASK = _Beside("masks", MASK_SUFFIXES, "with all of their pixels")


@dataclasses.dataclass(frozen=True, eq=False)
class ViewSource:
    """A frame whose picture is there. ``masks_out``: what is not 0 in ``mask`` is left out, instead of what is."""

    frame: FrameRecord
    transforms: Transforms
    split: Split
    image: Path
    depth: Path | None
    mask: Path | None
    masks_out: bool = False

    @property
    def listed(self) -> str:
        """The picture's path as it is listed: what people know it by."""
        return self.frame.file_path

    def with_split(self, split: Split) -> ViewSource:
        """The same, trained on or held out."""
        return dataclasses.replace(self, split=split)


@dataclasses.dataclass(frozen=True)
class ViewHeaders:
    """What the files of a view say before they are decoded."""

    picture: PictureHeader
    depth: PictureHeader | None
    mask: PictureHeader | None


@dataclasses.dataclass(frozen=True, eq=False)
class FittedView:
    """A view whose camera is that of its picture, once that is turned as EXIF's ``orientation`` says; 1: as it is."""

    source: ViewSource
    header: PictureHeader
    orientation: int
    camera: Camera

    def is_of_shape(self, size: tuple[int, int]) -> bool:
        """Whether a depth or mask picture of ``size`` shows what the picture does, as that was stored or turned."""
        return same_shape(size, (self.camera.width, self.camera.height)) or self.is_stored_shape(size)

    def is_stored_shape(self, size: tuple[int, int]) -> bool:
        """Whether ``size`` is that of the picture before it is turned, at some scale."""
        return self.orientation != 1 and same_shape(size, (self.header.width, self.header.height))

    @property
    def bytes_decoded(self) -> int:
        """What its picture, and depth or mask, take in memory."""
        has_depth = self.source.depth is not None or self.source.mask is not None or self.camera.is_fisheye
        is_linear = self.source.image.suffix.lower() in LINEAR_SUFFIXES
        return self.camera.width * self.camera.height * ((8 if is_linear else 4) + (4 if has_depth else 0))


def find_sources(
    transforms: Transforms,
    frames: Sequence[tuple[FrameRecord, Split]],
    masks: MaskFinder,
    remarks: Remarks,
) -> list[ViewSource]:
    """The files of all ``frames``, in the same order, but for those whose picture isn't there: they are left out.

    ``masks``: where to look for such as no frame names. Raises DatasetError where no picture is there.
    """
    folder = transforms.folder
    finder = PictureFinder(folder)
    found = _only_sure({at: finder.find(frame.file_path) for at, (frame, _) in enumerate(frames)})
    missing = [frame.file_path for at, (frame, _) in enumerate(frames) if found[at] is None]
    if len(missing) == len(frames):
        others = "the only one that is listed" if len(frames) == 1 else f"and so are all {len(frames)} that are listed"
        raise DatasetError(
            f"{transforms.path}: the image {missing[0]} is missing, {others}; {folder} holds {finder.contents()}"
            f"{_describe_scaled(finder, missing[0])}"
        )
    remarks.add_all(
        f"{transforms.path}: listed pictures that are missing ({{count}} of {len(frames)}, first {{first}}) are left "
        "out: add them, or remove them from the list",
        missing,
    )
    pictures = {match.path for match in found.values() if match is not None}
    sources = []
    for at, (frame, split) in enumerate(frames):
        match = found[at]
        if match is None:
            continue
        if match.difference:
            remarks.add(
                f"{transforms.path}: pictures that {match.difference} ({{count}}, first {{first}}, found as {{found}}) "
                "are used: correct the paths, above all if they are others",
                frame.file_path,
                found=_shown(match.path, folder),
            )
        depth = _find_beside(frame.depth_path, _DEPTH, finder, pictures, remarks)
        mask = _find_beside(frame.mask_path, _MASK, finder, pictures, remarks)
        masks_out = frame.masks_out
        if frame.mask_path is None and (unlisted := masks.find(match.path)) is not None:
            mask, masks_out = unlisted.path, unlisted.masks_out
            remarks.add(
                f"pictures with a mask in {unlisted.place} that the list doesn't name ({{count}}, first {{first}}): "
                "what the masks leave out isn't learnt; to learn all, move them elsewhere",
                frame.file_path,
            )
        sources.append(ViewSource(frame, transforms, split, match.path, depth, mask, masks_out))
    return sources


def fit_view(source: ViewSource, headers: ViewHeaders, remarks: Remarks) -> FittedView:
    """The camera of a picture that is as large as ``headers`` say. Raises DatasetError where its shape is another than
    that which the camera is for, or than that of its depth or mask."""
    frame, header = source.frame, headers.picture
    stored = (header.width, header.height)
    said = frame.lens.size_for(stored)
    orientation, size = 1, stored
    if header.orientation != 1:
        fits = [_fit(each, frame.lens.size_for(each), frame.lens.aspect) for each in (stored, header.turned_size)]
        if fits[1] > fits[0]:
            orientation, size = header.orientation, header.turned_size
            said = frame.lens.size_for(size)
        elif fits[1] == fits[0]:
            remarks.add(
                "pictures whose EXIF data say that they are to be turned or mirrored, where w and h don't tell whether "
                "their cameras are for that ({count}, first {first}): they are used as stored; if the scores are bad, "
                "store them turned",
                source.listed,
            )
    fit = _fit(size, said, None)
    if fit == _OTHER_SHAPE:
        raise DatasetError(
            f"{frame.where}: {source.image} is {header.width}x{header.height}, but the camera says {said[0]}x{said[1]}"
            f"{_describe_turned(size, said, 'correct w and h')}"
        )
    for unused in header.unused:
        remarks.add(
            f"pictures whose files hold {unused} ({{count}}, first {{first}}): that isn't used, or only roughly; if "
            "the colours or the scores are bad, store the pictures without",
            source.listed,
        )
    camera = frame.lens.camera(frame.pose, size, source.listed, remarks)
    if fit == _SCALED and frame.lens.size_of_values(size) != size:
        remarks.add(
            "pictures of another size than their cameras are for ({count}, first {first}: {size} instead of {said}): "
            "the cameras are scaled to the pictures; if that is wrong, correct w and h",
            source.listed,
            size=f"{size[0]}x{size[1]}",
            said=f"{said[0]}x{said[1]}",
        )
    fitted = FittedView(source, header, orientation, camera)
    for what, beside in (("depth", headers.depth), ("mask", headers.mask)):
        if beside is not None and not fitted.is_of_shape((beside.width, beside.height)):
            raise DatasetError(
                f"{frame.where}: the {what} is {beside.width}x{beside.height}, another shape than the picture's "
                f"{size[0]}x{size[1]}{_describe_turned((beside.width, beside.height), size, 'store it as that is')}"
            )
    return fitted


def _describe_turned(size: tuple[int, int], wanted: tuple[int, int], cure: str) -> str:
    """What to do where a picture is as high as it should be wide; "" where it isn't."""
    return f": it seems to be turned by 90 degrees; turn it, or {cure}" if same_shape(size[::-1], wanted) else ""


def tell_open_sizes(fitted: Sequence[FittedView], remarks: Remarks) -> None:
    """Note pictures of another size than the first with the same values in pixels, if nothing says for which size."""
    sizes: dict[tuple[tuple[str, float], ...], tuple[int, int]] = {}
    for view in fitted:
        lens, size = view.source.frame.lens, (view.camera.width, view.camera.height)
        if not lens.leaves_size_open:
            continue
        first = sizes.setdefault(tuple(sorted(lens.values.items())), size)
        if size != first:
            remarks.add(
                "pictures of another size than others with the same focal length in pixels, where no w and h say what "
                "size that is for ({count}, first {first}: {size}, before it {other}): it is taken for the size of "
                "each, which some can't be; name w and h",
                view.source.listed,
                size=f"{size[0]}x{size[1]}",
                other=f"{first[0]}x{first[1]}",
            )


def read_headers(sources: Sequence[ViewSource]) -> list[ViewHeaders]:
    """How large the pictures of each view are. Raises DatasetError that names one that can't be read."""
    with ThreadPoolExecutor(READING_THREADS, thread_name_prefix="headers") as pool:
        return list(pool.map(_read_headers_of, sources))


def _read_headers_of(source: ViewSource) -> ViewHeaders:
    depth, mask = (None if path is None else read_header(path) for path in (source.depth, source.mask))
    return ViewHeaders(read_header(source.image), depth, mask)


def same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes (width, height) are of one picture at two scales, to a pixel's rounding."""
    (width, height), (small_width, small_height) = sorted((size, other), reverse=True)
    by_width = abs(height * small_width / width - small_height)
    by_height = abs(width * small_height / height - small_width)
    return min(by_width, by_height) <= 1.0


_OTHER_SHAPE, _SCALED, _EXACT = range(3)
_OTHER_ASPECT = 0.1  # of a logarithm: a middle of the lens that is off the picture's is no other shape


def _fit(size: tuple[int, int], said: tuple[int, int], aspect: float | None) -> int:
    """How well a picture's size is that which its camera is for; ``aspect`` tells where only the lens does."""
    if aspect is not None and abs(math.log(size[0] / size[1] / aspect)) > _OTHER_ASPECT:
        return _OTHER_SHAPE
    return _EXACT if size == said else _SCALED if same_shape(size, said) else _OTHER_SHAPE


def _describe_scaled(finder: PictureFinder, listed: str) -> str:
    """What to do where a picture is there scaled down alone; "" where it isn't."""
    folder, factor = finder.find_scaled(listed)
    if not folder:
        return ""
    full = folder.removesuffix(f"_{factor}")
    return (
        f"; {folder}/ has it scaled down by {factor}: call that folder {full}, and keep w and h in the list, or add "
        "those of the full size"
    )


def _find_beside(
    listed: str | None, kind: _Beside, finder: PictureFinder, pictures: Collection[Path], remarks: Remarks
) -> Path | None:
    """The file that a frame lists beside its picture: none of the dataset's ``pictures``, which often have the same
    names in another folder."""
    if listed is None:
        return None
    found = finder.find(listed, kind.suffixes)
    if found is None or (found.difference and found.path in pictures):
        remarks.add(
            f"listed {kind.name} that are missing ({{count}}, first {{first}}): the views are used {kind.without}; add "
            "them, or remove their names",
            listed,
        )
        return None
    if found.path.suffix.lower() in _UNREAD_SUFFIXES:
        remarks.add(
            f"{kind.name} of a format that isn't read ({{count}}, first {{first}}): the views are used {kind.without}; "
            f"store them as {', '.join(kind.suffixes)}",
            listed,
        )
        return None
    if found.difference == IN_ANOTHER_FOLDER:
        remarks.add(
            f"{kind.name} that {found.difference} ({{count}}, first {{first}}) are used: correct their paths", listed
        )
    return found.path


def _only_sure(found: dict[int, Found | None]) -> dict[int, Found | None]:
    """Without files that stand for a frame by a path that differs, where they stand for another one as well."""
    claims: dict[Path, list[int]] = defaultdict(list)
    for at, match in found.items():
        if match is not None:
            claims[match.path].append(at)
    return {
        at: None if match is not None and match.difference and len(claims[match.path]) > 1 else match
        for at, match in found.items()
    }


def _shown(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
