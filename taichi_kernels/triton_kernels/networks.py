"""Density and colour network in one kernel, forward, and in one more, backward: activations stay on chip.

Shapes are fixed by what tensor cores take: 32 features in, 64 wide, 16 geometry values, 16 harmonics, two hidden colour
layers, four outputs. Weights lie one matrix after the other, row-major [inputs, outputs], as in FieldNetworks.
"""

import functools

import torch
import triton
import triton.language as tl

from taichi_kernels.bundles import ActiveSamples, FieldOutputs
from taichi_kernels.triton_kernels.launch import func, kernel

INPUTS, WIDTH, GEOMETRY, HARMONICS, OUTPUTS = 32, 64, 16, 16, 4
COLOR_LAYERS = 2
_BLOCK = 128
# Programs that share the backward pass; each keeps its part of the weights' gradients in registers until its end.
_BACKWARD_PROGRAMS_PER_PROCESSOR = 2

_W2 = tl.constexpr(INPUTS * WIDTH)
_W3 = tl.constexpr(INPUTS * WIDTH + WIDTH * GEOMETRY)
_W4 = tl.constexpr(INPUTS * WIDTH + WIDTH * GEOMETRY + (GEOMETRY + HARMONICS) * WIDTH)
_W5 = tl.constexpr(INPUTS * WIDTH + WIDTH * GEOMETRY + (GEOMETRY + HARMONICS) * WIDTH + WIDTH * WIDTH)
_IN, _WIDTH, _GEO, _SH, _OUT = (tl.constexpr(v) for v in (INPUTS, WIDTH, GEOMETRY, HARMONICS, OUTPUTS))


@func
def _load_matrix(weights, offset: tl.constexpr, rows: tl.constexpr, columns: tl.constexpr):
    r, c = tl.arange(0, rows), tl.arange(0, columns)
    return tl.load(weights + offset + r[:, None] * columns + c[None, :])


@func
def _load_output_matrix(weights):
    # Tensor cores take no fewer than 16 columns: the four outputs are padded with zeros.
    r, c = tl.arange(0, _WIDTH), tl.arange(0, 16)
    return tl.load(weights + _W5 + r[:, None] * _OUT + c[None, :], mask=c[None, :] < _OUT, other=0.0)


@func
def _encode_directions(rays_d, sample_rays, i, mask):
    """[BLOCK, 16] float16: the values of ``taichi_kernels.spherical_harmonics``. Worked out anew wherever they are
    needed: cheaper than reading them."""
    ray = tl.load(sample_rays + i, mask=mask, other=0)
    x = tl.load(rays_d + ray * 3)[:, None]
    y = tl.load(rays_d + ray * 3 + 1)[:, None]
    z = tl.load(rays_d + ray * 3 + 2)[:, None]
    xx, yy, zz = x * x, y * y, z * z
    k = tl.arange(0, _SH)[None, :]
    values = tl.where(k == 1, -0.48860251190291987 * y, 0.28209479177387814)
    values = tl.where(k == 2, 0.48860251190291987 * z, values)
    values = tl.where(k == 3, -0.48860251190291987 * x, values)
    values = tl.where(k == 4, 1.0925484305920792 * x * y, values)
    values = tl.where(k == 5, -1.0925484305920792 * y * z, values)
    values = tl.where(k == 6, 0.31539156525252005 * (3.0 * zz - 1.0), values)
    values = tl.where(k == 7, -1.0925484305920792 * x * z, values)
    values = tl.where(k == 8, 0.5462742152960396 * (xx - yy), values)
    values = tl.where(k == 9, 0.5900435899266435 * y * (yy - 3.0 * xx), values)
    values = tl.where(k == 10, 2.890611442640554 * x * y * z, values)
    values = tl.where(k == 11, 0.4570457994644658 * y * (1.0 - 5.0 * zz), values)
    values = tl.where(k == 12, 0.3731763325901154 * z * (5.0 * zz - 3.0), values)
    values = tl.where(k == 13, 0.4570457994644658 * x * (1.0 - 5.0 * zz), values)
    values = tl.where(k == 14, 1.445305721320277 * z * (xx - yy), values)
    values = tl.where(k == 15, 0.5900435899266435 * x * (3.0 * yy - xx), values)
    return values.to(tl.float16)


