"""Files in our folders that were damaged, or put there by another: each reader reads them or refuses them in words."""

from __future__ import annotations

import json
import random
import resource
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.faults.tally import Tally

Import = Callable[[str], ModuleType]
Read = Callable[[Path], object]

MEMORY_BOUND = 1 << 30  # bytes that all of an attack may add to the process
_SIDE = 12

NUMBERS = [0, -1, 1, 1e308, -1e308, float("nan"), float("inf"), 10**400, 2**31, 2**63, 0.5, True, None, "", "x" * 5000]
VALUES = [*NUMBERS, [], {}, [[]], "\0", "../../x", "\ud800", {"a": {}}, [None] * 100]


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """``content`` cut off, with bytes changed, doubled or left out."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        kind, place = rng.randrange(5), rng.randrange(max(len(data), 1))
        if kind == 0:
            del data[place:]
        elif kind == 1 and data:
            data[place % len(data)] = rng.randrange(256)
        elif kind == 2 and data:
            data[place : place + 4] = struct.pack("<I", rng.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(32))))
        elif kind == 3:
            del data[place : place + rng.randrange(1, 64)]
        else:
            data[place:place] = data[place : place + rng.randrange(1, 64)]
    return bytes(data)


def mutate_json(value: Any, rng: random.Random) -> Any:
    """``value`` with something in it replaced, renamed or removed."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        changed = dict(value)
        if rng.random() < 0.15:
            del changed[key]
        elif rng.random() < 0.1:
            changed[str(rng.choice(VALUES))[:100]] = changed.pop(key)
        else:
            changed[key] = mutate_json(value[key], rng)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.8:
        changed_list = list(value)
        place = rng.randrange(len(value))
        changed_list[place] = mutate_json(value[place], rng)
        return changed_list
    return rng.choice(VALUES)


def spoil_json(value: Any, rng: random.Random) -> bytes:
    """A text that is ``value`` changed, or its bytes, or nested deeply."""
    kind = rng.random()
    if kind < 0.05:
        depth = rng.choice((500, 990, 1000, 100_000))
        return b'{"a":' * depth + b"1" + b"}" * depth if rng.random() < 0.5 else b"[" * depth + b"]" * depth
    if kind < 0.08:
        return b'{"step": ' + b"9" * 20_000 + b"}"
    for _ in range(rng.choice((1, 1, 2))):
        value = mutate_json(value, rng)
    text = json.dumps(value).encode()
    return mutate_bytes(text, rng) if kind < 0.3 else text


@pytest.fixture
def pictures(addon: Import, tmp_path: Path) -> dict[str, bytes]:
    """Sound files of each kind."""
    color = np.random.default_rng(0).random((_SIDE, _SIDE, 4)).astype(np.float16)
    write = addon("picture_files.exr").write_exr
    write(tmp_path / "half.exr", {name: color[..., i] for i, name in enumerate("RGBA")})
    write(tmp_path / "depth.exr", {"V": color[..., 0].astype(np.float32)})
    found = {name: (tmp_path / name).read_bytes() for name in ("half.exr", "depth.exr")}
    return found | {"rgba.png": png(_SIDE, _SIDE, 6), "rgb.png": png(_SIDE, _SIDE, 2)}


