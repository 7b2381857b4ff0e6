"""The Capture Collection: only what is in it is in the pictures, and all else goes on lighting it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture
from small_scenes import set_up_product

Import = Callable[[str], ModuleType]


@pytest.fixture
def product(scene: bpy.types.Scene, tmp_path: object) -> bpy.types.Scene:
    """A ball on a sweep, of which only the ball is captured, by 2 + 0 cameras of a front arc."""
    set_up_product(scene)
    scene.hashlight.folder = str(tmp_path)
    collection = bpy.data.collections.new("Product")
    scene.collection.children.link(collection)
    collection.objects.link(bpy.data.objects["Ball"])
    settings = scene.hashlight.capture
    settings.collection = collection
    settings.rig, settings.training_views, settings.held_out_views = "FRONT_ARC", 2, 0
    settings.margin = 1.0  # there is something to see around the ball
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    bpy.context.view_layer.update()
    return scene


def capture(addon: Import, scene: bpy.types.Scene) -> list[np.ndarray]:
    with start_capture(addon, scene) as job:
        return [view.color.astype(np.float32) for view in job]


def state(scene: bpy.types.Scene) -> object:
    """All that a capture could have left changed."""
    objects = {
        obj.name: (obj.visible_camera, obj.hide_render, obj.is_holdout, obj.users, obj.users_collection)
        for obj in bpy.data.objects
    }
    layers = {
        layer.name: (layer.indirect_only, layer.holdout, layer.exclude)
        for layer in scene.view_layers[0].layer_collection.children
    }
    return objects, layers, sorted(bpy.data.collections.keys()), sorted(bpy.data.scenes.keys())


def test_the_bounds_are_those_of_the_collection(addon: Import, product: bpy.types.Scene) -> None:
    bounds = addon("capture.bounds").read_bounds(product, bpy.context.evaluated_depsgraph_get())
    np.testing.assert_allclose(bounds.size, (1.0, 1.0, 1.0), atol=0.06)
    product.hashlight.capture.collection.objects.unlink(bpy.data.objects["Ball"])
    with pytest.raises(RuntimeError, match="Capture Collection Product: nothing visible"):
        bpy.ops.hashlight.fit_bounds()


def test_cameras_are_framed_to_the_collection(addon: Import, product: bpy.types.Scene) -> None:
    settings = product.hashlight.capture
    collection = settings.collection
    settings.collection, settings.margin = None, 0.05
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    assert min(distances_to_ball(product)) > 3.0
    for wanted in (collection, None, collection):  # planned cameras follow the choice
        settings.collection = wanted
        assert (max(distances_to_ball(product)) < 2.0) == (wanted is not None)
    ball = bpy.data.objects["Ball"]
    vertices = np.array([ball.matrix_world @ vertex.co for vertex in ball.data.vertices])
    for camera in cameras(product):
        pose = np.array(camera.matrix_world)
        local = (vertices - pose[:3, 3]) @ pose[:3, :3]
        seen = local[:, :2] / -local[:, 2:] / np.tan(settings.field_of_view / 2)
        assert np.abs(seen).max() <= 1.0 and np.ptp(seen, axis=0).max() > 1.8


def cameras(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    return list(scene.collection.children["Hashlight Cameras"].objects)


def distances_to_ball(scene: bpy.types.Scene) -> list[float]:
    bpy.context.view_layer.update()
    middle = bpy.data.objects["Ball"].matrix_world.translation
    return [(camera.matrix_world.translation - middle).length for camera in cameras(scene)]


def test_only_the_product_is_in_the_pictures(addon: Import, product: bpy.types.Scene) -> None:
    for color in capture(addon, product):
        alpha = color[..., 3]
        assert alpha[16, 16] == 1.0, "the ball"
        for row, column in ((0, 0), (0, 31), (31, 0), (31, 31), (30, 16)):
            assert alpha[row, column] == 0.0, "the sweep behind and below, with the ball's shadow"


def test_what_is_left_out_still_lights_the_product(addon: Import, product: bpy.types.Scene) -> None:
    product.cycles.samples = 64
    sun = bpy.data.objects["Lamp"].data
    sun.color, sun.energy = (1.0, 1.0, 1.0), 3.0
    red = bpy.data.materials.new("Red")
    if red.node_tree is None:  # Blender before 5.0
        red.use_nodes = True
    red.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (1.0, 0.0, 0.0, 1.0)
    bpy.data.objects["Sweep"].data.materials.append(red)
    with_sweep = np.mean(capture(addon, product), axis=0)
    bpy.data.objects["Sweep"].hide_render = True
    product.hashlight.folder += "-2"
    alone = np.mean(capture(addon, product), axis=0)
    low = slice(20, 25), slice(12, 20)  # the lower side of the ball
    gain = with_sweep[low][..., :3].mean(axis=(0, 1)) - alone[low][..., :3].mean(axis=(0, 1))
    assert gain[0] > 0.02 and gain[0] > 5 * abs(gain[1]), "red light from the sweep"


def test_the_scene_is_as_it_was_also_after_an_error(addon: Import, product: bpy.types.Scene) -> None:
    before = state(product)
    capture(addon, product)
    assert state(product) == before
    product.hashlight.folder += "-2"
    job = start_capture(addon, product)
    next(job)
    job.close()
    assert state(product) == before


def test_collections_within_each_other_and_shared_objects_count(addon: Import, product: bpy.types.Scene) -> None:
    everything = bpy.data.collections.new("Set")
    product.collection.children.link(everything)
    everything.objects.link(bpy.data.objects["Ball"])  # in a collection that is not captured, too
    everything.objects.link(bpy.data.objects["Sweep"])
    inner = bpy.data.collections.new("Part")
    everything.children.link(inner)
    bpy.ops.mesh.primitive_cube_add(size=0.3, location=(0.0, -0.5, 0.9))
    inner.objects.link(bpy.context.object)
    bpy.context.scene.collection.objects.unlink(bpy.context.object)
    product.hashlight.capture.collection.children.link(inner)
    for color in capture(addon, product):
        assert color[16, 16, 3] == 1.0 and color[31, 0, 3] == 0.0


def test_what_renders_hide_stays_hidden(addon: Import, product: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(0.0, 0.0, 1.4))
    product.hashlight.capture.collection.objects.link(bpy.context.object)
    bpy.context.object.hide_render = True
    hidden = bpy.data.collections.new("Hidden")
    product.hashlight.capture.collection.children.link(hidden)
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(0.0, 0.0, 1.4))
    hidden.objects.link(bpy.context.object)
    product.collection.objects.unlink(bpy.context.object)
    hidden.hide_render = True
    before = state(product)
    for color in capture(addon, product):
        assert (color[:4, :, 3] == 0.0).all()
    assert state(product) == before


def test_objects_cut_out_by_the_user_stay_cut_out(addon: Import, product: bpy.types.Scene) -> None:
    product.hashlight.capture.training_views = 1
    bpy.context.view_layer.update()
    mask = bpy.data.collections.new("Mask")
    product.collection.children.link(mask)
    camera, ball = (bpy.data.objects[name].matrix_world.translation for name in ("train_000", "Ball"))
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=ball.lerp(camera, 0.6))
    mask.objects.link(bpy.context.object)
    product.collection.objects.unlink(bpy.context.object)
    product.view_layers[0].layer_collection.children["Mask"].holdout = True
    assert min(color[16, 16, 3] for color in capture(addon, product)) == 0.0


def test_another_collection_is_another_capture(addon: Import, product: bpy.types.Scene) -> None:
    with start_capture(addon, product) as job:
        next(job)
    product.hashlight.capture.collection = None
    with pytest.raises(ValueError, match="collection"):
        start_capture(addon, product)


def test_leftovers_of_a_file_saved_in_the_middle_are_removed(
    addon: Import, product: bpy.types.Scene, tmp_path: object
) -> None:
    before = state(product)
    job = start_capture(addon, product)
    next(job)
    file = f"{tmp_path}/middle.blend"
    bpy.ops.wm.save_as_mainfile(filepath=file, copy=True)
    job.close()
    bpy.ops.wm.open_mainfile(filepath=file)
    scene = bpy.data.scenes["Scene"]
    assert [each.name for each in bpy.data.collections if "Hashlight Capture" in each.name] == []
    names = {name: value[:3] for name, value in state(scene)[0].items()}
    assert names == {name: value[:3] for name, value in before[0].items()}
