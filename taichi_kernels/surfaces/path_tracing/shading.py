"""One vertex of all paths: what they meet, which light they ask for, and where they go on.

Three kernels and not one: Taichi takes minutes to compile them as one.
"""

import taichi as ti
import torch

from taichi_kernels.bundles import HitTensors, Rays, RayTensors, SurfaceHits
from taichi_kernels.launch import func, kernel
from taichi_kernels.random_numbers import RandomStream, uniform
from taichi_kernels.surfaces.path_tracing.albedo_tables import AlbedoTables
from taichi_kernels.surfaces.path_tracing.bsdf import evaluate, make_lobes, sample
from taichi_kernels.surfaces.path_tracing.bundles import (
    LightSamples,
    LightSampleTensors,
    MaterialColumn,
    Paths,
    PathScene,
    PathStep,
    PathTensors,
    SceneTensors,
    StepNumbers,
    Strategy,
    TableTensors,
    TextureColumn,
    ValueColumn,
    VertexTensors,
    Vertices,
)
from taichi_kernels.surfaces.path_tracing.lights import ask_light, far_light, make_frame, power_weight, triangle_pdf
from taichi_kernels.surfaces.path_tracing.surfaces import emitted, find_surface, lift, luminance, texture_at
from taichi_kernels.vectors import read_vector

# Random numbers that a vertex takes, from RandomStream.PATH_VERTEX on.
VERTEX_NUMBERS = 8
# After so many bounces paths end by chance, the more likely the less light they can bring.
_ROULETTE_BOUNCES = 3
_LEAST_SURVIVAL = 0.05
# Past a lamp, in parts of the distance to it.
_BEHIND = 1.0 + 1e-5


@func
def _write_vector(rows: ti.template(), row: ti.i32, vector: ti.math.vec3):
    for axis in ti.static(range(3)):
        rows[row, axis] = vector[axis]


@kernel
def _meet_surfaces(
    numbers: StepNumbers,
    scene: SceneTensors,
    rays: RayTensors,
    hits: HitTensors,
    paths: PathTensors,
    vertices_met: VertexTensors,
):
    for i in range(rays.origins.shape[0]):
        if rays.t_range[i, 1] > 0.0:
            direction, found = read_vector(rays.directions, i), ti.math.vec3(0.0)
            # Where only one way of finding light counts, it counts whole.
            pdf = paths.scatter_pdfs[i] if numbers.strategy != int(Strategy.BY_CHANCE) else ti.math.inf
            asks_alone = numbers.strategy == int(Strategy.BY_LIGHTS) and pdf < ti.math.inf
            triangle = hits.hit_triangles[i]
            ends = True
            if triangle < 0:
                if not asks_alone:
                    is_camera = 1 if numbers.vertex == 0 else 0
                    found = far_light(scene, direction, pdf, is_camera, numbers.hides_environment)
            else:
                surface = find_surface(scene, triangle, hits.barycentrics[i, 0], hits.barycentrics[i, 1], direction)
                row = surface.material
                # The columns of one number follow those of the base colour, in the order of their textures.
                for slot in range(5):
                    color = texture_at(scene, scene.material_textures[row, slot], surface.u, surface.v)
                    if slot == int(TextureColumn.BASE):
                        for axis in ti.static(range(3)):
                            value = color[axis] * scene.materials[row, MaterialColumn.BASE + axis]
                            vertices_met.surface_values[i, axis] = ti.math.clamp(value, 0.0, 1.0)
                    elif slot < int(TextureColumn.EMISSION):
                        value = luminance(color) * scene.materials[row, MaterialColumn.BASE + 2 + slot]
                        vertices_met.surface_values[i, 2 + slot] = ti.math.clamp(value, 0.0, 1.0)
                    else:
                        found = emitted(scene, surface, color)
                light_pdf = triangle_pdf(scene, triangle, hits.distances[i], direction)
                if asks_alone and light_pdf > 0.0:
                    found = ti.math.vec3(0.0)
                elif pdf < ti.math.inf:
                    found *= power_weight(pdf, light_pdf)
                eta = scene.materials[row, MaterialColumn.ETA]
                vertices_met.surface_values[i, ValueColumn.GLASS_ETA] = 1.0 / eta if surface.is_back == 1 else eta
                vertices_met.surface_values[i, ValueColumn.LAYER_ETA] = scene.materials[
                    row, MaterialColumn.SPECULAR_ETA
                ]
                vertices_met.surface_values[i, ValueColumn.LAYER_MEAN] = scene.materials[
                    row, MaterialColumn.SPECULAR_MEAN
                ]
                is_lamp = scene.materials[row, MaterialColumn.IS_LAMP]
                vertices_met.surface_values[i, ValueColumn.IS_LAMP] = is_lamp
                ends = is_lamp == 0.0 and paths.bounces[i] > numbers.bounces
                if is_lamp > 0.0:
                    # The ray goes on behind it, as the same one: how likely it was drawn counts from its beginning.
                    rays.t_range[i, 0] = hits.distances[i] * _BEHIND
                _write_vector(vertices_met.points, i, surface.point)
                _write_vector(vertices_met.sides, i, surface.side)
                _write_vector(vertices_met.shading_normals, i, surface.normal)
            radiance_before = read_vector(paths.radiance, i)
            _write_vector(paths.radiance, i, radiance_before + read_vector(paths.throughputs, i) * found)
            if ends:
                rays.t_range[i, 1] = 0.0


