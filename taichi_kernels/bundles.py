"""What travels together through kernels: rays, their samples, what a field says of these, occupied cells, triangles.

Taichi's kernels and their twins take these as they are (see ``launch``). Triton's take tensors one by one, by position,
which is how a compiled kernel of its is launched without being looked up; the functions that launch them take bundles.
"""

import dataclasses
from typing import Self

import torch

from taichi_kernels.launch import numbers_of, tensors_of

# A coarse block of the occupancy is so many cells wide.
COARSE_FACTOR = 4
# Raw colours are padded to four columns, so that a sample's row is one aligned read.
COLOR_COLUMNS = 4
# Triangles of a leaf.
LEAF_TRIANGLES = 4


@dataclasses.dataclass(eq=False)
class Rays:
    """``origins`` [n, 3] and unit ``directions`` [n, 3] f32 in the unit cube; ``t_range`` [n, 2] f32, the distances
    between which each is looked at (none if the first is not below the second)."""

    origins: torch.Tensor
    directions: torch.Tensor
    t_range: torch.Tensor

    @classmethod
    def allocate(cls, count: int, device: str | torch.device) -> Self:
        """Zeros for ``count`` rays."""
        return cls(*(torch.zeros(count, columns, device=device) for columns in (3, 3, 2)))

    def __len__(self) -> int:
        return self.origins.shape[0]

    def first(self, n: int) -> "Rays":
        """Views of the first ``n`` rays."""
        return Rays(self.origins[:n], self.directions[:n], self.t_range[:n])

    def select(self, ids: torch.Tensor | slice) -> "Rays":
        """Those of ``ids`` [m] int64, copied, or of a slice, views."""
        return Rays(self.origins[ids], self.directions[ids], self.t_range[ids])


@dataclasses.dataclass(eq=False)
class Samples:
    """Samples of rays, packed, a ray's one after the other: ``points`` [n, 3] f32 in the unit cube, ``distances`` [n]
    f32 along their ray, ``sample_rays`` [n] int32, which ray that is."""

    points: torch.Tensor
    distances: torch.Tensor
    sample_rays: torch.Tensor

    @property
    def capacity(self) -> int:
        """How many there is room for."""
        return self.points.shape[0]


def allocate_samples(capacity: int, device: str | torch.device) -> Samples:
    """Zeros for ``capacity`` samples."""
    return Samples(
        torch.zeros(capacity, 3, device=device),
        torch.zeros(capacity, device=device),
        torch.zeros(capacity, dtype=torch.int32, device=device),
    )


@dataclasses.dataclass(eq=False)
class FieldOutputs:
    """Raw densities and colours of samples (see taichi_kernels.activations), or the gradients of a loss in these.

    They lie in rows as kernels want them, which must be contiguous: ``density_rows`` [n, any] (column 0 counts) and
    ``color_rows`` [n, COLOR_COLUMNS] (three count; as a gradient the fourth is 0).
    """

    density_rows: torch.Tensor
    color_rows: torch.Tensor

    @classmethod
    def allocate(cls, capacity: int, device: str | torch.device, dtype: torch.dtype) -> Self:
        """Zeros for ``capacity`` samples."""
        return cls(
            torch.zeros(capacity, 1, device=device, dtype=dtype),
            torch.zeros(capacity, COLOR_COLUMNS, device=device, dtype=dtype),
        )

    @property
    def densities(self) -> torch.Tensor:
        """[n], a view."""
        return self.density_rows[:, 0]

    @property
    def colors(self) -> torch.Tensor:
        """[n, 3], a view."""
        return self.color_rows[:, :3]

    def first(self, n: int) -> "FieldOutputs":
        """Views of the first ``n`` samples'."""
        return FieldOutputs(self.density_rows[:n], self.color_rows[:n])


