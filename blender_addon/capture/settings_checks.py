"""Warnings of what a scene's own renders have and captures pass over, or what leaves nothing to learn from captures:
told from its settings, before anything is rendered."""

from __future__ import annotations

from collections.abc import Iterator

from engine.link.geometry import Bounds
from engine.link.wording import counted

from .cameras import LENSLESS, NOWHERE
from .plan_warnings import (
    BAKE_DYNAMICS,
    FIND_FILES,
    PLAN,
    WITHOUT_BLUR,
    PlanWarning,
    disable_in_renders,
    include_collections,
    leave_out,
    link_cameras,
    list_names,
    select,
    use_dithered,
)
from .scene_facts import SceneFacts


def check_settings(facts: SceneFacts, bounds: Bounds | None) -> list[PlanWarning]:
    """Warnings of settings, lights, view layers and cameras."""
    return [
        *_check_light(facts, bounds),
        *_check_cameras(facts),
        *_check_passed_over(facts),
        *_check_files(facts),
        *_check_simulations(facts),
        *_check_handlers(facts),
        *_check_unseen(facts),
    ]


def _check_light(facts: SceneFacts, bounds: Bounds | None) -> Iterator[PlanWarning]:
    if (darkness := facts.lighting.darkness(None if bounds is None else bounds.radius)) is not None:
        yield PlanWarning(f"{darkness.reason}: all views will be black. {darkness.cure}", darkness.buttons)
    if facts.has_world_volume:
        yield PlanWarning(
            "1 volume fills the world: it is before all that cameras see, so views come out dim or black, and the "
            "field learns fog. Unlink Volume from the World Output, or give the volume to a mesh"
        )
    if facts.shutter > 0.0:
        words = f"Motion blur is on, over {facts.shutter:.2g} frames: the field learns the blur as if it were there"
        yield PlanWarning(f"{words}. Turn it off", (WITHOUT_BLUR,))
    if blurred := facts.out_of_focus:
        words = (
            f"Depth of field is on in {_count(blurred, 'camera')} ({list_names(blurred)}): views that disagree in focus"
        )
        yield PlanWarning(f"{words} train badly, turn it off there", (select(blurred),))
    if facts.use_depth and (blended := facts.blended):
        yield PlanWarning(
            f"EEVEE gives the depth of what is behind blended materials, so the field loses {len(blended)} of them "
            f"({list_names(blended)}): set their Render Method to Dithered",
            (use_dithered(blended),),
        )


def _check_cameras(facts: SceneFacts) -> Iterator[PlanWarning]:
    if unfit := [each for each in facts.left_out if each.why]:
        names = list_names([f"{each.camera} ({each.why})" for each in unfit])
        if facts.layout.is_animated:
            words = f"{_number(sum(each.views for each in unfit), 'frame')} left out, seen through {names}"
        else:
            words = f"{_number(len(unfit), 'camera')} left out: {names}"
        if any(each.why not in {NOWHERE, LENSLESS} for each in unfit):
            words += ". Only perspective cameras can be captured: set Type to Perspective to have them captured, too"
        if any(each.why == NOWHERE for each in unfit):
            words += ". Clear the location, rotation and scale of invalidly placed ones, or what drives them"
        if any(each.why == LENSLESS for each in unfit):
            words += ". Set the Focal Length, Sensor, Shift and Clip Start and End of those without a valid lens"
        yield PlanWarning(words, (select([each.camera for each in unfit]),))
    if elsewhere := [each for each in facts.left_out if not each.why]:
        names = list_names([f"{each.camera} ({each.scene})" for each in elsewhere])
        words = (
            f"{_number(len(elsewhere), 'camera')} in other scenes only, and not captured: {names}. Link them to this "
        )
        yield PlanWarning(f"{words}scene to have them captured, too", (link_cameras([e.camera for e in elsewhere]),))


def _check_passed_over(facts: SceneFacts) -> Iterator[PlanWarning]:
    others = facts.other_layers
    if others.layers:
        layers = f"{_count(others.layers, 'view layer')} {'renders' if len(others.layers) == 1 else 'render'}, too"
        words = f"{layers} ({list_names(others.layers)}), but only {facts.view_layer} is captured"
        if others.objects:
            words += f", without {_count(others.objects, 'object')}: {list_names(others.objects)}. Show them in it"
        elif not others.settings:
            words += ". It shows all that the others do"
        if others.settings:
            words += f". {_count(others.settings, 'setting')} {_is(others.settings)} not in captures: "
            words += f"{list_names(others.settings)}. Set what is wanted in {facts.view_layer}, too"
        cures = (include_collections(others.collections),) if others.collections else ()
        yield PlanWarning(words, cures)
    if passed := facts.passed_over:
        words = f"{_count(passed, 'setting')} of the scene's renders {_is(passed)} not in captures: {', '.join(passed)}"
        yield PlanWarning(f"{words}. Have them on what is rendered from the field")


