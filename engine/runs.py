"""A run on disk: a folder with ``run.json`` and the snapshot that it names.

Each save writes a snapshot under a new name, then replaces ``run.json``, which names the snapshot with its size and
checksum, and only then removes the former one. A crash at any moment leaves the former run or the new one, whole.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import engine
from engine.link.geometry import Bounds, Camera, GeometryError
from engine.link.messages import Split
from engine.run_folder import RUN_FILE
from engine.training.config import ConfigError, TrainConfig
from engine.training.trainer import Trainer

FORMAT = 1
_SNAPSHOT_NAME = re.compile(r"snapshot-[0-9]+-[0-9a-f]+\.safetensors")


class RunError(Exception):
    """A run folder that can't be read or written; the message names the file and the fault."""


class RunWriteError(RunError):
    """A run that can't be written; the message names the folder, the reason and what to do."""


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run read back: ``trainer`` as it was but without its views, ``info`` the contents of run.json."""

    folder: Path
    trainer: Trainer
    info: dict[str, Any]


class HasCamera(Protocol):
    """A view, with or without its picture."""

    @property
    def name(self) -> str: ...
    @property
    def split(self) -> Split: ...
    @property
    def camera(self) -> Camera: ...


def describe_views(views: Iterable[HasCamera]) -> list[dict[str, Any]]:
    """Names, splits and cameras of ``views`` as run.json keeps them under "views"."""
    return [{"name": view.name, "split": view.split, "camera": view.camera.to_json()} for view in views]


def save_run(folder: Path, trainer: Trainer, extra: Mapping[str, Any]) -> Path:
    """Write ``trainer`` and the JSON-ready ``extra`` (views, history, dataset, ...) to ``folder``; returns the path of
    the snapshot. Atomic: when it fails, with a RunError, the former run is still there."""
    snapshot = folder / f"snapshot-{trainer.step_count:08d}-{secrets.token_hex(4)}.safetensors"
    part = snapshot.with_name(snapshot.name + ".part")
    try:
        make_run_folder(folder)
        save_file({name: _to_plain(tensor) for name, tensor in trainer.state().items()}, part)
        _sync(part)
        info = dict(extra) | _describe(trainer) | {"snapshot": _fingerprint(part) | {"file": snapshot.name}}
        part.replace(snapshot)
        text = json.dumps(info, indent=1, allow_nan=False)
        run_part = folder / f"{RUN_FILE}.{snapshot.stem}.part"
        run_part.write_text(text, encoding="utf-8")
        _sync(run_part)
        run_part.replace(folder / RUN_FILE)
    except (OSError, SafetensorError) as error:
        _remove(part, snapshot)
        raise _cant_write(folder, error) from error
    except (TypeError, ValueError) as error:
        _remove(part, snapshot)
        raise RunError(f"{folder / RUN_FILE}: not JSON: {error}") from error
    _remove(*(path for path in _own_files(folder) if path != snapshot))
    return snapshot


def make_run_folder(folder: Path) -> None:
    """Make the folder of a run, which may be there already, and see that it can be written into. Raises RunError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _cant_write(folder, error) from error


def _cant_write(folder: Path, error: Exception) -> RunWriteError:
    reason = "it is a file" if folder.is_file() else getattr(error, "strerror", None) or error
    return RunWriteError(f"{folder}: the run can't be written ({reason}): make room, or name another folder")


def load_run(folder: Path, device: str) -> Run:
    """Read the run in ``folder`` onto ``device`` ("cpu" or "cuda"). Raises RunError: not there, cut off, damaged, or
    written by a newer version."""
    info = read_info(folder)
    path = folder / RUN_FILE
    try:
        config = TrainConfig.from_json(info["config"])
        bounds = Bounds.from_json(info["bounds"])
        color_space, named = info["color_space"], info["snapshot"]
        file, size, checksum = named["file"], named["bytes"], named["sha256"]
    except (KeyError, TypeError) as error:
        raise RunError(f"{path}: missing or malformed: {error}") from error
    except (GeometryError, ConfigError) as error:
        raise RunError(f"{path}: {error}") from error
    if color_space not in ("linear", "srgb"):
        raise RunError(f"{path}: color_space is {color_space!r}, expected linear or srgb")
    if not isinstance(file, str) or not _SNAPSHOT_NAME.fullmatch(file):
        raise RunError(f"{path}: {file!r} is not the name of a snapshot")
    trainer = Trainer(config, bounds, color_space, device)
    try:
        trainer.load_state(_read_snapshot(folder / file, size, checksum, device))
    except (KeyError, ValueError, RuntimeError) as error:
        raise RunError(f"{folder / file}: doesn't fit the run's configuration: {error}") from error
    return Run(folder, trainer, info)


def read_info(folder: Path) -> dict[str, Any]:
    """The contents of ``folder``'s run.json. Raises RunError."""
    path = folder / RUN_FILE
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{folder}: there is no run here ({RUN_FILE} is missing)") from None
    except NotADirectoryError:
        raise RunError(f"{folder}: there is no run here (it is a file, and a run is a folder)") from None
    except OSError as error:
        raise RunError(f"{path}: can't be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: cut off or not JSON: {error}") from None
    if not isinstance(info, dict) or not isinstance(info.get("format"), int):
        raise RunError(f"{path}: not a run of Hashlight")
    if info["format"] > FORMAT:
        raise RunError(f"{path}: written by a newer version ({info.get('version')}); this is {engine.__version__}")
    return info


def _describe(trainer: Trainer) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": engine.__version__,
        "torch": torch.__version__,
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "device": trainer.device,
        "preset": trainer.config.preset,
        "config": trainer.config.to_json(),
        "bounds": trainer.bounds.to_json(),
        "color_space": trainer.color_space,
        "step": trainer.step_count,
        "seconds": trainer.training_seconds,
    }


def _read_snapshot(path: Path, size: int, checksum: str, device: str) -> dict[str, torch.Tensor]:
    try:
        if path.stat().st_size != size:
            raise RunError(f"{path}: cut off: {path.stat().st_size} bytes, expected {size}")
        if _fingerprint(path)["sha256"] != checksum:
            raise RunError(f"{path}: damaged: its checksum is not the one in {RUN_FILE}")
        return load_file(path, device=device)
    except FileNotFoundError:
        raise RunError(f"{path}: missing, though {RUN_FILE} names it") from None
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path}: can't be read: {error}") from error


def _to_plain(tensor: torch.Tensor) -> torch.Tensor:
    # A copy: safetensors refuses tensors that share memory.
    return tensor.detach().to("cpu", copy=True).contiguous()


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _sync(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _own_files(folder: Path) -> list[Path]:
    """Every snapshot, and whatever an interrupted save left."""
    return [*folder.glob("snapshot-*.safetensors"), *folder.glob("snapshot-*.part"), *folder.glob(f"{RUN_FILE}.*.part")]


def _remove(*paths: Path) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError:  # Windows: another process has it open; the next save tries again
            continue