@dataclasses.dataclass(frozen=True, eq=False)
class ActiveSamples:
    """The samples of a batch that a backward pass goes through: the first ``count`` [1] int32 of ``rows`` int32."""

    rows: torch.Tensor
    count: torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class ActiveRays:
    """The rays that a next round goes on with: the first ``count`` [1] int32 of ``ids`` int32."""

    ids: torch.Tensor
    count: torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class RayPixels:
    """What rays have gathered on their way: ``colors`` [n, 4] f32, premultiplied with alpha, and ``depths`` [n] f32."""

    colors: torch.Tensor
    depths: torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class OccupancyBits:
    """Which cells may hold anything: ``cascades`` grids one after the other, the innermost first, of ``resolution``
    cells a side, a multiple of 16.

    ``bits`` [cascades * resolution^3 / 32] int32, a bit a cell; ``coarse_bits`` [cascades * coarse_resolution^3 / 32]
    int32, a bit for each block of COARSE_FACTOR^3 cells.
    """

    bits: torch.Tensor
    coarse_bits: torch.Tensor
    resolution: int
    cascades: int = 1

    @classmethod
    def allocate(cls, resolution: int, cascades: int, device: str | torch.device) -> Self:
        """All empty."""
        words = cascades * resolution**3 // 32
        return cls(
            torch.zeros(words, dtype=torch.int32, device=device),
            torch.zeros(words // COARSE_FACTOR**3, dtype=torch.int32, device=device),
            resolution,
            cascades,
        )

    @property
    def coarse_resolution(self) -> int:
        """Blocks a side."""
        return self.resolution // COARSE_FACTOR

    @property
    def nbytes(self) -> int:
        """The bytes of both resolutions."""
        return self.bits.nbytes + self.coarse_bits.nbytes

    def clone(self) -> "OccupancyBits":
        """A copy that stays as it is."""
        return dataclasses.replace(self, bits=self.bits.clone(), coarse_bits=self.coarse_bits.clone())


@dataclasses.dataclass(frozen=True, eq=False)
class RayLimits:
    """Where rays begin and end: inside ``box`` [2, 3] f32 (minimum, maximum), at least ``near_distance`` from their
    camera; and, where the surfaces around an opaque pixel were captured, within ``depth_margin`` of these. ``scale``:
    unit-cube lengths per world length; the others are in unit-cube lengths."""

    box: torch.Tensor
    scale: float
    near_distance: float = 0.0
    depth_margin: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Pictures:
    """The pixels of ``count`` views: ``cameras`` [>= count, 21] f32; ``images`` [>= count, 5] int64 or int32 (first
    pixel, width, height, has depth, first tile); ``colors`` [pixels, 4] f16 premultiplied, of any number of pixels;
    ``depths`` [pixels] f32 planar z in world units."""

    count: int
    cameras: torch.Tensor
    images: torch.Tensor
    colors: torch.Tensor
    depths: torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class PixelTiles:
    """Tiles of TILE_SIDE x TILE_SIDE pixels (see rays), fewer at a border, and how likely each is drawn from.

    ``corners`` [tiles, 3] int32: view, x and y of the first pixel; those of a view lie row by row. ``cumulative``
    [tiles] f32: running sum of the tiles' weights. ``share`` of the rays are drawn by these weights, the others evenly.
    ``drawn`` [>= rays] int32: written, the tile of each ray's pixel.
    """

    corners: torch.Tensor
    cumulative: torch.Tensor
    share: float
    drawn: torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class TriangleTree:
    """``boxes`` [2 * leaves, 6] f32, minimum then maximum: row 1 is the root, the children of row i are the rows 2 i
    and 2 i + 1, and the second half are the leaves, a power of two of them. ``corners`` [leaves * LEAF_TRIANGLES, 9]
    f32, those of a leaf one after the other, ``triangles`` [leaves * LEAF_TRIANGLES] int32, which triangle that is of
    those the tree was built from, -1 for none."""

    boxes: torch.Tensor
    corners: torch.Tensor
    triangles: torch.Tensor

    @property
    def leaves(self) -> int:
        """How many there are."""
        return self.boxes.shape[0] // 2


@dataclasses.dataclass(frozen=True, eq=False)
class SurfaceHits:
    """What n rays meet: ``distances`` [n] f32, +inf where there is nothing; ``hit_triangles`` [n] int32, -1 where there
    is nothing; ``barycentrics`` [n, 2] f32, the weights of the triangle's second and third corner."""

    distances: torch.Tensor
    hit_triangles: torch.Tensor
    barycentrics: torch.Tensor

    @classmethod
    def allocate(cls, count: int, device: str | torch.device) -> Self:
        """For ``count`` rays, with undefined values."""
        return cls(
            torch.empty(count, device=device),
            torch.empty(count, dtype=torch.int32, device=device),
            torch.empty(count, 2, device=device),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class SurfaceMoments:
    """What the triangles below each node of a TriangleTree are from afar: ``node_spheres`` [2 * leaves, 4] f32, the
    middle of their area and how far from it they reach; ``node_areas`` [2 * leaves, 3] f32, the sum of their normals,
    each as long as its triangle's area."""

    node_spheres: torch.Tensor
    node_areas: torch.Tensor


# Types of the parameters by which kernels take these.
RayTensors, SampleTensors, OutputTensors = tensors_of(Rays), tensors_of(Samples), tensors_of(FieldOutputs)
ActiveSampleTensors, ActiveRayTensors = tensors_of(ActiveSamples), tensors_of(ActiveRays)
PixelTensors, OccupancyTensors = tensors_of(RayPixels), tensors_of(OccupancyBits)
PictureTensors, TileTensors, LimitNumbers = tensors_of(Pictures), tensors_of(PixelTiles), numbers_of(RayLimits)
TreeTensors, HitTensors = tensors_of(TriangleTree), tensors_of(SurfaceHits)
MomentTensors = tensors_of(SurfaceMoments)
