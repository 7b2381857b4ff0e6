"""Bounds, framing and contents go by what renders show, whatever the viewport hides or shows otherwise."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture

Import = Callable[[str], ModuleType]

FAR = 6.0  # metres along X, where what is hidden from one of the two stands


@pytest.fixture
def cube(scene: bpy.types.Scene) -> bpy.types.Object:
    """A cube of 1 m at the origin; Cycles."""
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    bpy.ops.mesh.primitive_cube_add(size=1.0)
    return bpy.context.object


def fit(addon: Import) -> object:
    bpy.context.view_layer.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    return addon("capture.bounds").fit_bounds(bpy.context.scene, bpy.context.view_layer, depsgraph)


def add_far() -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(FAR, 0.0, 0.0))
    return bpy.context.object


def put_into_new_collection(obj: bpy.types.Object) -> tuple[bpy.types.Collection, bpy.types.LayerCollection]:
    scene = bpy.context.scene
    collection = bpy.data.collections.new("Other")
    scene.collection.children.link(collection)
    collection.objects.link(obj)
    scene.collection.objects.unlink(obj)
    return collection, bpy.context.view_layer.layer_collection.children["Other"]


def add_array(obj: bpy.types.Object) -> bpy.types.Modifier:
    array = obj.modifiers.new("Array", "ARRAY")
    array.count, array.relative_offset_displace = 7, (1.0, 0.0, 0.0)
    return array


def add_instance_of(*members: bpy.types.Object) -> tuple[bpy.types.Object, bpy.types.Collection]:
    """A collection instance of objects, which are in no collection of the scene any more."""
    source = bpy.data.collections.new("Source")
    for member in members:
        source.objects.link(member)
        bpy.context.scene.collection.objects.unlink(member)
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", source
    bpy.context.scene.collection.objects.link(instance)
    return instance, source


def switch_by_viewport(obj: bpy.types.Object, in_renders: bool) -> None:
    """Geometry nodes that move a mesh along X in renders alone, or in the viewport alone."""
    group = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
    for in_out in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=in_out, socket_type="NodeSocketGeometry")
    start, end = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    move, where = group.nodes.new("GeometryNodeTransform"), group.nodes.new("GeometryNodeSwitch")
    is_viewport = group.nodes.new("GeometryNodeIsViewport")
    where.input_type = "VECTOR"
    where.inputs["False" if in_renders else "True"].default_value = (FAR, 0.0, 0.0)
    group.links.new(is_viewport.outputs[0], where.inputs["Switch"])
    group.links.new(where.outputs[0], move.inputs["Translation"])
    group.links.new(start.outputs[0], move.inputs["Geometry"])
    group.links.new(move.outputs[0], end.inputs[0])
    obj.modifiers.new("Nodes", "NODES").node_group = group


def show_instance_of(obj: bpy.types.Object, source: bpy.types.Object) -> None:
    """Geometry nodes by which ``obj`` shows an instance of ``source``, where that is."""
    group = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
    group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    info, end = group.nodes.new("GeometryNodeObjectInfo"), group.nodes.new("NodeGroupOutput")
    info.transform_space = "RELATIVE"
    info.inputs["Object"].default_value, info.inputs["As Instance"].default_value = source, True
    group.links.new(info.outputs["Geometry"], end.inputs[0])
    obj.modifiers.new("Nodes", "NODES").node_group = group


def add_particles(obj: bpy.types.Object, kind: str) -> bpy.types.ParticleSettings:
    """Hair of 6 m, or cubes far away on an emitter's faces."""
    obj.modifiers.new("Particles", "PARTICLE_SYSTEM")
    settings = obj.particle_systems[0].settings
    settings.count = 200
    if kind == "HAIR":
        settings.type, settings.hair_length = "HAIR", FAR
    else:
        settings.frame_start = settings.frame_end = 0
        settings.lifetime, settings.physics_type = 100, "NO"
        settings.render_type = "OBJECT"
        bpy.ops.mesh.primitive_cube_add(size=0.2)
        settings.instance_object, settings.particle_size = bpy.context.object, 60.0
    return settings


SHOWN_BY_RENDERS = [
    "eye", "monitor", "collection's eye", "collection's monitor", "array", "array over array", "nodes", "multires",
    "hidden member", "nested member", "hidden instancer", "hair", "few hairs", "hair alone", "emitter",
    "hidden source", "scene set", "displaced finer",
]  # fmt: skip


