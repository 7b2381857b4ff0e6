"""Where rays meet triangles: the first of them along each ray, or whether there is any.

A ray goes down the tree to the nearer child first. Which levels it has still to see the other child of is a bit each:
on its way back it goes up to the nearest of these and over to the other side, so that it needs no stack.
"""

import taichi as ti
import torch

from taichi_kernels.bundles import (
    LEAF_TRIANGLES,
    HitTensors,
    Rays,
    RayTensors,
    SurfaceHits,
    TreeTensors,
    TriangleTree,
)
from taichi_kernels.launch import func, kernel
from taichi_kernels.vectors import read_vector_at

# Instead of dividing by less than this, a ray is taken for one that leaves an axis's plane in the far distance.
_LEAST_SLOPE = 1e-12
# Triangles reach so far past their edges, in barycentric coordinates: rounding must not let a ray through between two
# that share one. Coordinates are off by a rounding error times how many edges' lengths the ray has come.
OVERLAP = 1e-5
# A limit beyond all that float32 can square.
_FARTHEST = 1e18


@func
def _enter_box(
    boxes: ti.template(), node: ti.i32, origin: ti.math.vec3, inverse: ti.math.vec3, near: ti.f32, far: ti.f32
) -> ti.f32:
    """The distance at which a ray enters a node's box, +inf when it misses it between ``near`` and ``far``."""
    a, b = (read_vector_at(boxes, node, 0) - origin) * inverse, (read_vector_at(boxes, node, 3) - origin) * inverse
    enter, leave = ti.max(ti.min(a, b).max(), near), ti.min(ti.max(a, b).min(), far)
    # A box may be flat, and rounding must not close it.
    return enter if enter <= leave * (1.0 + 1e-6) else ti.math.inf


@func
def _meet_triangle(corners: ti.template(), row: ti.i32, origin: ti.math.vec3, direction: ti.math.vec3):
    """Distance and barycentric coordinates at which a ray meets a triangle, from either side (Moeller and Trumbore
    1997); a distance of +inf when it doesn't."""
    first = read_vector_at(corners, row, 0)
    edge_1, edge_2 = read_vector_at(corners, row, 3) - first, read_vector_at(corners, row, 6) - first
    across = direction.cross(edge_2)
    determinant = edge_1.dot(across)
    distance, u, v = ti.math.inf, 0.0, 0.0
    if determinant != 0.0:
        inverse = 1.0 / determinant
        offset = origin - first
        u = offset.dot(across) * inverse
        other = offset.cross(edge_1)
        v = direction.dot(other) * inverse
        if u >= -OVERLAP and v >= -OVERLAP and u + v <= 1.0 + OVERLAP:
            distance = edge_2.dot(other) * inverse
    return distance, u, v


@func
def _trace(
    origins: ti.template(),
    directions: ti.template(),
    t_range: ti.template(),
    boxes: ti.template(),
    corners: ti.template(),
    triangles: ti.template(),
    ray: ti.i32,
    takes_any: ti.template(),
):
    """Distance, row of the triangle and barycentric coordinates of the first hit of a ray, or of any."""
    leaves = boxes.shape[0] // 2
    origin, direction = read_vector_at(origins, ray, 0), read_vector_at(directions, ray, 0)
    inverse = ti.math.vec3(0.0)
    for axis in ti.static(range(3)):
        slope = direction[axis]
        inverse[axis] = 1.0 / (slope if ti.abs(slope) > _LEAST_SLOPE else _LEAST_SLOPE)
    near, best = t_range[ray, 0], ti.min(t_range[ray, 1], _FARTHEST)
    hit, best_u, best_v = -1, 0.0, 0.0
    node, others = 1, 0
    if not near < best:
        node = 0
    while node > 0:
        goes_back = True
        if node >= leaves:
            for k in range(LEAF_TRIANGLES):
                row = (node - leaves) * LEAF_TRIANGLES + k
                if triangles[row] >= 0:
                    distance, u, v = _meet_triangle(corners, row, origin, direction)
                    if distance >= near and distance < best:
                        best, hit, best_u, best_v = distance, row, u, v
            if ti.static(takes_any):
                if hit >= 0:
                    node, goes_back = 0, False
        else:
            left = _enter_box(boxes, 2 * node, origin, inverse, near, best)
            right = _enter_box(boxes, 2 * node + 1, origin, inverse, near, best)
            if ti.min(left, right) < ti.math.inf:
                node = 2 * node + (1 if right < left else 0)
                others = 2 * others + (1 if ti.max(left, right) < ti.math.inf else 0)
                goes_back = False
        if goes_back:
            if others == 0:
                node = 0
            else:
                while (others & 1) == 0:
                    others, node = others >> 1, node >> 1
                others, node = others ^ 1, node ^ 1
    return best, hit, best_u, best_v


@kernel
def _find_closest(rays: RayTensors, tree: TreeTensors, hits: HitTensors):
    for i in range(rays.origins.shape[0]):
        distance, row, u, v = _trace(
            rays.origins, rays.directions, rays.t_range, tree.boxes, tree.corners, tree.triangles, i, False
        )
        hits.distances[i] = distance if row >= 0 else ti.math.inf
        hits.hit_triangles[i] = tree.triangles[ti.max(row, 0)] if row >= 0 else -1
        hits.barycentrics[i, 0], hits.barycentrics[i, 1] = u, v


@kernel
def _find_any(rays: RayTensors, tree: TreeTensors, is_hit: ti.types.ndarray()):
    for i in range(rays.origins.shape[0]):
        _, row, _, _ = _trace(
            rays.origins, rays.directions, rays.t_range, tree.boxes, tree.corners, tree.triangles, i, True
        )
        is_hit[i] = 1 if row >= 0 else 0


def find_closest(tree: TriangleTree, rays: Rays, hits: SurfaceHits) -> None:
    """Write the nearest of the triangles that each of ``rays`` meets within its ``t_range``, from either side. Rays and
    tree lie in one space, whichever; distances are in units of the directions' length."""
    _find_closest(rays, tree, hits)


def find_any(tree: TriangleTree, rays: Rays, is_hit: torch.Tensor) -> None:
    """Write whether each of ``rays`` meets any triangle within its ``t_range``: ``is_hit`` [n] int32, 1 or 0."""
    _find_any(rays, tree, is_hit)
