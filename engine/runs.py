"""A run on disk: a folder with ``run.json``, the snapshot that it names, and the scores that it names.

Each save writes a snapshot under a new name, then replaces ``run.json``, which names the snapshot with its size and
checksum, and only then removes the former one. A crash at any moment leaves the former run or the new one, whole; so
does a loss of power, as files are on the disk before they are named, and names before the former ones go.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import secrets
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

import engine
from engine.link.disk import sync_file, sync_folder
from engine.link.metrics import write_descriptions
from engine.link.part_files import remove_leftovers, written_atomically
from engine.primitives.config import ConfigError
from engine.primitives.kind import Kind
from engine.primitives.memory import MemoryShortage
from engine.primitives.registry import kind_named
from engine.run_folder import RUN_FILE, RunError, RunWriteError
from engine.run_history import NAME as HISTORY_NAME
from engine.run_history import RunHistory
from engine.run_info import FORMAT, SNAPSHOT_NAME, read_info, read_run_info
from engine.run_lock import lock_run
from engine.training.trainer import Trainer

__all__ = ["Run", "RunError", "RunWriteError", "load_run", "make_run_folder", "read_info", "save_run"]

# Seconds that a save waits for another process which has the folder: it may only be saving, too.
_PATIENCE = 2.0
# What versions without locks were writing was called so.
_FORMER_PART = re.compile(r"(snapshot-[0-9]+-[0-9a-f]+\.safetensors|run\.json\.snapshot-[0-9]+-[0-9a-f]+)\.part")


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run read back: ``trainer`` as it was but without its data, ``info`` the contents of run.json."""

    folder: Path
    trainer: Trainer[Any]
    info: dict[str, Any]


def save_run(folder: Path, trainer: Trainer[Any], extra: Mapping[str, Any], history: RunHistory | None = None) -> Path:
    """Write ``trainer``, the JSON-ready ``extra`` (where its data came from) and what is new in ``history`` to
    ``folder``; returns the path of the snapshot. Atomic: when it fails, with a RunError, the former run is still there.
    So it is when another process has the folder, or when there is NaN in what was learnt."""
    snapshot = folder / f"snapshot-{trainer.step_count:08d}-{secrets.token_hex(4)}.safetensors"
    state = {name: _to_plain(tensor) for name, tensor in trainer.state().items()}
    _require_finite(folder, state)
    lock = lock_run(folder, "Hashlight, saving", _PATIENCE)
    try:
        make_run_folder(folder)
        former = _own_files(folder)  # before the folder could be renamed, and another run be there
        with written_atomically(snapshot) as part:
            # Not safetensors' own save_file, which writes under a name that nobody knows how to tidy up, and puts that
            # in the place of the part that is held.
            part.write_bytes(save(state))
            sync_file(part)
            named = _fingerprint(part) | {"file": snapshot.name}
        sync_folder(folder)
        scores: dict[str, Any] = {} if history is None else history.write(folder)
        info = dict(extra) | _describe(trainer) | scores | {"snapshot": named}
        text = json.dumps(info, indent=1, allow_nan=False)
        with written_atomically(folder / RUN_FILE) as part:
            part.write_text(text, encoding="utf-8")
            sync_file(part)
        sync_folder(folder)
        if history is not None:
            history.settle(scores)
        kept = {snapshot.name, scores.get("history_file", {}).get("file")}
        _remove(*(path for path in former if path.name not in kept))
    except (OSError, SafetensorError) as error:
        _remove(snapshot)
        raise _cant_write(folder, error) from error
    except (TypeError, ValueError) as error:
        _remove(snapshot)
        raise RunError(f"{folder / RUN_FILE}: not JSON: {error}") from error
    finally:
        lock.release()
    return snapshot


def _require_finite(folder: Path, state: Mapping[str, torch.Tensor]) -> None:
    if (name := _not_finite(state)) is not None:
        raise RunWriteError(
            f"{folder}: not saved: training has failed, there is NaN or infinity in {name}. What was saved before is "
            "still there: resume from it"
        )