@pytest.mark.parametrize("kind", SHOWN_BY_RENDERS)
def test_bounds_hold_what_renders_alone_show(
    addon: Import, scene: bpy.types.Scene, cube: bpy.types.Object, kind: str
) -> None:
    if kind == "eye":
        add_far().hide_set(True)
    elif kind == "monitor":
        add_far().hide_viewport = True
    elif kind == "collection's eye":
        put_into_new_collection(add_far())[1].hide_viewport = True
    elif kind == "collection's monitor":
        put_into_new_collection(add_far())[0].hide_viewport = True
    elif kind == "array":
        add_array(cube).show_viewport = False
    elif kind == "array over array":
        add_array(cube).show_viewport = False
        few = add_array(cube)
        few.count, few.show_render = 2, False
    elif kind == "nodes":
        switch_by_viewport(cube, in_renders=True)
    elif kind == "multires":
        modifier = cube.modifiers.new("Multires", "MULTIRES")
        bpy.ops.object.multires_subdivide(modifier="Multires")
        modifier.levels, modifier.render_levels = 0, 1
        move = cube.modifiers.new("Displace", "DISPLACE")
        move.direction, move.strength, move.mid_level, move.vertex_group = "X", FAR, 0.0, "None"
        cube.vertex_groups.new(name="None")
        move.invert_vertex_group = True
        modifier.show_viewport = move.show_viewport = False
    elif kind == "hidden member":
        far = add_far()
        add_instance_of(far)
        far.hide_viewport = True
    elif kind == "nested member":
        far = add_far()
        inner, source = add_instance_of(far)
        add_instance_of(inner)
        source.hide_viewport = True
    elif kind == "hidden instancer":
        plane = add_far()
        plane.instance_type = "VERTS"
        plane.show_instancer_for_viewport = False
        plane.show_instancer_for_render = True
    elif kind == "hair":
        add_particles(cube, "HAIR").display_method = "NONE"
    elif kind == "few hairs":
        settings = add_particles(cube, "HAIR")
        settings.display_percentage = 0
    elif kind == "hair alone":
        add_particles(cube, "HAIR")
        cube.show_instancer_for_render = False
    elif kind == "emitter":
        add_particles(cube, "EMITTER").display_method = "NONE"
    elif kind == "hidden source":
        far = add_far()
        show_instance_of(cube, far)
        far.hide_render = far.hide_viewport = True
    elif kind == "scene set":
        far, other = add_far(), bpy.data.scenes.new("Set")
        other.collection.objects.link(far)
        scene.collection.objects.unlink(far)
        scene.background_set = other
    else:
        finer = cube.modifiers.new("Subdivision", "SUBSURF")
        finer.levels, finer.render_levels = 0, 2
        move = cube.modifiers.new("Displace", "DISPLACE")
        move.direction, move.strength, move.mid_level, move.show_viewport = "X", FAR, 0.0, False
    bounds = fit(addon)
    assert bounds.maximum[0] > FAR - 0.1
    assert bounds.maximum[0] < 3 * FAR
    assert len(bpy.data.scenes) == (2 if kind == "scene set" else 1)
    assert not bpy.data.cameras and not hasattr(bpy.types, "HASHLIGHT_LOOK")


NOT_SHOWN_BY_RENDERS = [
    "array", "nodes", "member", "instancer", "shadow catcher", "holdout", "collection holdout", "indirect only",
    "camera rays", "instancer's camera rays", "instancer's shadows", "collection", "excluded", "hair",
]  # fmt: skip


@pytest.mark.parametrize("kind", NOT_SHOWN_BY_RENDERS)
def test_bounds_leave_out_what_renders_do_not_show(
    addon: Import, scene: bpy.types.Scene, cube: bpy.types.Object, kind: str
) -> None:
    if kind == "array":
        add_array(cube).show_render = False
    elif kind == "nodes":
        switch_by_viewport(cube, in_renders=False)
    elif kind == "member":
        far = add_far()
        add_instance_of(far)
        far.hide_render = True
    elif kind == "instancer":
        add_instance_of(add_far())[0].hide_render = True
    elif kind == "shadow catcher":
        add_far().is_shadow_catcher = True
    elif kind == "holdout":
        add_far().is_holdout = True
    elif kind == "collection holdout":
        put_into_new_collection(add_far())[1].holdout = True
    elif kind == "indirect only":
        put_into_new_collection(add_far())[1].indirect_only = True
    elif kind == "camera rays":
        add_far().visible_camera = False
    elif kind == "instancer's camera rays":
        add_instance_of(add_far())[0].visible_camera = False
    elif kind == "instancer's shadows":
        add_instance_of(add_far())[0].is_shadow_catcher = True
    elif kind == "collection":
        put_into_new_collection(add_far())[0].hide_render = True
    elif kind == "excluded":
        put_into_new_collection(add_far())[1].exclude = True
    else:
        settings = add_particles(cube, "HAIR")
        settings.render_type = "NONE"
    bounds = fit(addon)
    np.testing.assert_allclose(bounds.maximum, 0.5, atol=0.03)
    np.testing.assert_allclose(bounds.minimum, -0.5, atol=0.03)


