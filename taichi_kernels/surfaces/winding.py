"""Generalised winding numbers: how often triangles surround points (Jacobson et al. 2013).

Inside of a closed surface it is 1, outside 0. Through a hole it passes smoothly from one to the other, and where
surfaces overlap they are counted: so it tells inside from outside for meshes that are open, nested or go through
themselves, too. What lies far away compared with its size counts as one dipole at the middle of its area (Barill et
al. 2018, "Fast Winding Numbers for Soups and Clouds", section 3), triangles nearby by their solid angle (Van Oosterom
and Strackee 1983).
"""

import math

import taichi as ti
import torch

from taichi_kernels.bundles import (
    LEAF_TRIANGLES,
    MomentTensors,
    SurfaceMoments,
    TreeTensors,
    TriangleTree,
)
from taichi_kernels.launch import func, kernel
from taichi_kernels.vectors import read_vector, read_vector_at

# A node is a dipole from so many of its radii on (the paper's beta).
FAR = 2.0
_FULL_ANGLE = 4.0 * math.pi


def build_moments(tree: TriangleTree) -> SurfaceMoments:
    """What each node of ``tree`` is from afar."""
    first, second, third = tree.corners.view(-1, 3, 3).unbind(1)
    normals = 0.5 * torch.linalg.cross(second - first, third - first)
    areas = normals.norm(dim=1, keepdim=True)
    # Of each node: area, area times middle, sum of normals. What is no triangle has corners of 0, and no area.
    sums = torch.cat([areas, areas * (first + second + third) / 3.0, normals], dim=1)
    level = sums.view(tree.leaves, LEAF_TRIANGLES, 7).sum(dim=1)
    levels = [level]
    while len(level) > 1:
        level = level.view(-1, 2, 7).sum(dim=1)
        levels.append(level)
    nodes = torch.cat([levels[-1], *reversed(levels)])  # row 0 is no node
    low, high = tree.boxes[:, :3], tree.boxes[:, 3:]
    area = nodes[:, :1]
    middles = torch.where(area > 0.0, nodes[:, 1:4] / area, 0.5 * (low + high))
    radii = torch.maximum(middles - low, high - middles).norm(dim=1, keepdim=True)
    return SurfaceMoments(torch.cat([middles, radii], dim=1), nodes[:, 4:].contiguous())


@func
def _solid_angle(corners: ti.template(), row: ti.i32, point: ti.math.vec3) -> ti.f32:
    """Of a triangle, seen from a point: positive where that looks at its back."""
    a, b, c = (
        read_vector_at(corners, row, 0) - point,
        read_vector_at(corners, row, 3) - point,
        read_vector_at(corners, row, 6) - point,
    )
    length_a, length_b, length_c = a.norm(), b.norm(), c.norm()
    # a . (b x c), of edges: the difference of two large numbers would be lost to rounding.
    volume = a.dot((b - a).cross(c - a))
    below = length_a * length_b * length_c + a.dot(b) * length_c + b.dot(c) * length_a + c.dot(a) * length_b
    angle = 0.0
    if volume != 0.0:
        angle = 2.0 * ti.atan2(volume, below)
    return angle


@kernel
def _find_winding_numbers(
    points: ti.types.ndarray(), tree: TreeTensors, moments: MomentTensors, winding: ti.types.ndarray()
):
    for i in range(points.shape[0]):
        point = read_vector(points, i)
        leaves = tree.boxes.shape[0] // 2
        angle, node = 0.0, 1
        while node > 0:
            goes_down = False
            away = read_vector(moments.node_spheres, node) - point
            square = away.dot(away)
            reach = FAR * moments.node_spheres[node, 3]
            if square > reach * reach:
                angle += read_vector(moments.node_areas, node).dot(away) / (square * ti.sqrt(square))
            elif node >= leaves:
                for k in range(LEAF_TRIANGLES):
                    row = (node - leaves) * LEAF_TRIANGLES + k
                    if tree.triangles[row] >= 0:
                        angle += _solid_angle(tree.corners, row, point)
            else:
                node, goes_down = 2 * node, True
            if not goes_down:
                # To the next node that is below none of those seen: right children have odd numbers, and so has the
                # root.
                while (node & 1) == 1:
                    node = node >> 1
                if node > 0:
                    node += 1
        winding[i] = angle / _FULL_ANGLE


def find_winding_numbers(
    tree: TriangleTree, moments: SurfaceMoments, points: torch.Tensor, winding: torch.Tensor
) -> None:
    """Write the winding number of the triangles of ``tree`` around each of ``points`` [n, 3] f32 to ``winding`` [n]
    f32. ``moments``: of ``build_moments``. Triangles whose corners run anticlockwise face outwards: if they all face
    inwards, it is negative."""
    _find_winding_numbers(points, tree, moments, winding)