def _not_finite(state: Mapping[str, torch.Tensor]) -> str | None:
    """The name of a tensor with NaN or infinity."""
    return next((name for name, tensor in state.items() if not bool(torch.isfinite(tensor).all())), None)


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
    """Read the run in ``folder`` onto ``device`` ("cpu" or "cuda"). Raises RunError: not there, cut off, damaged, too
    large for this machine, or written by a newer version."""
    info = read_run_info(folder)
    path = folder / RUN_FILE
    try:
        kind = _read_kind(info["kind"])
        spec = kind.read_spec(info["primitive"])
        config, named = kind.decode(spec, info["config"]), info["snapshot"]
    except (KeyError, TypeError) as error:
        raise RunError(f"{path}: missing or malformed: {error}") from error
    except ConfigError as error:
        raise RunError(f"{path}: {error}") from error
    snapshot = folder / named["file"]
    try:
        trainer = Trainer(kind.build(spec, config, device))
        state = _bring_up_to_date(_read_snapshot(snapshot, named["bytes"], named["sha256"], device))
        trainer.load_state(state)
    except MemoryShortage as error:
        raise RunError(f"{path}: {error}") from error
    except (KeyError, ValueError, RuntimeError) as error:
        raise RunError(f"{snapshot}: doesn't fit the run's configuration: {error}") from error
    if (name := _not_finite(state)) is not None:
        raise RunError(f"{snapshot}: damaged: there is NaN or infinity in {name}")
    return Run(folder, trainer, info)


def _read_kind(name: Any) -> Kind[Any]:
    try:
        return kind_named(name)
    except ConfigError as error:
        raise ConfigError(f"kind: {error}") from None


def _describe(trainer: Trainer[Any]) -> dict[str, Any]:
    primitive = trainer.primitive
    kind = kind_named(primitive.spec.kind)
    return {
        "format": FORMAT,
        "kind": kind.name,
        "primitive": kind.describe_spec(primitive.spec),
        "version": engine.__version__,
        "torch": torch.__version__,
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "device": primitive.device,
        "preset": primitive.config.preset,
        "config": primitive.config.to_json(),
        "data": primitive.describe_data(),
        "metrics": write_descriptions("metrics", kind.metrics),
        "step": trainer.step_count,
        "seconds": trainer.training_seconds,
    }


def _read_snapshot(path: Path, size: int, checksum: str, device: str) -> dict[str, torch.Tensor]:
    try:
        if path.exists() and not path.is_file():
            raise RunError(f"{path}: not a file")
        if path.stat().st_size != size:
            raise RunError(f"{path}: cut off: {path.stat().st_size} bytes, expected {size}")
        if _fingerprint(path)["sha256"] != checksum:
            raise RunError(f"{path}: damaged: its checksum is not the one in {RUN_FILE}")
        return load_file(path, device=device)
    except FileNotFoundError:
        raise RunError(f"{path}: missing, though {RUN_FILE} names it") from None
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path}: can't be read: {error}") from error


def _bring_up_to_date(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state as it is now called: the number of rays was among the trainer's figures. Raises ValueError."""
    progress = state.get("trainer.progress")
    if progress is None or progress.shape != (3,):
        return state
    rays = float(progress[2])
    if not 0 <= rays <= 2**31 - 1:
        raise ValueError(f"trainer.progress: {rays:g} rays in the last step")
    return state | {"trainer.progress": progress[:2], "occupancy.rays": torch.tensor([int(rays)], dtype=torch.int32)}


def _to_plain(tensor: torch.Tensor) -> torch.Tensor:
    # A copy: safetensors refuses tensors that share memory.
    return tensor.detach().to("cpu", copy=True).contiguous()


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _own_files(folder: Path) -> list[Path]:
    """Every snapshot and file of scores, and whatever an interrupted save left: by the names that only we give."""
    remove_leftovers(folder)
    kinds = (SNAPSHOT_NAME, HISTORY_NAME, _FORMER_PART)
    return [path for path in folder.iterdir() if any(kind.fullmatch(path.name) for kind in kinds)]


def _remove(*paths: Path) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError:  # Windows: another process has it open; the next save tries again
            continue