def png(width: int, height: int, kind: int, rows: int | None = None) -> bytes:
    """A PNG file; ``rows``: that are really in it."""
    channels = {0: 1, 2: 3, 6: 4}[kind]
    rows = height if rows is None else rows
    row = (b"\0" + bytes(range(256)) * (width * channels // 256 + 1))[: width * channels + 1] if rows else b""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))]
    chunks += [(b"IDAT", zlib.compress(row * rows)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def attack_pictures(addon: Import, pictures: dict[str, bytes], folder: Path, count: int, tally: Tally) -> None:
    """``count`` damaged pictures, each given to all readers of its kind."""
    views, dataset, passes = (addon(f"capture.{name}") for name in ("captured_views", "dataset", "passes"))
    frames = addon("preview.sequence_frames")
    readers: dict[str, list[Read]] = {
        ".exr": [views.read_truth, views.read_depth, passes.read_exr, frames.read_frame],
        ".png": [views.read_truth, dataset.read_png, frames.read_frame],
    }
    rng, before, unhandled, read = random.Random(1), _peak(), [], 0
    for number in range(count):
        name, content = rng.choice(list(pictures.items()))
        path = folder / f"spoiled{Path(name).suffix}"
        spoiled = mutate_bytes(content, rng)
        path.write_bytes(spoiled)
        for reader in readers[path.suffix]:
            try:
                reader(path)
                read += 1
            except (OSError, ValueError) as error:
                if not str(error) or len(str(error)) > 1000:
                    unhandled.append(f"{number}: the refusal {error!r}")
            except Exception as error:
                unhandled.append(f"{number}: {type(error).__name__}: {error!s:.200} from {reader.__name__} of {name}")
    tally.add("damaged pictures given to the add-on", count, lost=len(unhandled))
    assert unhandled == []
    assert 0 < read < 4 * count
    assert _peak() - before < MEMORY_BOUND


def _peak() -> int:
    """The most memory that this process has had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def test_damaged_pictures_are_read_or_refused_in_words(
    addon: Import, pictures: dict[str, bytes], tmp_path: Path, tally: Tally
) -> None:
    attack_pictures(addon, pictures, tmp_path, 400, tally)


@pytest.mark.faults
def test_many_damaged_pictures_are_read_or_refused_in_words(
    addon: Import, pictures: dict[str, bytes], tmp_path: Path, tally: Tally
) -> None:
    attack_pictures(addon, pictures, tmp_path, 50_000, tally)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bomb.png", png(30_000, 30_000, 6, rows=1)),
        ("wide.png", png(2**31 - 1, 1, 2, rows=0)),
        ("empty.png", b""),
        ("other.png", b"GIF89a" + bytes(40)),
        ("script.png", b"#!/bin/sh\ntouch pwned\n"),
        ("grey.png", png(_SIDE, _SIDE, 0)),
        ("empty.exr", b""),
        ("png.exr", png(_SIDE, _SIDE, 6)),
        ("magic.exr", b"\x76\x2f\x31\x01\x02\x00\x00\x00" + bytes(64)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_pictures_that_are_none_or_too_large_are_refused_before_they_are_decoded(
    addon: Import, tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    before = _peak()
    with pytest.raises(ValueError, match=name):
        addon("capture.captured_views").read_truth(path)
    assert _peak() - before < 1 << 28


def test_a_large_exr_of_another_size_than_its_camera_is_not_decoded(addon: Import, tmp_path: Path) -> None:
    path = tmp_path / "bomb.exr"
    addon("picture_files.exr").write_exr(path, {"V": np.zeros((4096, 4096), np.float32)})  # 64 MB
    before = _peak()
    with pytest.raises(ValueError, match="4096x4096 pixels, not 48x48"):
        addon("capture.passes").read_exr(path, (48, 48))
    assert _peak() - before < 1 << 25


def manifest(addon: Import) -> dict[str, Any]:
    from engine.link.capture_format import ViewRecord, describe_manifest
    from engine.link.geometry import Bounds, Camera

    camera = Camera(np.eye(4), _SIDE, _SIDE, 10.0, 10.0, 6.0, 6.0)
    views = [
        ViewRecord("train_000", "train", camera, "Camera", None, 1.0),
        ViewRecord("a", "test", camera, "Camera", 3),
    ]
    subject = np.array([(-1, 0, 0), (1, 0, 0), (0, 1, 1)], float)
    settings = {"scene": "Scene", "width": _SIDE, "depth": True}
    bounds = Bounds(np.full(3, -1.0), np.full(3, 1.0))
    return describe_manifest(settings, bounds, views, subject=subject, objects=["Cube", "Ball"])


def attack_texts(addon: Import, folder: Path, count: int, tally: Tally) -> None:
    """``count`` spoiled JSON files, each given to its reader."""
    dataset, takes, usage = addon("capture.dataset"), addon("takes.take_folders"), addon("takes.usage")
    environments, cures = addon("engine_setup.environment"), addon("capture.plan_warnings")
    job = addon("importing.dataset_import").DatasetImport.__new__(addon("importing.dataset_import").DatasetImport)

    def read_capture(path: Path) -> object:
        opened = dataset.CaptureDataset.open(path.parent)
        dataset.read_objects(path.parent)
        usage._count_views(path.parent.parent)
        return opened.color_space, [opened.has_depth(name) for name in opened.views], opened.imported_from

    take = {"name": "Closer", "made": 1.0}
    record = {"folder": "env", "version": "1", "wheel": "abc"}
    run = {"step": 10, "seconds": 1.5, "history": [{"psnr": 20.0, "subject_psnr": 19.0}]}
    job._stages = ("Reading", "Writing")
    stage = {"stage": "Reading", "done": 1, "total": 2, "warnings": ["x"]}
    packed = [{"label": "Fit", "operator": "hashlight.fit_bounds", "properties": {"a": 1}, "option": "--fit"}]
    readers: list[tuple[str, Any, Read]] = [
        ("capture/manifest.json", manifest(addon), read_capture),
        ("takes/closer/take.json", take, lambda path: takes.read_takes(folder, "")),
        ("run.json", run, lambda path: usage._read_score(path.parent)),
        ("current.json", record, lambda path: environments.EngineHome(path.parent).current()),
        ("stage.json", stage, lambda path: job._note_line(path.read_text(errors="replace"))),
        ("cures.json", packed, lambda path: cures.unpack(path.read_text(errors="replace"))),
    ]
    rng, before, unhandled = random.Random(2), _peak(), []
    for number in range(count):
        name, sound, reader = readers[number % len(readers)]
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(spoil_json(sound, rng))
        try:
            reader(path)
        except addon("capture.errors").CaptureError as error:
            if "manifest.json" not in str(error) or len(str(error)) > 1000:
                unhandled.append(f"{number}: the refusal {error!r}")
        except Exception as error:
            spoiled = path.read_bytes()[:200]
            unhandled.append(f"{number}: {type(error).__name__}: {error!s:.200} from {name}: {spoiled!r}")
    tally.add("spoiled JSON files given to the add-on", count, lost=len(unhandled))
    assert unhandled == []
    assert _peak() - before < MEMORY_BOUND


def test_spoiled_json_is_read_or_refused_in_words(addon: Import, tmp_path: Path, tally: Tally) -> None:
    attack_texts(addon, tmp_path, 1200, tally)


@pytest.mark.faults
def test_much_spoiled_json_is_read_or_refused_in_words(addon: Import, tmp_path: Path, tally: Tally) -> None:
    attack_texts(addon, tmp_path, 100_000, tally)


def test_a_huge_json_file_is_not_read(addon: Import, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    with path.open("wb") as file:
        file.truncate(1 << 33)
    assert addon("takes.usage")._read_score(tmp_path) is None


def attack_view_transforms(addon: Import, folder: Path, count: int, tally: Tally) -> None:
    from engine.link.view_transform import (
        SIZE,
        ViewTransform,
        ViewTransformError,
        lattice_colors,
        load_view_transform,
        save_view_transform,
    )

    path = folder / "view_transform.npz"
    save_view_transform(path, ViewTransform(np.clip(lattice_colors(SIZE), 0.0, 1.0).astype(np.float32)))
    content, rng, before, unhandled = path.read_bytes(), random.Random(3), _peak(), []
    for number in range(count):
        path.write_bytes(mutate_bytes(content, rng))
        try:
            load_view_transform(path)
        except ViewTransformError:
            pass
        except Exception as error:
            unhandled.append(f"{number}: {type(error).__name__}: {error!s:.200}")
    tally.add("damaged view transforms", count, lost=len(unhandled))
    assert unhandled == []
    assert _peak() - before < MEMORY_BOUND


def test_damaged_view_transforms_are_read_or_refused_in_words(addon: Import, tmp_path: Path, tally: Tally) -> None:
    attack_view_transforms(addon, tmp_path, 150, tally)


@pytest.mark.faults
def test_many_damaged_view_transforms_are_read_or_refused(addon: Import, tmp_path: Path, tally: Tally) -> None:
    attack_view_transforms(addon, tmp_path, 10_000, tally)
