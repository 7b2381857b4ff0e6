"""What a path is that holds no dataset that can be read, for messages, and what turns it into one that can."""

from __future__ import annotations

import re
from pathlib import Path

from engine.data.picture_finder import PictureFinder
from engine.link.json_files import JsonError, read_object

_ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "an empty zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
}
_ARCHIVE_ENDINGS = (".zip", ".json.gz", ".tar.gz", ".tgz", ".tar", ".7z", ".rar")
# Where such a file (a pattern below the folder) is, what the folder holds, and what makes a transforms.json of it.
_COLMAP_CURE = "its reconstruction is read: give the folder with sparse/0 and images/"
_BY_HAND = "its cameras have to be written into a transforms.json"
_OUTPUTS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("run.json",), "a run of Hashlight's own", "give the dataset that it was trained on, which run.json names"),
    (("dataparser_transforms.json",), "what nerfstudio has trained", "give the folder that was given to it as --data"),
    (("cameras.json", "cfg_args", "point_cloud/iteration_*"), "what Gaussian splatting has trained",
     "give the folder of its pictures, source_path in cfg_args"),
    (("*.ingp", "*.msgpack"), "a snapshot of instant-ngp", "give the folder of the pictures that it was trained on"),
)  # fmt: skip
_FOLDERS = (
    (("cameras.bin", "cameras.txt", "images.bin", "images.txt", "points3D.*", "sparse", "colmap"),
     "a part of a COLMAP model", "it needs cameras and images, both as .bin or both as .txt"),
    (("*.db",), "a COLMAP database without what COLMAP made of it", _COLMAP_CURE),
    (("poses_bounds*.npy",), "an LLFF dataset", "call its file poses_bounds.npy"),
    (("cameras_sphere.npz", "cameras*.npz", "*/cameras_sphere.npz"), "a DTU or NeuS dataset (cameras_sphere.npz)",
     _BY_HAND),
    (("bbox.txt", "intrinsics.txt"), "an NSVF dataset (bbox.txt, pose/)",
     "instant-ngp's scripts/nsvf2nerf.py converts it"),
    (("groundtruth.txt", "rgb.txt"), "a TUM RGB-D sequence", _BY_HAND),
    (("frame-*.pose.txt", "seq-*/frame-*.pose.txt"), "a 7-Scenes sequence", _BY_HAND),
    (("intrinsic/intrinsic_*.txt", "*.sens", "pose/*.txt"), "a ScanNet scene or the like (pose/)",
     _BY_HAND),
    (("cams/*_cam.txt",), "an MVSNet dataset (cams/)", _BY_HAND),
    (("dataset.json", "scene.json"), "a Nerfies or HyperNeRF dataset", "its scene moves, which isn't learnt"),
    (("keyframes", "mesh_info.json"), "a Polycam export", "`ns-process-data polycam` converts it"),
    (("*.r3d", "rgbd"), "a Record3D export", "`ns-process-data record3d` converts it"),
    (("*.sfm", "*.mg"), "a Meshroom project", "export it to COLMAP, and give that"),
    (("reconstruction.json", "opensfm"), "an OpenSfM or ODM reconstruction", "`ns-process-data odm` converts it"),
    (("*.psx", "*.xml"), "a Metashape project or its cameras", "`ns-process-data metashape` converts the exported XML"),
    (("bundle.out", "*.rd.out"), "a Bundler reconstruction", "import it into COLMAP, and give what that writes"),
    (("*.ply", "*.splat", "*.spz", "*.ksplat"), "points or splats, without pictures to learn from",
     "give the folder of the pictures that they were made from"),
    (("*.blend", "*.usdz", "*.usd", "*.usda", "*.usdc", "*.glb", "*.gltf", "*.fbx", "*.obj"),
     "a scene, and no pictures of it", "open it in Blender, and capture it there"),
    (("*.heic", "*.heif", "*.dng"), "pictures of a phone without their cameras",
     "convert them to JPEG, and find their cameras, for example by COLMAP"),
    (("poses.csv", "cameras.csv", "*pose*.csv", "*pose*.txt", "*pose*.y*ml", "*camera*.y*ml"),
     "poses in a table of their own", _BY_HAND),
    (("*.mp4", "*.mov", "*.avi", "*.mkv"), "a video",
     "`ns-process-data video` or instant-ngp's scripts/colmap2nerf.py finds its cameras"),
    (("*.jpg", "*.jpeg", "*.png", "*.exr", "*.webp", "images/*", "input/*"), "pictures without their cameras",
     "find those first, for example by COLMAP"),
)  # fmt: skip
_FILES = {
    (".blend", ".usdz", ".usd", ".usda", ".usdc", ".glb", ".gltf", ".fbx", ".obj"):
        "it is a scene: open it in Blender, and capture it there",
    (".heic", ".heif", ".jpg", ".jpeg", ".png", ".exr", ".tif", ".tiff", ".webp"):
        "it is a picture: give the folder of a transforms.json that lists it, with its camera",
    (".ingp", ".msgpack"): "it is a snapshot of instant-ngp: give the folder of the pictures that it was trained on",
    ("cameras.txt", "cameras.bin", "images.txt", "images.bin", "points3d.txt", "points3d.bin"):
        f"it is a part of a COLMAP model: {_COLMAP_CURE}",
    (".yaml", ".yml", ".toml", ".csv", ".tsv", ".txt"): f"it is no JSON: {_BY_HAND}",
}  # fmt: skip
_LISTS = ("transforms_train.json", "transforms.json", "transforms_test.json")