def test_other_engines_show_shadow_catchers(addon: Import, scene: bpy.types.Scene, cube: bpy.types.Object) -> None:
    add_far().is_shadow_catcher = True
    scene.render.engine = "BLENDER_WORKBENCH"
    assert fit(addon).maximum[0] > FAR


def test_a_finer_subdivision_is_the_same_surface(addon: Import, cube: bpy.types.Object) -> None:
    modifier = cube.modifiers.new("Subdivision", "SUBSURF")
    modifier.levels, modifier.render_levels = 1, 3
    differ = addon("capture.render_differences").objects_that_differ
    assert differ(bpy.context.view_layer) == set()
    modifier.levels = 0
    assert differ(bpy.context.view_layer) == {"Cube"}
    modifier.levels, render = 1, bpy.context.scene.render
    render.use_simplify, render.simplify_subdivision = True, 0
    assert differ(bpy.context.view_layer) == {"Cube"}
    render.simplify_subdivision, render.simplify_subdivision_render = 6, 0
    assert differ(bpy.context.view_layer) == {"Cube"}, "renders leave all of it out"


def test_what_is_in_edit_mode_is_seen_as_it_is_edited(addon: Import, planned_scene: bpy.types.Scene) -> None:
    cube, ball = planned_scene.objects["Cube"], planned_scene.objects["Ball"]
    ball.select_set(False)
    cube.select_set(True)
    bpy.context.view_layer.objects.active = cube
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.transform.translate(value=(0.0, 0.0, 2.0))
    bounds = fit(addon)
    assert bounds.maximum[2] == pytest.approx(3.0, abs=0.05)
    assert bounds.minimum[2] == pytest.approx(0.0, abs=0.05), "the ball's"
    assert cube.mode == "EDIT"
    bpy.ops.object.mode_set(mode="OBJECT")
    assert fit(addon).maximum[2] == pytest.approx(bounds.maximum[2])


def test_cameras_are_framed_to_it_and_the_capture_holds_it(
    addon: Import, planned_scene: bpy.types.Scene, tmp_path: object
) -> None:
    bpy.data.objects["Ball"].hide_set(True)
    add_array(bpy.data.objects["Cube"]).show_viewport = False
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    assert planned_scene.hashlight.capture.plan_warnings == ""
    with start_capture(addon, planned_scene) as job:
        views = list(job)
        assert job.warnings == []
    assert addon("capture.dataset").read_objects(addon("folders").capture_folder(planned_scene)) == ("Ball", "Cube")
    for view in views:
        alpha = view.color[..., 3] > 0
        assert alpha.any() and not (alpha[0].any() or alpha[-1].any() or alpha[:, 0].any() or alpha[:, -1].any())


def test_an_error_while_renders_are_looked_at_comes_through(addon: Import, cube: bpy.types.Object) -> None:
    cube.hide_set(True)

    def fail(depsgraph: bpy.types.Depsgraph) -> None:
        raise ZeroDivisionError(depsgraph.mode)

    look = addon("capture.as_rendered").look_as_rendered
    with pytest.raises(ZeroDivisionError, match="RENDER"):
        look(bpy.context.view_layer, bpy.context.evaluated_depsgraph_get(), fail)
    assert len(bpy.data.scenes) == 1 and not bpy.data.cameras


def test_what_was_looked_at_completes_what_the_viewport_shows(addon: Import, cube: bpy.types.Object) -> None:
    far = add_far()
    far.hide_set(True)
    bpy.context.view_layer.update()
    layer, depsgraph = bpy.context.view_layer, bpy.context.evaluated_depsgraph_get()
    kept = addon("capture.rendered_only")

    def gather() -> object:
        surroundings = addon("capture.surroundings").Surroundings()
        surroundings.gather(layer, depsgraph, 1e9)
        return surroundings

    seen = gather()
    assert kept.complete(seen, layer) == [far.name]
    assert not seen.is_whole and seen.owners == {"Cube"}
    kept.look(layer, depsgraph)
    seen = gather()
    assert kept.complete(seen, layer) == []
    assert seen.is_whole and seen.owners == {"Cube", far.name}
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for geometry in seen.geometry.values():
        for points in geometry.world_points():
            low, high = np.minimum(low, points.min(axis=0)), np.maximum(high, points.max(axis=0))
    np.testing.assert_allclose((low, high), ((-0.5, -0.5, -0.5), (FAR + 0.5, 0.5, 0.5)), atol=1e-5)
    kept.forget_all()