@kernel
def _ask_lights(
    numbers: StepNumbers,
    scene: SceneTensors,
    rays: RayTensors,
    vertices_met: VertexTensors,
    samples: LightSampleTensors,
):
    for i in range(rays.origins.shape[0]):
        samples.light_ranges[i, 1] = 0.0
        asks = numbers.strategy != int(Strategy.BY_CHANCE) and rays.t_range[i, 1] > 0.0
        if asks and vertices_met.surface_values[i, ValueColumn.IS_LAMP] == 0.0:
            stream = RandomStream.PATH_VERTEX + VERTEX_NUMBERS * numbers.vertex
            asked = ask_light(
                scene,
                read_vector(vertices_met.points, i),
                uniform(numbers.seed, numbers.step, i, stream),
                uniform(numbers.seed, numbers.step, i, stream + 1),
                uniform(numbers.seed, numbers.step, i, stream + 2),
            )
            _write_vector(samples.light_directions, i, asked.direction)
            _write_vector(samples.light_amounts, i, asked.radiance)
            samples.light_ranges[i, 1] = asked.distance if asked.radiance.max() > 0.0 else 0.0
            samples.light_pdfs[i] = asked.pdf


@kernel
def _scatter(
    numbers: StepNumbers,
    tables: TableTensors,
    rays: RayTensors,
    vertices_met: VertexTensors,
    paths: PathTensors,
    samples: LightSampleTensors,
):
    for i in range(rays.origins.shape[0]):
        if rays.t_range[i, 1] > 0.0 and vertices_met.surface_values[i, ValueColumn.IS_LAMP] == 0.0:
            stream = RandomStream.PATH_VERTEX + VERTEX_NUMBERS * numbers.vertex
            point, side = read_vector(vertices_met.points, i), read_vector(vertices_met.sides, i)
            direction, throughput = read_vector(rays.directions, i), read_vector(paths.throughputs, i)
            z = read_vector(vertices_met.shading_normals, i)
            x, y = make_frame(z)
            view = -ti.math.vec3(x.dot(direction), y.dot(direction), z.dot(direction))
            lobes = make_lobes(
                read_vector(vertices_met.surface_values, i),
                vertices_met.surface_values[i, ValueColumn.ROUGHNESS],
                vertices_met.surface_values[i, ValueColumn.METALLIC],
                vertices_met.surface_values[i, ValueColumn.TRANSMISSION],
                vertices_met.surface_values[i, ValueColumn.GLASS_ETA],
                vertices_met.surface_values[i, ValueColumn.LAYER_ETA],
                vertices_met.surface_values[i, ValueColumn.LAYER_MEAN],
                view.z,
                tables.mirror_albedos,
                tables.mirror_means,
                tables.dielectric_albedos,
                tables.glass_albedos,
            )
            drawn, share = sample(
                lobes,
                view,
                uniform(numbers.seed, numbers.step, i, stream + 3),
                uniform(numbers.seed, numbers.step, i, stream + 4),
                uniform(numbers.seed, numbers.step, i, stream + 5),
            )
            is_single = share.max() > 0.0
            goes_on = False
            # The direction of the light, then that of the path: one piece of code, compiled once.
            for way in range(2):
                towards = x * drawn.x + y * drawn.y + z * drawn.z
                if way == 0:
                    towards = read_vector(samples.light_directions, i)
                local = ti.math.vec3(x.dot(towards), y.dot(towards), z.dot(towards))
                # Nothing comes through a surface from where its shading normal says that it comes from before it.
                above = side.dot(towards)
                is_possible = local.z * above > 0.0 and (way == 1 or samples.light_ranges[i, 1] > 0.0)
                value, pdf = ti.math.vec3(0.0), 0.0
                if is_possible:
                    value, pdf = evaluate(lobes, view, local)
                start = lift(point, side if above > 0.0 else -side)
                if way == 0:
                    asked_pdf = samples.light_pdfs[i]
                    if asked_pdf < ti.math.inf and numbers.strategy == int(Strategy.BOTH):
                        value *= power_weight(asked_pdf, pdf)
                    amount = throughput * value * read_vector(samples.light_amounts, i)
                    _write_vector(samples.light_amounts, i, amount)
                    _write_vector(samples.light_origins, i, start)
                    if not amount.max() > 0.0:
                        samples.light_ranges[i, 1] = 0.0
                elif is_possible and (is_single or pdf > 0.0):
                    goes_on = True
                    paths.bounces[i] += 1
                    throughput *= share if is_single else value / pdf
                    paths.scatter_pdfs[i] = ti.math.inf if is_single else pdf
                    _write_vector(rays.origins, i, start)
                    _write_vector(rays.directions, i, towards)
            if goes_on and paths.bounces[i] > _ROULETTE_BOUNCES:
                survival = ti.math.clamp(throughput.max(), _LEAST_SURVIVAL, 1.0)
                goes_on = uniform(numbers.seed, numbers.step, i, stream + 6) < survival
                throughput /= survival
            _write_vector(paths.throughputs, i, throughput)
            rays.t_range[i, 0] = 0.0
            if not goes_on:
                rays.t_range[i, 1] = 0.0


