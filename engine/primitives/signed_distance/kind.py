"""The signed distance as the registry knows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.data.meshes import load_mesh
from engine.link.geometry import Bounds
from engine.link.message_types import Split
from engine.link.metrics import Described, Metric
from engine.link.primitives import SignedDistanceSpec
from engine.primitives.base import DataError
from engine.primitives.kind import DataOptions, Kind, Progress, TrainingData

if TYPE_CHECKING:
    from engine.data.meshes import Mesh
    from engine.primitives.item_primitive import Item
    from engine.primitives.signed_distance.config import SignedDistanceConfig
    from engine.primitives.signed_distance.primitive import SignedDistance

# Room around the mesh in the box that is learnt, by its longest edge: surfaces can be inflated into it.
MARGIN = 0.05
SIGNED_DISTANCE_METRICS: Described = {
    "iou": Metric(
        label="IoU",
        digits=4,
        better="higher",
        about="Intersection over union of what the mesh and the field enclose",
    ),
    "surface_distance": Metric(label="Surface distance", unit="% of the diagonal", digits=4),
}


def margin_of(bounds: Bounds) -> float:
    """The room that such ``bounds`` leave around the mesh."""
    return float(bounds.size.max()) * MARGIN / (1.0 + 2.0 * MARGIN)


class SignedDistanceKind(Kind[SignedDistanceSpec]):
    """Learnt from a mesh, which also says what is right at points that training doesn't draw."""

    summary = "the signed distance to the surface of a mesh: OBJ, PLY, GLB or STL"
    spec_type = SignedDistanceSpec
    metrics = SIGNED_DISTANCE_METRICS
    item = "surface"

    def difference(self, own: SignedDistanceSpec, wanted: SignedDistanceSpec) -> str | None:
        """Another box. Encodings may differ: that of the run stays."""
        pairs = ((own.bounds.minimum, wanted.bounds.minimum), (own.bounds.maximum, wanted.bounds.maximum))
        slack = 1e-6 * own.bounds.radius
        if all(np.allclose(first, second, rtol=0.0, atol=slack) for first, second in pairs):
            return None
        return f"learnt a surface {_words(own.bounds)}, but there is one {_words(wanted.bounds)}"

    def configure(
        self, spec: SignedDistanceSpec, preset: str, device: str, overrides: Mapping[str, Any]
    ) -> SignedDistanceConfig:
        """See Kind."""
        from engine.primitives.signed_distance.config import PRESETS

        return PRESETS[spec.encoding].configure(preset, device, overrides)

    def decode(self, spec: SignedDistanceSpec, values: Mapping[str, Any]) -> SignedDistanceConfig:
        """See Kind."""
        from engine.primitives.signed_distance.config import PRESETS

        return PRESETS[spec.encoding].decode(values)

    def facts(self, primitive: SignedDistance) -> dict[str, str]:
        """See Kind: the field's size."""
        return {"Field": f"{primitive.spec.encoding} ({primitive.config.field.summary})"}

    def build(self, spec: SignedDistanceSpec, config: SignedDistanceConfig, device: str) -> SignedDistance:
        """See Kind."""
        from engine.primitives.memory import require_for_training
        from engine.primitives.signed_distance.config import PRESETS
        from engine.primitives.signed_distance.primitive import SignedDistance

        require_for_training(config, PRESETS[spec.encoding].presets["cpu"], device)
        return SignedDistance(spec, config, device)

    def load(self, path: Path, options: DataOptions, progress: Progress) -> TrainingData:
        """A mesh, twice: to train on, and to be scored by. Raises MeshError, DataError."""
        if options.holdout is not None:
            raise DataError(
                f"{path}: a mesh is scored by points of its own, nothing has to be kept apart: leave --holdout out"
            )
        mesh, warnings = load_mesh(path)
        progress(1, 1)
        items = [_item(path.stem, "train", mesh), _item(f"{path.stem} (points)", "test", mesh)]
        return TrainingData(SignedDistanceSpec(bounds=mesh.bounds(MARGIN)), items, warnings=warnings)

    def read_file(self, path: Path, name: str, split: Split) -> Item[Mesh]:
        """See Kind: a mesh. Raises MeshError."""
        mesh, _ = load_mesh(path)
        return _item(name, split, mesh)


def _words(bounds: Bounds) -> str:
    low, high = (", ".join(f"{value:.6g}" for value in corner) for corner in (bounds.minimum, bounds.maximum))
    return f"within ({low}) to ({high})"


def _item(name: str, split: Split, mesh: Mesh) -> Item[Mesh]:
    from engine.primitives.item_primitive import Item

    return Item(name, split, mesh)


SIGNED_DISTANCE = SignedDistanceKind()