def _check_files(facts: SceneFacts) -> Iterator[PlanWarning]:
    if missing := sorted(facts.missing):
        words = (
            f"{_count(missing, 'file')} {_is(missing)} missing ({list_names(missing)}): renders show pink, or nothing, "
        )
        yield PlanWarning(f"{words}instead. Find {'it' if len(missing) == 1 else 'them'}", (FIND_FILES,))


def _check_simulations(facts: SceneFacts) -> Iterator[PlanWarning]:
    if bodies := facts.rigid_bodies:
        words = f"{len(bodies)} rigid {'body has' if len(bodies) == 1 else 'bodies have'} no permanent cache "
        words += (
            f"({list_names(bodies)}): captures go through {facts.frames_to_play} frames of the simulation first, and "
        )
        words += (
            "show what that comes to. Use Bake All Dynamics to spare that, or where the viewport shows another frame"
        )
        yield PlanWarning(words, (BAKE_DYNAMICS, select(bodies)))
    if uncached := sorted(facts.uncached):
        verb = "has" if len(uncached) == 1 else "have"
        words = f"{_count(uncached, 'simulation')} {verb} no cache of all frames, as far as Blender tells "
        words += (
            f"({list_names(uncached)}): frames that are captured out of order show something else than renders do. "
        )
        words += "Use Bake All Dynamics"
        yield PlanWarning(words, (BAKE_DYNAMICS, select(sorted({name.split(": ")[0] for name in uncached}))))


def _check_handlers(facts: SceneFacts) -> Iterator[PlanWarning]:
    if handlers := facts.handlers:
        words = f"{_count(handlers, 'handler')} of scripts or other add-ons {'runs' if len(handlers) == 1 else 'run'} "
        words += f"before or after each view ({list_names(handlers)}), and may change what the next one shows, so that "
        words += "views disagree. Disable what adds them to bpy.app.handlers unless they leave the scene as it is"
        yield PlanWarning(words)


def _check_unseen(facts: SceneFacts) -> Iterator[PlanWarning]:
    if catchers := facts.instead.get("shadows"):
        words = (
            f"{_count(catchers, 'shadow catcher')} ({list_names(catchers)}): their shadows are in the pictures, but no "
        )
        yield PlanWarning(
            f"{words}surface that a field could learn them on. Leave them out, or turn Shadow Catcher off",
            (leave_out(catchers), select(catchers)),
        )
    if holes := facts.instead.get("hole"):
        words = f"{_count(holes, 'holdout')} ({list_names(holes)}): where they hide something, a field learns that "
        yield PlanWarning(f"{words}nothing is there. Hide them from renders", (select(holes),))
    if lost := facts.instead.get("nothing"):
        words = f"{_count(lost, 'object')} ({list_names(lost)}) {_is(lost)} invalidly placed, and left out"
        yield PlanWarning(f"{words}: clear location, rotation and scale, or what drives them", (select(lost),))
    if invalid := facts.invalid:
        words = (
            f"{_count(invalid, 'object')} ({list_names(invalid)}) {'has' if len(invalid) == 1 else 'have'} vertices "
        )
        words += "without numbers for where they are, which no bounds can hold: delete them, or mend what makes them"
        yield PlanWarning(words, (select(invalid),))
    if facts.hidden_helpers:
        helpers = sorted(facts.hidden_helpers)
        names = list_names([f"{name} for {list_names(facts.hidden_helpers[name])}" for name in helpers])
        words = (
            f"{_count(helpers, 'object')} of modifiers ({names}) {_is(helpers)} hidden or wire in the viewport, but "
        )
        yield PlanWarning(
            f"{words}renders show {'it' if len(helpers) == 1 else 'them'}: disable in renders what is only to cut",
            (disable_in_renders(helpers), select(helpers)),
        )
    if unseen := facts.unseen:
        look = "looks" if len(unseen) == 1 else "look"
        words = f"{_count(unseen, 'object')} {look} otherwise in renders than in the viewport: {list_names(unseen)}"
        yield PlanWarning(f"{words}. Plan Cameras looks at what renders show", (PLAN,))


def _count(names: list[str] | tuple[str, ...], what: str) -> str:
    return counted(len(names), what)


def _number(number: int, what: str) -> str:
    return counted(number, f"{what} is", f"{what}s are")


def _is(names: list[str] | tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"
