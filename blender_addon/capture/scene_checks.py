"""Warnings of what a capture can't show, or a field can't learn, whatever its cameras: told from a scene's facts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.link.geometry import Bounds

from .box_checks import are_most
from .layouts.table import LAYOUTS
from .plan import Pose
from .plan_warnings import WITH_CYCLES, WITHOUT_DEPTH, PlanWarning, leave_out, list_names, select, use_layout
from .room_views import room_around
from .scene_facts import Difficult, SceneFacts
from .surroundings import Surroundings

_LITTLE = 0.02  # of the bounds' radius
_STANDING = 0.01  # of the bounds' radius between all views: they are at one place


def check_scene(facts: SceneFacts, surroundings: Surroundings, bounds: Bounds | None) -> list[PlanWarning]:
    """Warnings of movement, of materials, and of what the render engine can't do."""
    warnings = []
    if facts.moving:
        count = len(facts.moving)
        moving = f"{count} object{' moves' if count == 1 else 's move'} ({list_names(facts.moving)})"
        cures = [select(facts.moving)]
        if facts.layout.is_animated:
            moving += f" while the camera does: a field shows one moment. Other layouts capture frame {facts.frame}"
            cures.insert(0, use_layout(LAYOUTS["HEMISPHERE"]))
        else:
            moving += f": only frame {facts.frame} is captured. Go to another frame to capture that"
        # Without what the capture is about, nothing of interest is left.
        if bounds is not None and not are_most(facts.moving, surroundings, bounds):
            cures.append(leave_out(facts.moving))
        warnings.append(PlanWarning(moving, tuple(cures)))
    warnings += _check_looks(facts)
    if facts.use_depth and (glass := facts.difficult.get("glass")):
        words = f"Clear glass in {_count(glass)}: depth ends at it, which spoils what is behind. Capture without depth"
        words += ", which takes longer to learn"
        warnings.append(PlanWarning(words, (WITHOUT_DEPTH, select(_objects(glass)))))
    if facts.use_depth and (mirrors := facts.difficult.get("mirror")):
        words = f"Mirrors in {_count(mirrors)}: depth ends at them, which spoils what they show. Capture without depth"
        words += ", which takes longer to learn"
        warnings.append(PlanWarning(words, (WITHOUT_DEPTH, select(_objects(mirrors)))))
    if facts.use_depth and (volumes := sorted(facts.volumes)):
        words = f"{len(volumes)} volume{'' if len(volumes) == 1 else 's'} ({list_names(volumes)}): depth is that of "
        words += "what is behind, so that they are not learnt before it. Capture without depth, which takes longer to "
        warnings.append(PlanWarning(f"{words}learn", (WITHOUT_DEPTH, select(volumes))))
    if lights := facts.difficult.get("light"):
        bright = list_names([f"{light.material}: {light.amount:.0f} x white" for light in lights])
        words = (
            f"{len(lights)} material{' gives' if len(lights) == 1 else 's give'} light ({bright}): edges come out soft"
        )
        words += ". Leave out what has such a material, it still lights the rest"
        warnings.append(PlanWarning(words, (leave_out(_objects(lights)), select(_objects(lights)))))
    warnings += _check_displaced(facts, bounds)
    warnings += _check_following(facts)
    if facts.collection is not None and "EEVEE" in facts.engine:
        words = (
            f"EEVEE cuts out all but the {facts.captured} objects of {facts.collection}, also where it stands before "
        )
        words += "them. Cycles does not"
        warnings.append(PlanWarning(words, (WITH_CYCLES,)))
    elif facts.collection is not None and facts.engine != "CYCLES":
        words = (
            f"This engine renders the {facts.captured} objects of {facts.collection} alone, without light or shadows "
        )
        words += "from the rest. Cycles has them"
        warnings.append(PlanWarning(words, (WITH_CYCLES,)))
    return warnings


def _check_looks(facts: SceneFacts) -> Iterator[PlanWarning]:
    """Warnings of what looks otherwise at other frames."""
    if not facts.look_changes:
        return
    names = sorted({name for change in facts.look_changes for name in change.objects})
    cures = (select(names),) if names else ()
    count = len(facts.look_changes)
    words = f"{count} {'thing looks' if count == 1 else 'things look'} otherwise at other frames "
    words += f"({'; '.join(change.words for change in facts.look_changes[:4])}{'; ...' if count > 4 else ''}): "
    if facts.layout.is_animated:
        words += "the field learns their mean. Mute what animates them; other layouts capture frame "
        yield PlanWarning(f"{words}{facts.frame} alone", (use_layout(LAYOUTS["HEMISPHERE"]), *cures))
    else:
        yield PlanWarning(f"{words}only frame {facts.frame} is captured. Go to another frame to capture that", cures)


def _check_displaced(facts: SceneFacts, bounds: Bounds | None) -> Iterator[PlanWarning]:
    """Warnings of materials that move surfaces as only renders tell, unless that is little against the bounds."""
    little = 0.0 if bounds is None else _LITTLE * bounds.radius
    displaced = [each for each in facts.displaced if each.amount == 0.0 or each.amount > little]
    if not displaced:
        return
    objects, reach = _objects(displaced), max(each.amount for each in displaced)
    words = f"{'1 object is' if len(objects) == 1 else f'{len(objects)} objects are'} displaced in renders"
    words += f" by materials ({_list(displaced)}), "
    if reach > 0.0:
        words += f"by up to {reach:.3g} m if textures stay within 0 and 1, which the bounds hold"
    else:
        words += "as far as nodes compute, which the bounds don't know"
    yield PlanWarning(f"{words}. Enlarge them where it goes farther, or use a Displace modifier", (select(objects),))


def _check_following(facts: SceneFacts) -> Iterator[PlanWarning]:
    """Warnings of what looks otherwise from each camera."""
    things = [*sorted(facts.following), *facts.followers]
    if not things:
        return
    words = f"{len(things)} {'looks' if len(things) == 1 else 'look'} otherwise from each camera ({list_names(things)})"
    words += ", by Window or Camera coordinates, Camera Data, Active Camera or Line Art: views disagree. Leave them out"
    owners = {name for names in facts.following.values() for name in names} | set(facts.followers)
    yield PlanWarning(f"{words}, or use Generated, UV or Object coordinates", (select(sorted(owners)),))


def check_animation(
    surroundings: Surroundings, poses: list[Pose], bounds: Bounds | None, facts: SceneFacts
) -> list[PlanWarning]:
    """A warning if all views of an animation are taken from one place."""
    if not facts.layout.is_animated or len(poses) < 2:
        return []
    positions = np.array([pose.camera_to_world[:3, 3] for pose in poses])
    moved = float(np.linalg.norm(positions.max(axis=0) - positions.min(axis=0)))
    radius = 1.0 if bounds is None else bounds.radius
    if moved > _STANDING * radius:
        return []
    words = f"All {len(poses)} views are taken from one place ({moved:.2f} m apart at most): nothing shows depth"
    is_inside = bounds is not None and room_around(surroundings.triangles, bounds, positions[0]) is not None
    return [PlanWarning(words, (use_layout(LAYOUTS["INSIDE" if is_inside else "HEMISPHERE"]),))]


def _count(difficult: list[Difficult]) -> str:
    return f"{len(difficult)} material{'' if len(difficult) == 1 else 's'} ({_list(difficult)})"


def _list(difficult: list[Difficult]) -> str:
    return list_names([each.material for each in difficult])


def _objects(difficult: list[Difficult]) -> list[str]:
    return sorted({name for each in difficult for name in each.objects})
