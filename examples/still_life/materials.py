"""The still life's surfaces, all procedural.

Nothing is finer than about two centimetres: in a picture that the still life fills, 400 pixels wide, that is four or
five pixels.
"""

from __future__ import annotations

import bpy
from nodes import ShaderGraph


def glazed_ceramic() -> bpy.types.Material:
    """A deep teal glaze that breaks to warm ochre on the edges, as a real one does where it runs thin."""
    g = ShaderGraph("Glazed ceramic")
    mottled = g.ramp(
        g.noise(g.position(), 3.2, detail=3.0, distortion=0.6),
        (0.30, (0.004, 0.060, 0.085)),
        (0.52, (0.012, 0.190, 0.200)),
        (0.72, (0.120, 0.420, 0.350)),
    )
    worn = g.ramp(
        g.math("ADD", g.pointiness(), g.math("MULTIPLY", g.noise(g.position(), 9.0), 0.05)),
        (0.538, (0.0, 0.0, 0.0)),
        (0.590, (0.88, 0.88, 0.88)),
    )
    color = g.mix(worn, mottled, (0.62, 0.36, 0.13))
    return g.surface(color, 0.30, normal=g.bump(g.noise(g.position(), 5.0), 0.015))


def painted_earthenware() -> bpy.types.Material:
    """Cream slip with indigo chevrons and rust bands, painted round a lathed pot: u is the angle, v the height."""
    g = ShaderGraph("Painted earthenware")
    u, v = g.uv()
    zigzag = g.math("PINGPONG", g.math("MULTIPLY", u, 12.0), 0.5)
    stripe = g.math("FRACT", g.math("ADD", g.math("MULTIPLY", v, 9.0), zigzag))
    cream, indigo, rust = (0.72, 0.60, 0.43), (0.018, 0.040, 0.125), (0.42, 0.095, 0.030)
    worn, whole = (0.80, 0.80, 0.80), (1.0, 1.0, 1.0)
    chevrons = g.ramp(stripe, (0.40, cream), (0.46, indigo), (0.88, indigo), (0.94, cream))
    inside = g.ramp(v, (0.205, (0, 0, 0)), (0.215, (1, 1, 1)), (0.655, (1, 1, 1)), (0.665, (0, 0, 0)))
    bands = g.ramp(v, (0.14, rust), (0.15, cream), (0.71, cream), (0.72, rust), (0.80, rust), (0.81, cream))
    painted = g.multiply(
        g.mix(inside, bands, chevrons), g.ramp(g.noise(g.position(), 22.0), (0.35, worn), (0.60, whole))
    )
    throwing_rings = g.math("SINE", g.math("MULTIPLY", v, 160.0))
    return g.surface(painted, 0.42, normal=g.bump(throwing_rings, 0.0015))


def woven_cane() -> bpy.types.Material:
    """A plain weave, over one and under one, in honey and straw: u runs round the basket, v up its wall."""
    g = ShaderGraph("Woven cane")
    u, v = g.uv()
    stakes, rows = g.math("MULTIPLY", u, 36.0), g.math("MULTIPLY", v, 9.0)
    parity = g.math("MODULO", g.math("ADD", g.math("FLOOR", stakes), g.math("FLOOR", rows)), 2.0)
    across_stake = g.math("ABSOLUTE", g.math("SINE", g.math("MULTIPLY", stakes, 3.14159)))
    across_row = g.math("ABSOLUTE", g.math("SINE", g.math("MULTIPLY", rows, 3.14159)))
    height = g.math("SQRT", g.blend(parity, across_stake, across_row))
    stake = g.ramp(height, (0.30, (0.110, 0.045, 0.012)), (0.85, (0.460, 0.235, 0.070)))
    row = g.ramp(height, (0.30, (0.150, 0.075, 0.025)), (0.85, (0.690, 0.450, 0.190)))
    return g.surface(g.mix(parity, stake, row), 0.62, normal=g.bump(height, 0.012))


def hammered_brass() -> bpy.types.Material:
    """Warm brass, rough enough that its highlights are soft, with the dimples of a planishing hammer."""
    g = ShaderGraph("Hammered brass")
    dimples = g.cells(g.position(), 24.0)
    tarnish = g.ramp(g.noise(g.position(), 4.0, detail=3.0), (0.35, (0.56, 0.30, 0.090)), (0.65, (0.86, 0.56, 0.220)))
    return g.surface(tarnish, 0.40, metallic=1.0, normal=g.bump(dimples, 0.012, strength=0.5))


def brushed_brass() -> bpy.types.Material:
    """The same metal, plain: for the mount that carries the head."""
    return ShaderGraph("Brushed brass").surface((0.70, 0.42, 0.14), 0.42, metallic=1.0)


def walnut() -> bpy.types.Material:
    """Oiled walnut, sawn through the heart a little off centre."""
    g = ShaderGraph("Walnut")
    x, y, z = g.axes(g.scaled(g.position(), 1.0, 0.30, 1.0))
    warp = g.math("MULTIPLY", g.noise(g.scaled(g.position(), 1.6, 0.4, 1.6), 1.3, detail=2.0), 0.40)
    radius = g.math("ADD", g.math("SQRT", g.math("ADD", g.math("POWER", x, 2.0), g.math("POWER", y, 2.0))), warp)
    rings = g.math("ADD", g.math("MULTIPLY", radius, 22.0), g.math("MULTIPLY", z, 2.0))
    grain = g.math("PINGPONG", rings, 1.0)
    color = g.ramp(grain, (0.05, (0.068, 0.028, 0.013)), (0.45, (0.125, 0.056, 0.025)), (0.95, (0.205, 0.100, 0.045)))
    return g.surface(color, 0.45, normal=g.bump(grain, 0.002))


def plaster(name: str, color: tuple[float, float, float]) -> bpy.types.Material:
    """Matte limewashed plaster in ``color`` (linear RGB), a little cloudy."""
    g = ShaderGraph(name)
    light = tuple(min(1.0, c * 1.18) for c in color)
    dark = tuple(c * 0.78 for c in color)
    cloud = g.noise(g.position(), 4.5, detail=4.0)
    return g.surface(
        g.ramp(cloud, (0.30, dark), (0.70, light)), 0.85, normal=g.bump(g.noise(g.position(), 14.0), 0.004)
    )


def fruit_skin(name: str, ripe: tuple[float, float, float], blush: tuple[float, float, float]) -> bpy.types.Material:
    """Waxy skin that turns from ``ripe`` to ``blush`` (linear RGB) in soft patches."""
    g = ShaderGraph(name)
    color = g.ramp(g.noise(g.position(), 2.6, detail=2.0), (0.38, ripe), (0.66, blush))
    return g.surface(color, 0.42, normal=g.bump(g.noise(g.position(), 16.0), 0.004))


def leaf() -> bpy.types.Material:
    """Eucalyptus: dusty blue-green with a paler heart."""
    g = ShaderGraph("Leaf")
    color = g.ramp(g.noise(g.position(), 6.0), (0.35, (0.075, 0.155, 0.100)), (0.70, (0.235, 0.360, 0.245)))
    return g.surface(color, 0.62, sheen=0.15)