@kernel(0, num_warps=8)
def _forward(
    n,
    count,
    features,
    rays_d,
    sample_rays,
    weights,
    densities,
    colors,
    WITH_COLOR: tl.constexpr,
    BLOCK: tl.constexpr,
    HAS_COUNT: tl.constexpr,
):
    if HAS_COUNT:
        n = tl.minimum(n, tl.load(count))
    if tl.program_id(0) * BLOCK >= n:
        return
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    c_in, c_geo = tl.arange(0, _IN), tl.arange(0, _GEO)
    x = tl.load(features + i[:, None] * _IN + c_in[None, :], mask=mask[:, None], other=0.0)
    h1 = tl.maximum(tl.dot(x, _load_matrix(weights, 0, _IN, _WIDTH)), 0.0).to(tl.float16)
    geometry = tl.dot(h1, _load_matrix(weights, _W2, _WIDTH, _GEO)).to(tl.float16)
    density = tl.sum(tl.where(c_geo[None, :] == 0, geometry.to(tl.float32), 0.0), axis=1)
    tl.store(densities + i, density.to(tl.float16), mask=mask)
    if WITH_COLOR:
        sh = _encode_directions(rays_d, sample_rays, i, mask)
        h2 = tl.dot(geometry, _load_matrix(weights, _W3, _GEO, _WIDTH))
        h2 += tl.dot(sh, _load_matrix(weights, _W3 + _GEO * _WIDTH, _SH, _WIDTH))
        h2 = tl.maximum(h2, 0.0).to(tl.float16)
        h3 = tl.maximum(tl.dot(h2, _load_matrix(weights, _W4, _WIDTH, _WIDTH)), 0.0).to(tl.float16)
        out = tl.dot(h3, _load_output_matrix(weights)).to(tl.float16)
        c_out = tl.arange(0, 16)
        tl.store(colors + i[:, None] * _OUT + c_out[None, :], out, mask=mask[:, None] & (c_out[None, :] < _OUT))


@func
def _add_matrix(gradients, offset: tl.constexpr, value, rows: tl.constexpr, columns: tl.constexpr):
    r, c = tl.arange(0, rows), tl.arange(0, columns)
    tl.atomic_add(gradients + offset + r[:, None] * columns + c[None, :], value, sem="relaxed")


