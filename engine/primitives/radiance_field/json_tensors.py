"""Facts among the tensors of a snapshot, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch


def write_facts(facts: Mapping[str, Any]) -> torch.Tensor:
    """``facts``, JSON-ready, as [bytes] uint8."""
    return torch.frombuffer(bytearray(json.dumps(dict(facts)).encode()), dtype=torch.uint8)


def read_facts(name: str, tensor: torch.Tensor | None, expected: Mapping[str, Any]) -> dict[str, Any]:
    """What ``write_facts`` wrote, of the ``expected`` types (as isinstance takes them) by name. Raises ValueError;
    ``name``: the tensor's."""
    if tensor is None or tensor.dtype != torch.uint8 or tensor.ndim != 1:
        raise ValueError(f"{name}: missing or of another size or kind")
    try:
        facts = json.loads(bytes(tensor.tolist()))
    except ValueError as error:
        raise ValueError(f"{name}: not JSON: {error}") from None
    if not isinstance(facts, dict) or facts.keys() != expected.keys():
        raise ValueError(f"{name}: expected {', '.join(expected)}")
    for fact, kinds in expected.items():
        if not isinstance(facts[fact], kinds):
            raise ValueError(f"{name}: {fact} is of another kind")
    return facts