@kernel
def _add_light(is_hit: ti.types.ndarray(), samples: LightSampleTensors, paths: PathTensors):
    for i in range(is_hit.shape[0]):
        if samples.light_ranges[i, 1] > 0.0 and is_hit[i] == 0:
            for axis in ti.static(range(3)):
                paths.radiance[i, axis] += samples.light_amounts[i, axis]


def meet_surfaces(
    numbers: PathStep, scene: PathScene, rays: Rays, hits: SurfaceHits, paths: Paths, vertices: Vertices
) -> None:
    """Where ``rays`` meet ``hits``, write ``vertices`` and add the light that comes from there to the paths' radiance.
    Rays of paths that end here have no range afterwards."""
    _meet_surfaces(numbers, scene, rays, hits, paths, vertices)


def ask_lights(numbers: PathStep, scene: PathScene, rays: Rays, vertices: Vertices, samples: LightSamples) -> None:
    """Write directions, ranges, pdfs and amounts of ``samples``: the light that comes to each vertex, divided by how
    likely it was asked for."""
    _ask_lights(numbers, scene, rays, vertices, samples)


def scatter(
    numbers: PathStep, tables: AlbedoTables, rays: Rays, vertices: Vertices, paths: Paths, samples: LightSamples
) -> None:
    """Make of the amounts of ``samples`` what goes on to the beginning of their path, and of ``rays`` those that the
    paths go on with; they have no range where paths end."""
    _scatter(numbers, tables, rays, vertices, paths, samples)


def add_light(is_hit: torch.Tensor, samples: LightSamples, paths: Paths) -> None:
    """Add the light of ``samples`` where nothing is between: ``is_hit`` [n] int32 is 0."""
    _add_light(is_hit, samples, paths)
