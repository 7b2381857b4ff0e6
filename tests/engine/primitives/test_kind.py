"""What is to be learnt, written into run.json and read from it: whatever a specification is made of."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest

from engine.link.geometry import Bounds, Camera
from engine.link.message_types import ColorImage, Tagged
from engine.link.values import Limits
from engine.primitives.config import ConfigError
from engine.primitives.kind import Kind


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    width: Annotated[int, Limits(1, 64)]
    name: str | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RichSpec(Tagged):
    kind: ClassVar[str] = "rich"

    bounds: Bounds
    camera: Camera
    layers: tuple[Layer, ...]
    weights: dict[str, float]
    limit: float | None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class PictureSpec(Tagged):
    kind: ClassVar[str] = "picture"

    color: ColorImage


class RichKind(Kind[Any]):
    spec_type = RichSpec

    def build(self, spec: Any, config: Any, device: str) -> Any: ...

    def load(self, path: Any, options: Any, progress: Any) -> Any: ...


def make_spec(width: int = 8) -> RichSpec:
    camera = Camera(np.eye(4), 4, 3, 4.0, 4.0, 2.0, 1.5)
    layers = (Layer(width=width), Layer(width=3, name="last"))
    return RichSpec(bounds=Bounds([0.1] * 3, [1 / 3] * 3), camera=camera, layers=layers, weights={"a": 0.1}, limit=None)


def test_a_specification_is_read_as_it_was_written() -> None:
    kind, spec = RichKind(), make_spec()
    described = kind.describe_spec(spec)
    read = kind.read_spec(json.loads(json.dumps(described)))
    assert kind.describe_spec(read) == described
    assert (read.layers, read.weights, read.limit) == (spec.layers, spec.weights, None)
    assert read.camera.to_json() == spec.camera.to_json() and read.bounds.to_json() == spec.bounds.to_json()


def test_what_could_not_be_read_again_is_named() -> None:
    with pytest.raises(ConfigError, match=r"primitive\.layers\[0\]\.width: 65 is outside 1\.\.64"):
        RichKind().describe_spec(make_spec(width=65))
    with pytest.raises(ConfigError, match="primitive: not JSON"):
        RichKind().describe_spec(PictureSpec(color=np.zeros((2, 2, 4), np.uint8)))
