"""Taichi's kernels of the hash grid: on the CPU in runs of points, elsewhere a thread for a point and a level.

``hash_grid`` says what they compute and chooses between them. Dimensions and features are static: each pair of numbers
has kernels of its own, compiled when it is first used.
"""

import functools

import taichi as ti

from taichi_kernels.bundles import ActiveSampleTensors
from taichi_kernels.launch import CPU_BLOCK, KernelLauncher, func, kernel

# Large primes for the spatial hash (Müller et al. 2022, equation 4), one a dimension. The first is 1 so that neighbours
# in x stay neighbours. The paper stops at three dimensions: of 80 random primes the fourth is one that spreads the
# corners of grids of 18^4 to 45^4 over 2^10 to 2^20 rows more evenly than chance would.
PRIMES = (1, 2654435761, 805459861, 2581050371)
# More corners than any table has entries: counts stop here, for the finest levels' would overflow 64 bits.
_MANY = 1 << 31
# Points a CPU thread takes at a time where it takes all levels of each.
_CHUNK = 512
# Floats in a line of a CPU's cache, and how many lines of a level a point's corners lie in, or so.
_LINE_FLOATS, _LINES_A_POINT = 16, 4


def _vectors(features: int, dimensions: int) -> ti.types.ndarray:
    """An array of entries as one vector each: the CPU's compiler then reads and writes them with one instruction."""
    return ti.types.ndarray(dtype=ti.types.vector(features, ti.f32), ndim=dimensions)


@func
def _read_level(layout: ti.template(), level: ti.i32, dimensions: ti.template()):
    """A level's resolution and offset, and how corners become rows: a stride an axis, and a mask (0: dense)."""
    resolution, offset, size = layout[level, 0], layout[level, 1], layout[level, 2]
    side = ti.cast(resolution + 1, ti.u32)
    strides = ti.Vector.one(ti.u32, dimensions)
    corners, mask = ti.cast(side, ti.i64), ti.u32(0)
    for axis in ti.static(range(1, dimensions)):
        strides[axis] = strides[axis - 1] * side
        corners = ti.min(corners * ti.cast(side, ti.i64), ti.i64(_MANY))
    if corners > size:
        mask = ti.cast(size - 1, ti.u32)
        for axis in ti.static(range(1, dimensions)):
            strides[axis] = ti.u32(ti.static(PRIMES[axis]))
    return resolution, offset, strides, mask


@func
def _locate(points: ti.template(), i: ti.i32, resolution: ti.i32, dimensions: ti.template()):
    """The cell a point of the unit cube lies in and where inside it, kept off the far border so that corners exist."""
    point = ti.Vector([points[i, axis] for axis in ti.static(range(dimensions))])
    scaled = ti.math.clamp(point, 0.0, 1.0) * resolution
    cell = ti.min(ti.cast(ti.floor(scaled), ti.i32), resolution - 1)
    return ti.cast(cell, ti.u32), scaled - ti.cast(cell, ti.f32)


@func
def _row(corner: ti.template(), cell: ti.template(), strides: ti.template(), mask: ti.u32, dimensions: ti.template()):
    """Row within the level of one of a cell's corners; bit ``axis`` of ``corner`` says which side of the cell."""
    steps = ti.Vector([cell[axis] + ti.u32(ti.static(corner >> axis & 1)) for axis in ti.static(range(dimensions))])
    for axis in ti.static(range(1, dimensions)):
        steps[axis] *= strides[axis]
    row = steps[0]
    if mask == 0:
        for axis in ti.static(range(1, dimensions)):
            row += steps[axis]
    else:
        for axis in ti.static(range(1, dimensions)):
            row ^= steps[axis]
        row &= mask
    return ti.cast(row, ti.i32)


@func
def _weight(corner: ti.template(), inside: ti.template(), dimensions: ti.template()) -> ti.f32:
    """Multilinear weight of one of a cell's corners."""
    weight = 1.0
    for axis in ti.static(range(dimensions)):
        weight *= inside[axis] if ti.static(corner >> axis & 1) else 1.0 - inside[axis]
    return weight


@func
def _weight_gradient(corner: ti.template(), inside: ti.template(), dimensions: ti.template()):
    """d weight / d inside: along an axis, the weight of the corner among the other axes, up or down."""
    gradient = ti.Vector.zero(ti.f32, dimensions)
    for axis in ti.static(range(dimensions)):
        slope = 1.0 if ti.static(corner >> axis & 1) else -1.0
        for other in ti.static(range(dimensions)):
            if ti.static(other != axis):
                slope *= inside[other] if ti.static(corner >> other & 1) else 1.0 - inside[other]
        gradient[axis] = slope
    return gradient


