"""Real spherical harmonics up to degree 3 (16 values) of ray directions: what the colour network sees of the view."""

import taichi as ti
import torch

from taichi_kernels.launch import kernel

SH_VALUES = 16


@kernel
def _encode_directions(
    n: ti.i32,
    first_column: ti.i32,
    rays_d: ti.types.ndarray(),
    sample_rays: ti.types.ndarray(),
    out: ti.types.ndarray(),
):
    for i in range(n):
        ray = sample_rays[i]
        x, y, z = rays_d[ray, 0], rays_d[ray, 1], rays_d[ray, 2]
        xx, yy, zz, xy, yz, xz = x * x, y * y, z * z, x * y, y * z, x * z
        # Normalised so that the integral of each value squared over the sphere is 1.
        values = ti.Vector([
            0.28209479177387814,
            -0.48860251190291987 * y, 0.48860251190291987 * z, -0.48860251190291987 * x,
            1.0925484305920792 * xy, -1.0925484305920792 * yz, 0.31539156525252005 * (3.0 * zz - 1.0),
            -1.0925484305920792 * xz, 0.5462742152960396 * (xx - yy),
            0.5900435899266435 * y * (yy - 3.0 * xx), 2.890611442640554 * xy * z,
            0.4570457994644658 * y * (1.0 - 5.0 * zz), 0.3731763325901154 * z * (5.0 * zz - 3.0),
            0.4570457994644658 * x * (1.0 - 5.0 * zz), 1.445305721320277 * z * (xx - yy),
            0.5900435899266435 * x * (3.0 * yy - xx),
        ])  # fmt: skip
        for k in ti.static(range(SH_VALUES)):
            out[i, first_column + k] = values[k]


def encode_directions(rays_d: torch.Tensor, sample_rays: torch.Tensor, out: torch.Tensor, first_column: int) -> None:
    """Write the harmonics of ``rays_d`` [rays, 3] (unit length), looked up by ``sample_rays`` [n] int32, into
    ``out`` [n, >= first_column + 16] from ``first_column`` on."""
    if sample_rays.shape[0]:
        _encode_directions(sample_rays.shape[0], first_column, rays_d, sample_rays, out)
