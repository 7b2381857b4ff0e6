"""Files of tensors with a checksum: a prior's weights, and what its training goes on from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

import engine
from engine.link.part_files import write_whole
from engine.link.values import shorten


class PriorError(ValueError):
    """A file that isn't a prior, or not one for the field at hand; the message names the file and the fault."""


def write_tensors(path: Path, form: str, tensors: Mapping[str, torch.Tensor], words: Mapping[str, str]) -> None:
    """Write ``tensors``, with ``words`` beside them; ``form``: what kind of file it is. Raises PriorError for NaN and
    infinity, and then the former file is still there; OSError."""
    plain = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    _require_finite(path, plain)
    metadata = {**words, "format": form, "version": engine.__version__, "sha256": checksum_of(plain)}
    write_whole(path, save(plain, metadata))


def read_tensors(path: Path, form: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """What ``write_tensors`` wrote in this ``form``. Raises PriorError: not there, of another kind, damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise PriorError(f"{path}: can't be read: {error}") from None
    if metadata.get("format") != form:
        found = shorten(metadata.get("format", "none"))
        raise PriorError(f"{path}: expected a file of the format {form}, and its format is {found}")
    if checksum_of(tensors) != metadata.get("sha256"):
        raise PriorError(f"{path}: damaged: its numbers' checksum is not the one that it names")
    _require_finite(path, tensors)
    return tensors, metadata


def checksum_of(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of names, shapes and numbers, whatever order they are in."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _require_finite(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    if wrong := next((name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())), None):
        raise PriorError(f"{path}: there is NaN or infinity in {wrong}, or what its format can't hold")