def describe_folder(folder: Path) -> str:
    """Why there is no dataset in ``folder``: a sentence that says what there is instead, and what to do."""
    missing = "no transforms.json or transforms_train.json in this folder"
    below = [
        path.parent for stars in ("*", "*/*") for name in _LISTS for path in sorted(folder.glob(f"{stars}/{name}"))
    ]
    if below:
        return f"{missing}, but in {below[0].relative_to(folder)}: give that one"
    if lists := [path.name for path in _with_ending(folder, ".json") if _lists_views(path)]:
        return f"{missing}; {' and '.join(lists[:3])} lists views: give that file itself"
    if any((folder.parent / name).is_file() for name in _LISTS):
        return f"{missing}, but in the one above: give {folder.absolute().parent}"
    for patterns, what, cure in _OUTPUTS:
        if _has_any(folder, patterns):
            return f"{missing}: it looks like {what}; {cure}"
    if archives := [path for ending in _ARCHIVE_ENDINGS for path in _with_ending(folder, ending)]:
        return f"{missing}, but {archives[0].name}: unpack that, and give the folder it makes"
    for patterns, what, cure in _FOLDERS:
        if _has_any(folder, patterns):
            return f"{missing}: it looks like {what}, which isn't read; {cure}"
    return f"{missing}; it holds {PictureFinder(folder).contents()}"


def _has_any(folder: Path, patterns: tuple[str, ...]) -> bool:
    """Whether something is in ``folder`` that one of ``patterns`` is for, in whatever case."""
    folded = (re.sub("[a-zA-Z]", lambda letter: f"[{letter[0].lower()}{letter[0].upper()}]", each) for each in patterns)
    return any(next(folder.glob(pattern), None) is not None for pattern in folded)


def _with_ending(folder: Path, ending: str) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.lower().endswith(ending))
    except OSError:
        return []


def _lists_views(path: Path) -> bool:
    try:
        return bool(read_object(path).get("frames"))
    except (OSError, JsonError):
        return False


def describe_file(path: Path) -> str | None:
    """What a file is that can't be a list of views, and what to do; None where it may be one."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError:
        return None
    for endings, what in _FILES.items():
        if path.name.lower().endswith(endings):
            return what
    for magic, what in _ARCHIVES.items():
        if start.startswith(magic):
            return f"it is {what}: unpack it, and give the folder it makes"
    if start[257:262] == b"ustar":
        return "it is a tar archive: unpack it, and give the folder it makes"
    if start.startswith(b"\x93NUMPY") or path.suffix.lower() in (".npy", ".npz"):
        return "it is a numpy file, not a list of views: give the folder that it lies in"
    if start.startswith(b"ply"):
        return "it holds points, not views: give the folder of the pictures that they were made from"
    if path.suffix.lower() in (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"):
        return "it is a video: `ns-process-data video` or instant-ngp's scripts/colmap2nerf.py finds its cameras"
    if start.lstrip().startswith(b"<"):
        return "it is XML: `ns-process-data metashape` converts exported Metashape cameras"
    if start.startswith(b"SQLite format 3"):
        return f"it is a COLMAP database: {_COLMAP_CURE}"
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS: fetch the file by `git lfs pull`"
    return None
