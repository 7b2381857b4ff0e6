"""What a path is that holds no dataset that can be read, for messages, and what turns it into one that can."""

from __future__ import annotations

from pathlib import Path

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
_FOLDERS = (
    (("cameras.bin", "cameras.txt", "images.bin", "images.txt", "points3D.*", "sparse", "colmap"),
     "a part of a COLMAP model", "it needs cameras and images, both as .bin or both as .txt"),
    (("*.db",), "a COLMAP database without what COLMAP made of it", _COLMAP_CURE),
    (("poses_bounds*.npy",), "an LLFF dataset", "call its file poses_bounds.npy"),
    (("cameras_sphere.npz", "cameras*.npz", "*/cameras_sphere.npz"), "a DTU or NeuS dataset (cameras_sphere.npz)",
     _BY_HAND),
    (("bbox.txt", "intrinsics.txt"), "an NSVF dataset (bbox.txt, pose/)",
     "instant-ngp's scripts/nsvf2nerf.py converts it"),
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
    (("*.mp4", "*.mov", "*.avi", "*.mkv"), "a video",
     "`ns-process-data video` or instant-ngp's scripts/colmap2nerf.py finds its cameras"),
    (("*.jpg", "*.jpeg", "*.png", "*.JPG", "*.exr", "*.webp", "images/*", "input/*"), "pictures without their cameras",
     "find those first, for example by COLMAP"),
)  # fmt: skip
_LISTS = ("transforms_train.json", "transforms.json", "transforms_test.json")


def describe_folder(folder: Path) -> str:
    """Why there is no dataset in ``folder``: a sentence that says what there is instead, and what to do."""
    below = [path.parent for name in _LISTS for path in sorted(folder.glob(f"*/{name}"))]
    if below:
        return f"no transforms.json or transforms_train.json in this folder, but in {below[0].name}: give that one"
    missing = "no transforms.json or transforms_train.json in this folder"
    if archives := sorted(path for ending in _ARCHIVE_ENDINGS for path in folder.glob(f"*{ending}")):
        return f"{missing}, but {archives[0].name}: unpack that, and give the folder it makes"
    for patterns, what, cure in _FOLDERS:
        if any(next(folder.glob(pattern), None) is not None for pattern in patterns):
            return f"{missing}: it looks like {what}, which isn't read; {cure}"
    if others := sorted(path.name for path in folder.glob("*.json")):
        return f"{missing}; if {others[0]} lists the views, give that file itself"
    return missing


def describe_file(path: Path) -> str | None:
    """What a file is that can't be a list of views, and what to do; None where it may be one."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError:
        return None
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
