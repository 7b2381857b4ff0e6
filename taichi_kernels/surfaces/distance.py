"""How far points are from the nearest triangle.

A point goes down the tree to the nearer child first and leaves out boxes that are farther away than what it has found;
which levels it has still to see the other child of is a bit each, as for rays (see ``intersection``).
"""

import taichi as ti
import torch

from taichi_kernels.bundles import LEAF_TRIANGLES, TreeTensors, TriangleTree
from taichi_kernels.launch import func, kernel
from taichi_kernels.vectors import read_vector, read_vector_at

_TINY = 1e-30


@func
def _square_to_box(boxes: ti.template(), node: ti.i32, point: ti.math.vec3) -> ti.f32:
    """The squared distance to a node's box, 0 within; +inf for a box around nothing."""
    outside = ti.max(read_vector_at(boxes, node, 0) - point, 0.0, point - read_vector_at(boxes, node, 3))
    return outside.dot(outside)


@func
def _square_to_edge(point: ti.math.vec3, edge: ti.math.vec3) -> ti.f32:
    """The squared distance of a point to an edge that begins at the origin."""
    along = ti.math.clamp(point.dot(edge) / ti.max(edge.dot(edge), _TINY), 0.0, 1.0)
    away = point - along * edge
    return away.dot(away)


@func
def _square_to_triangle(corners: ti.template(), row: ti.i32, point: ti.math.vec3) -> ti.f32:
    """The squared distance to a triangle: to its plane above its inside, else to an edge. One without area is its
    edges."""
    first = read_vector_at(corners, row, 0)
    edge_1, edge_2 = read_vector_at(corners, row, 3) - first, read_vector_at(corners, row, 6) - first
    offset = point - first
    third_edge = edge_2 - edge_1
    square = ti.min(_square_to_edge(offset, edge_1), _square_to_edge(offset, edge_2))
    square = ti.min(square, _square_to_edge(offset - edge_1, third_edge))
    normal = edge_1.cross(edge_2)
    area_square = normal.dot(normal)
    if area_square > _TINY:
        u = offset.cross(edge_2).dot(normal)
        v = edge_1.cross(offset).dot(normal)
        if u >= 0.0 and v >= 0.0 and u + v <= area_square:
            height = offset.dot(normal)
            square = height * height / area_square
    return square


@kernel
def _find_distances(points: ti.types.ndarray(), tree: TreeTensors, distances: ti.types.ndarray()):
    for i in range(points.shape[0]):
        point = read_vector(points, i)
        leaves = tree.boxes.shape[0] // 2
        best = distances[i] * distances[i]
        node, others = 1, 0
        while node > 0:
            goes_back = True
            if node >= leaves:
                for k in range(LEAF_TRIANGLES):
                    row = (node - leaves) * LEAF_TRIANGLES + k
                    if tree.triangles[row] >= 0:
                        best = ti.min(best, _square_to_triangle(tree.corners, row, point))
            else:
                left = _square_to_box(tree.boxes, 2 * node, point)
                right = _square_to_box(tree.boxes, 2 * node + 1, point)
                if ti.min(left, right) < best:
                    node = 2 * node + (1 if right < left else 0)
                    others = 2 * others + (1 if ti.max(left, right) < best else 0)
                    goes_back = False
            while goes_back:
                if others == 0:
                    node, goes_back = 0, False
                else:
                    while (others & 1) == 0:
                        others, node = others >> 1, node >> 1
                    others, node = others ^ 1, node ^ 1
                    # What has been found meanwhile may be nearer than this child.
                    goes_back = _square_to_box(tree.boxes, node, point) >= best
        distances[i] = ti.sqrt(best)


def find_distances(tree: TriangleTree, points: torch.Tensor, distances: torch.Tensor) -> None:
    """Write how far each of ``points`` [n, 3] f32 is from the nearest triangle, in the tree's own space.

    ``distances`` [n] f32 hold limits beforehand, +inf where there is none: what is farther away isn't looked for, and
    the limit stays.
    """
    _find_distances(points, tree, distances)
