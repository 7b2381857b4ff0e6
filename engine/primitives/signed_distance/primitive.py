"""A signed distance, learnt from a mesh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch.nn.functional import smooth_l1_loss

from engine.data.meshes import Mesh
from engine.fields.coordinate_field import CoordinateField, CoordinateFieldConfig
from engine.fields.frequency_field import FrequencyField
from engine.fields.unit_cube import UnitCube
from engine.link.primitives import SignedDistanceSpec
from engine.primitives.base import DataError, NoDataError
from engine.primitives.item_primitive import Item, ItemPrimitive
from engine.primitives.memory import require_for_mesh
from engine.primitives.signed_distance.config import SignedDistanceConfig
from engine.primitives.signed_distance.evaluation import ScoredPoints
from engine.primitives.signed_distance.samples import SamplePool
from engine.primitives.signed_distance.truth import SurfaceTruth, bytes_for, draw_in_box
from engine.rendering.sphere_tracer import SphereTracer
from taichi_kernels import runtime
from taichi_kernels.random_numbers import RandomStream

# float16 gradients lie well inside the format's range with this factor.
_HALF_GRADIENT_SCALE = 128.0
# Errors count by the distance and this, in unit-cube lengths (the paper's mean absolute percentage error; see
# SignedDistanceConfig.smooth_error).
_LEAST_DISTANCE = 0.01
# A mesh may reach so far out of the box, by the box's longest edge: by rounding.
_SLACK = 1e-4
# Points by which it is told how sure inside and outside are, and from which share on that is worth a word.
_PROBES, _WORTH_A_WORD = 4096, 0.005
# The viewers' grids are made anew when training has done so many times as many steps since the mesh came.
_GRID_GROWTH, _FIRST_GRID = 1.15, 16


class SignedDistance(ItemPrimitive[Mesh]):
    """Learns from the meshes that are added, together, and is scored by each that is held out: by points of its own
    that training doesn't draw."""

    config: SignedDistanceConfig
    spec: SignedDistanceSpec

    def __init__(self, spec: SignedDistanceSpec, config: SignedDistanceConfig, device: str) -> None:
        runtime.start(device)
        self.field = make_field(config, device)
        self.field.network.weights.fastest = config.network_rate
        super().__init__(spec, config, device, self.field.parameters())
        self.gradient_scale = _HALF_GRADIENT_SCALE if self.field.dtype == torch.float16 else 1.0
        self.cube = UnitCube(spec.bounds)
        self._box = torch.from_numpy(self.cube.box()).to(device)
        self._pool = SamplePool(config, self._box)
        self._truth: SurfaceTruth | None = None
        self._scored: dict[str, ScoredPoints] = {}
        self._unsure = 0.0
        self._loss: torch.Tensor | None = None
        # Of what viewers may keep, the steps that this surface has been learnt for, and at which it counts on.
        self._generation, self._steps, self._next_generation = 0, 0, _FIRST_GRID
        self._viewer = SphereTracer(self.field, self.cube, lambda: self._generation)

    def add(self, item: Item[Mesh]) -> None:
        """See Primitive. Raises DataError for a mesh that is not inside the bounds, MemoryShortage; then all is as it
        was."""
        former = self._items.get(item.name)
        if former is not None and former.split == item.split and former.value.equals(item.value):
            return
        self._require_memory(item)
        low, high = item.value.box
        bounds, slack = self.spec.bounds, _SLACK * float(self.spec.bounds.size.max())
        if (low < bounds.minimum - slack).any() or (high > bounds.maximum + slack).any():
            raise DataError(
                f"mesh {item.name}: it reaches from {_words(low)} to {_words(high)}, out of the box that this run "
                f"learns in, {_words(bounds.minimum)} to {_words(bounds.maximum)}: start another run for it"
            )
        super().add(item)
        self._scored.pop(item.name, None)
        if "train" in (item.split, former.split if former else ""):
            self._learn_from([each.value for each in self.held("train")])

    def _require_memory(self, item: Item[Mesh]) -> None:
        """All that is trained on is looked up together, what is scored by alone, and once where both are the same."""
        trained = [each.value for each in self.held("train") if each.name != item.name]
        if item.split == "test" and len(trained) == 1 and trained[0].equals(item.value):
            return
        looked_up = [item.value, *(trained if item.split == "train" else [])]
        require_for_mesh(bytes_for(sum(len(mesh.faces) for mesh in looked_up)), item.name, self.device)

    def _learn_from(self, meshes: Sequence[Mesh]) -> None:
        self._pool.clear()
        self._truth, self._unsure = None, 0.0
        self._generation, self._steps, self._next_generation = self._generation + 1, 0, _FIRST_GRID
        if meshes:
            self._truth = SurfaceTruth(meshes, self.cube, self.device)
            probes = draw_in_box(0, 0, torch.arange(_PROBES, device=self.device), self._box, RandomStream.SCORED_POINT)
            self._unsure = self._truth.share_of_unsure(probes)

    @property
    def remark(self) -> str:
        """How much of the box is neither surely inside nor surely outside."""
        if self._unsure < _WORTH_A_WORD:
            return ""
        return f"{self._unsure:.1%} of the box is neither surely inside the mesh nor outside: it has holes or overlaps"

    def describe_data(self) -> dict[str, Any]:
        """See Primitive: names, splits and sizes of the meshes."""
        meshes = [
            {"name": each.name, "split": each.split, "triangles": len(each.value.faces), "open": each.value.open_edges}
            for each in self._items.values()
        ]
        return {"meshes": meshes, "unsure": self._unsure}

    def step(self, step: int, progress: float | None) -> bool:
        """See Primitive. Raises NoDataError."""
        if self._truth is None:
            raise NoDataError("no mesh: add one before training")
        points, distances = self._pool.draw(self._truth, step)
        features, values = self.field.trace(points)
        with torch.enable_grad():
            errors = (values[:, 0] - distances) / (distances.abs() + _LEAST_DISTANCE)
            loss = smooth_l1_loss(errors, torch.zeros_like(errors), beta=self.config.smooth_error)
            self.field.backward(points, features, self.gradient_scale * loss)
        self._loss = loss.detach()
        return True

    def update(self, step: int) -> None:
        """See Primitive: now and then the distances have changed so much that viewers look again."""
        self._steps += 1
        if self._steps >= self._next_generation:
            self._generation += 1
            self._next_generation = max(self._steps + _FIRST_GRID, round(self._steps * _GRID_GROWTH))

    def loss(self) -> float | None:
        """See Primitive: the mean of errors by the distance and 0.01 of the longest edge."""
        return None if self._loss is None else float(self._loss)

    def scratch(self) -> Self:
        """See Primitive: with a tetrahedron to learn."""
        other = type(self)(self.spec, self.config, self.device)
        low, size = self.spec.bounds.minimum, self.spec.bounds.size
        corners = low + size * np.array([[0.2, 0.2, 0.2], [0.8, 0.2, 0.2], [0.2, 0.8, 0.2], [0.2, 0.2, 0.8]])
        faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
        other.add(Item("warm-up", "train", Mesh(corners, faces)))
        return other

    def viewer(self) -> SphereTracer:
        """See Primitive."""
        return self._viewer

    def score(self, viewer: SphereTracer, item: Item[Mesh]) -> dict[str, float]:
        """See ItemPrimitive."""
        *_, figures = self.score_in_pieces(viewer, item)
        assert figures is not None
        return figures

    def score_in_pieces(self, viewer: SphereTracer, item: Item[Mesh]) -> Iterator[dict[str, float] | None]:
        """See ItemPrimitive: so many points are a piece of work."""
        if item.name not in self._scored:
            trained = self.held("train")
            shares = len(trained) == 1 and trained[0].value.equals(item.value) and self._truth is not None
            truth = self._truth if shares else SurfaceTruth([item.value], self.cube, self.device)
            assert truth is not None
            self._scored[item.name] = ScoredPoints(truth, self.cube, self.config.scored_points, self.device)
        yield from self._scored[item.name].score(viewer.surface)

    def state(self) -> dict[str, torch.Tensor]:
        """See Primitive."""
        return self.field.state()

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See Primitive."""
        self.field.load_state(state)
        self._generation += 1


def make_field(config: SignedDistanceConfig, device: str) -> CoordinateField | FrequencyField:
    """The field of that configuration, as new."""
    if isinstance(config.field, CoordinateFieldConfig):
        return CoordinateField(config.field, 3, 1, device, config.seed)
    return FrequencyField(config.field, 3, 1, device, config.seed)


def _words(point: Any) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in point) + ")"
