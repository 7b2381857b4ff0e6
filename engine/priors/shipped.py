"""The prior that Hashlight brings along: which file of weights a field begins with unless it is told another."""

from __future__ import annotations

import hashlib
from pathlib import Path

from engine.priors.tensor_files import PriorError

SHIPPED = Path(__file__).parent / "shipped"
WEIGHTS, CHECKSUM = "prior.safetensors", "prior.sha256"


def is_shipped() -> bool:
    """Whether this build brings a prior along."""
    return (SHIPPED / WEIGHTS).exists()


def find_prior(path: Path | None) -> Path:
    """The file to begin with: ``path``, or what this build brings along for None. Raises PriorError where it brings
    none, or one that isn't as its checksum says."""
    if path is not None:
        return path
    file, checksum = SHIPPED / WEIGHTS, SHIPPED / CHECKSUM
    if not is_shipped():
        raise PriorError(
            f"{file}: not there: this build of Hashlight brings no prior along: train one with `hashlight prior "
            "train`, and name its file"
        )
    try:
        expected = checksum.read_text("ascii").split()
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except (OSError, UnicodeDecodeError) as error:
        raise PriorError(f"{SHIPPED}: the prior that Hashlight brings along can't be checked: {error}") from None
    if expected[:1] != [found]:
        raise PriorError(
            f"{file}: damaged: its SHA-256 is {found}, and {CHECKSUM} beside it says another: install Hashlight again"
        )
    return file
