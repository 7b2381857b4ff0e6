"""A prior whose weights are known, and small runs that it guides."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.primitives.radiance_field.fields import choose_preset
from engine.priors.weights import Prior, load_prior, save_prior
from tests.device import TEST_DEVICE
from tests.engine.tiny_fields import TINY
from tests.scenes import sphere_views

VIEWS = sphere_views(12, 24)
HELD_OUT = [VIEWS[1], VIEWS[5], VIEWS[9]]
ORDER = [VIEWS[index] for index in (3, 8, 0, 10, 2, 7, 6, 11)]
GUIDED = TINY["hash-grid"] | {"guide_side": 16, "guide_pictures": 6, "guide_every": 8, "guided_views": 7}


def make_prior(file: Path, tint: float) -> Prior:
    """One whose weights are known: solid is what lies at a captured depth or behind it, as far as no view sees through
    it, and its colour is what views show there, made lighter by ``tint``."""
    config = choose_preset("cpu", TEST_DEVICE, TINY["pixelnerf"], "pixelnerf").field
    field = config.build(TEST_DEVICE, 0)
    network = field.module
    gap = (
        network.view_layer.in_features - 2 - 4
    )  # before it, gaps of one finer scale; behind it, of three, and two facts
    with torch.no_grad():
        for layer in (network.view_layer, network.point_layer, network.density_layer, network.blend_layer):
            layer.weight.zero_()
            layer.bias.zero_()
        network.view_layer.weight[0, gap] = 1.0
        network.point_layer.weight[0, 0], network.point_layer.weight[1, 0] = 1.0, -1.0
        network.density_layer.weight[0, 0], network.density_layer.weight[0, 1] = 8.0, -8.0
        network.residual_layer.bias.fill_(tint)
    save_prior(file, field, config, {})
    return load_prior(file)
