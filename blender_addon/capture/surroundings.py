"""What renders show, gathered as arrays: a little at a time, so that a window does not wait for it."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Hashable, Iterator

import bpy
import numpy as np

from .displacement import Displacement
from .sight import Sight, shown_names
from .surfaces import Geometry, VisibleObject, read_surface, triangles_of
from .transparency import MaterialsSeen

_SLOW = 0.008  # seconds for getting to where the last turn ended, after which there is no further turn
_MOST_INSTANCES = 3000  # to look at: those that were looked at before have to be stepped over again in every turn
_TOGETHER = 200_000  # points that are moved into world space at a time


class Surroundings:
    """All that a capture of a view layer shows, once ``gather`` has returned True. ``is_whole``: it is all there."""

    def __init__(self, most_instances: int | None = None) -> None:
        """``most_instances``: to look at; None: as many as can be looked at in several turns."""
        self._most_instances = _MOST_INSTANCES if most_instances is None else most_instances
        self.geometry: dict[Hashable, Geometry] = {}  # by the key of what is visible
        self.is_whole = True
        self.owners: set[str] = set()  # the objects in the scene that show it
        self.invalid: set[str] = set()  # and those with points that have no numbers for where they are
        self.materials: dict[str, set[str]] = {}  # and those that show each material
        self._asked: set[tuple[str, str]] = set()  # objects, and who shows them, whose materials are known
        self._next = 0

    def gather(self, view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph, seconds: float) -> bool:
        """Go on for about ``seconds``; whether that was all. The scene must not have changed since the first call.

        Where there are so many instances that only going on takes long, the rest is left out.
        """
        began, deadline = time.perf_counter(), math.inf
        for visible in visible_objects(view_layer, depsgraph, first=self._next):
            if visible.number >= self._most_instances:
                self.is_whole = False
                return True
            if deadline == math.inf:
                reached = time.perf_counter()
                deadline = reached + seconds
                is_slow = reached - began > _SLOW  # Blender lists all instances before it gives the first
            self._add(visible, for_renders=depsgraph.mode == "RENDER")
            self._next = visible.number + 1
            if time.perf_counter() > deadline:
                self.is_whole &= not is_slow
                return is_slow
        return True

    def triangles(self) -> Iterator[np.ndarray]:
        """The corners [t, 3, 3] of all triangles in world space, many at a time; single points where faces aren't
        known."""
        for geometry in self.geometry.values():
            corners = triangles_of(geometry)
            if len(corners) == 0:
                corners = np.arange(len(geometry.points))[:, None].repeat(3, axis=1)
            if len(corners) == 0:
                continue
            together = max(_TOGETHER // len(geometry.points), 1)
            for first in range(0, len(geometry.matrices), together):
                matrices = np.stack(geometry.matrices[first : first + together]).astype(np.float32)
                turned = np.einsum("mij,nj->mni", matrices[:, :3, :3], geometry.points)
                yield (turned + matrices[:, None, :3, 3])[:, corners].reshape(-1, 3, 3)

    def take_over(self, owners: set[str], other: Surroundings) -> None:
        """Have what ``owners`` show as ``other`` has it."""
        for geometry in self.geometry.values():
            geometry.keep([owner not in owners for owner in geometry.owners])
        for number, geometry in enumerate(other.geometry.values(), 1):
            part = dataclasses.replace(geometry, matrices=list(geometry.matrices), owners=list(geometry.owners))
            part.keep([owner in owners for owner in part.owners])
            self.geometry[number] = part
        self.geometry = {key: geometry for key, geometry in self.geometry.items() if geometry.owners}
        self.owners = (self.owners - owners) | (other.owners & owners)
        self.invalid = (self.invalid - owners) | (other.invalid & owners)
        for name, users in other.materials.items():
            if users & owners:
                self.materials.setdefault(name, set()).update(users & owners)

    def _add(self, visible: VisibleObject, for_renders: bool) -> None:
        obj, owner = visible.obj, visible.owner
        if obj.data is None:
            return
        key = visible.key
        if key not in self.geometry:
            self.geometry[key] = read_surface(visible, for_renders)
        if self.geometry[key].has_invalid_points:
            self.invalid.add(owner)
        if len(self.geometry[key].points) and (obj.name, owner) not in self._asked:
            self._asked.add((obj.name, owner))
            self.owners.add(owner)
            materials = [slot.material for slot in obj.material_slots]
            for material in (*materials, *getattr(obj.data, "materials", ())):  # nodes may set others than the slots'
                if material is not None:
                    self.materials.setdefault(material.name, set()).add(owner)
        self.geometry[key].matrices.append(visible.matrix)
        self.geometry[key].owners.append(owner)


def visible_objects(
    view_layer: bpy.types.ViewLayer, depsgraph: bpy.types.Depsgraph, selected_only: bool = False, first: int = 0
) -> Iterator[VisibleObject]:
    """What renders show of a scene, from number ``first`` on.

    Left out are our own objects, what is hidden from renders or the camera, holdouts and shadow catchers, and what is
    not in the Capture Collection, if there is one; what is transparent is told by ``hidden_slots`` alone. What else is
    hidden depends on what ``depsgraph`` is for: the viewport or renders. ``selected_only``: only selected objects and
    their instances. Not to be kept while anything changes.
    """
    shown = shown_names(view_layer)
    sight = Sight(view_layer, depsgraph.mode == "RENDER")
    materials = MaterialsSeen(view_layer)
    looks: dict[tuple[int, int], tuple[frozenset[int], Displacement]] = {}  # by the addresses of an object and its data
    for number, instance in enumerate(itertools.islice(depsgraph.object_instances, first, None), first):
        owner = (instance.parent or instance.object).original
        if owner.name not in shown or (selected_only and not owner.select_get(view_layer=view_layer)):
            continue
        is_hair_alone = not instance.show_self and instance.show_particles and bool(instance.object.particle_systems)
        if not (instance.show_self or is_hair_alone):
            continue
        if sight.shows(owner) and sight.shows(instance.object.original):
            matrix = np.array(instance.matrix_world)
            if not math.isfinite(matrix.sum()) or np.count_nonzero(matrix[:3, :3]) < 2:
                continue  # it is nowhere, or scaled to nothing
            obj = instance.object
            address = obj.original.as_pointer(), 0 if obj.data is None else obj.data.as_pointer()
            if address not in looks:
                looks[address] = materials.hidden_slots(obj), materials.displacement(obj)
            hidden, moved = looks[address]
            moved = moved.scaled(matrix)
            yield VisibleObject(obj, matrix, instance.is_instance, number, owner.name, is_hair_alone, hidden, moved)
