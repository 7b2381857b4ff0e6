"""What a field's raw outputs mean: density = DENSITY_SCALE exp(raw), and colour = sigmoid(raw) in sRGB fields,
softplus(raw)^2 in scene-linear ones."""

import taichi as ti

from taichi_kernels.launch import func

# Density of an untrained field, in units of one over the unit cube's side: thin enough to see through the cube's empty
# parts, thick enough that surfaces form within a few hundred steps.
DENSITY_SCALE = 16.0
MAX_RAW = 12.0
# Past these a raw colour stays where it is while its gradient passes, so that what was learnt as black can come back:
# less than half of a step of eight bits from black (and, in sRGB, from white).
MIN_RAW_LINEAR = -5.0
MAX_RAW_SRGB = 8.0
# The slope for gradients that lead back to these limits, where the activation's own is a hundredth of it: density,
# whose slope is no smaller there, would make a place transparent for good before its colour is back.
SLOPE_BACK = 0.02
# Past this no gradient takes a limited raw colour still further out, where half precision would overflow in the end.
FARTHEST_RAW = 32.0


@func
def activate_density(raw: ti.f32) -> ti.f32:
    """Density per unit-cube length."""
    return DENSITY_SCALE * ti.exp(ti.min(raw, MAX_RAW))


@func
def _limit_color(raw: ti.math.vec3, linear: ti.template()) -> ti.math.vec3:
    limited = raw
    if ti.static(linear):
        limited = ti.max(raw, MIN_RAW_LINEAR)
    else:
        limited = ti.math.clamp(raw, -MAX_RAW_SRGB, MAX_RAW_SRGB)
    return limited


@func
def activate_color(unlimited: ti.math.vec3, linear: ti.template()) -> ti.math.vec3:
    """Colour in the field's own colour space."""
    raw = _limit_color(unlimited, linear)
    color = raw
    if ti.static(linear):
        # The square undoes most of the display curve, so that dark and bright learn at one pace.
        root = ti.max(raw, 0.0) + ti.log(1.0 + ti.exp(-ti.abs(raw)))
        color = root * root
    else:
        color = 1.0 / (1.0 + ti.exp(-raw))
    return color


@func
def raw_color_gradient(
    raw: ti.math.vec3, color: ti.math.vec3, grad_color: ti.math.vec3, linear: ti.template()
) -> ti.math.vec3:
    """d loss / d raw, where ``color`` is what ``raw`` activates to and ``grad_color`` is d loss / d color."""
    limited = _limit_color(raw, linear)
    slope = color * (1.0 - color)
    if ti.static(linear):
        slope = 2.0 * ti.sqrt(color) / (1.0 + ti.exp(-limited))
    gradient = grad_color * slope
    for k in ti.static(range(3)):
        if (raw[k] - limited[k]) * grad_color[k] > 0.0:  # past a limit, and led back
            gradient[k] = grad_color[k] * SLOPE_BACK
    if ti.abs(raw).max() > FARTHEST_RAW:  # seldom
        for k in ti.static(range(3)):
            if raw[k] < -FARTHEST_RAW:
                gradient[k] = ti.min(gradient[k], 0.0)
            if ti.static(not linear):
                if raw[k] > FARTHEST_RAW:
                    gradient[k] = ti.max(gradient[k], 0.0)
    return gradient


@func
def read_color(raw_colors: ti.template(), i: ti.i32) -> ti.math.vec3:
    """A sample's raw colour, whatever its dtype."""
    return ti.math.vec3(
        ti.cast(raw_colors[i, 0], ti.f32), ti.cast(raw_colors[i, 1], ti.f32), ti.cast(raw_colors[i, 2], ti.f32)
    )