@func
def _read_ahead(table: ti.template(), first: ti.i32, rows: ti.i32, points: ti.i32, features: ti.template()) -> ti.f32:
    """Read a level's rows in order, for a CPU, where so many points are about to read most of its cache lines at
    random: between two steps a table leaves the cache, and memory gives lines in order many times as fast. Returns
    their sum, to be stored somewhere lest the compiler leave them out."""
    total = 0.0
    line_rows = ti.static(_LINE_FLOATS // features)
    if points * _LINES_A_POINT * line_rows >= rows:
        for line in range(rows // line_rows):
            total += table[first + line * line_rows][0]
    return total


@kernel
def encode_by_point(  # noqa: ANN201
    dimensions: ti.template(),
    columns: ti.template(),
    points: ti.types.ndarray(),
    layout: ti.types.ndarray(),
    table: ti.types.ndarray(),
    features: ti.types.ndarray(),
):
    n, levels = points.shape[0], layout.shape[0]
    # Level-major: all points read one level's table before the next, so that it stays in cache.
    for item in range(levels * n):
        level = item // n
        i = item - level * n
        resolution, offset, strides, mask = _read_level(layout, level, dimensions)
        cell, inside = _locate(points, i, resolution, dimensions)
        total = ti.Vector.zero(ti.f32, columns)
        for corner in ti.static(range(2**dimensions)):
            row = _row(corner, cell, strides, mask, dimensions)
            weight = _weight(corner, inside, dimensions)
            for k in ti.static(range(columns)):
                total[k] += weight * ti.cast(table[offset + row, k], ti.f32)
        for k in ti.static(range(columns)):
            features[i, level * columns + k] = total[k]


@kernel
def encode_backward_by_point(  # noqa: ANN201
    dimensions: ti.template(),
    columns: ti.template(),
    points: ti.types.ndarray(),
    active: ActiveSampleTensors,
    layout: ti.types.ndarray(),
    grad_features: ti.types.ndarray(),
    grad_table: ti.types.ndarray(),
):
    n, levels = grad_features.shape[0], layout.shape[0]
    for item in range(levels * n):
        level = item // n
        i = item - level * n
        if i < active.count[0]:
            g = ti.Vector([ti.cast(grad_features[i, level * columns + k], ti.f32) for k in ti.static(range(columns))])
            resolution, offset, strides, mask = _read_level(layout, level, dimensions)
            cell, inside = _locate(points, active.rows[i], resolution, dimensions)
            for corner in ti.static(range(2**dimensions)):
                row = _row(corner, cell, strides, mask, dimensions)
                weight = _weight(corner, inside, dimensions)
                for k in ti.static(range(columns)):
                    ti.atomic_add(grad_table[offset + row, k], weight * g[k])


@kernel
def encode_position_gradient_by_point(  # noqa: ANN201
    dimensions: ti.template(),
    columns: ti.template(),
    points: ti.types.ndarray(),
    active: ActiveSampleTensors,
    layout: ti.types.ndarray(),
    table: ti.types.ndarray(),
    grad_features: ti.types.ndarray(),
    grad_points: ti.types.ndarray(),
):
    n, levels = grad_features.shape[0], layout.shape[0]
    for item in range(levels * n):
        level = item // n
        i = item - level * n
        if i < active.count[0]:
            point = active.rows[i]
            resolution, offset, strides, mask = _read_level(layout, level, dimensions)
            cell, inside = _locate(points, point, resolution, dimensions)
            total = ti.Vector.zero(ti.f32, dimensions)
            for corner in ti.static(range(2**dimensions)):
                row = _row(corner, cell, strides, mask, dimensions)
                along = 0.0
                for k in ti.static(range(columns)):
                    g = ti.cast(grad_features[i, level * columns + k], ti.f32)
                    along += g * ti.cast(table[offset + row, k], ti.f32)
                total += along * _weight_gradient(corner, inside, dimensions)
            for axis in ti.static(range(dimensions)):
                if 0.0 <= points[point, axis] and points[point, axis] <= 1.0:
                    ti.atomic_add(grad_points[point, axis], total[axis] * resolution)


@functools.cache
def encode_by_run(features: int) -> KernelLauncher:
    """The CPU's ``encode`` for tables of ``features`` columns, which are its vectors' size."""

    @kernel
    def encode_runs(
        dimensions: ti.template(),
        points: ti.types.ndarray(),
        layout: ti.types.ndarray(),
        table: _vectors(features, 1),
        encoded: _vectors(features, 2),
        run: ti.i32,
    ):
        n, levels = points.shape[0], layout.shape[0]
        # A thread takes whole runs of points: what a level needs is worked out once a run instead of once a point.
        runs = (n + run - 1) // run
        for iteration in range(levels * runs * CPU_BLOCK):
            if iteration % CPU_BLOCK == 0:
                job = iteration // CPU_BLOCK
                level = job // runs
                first = (job - level * runs) * run
                last = ti.min(first + run, n)
                resolution, offset, strides, mask = _read_level(layout, level, dimensions)
                # Overwritten at once.
                encoded[first, level][0] = _read_ahead(table, offset, layout[level, 2], last - first, features)
                for i in range(first, last):
                    cell, inside = _locate(points, i, resolution, dimensions)
                    total = ti.Vector([0.0 for _ in ti.static(range(features))])
                    for corner in ti.static(range(2**dimensions)):
                        row = _row(corner, cell, strides, mask, dimensions)
                        weight = _weight(corner, inside, dimensions)
                        total += weight * table[offset + row]
                    encoded[i, level] = total

    return encode_runs


@functools.cache
def encode_backward_by_level(features: int) -> KernelLauncher:
    """The CPU's ``encode_backward`` for tables of ``features`` columns."""

    @kernel
    def encode_backward_levels(
        dimensions: ti.template(),
        points: ti.types.ndarray(),
        active: ActiveSampleTensors,
        layout: ti.types.ndarray(),
        grad_features: _vectors(features, 2),
        grad_table: _vectors(features, 1),
        sums: ti.types.ndarray(),
    ):
        # One thread owns a level: plain adds instead of compare-and-swap loops, and the same sum in every run.
        for iteration in range(layout.shape[0] * CPU_BLOCK):
            if iteration % CPU_BLOCK == 0:
                level = iteration // CPU_BLOCK
                resolution, offset, strides, mask = _read_level(layout, level, dimensions)
                sums[level] = _read_ahead(grad_table, offset, layout[level, 2], active.count[0], features)
                for i in range(active.count[0]):
                    g = grad_features[i, level]
                    cell, inside = _locate(points, active.rows[i], resolution, dimensions)
                    for corner in ti.static(range(2**dimensions)):
                        row = _row(corner, cell, strides, mask, dimensions)
                        weight = _weight(corner, inside, dimensions)
                        grad_table[offset + row] = grad_table[offset + row] + weight * g

    return encode_backward_levels


@functools.cache
def encode_position_gradient_by_chunk(features: int) -> KernelLauncher:
    """The CPU's ``encode_position_gradient`` for tables of ``features`` columns."""

    @kernel
    def encode_position_gradient_chunks(
        dimensions: ti.template(),
        points: ti.types.ndarray(),
        active: ActiveSampleTensors,
        layout: ti.types.ndarray(),
        table: _vectors(features, 1),
        grad_features: _vectors(features, 2),
        grad_points: ti.types.ndarray(),
    ):
        # One thread owns a run of points with all their levels: plain adds, and the same sum in every run.
        chunks = (grad_features.shape[0] + _CHUNK - 1) // _CHUNK
        for iteration in range(chunks * CPU_BLOCK):
            if iteration % CPU_BLOCK == 0:
                first = iteration // CPU_BLOCK * _CHUNK
                for level in range(layout.shape[0]):
                    resolution, offset, strides, mask = _read_level(layout, level, dimensions)
                    for i in range(first, ti.min(first + _CHUNK, active.count[0])):
                        g, point = grad_features[i, level], active.rows[i]
                        cell, inside = _locate(points, point, resolution, dimensions)
                        total = ti.Vector.zero(ti.f32, dimensions)
                        for corner in ti.static(range(2**dimensions)):
                            row = _row(corner, cell, strides, mask, dimensions)
                            along = g.dot(table[offset + row])
                            total += along * _weight_gradient(corner, inside, dimensions)
                        for axis in ti.static(range(dimensions)):
                            if 0.0 <= points[point, axis] and points[point, axis] <= 1.0:
                                grad_points[point, axis] = grad_points[point, axis] + total[axis] * resolution

    return encode_position_gradient_chunks