@kernel(num_warps=8)
def _backward(
    rows,
    row_count,
    features,
    rays_d,
    sample_rays,
    weights,
    grad_densities,
    grad_colors,
    grad_features,
    gradients,
    BLOCK: tl.constexpr,
):
    w1 = _load_matrix(weights, 0, _IN, _WIDTH)
    w2 = _load_matrix(weights, _W2, _WIDTH, _GEO)
    w3_geo = _load_matrix(weights, _W3, _GEO, _WIDTH)
    w3_sh = _load_matrix(weights, _W3 + _GEO * _WIDTH, _SH, _WIDTH)
    w4 = _load_matrix(weights, _W4, _WIDTH, _WIDTH)
    w5 = _load_output_matrix(weights)
    g1 = tl.zeros((_IN, _WIDTH), tl.float32)
    g2 = tl.zeros((_WIDTH, _GEO), tl.float32)
    g3_geo = tl.zeros((_GEO, _WIDTH), tl.float32)
    g3_sh = tl.zeros((_SH, _WIDTH), tl.float32)
    g4 = tl.zeros((_WIDTH, _WIDTH), tl.float32)
    g5 = tl.zeros((_WIDTH, 16), tl.float32)
    c_in, c_geo, c_out = tl.arange(0, _IN), tl.arange(0, _GEO), tl.arange(0, 16)
    n = tl.load(row_count)
    for block in range(tl.program_id(0), tl.cdiv(n, BLOCK), tl.num_programs(0)):
        i = block * BLOCK + tl.arange(0, BLOCK)
        mask = i < n
        row = tl.load(rows + i, mask=mask, other=0)
        # The forward pass again: cheaper than reading its activations back from memory.
        x = tl.load(features + row[:, None] * _IN + c_in[None, :], mask=mask[:, None], other=0.0)
        h1 = tl.maximum(tl.dot(x, w1), 0.0).to(tl.float16)
        geometry = tl.dot(h1, w2).to(tl.float16)
        sh = _encode_directions(rays_d, sample_rays, row, mask)
        h2 = tl.maximum(tl.dot(geometry, w3_geo) + tl.dot(sh, w3_sh), 0.0).to(tl.float16)
        h3 = tl.maximum(tl.dot(h2, w4), 0.0).to(tl.float16)

        d_out = tl.load(
            grad_colors + row[:, None] * _OUT + c_out[None, :], mask=mask[:, None] & (c_out[None, :] < 3), other=0.0
        )
        g5 += tl.dot(tl.trans(h3), d_out)
        d3 = tl.where(h3 > 0.0, tl.dot(d_out, tl.trans(w5)), 0.0).to(tl.float16)
        g4 += tl.dot(tl.trans(h2), d3)
        d2 = tl.where(h2 > 0.0, tl.dot(d3, tl.trans(w4)), 0.0).to(tl.float16)
        g3_geo += tl.dot(tl.trans(geometry), d2)
        g3_sh += tl.dot(tl.trans(sh), d2)
        d_geometry = tl.dot(d2, tl.trans(w3_geo))
        d_density = tl.load(grad_densities + row, mask=mask, other=0.0).to(tl.float32)
        d_geometry += tl.where(c_geo[None, :] == 0, d_density[:, None], 0.0)
        d_geometry = d_geometry.to(tl.float16)
        g2 += tl.dot(tl.trans(h1), d_geometry)
        d1 = tl.where(h1 > 0.0, tl.dot(d_geometry, tl.trans(w2)), 0.0).to(tl.float16)
        g1 += tl.dot(tl.trans(x), d1)
        d_x = tl.dot(d1, tl.trans(w1)).to(tl.float16)
        tl.store(grad_features + i[:, None] * _IN + c_in[None, :], d_x, mask=mask[:, None])
    _add_matrix(gradients, 0, g1, _IN, _WIDTH)
    _add_matrix(gradients, _W2, g2, _WIDTH, _GEO)
    _add_matrix(gradients, _W3, g3_geo, _GEO, _WIDTH)
    _add_matrix(gradients, _W3 + _GEO * _WIDTH, g3_sh, _SH, _WIDTH)
    _add_matrix(gradients, _W4, g4, _WIDTH, _WIDTH)
    r, c = tl.arange(0, _WIDTH), tl.arange(0, 16)
    tl.atomic_add(gradients + _W5 + r[:, None] * _OUT + c[None, :], g5, mask=c[None, :] < _OUT, sem="relaxed")


def forward(
    features: torch.Tensor,
    rays_d: torch.Tensor | None,
    sample_rays: torch.Tensor | None,
    weights: torch.Tensor,
    outputs: FieldOutputs,
    count: torch.Tensor | None = None,
) -> None:
    """Write raw densities [n, 1] and, given ``rays_d`` [rays, 3] (float32, unit length), raw colours to ``outputs``,
    float16 like all but the rays.

    ``features`` [n, 32]; ``sample_rays`` [n] int32; ``weights`` flat. Of the first ``count`` [1] int32 samples alone,
    if that is given.
    """
    n = features.shape[0]
    _forward(
        (triton.cdiv(n, _BLOCK), 1, 1), n, count, features, rays_d, sample_rays, weights,
        outputs.density_rows, outputs.color_rows, rays_d is not None, _BLOCK, count is not None,
    )  # fmt: skip


def backward(
    active: ActiveSamples,
    features: torch.Tensor,
    rays_d: torch.Tensor,
    sample_rays: torch.Tensor,
    weights: torch.Tensor,
    gradients: FieldOutputs,
    grad_features: torch.Tensor,
    grad_weights: torch.Tensor,
) -> None:
    """Add to ``grad_weights`` (flat, float32) and write ``grad_features`` [>= active samples, 32] float16, both of the
    ``active`` samples, given the ``gradients`` of the loss in the outputs."""
    programs = min(triton.cdiv(active.rows.shape[0], _BLOCK), _count_processors() * _BACKWARD_PROGRAMS_PER_PROCESSOR)
    _backward(
        (programs, 1, 1), active.rows, active.count, features, rays_d, sample_rays, weights,
        gradients.densities, gradients.color_rows, grad_features, grad_weights, _BLOCK,
    )  # fmt: skip


@functools.cache
def _count_processors() -> int:
    """The multiprocessors of the card that is in use."""
    count: int = torch.cuda.get_device_properties(torch.cuda.current_device()).multi_processor_count
    return count
