"""Files of a prior's weights, and of an encoder's: what is read back, and what is refused in which words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.fields.pixel_nerf import PixelNerfField
from engine.fields.pixel_nerf_network import PixelNerfNetwork
from engine.networks.image_encoder import EncoderSize, ImageEncoder
from engine.primitives.radiance_field.fields import choose_preset
from engine.priors.config import PRIOR
from engine.priors.tensor_files import PriorError
from engine.priors.weights import load_encoder_weights, load_prior, save_prior
from tests.engine.priors.tiny_prior import tiny_prior

CONFIG = tiny_prior().field


@pytest.fixture
def field(device: str) -> PixelNerfField:
    return CONFIG.build(device, 3)


@pytest.fixture
def file(field: PixelNerfField, tmp_path: Path) -> Path:
    path = tmp_path / "prior.safetensors"
    save_prior(path, field, CONFIG, {"steps": 7, "scores": {"psnr_1": 12.5}})
    return path


def test_a_field_begins_as_the_one_that_was_saved(field: PixelNerfField, file: Path, device: str) -> None:
    prior = load_prior(file)
    assert prior.config == CONFIG and prior.facts == {"steps": 7, "scores": {"psnr_1": 12.5}}
    assert prior.parameters == field.weights.values.numel()
    other = CONFIG.build(device, 4)
    assert not torch.equal(other.weights.values, field.weights.values)
    prior.load_into(other)
    torch.testing.assert_close(other.weights.values, field.weights.values, rtol=1e-3, atol=1e-4)
    assert other.module.density_layer.weight.data_ptr() in _own_memory(other)


def _own_memory(field: PixelNerfField) -> range:
    """Where the parameters lie that an optimiser moves."""
    values = field.weights.values
    return range(values.data_ptr(), values.data_ptr() + values.nbytes)


def test_a_run_takes_its_architecture_from_the_prior_and_the_rest_from_its_preset(file: Path, device: str) -> None:
    own = choose_preset("cpu", device, {}, "pixelnerf")
    config = choose_preset("cpu", device, load_prior(file).settings, "pixelnerf")
    assert config.field.width == CONFIG.width != own.field.width
    assert (config.field.picture_side, config.field.most_views) == (own.field.picture_side, own.field.most_views)
    load_prior(file).load_into(config.field.build(device, 0))


def test_the_large_ones_weights_are_of_12_mb_at_most() -> None:
    network = PixelNerfNetwork(PRIOR.presets["gpu"].field.size, torch.Generator(), torch.float32)
    assert 2 * sum(parameter.numel() for parameter in network.parameters()) < 12e6


def test_another_architecture_is_refused_and_named(file: Path, device: str) -> None:
    wider = dataclasses.replace(CONFIG, width=32).build(device, 0)
    before = wider.weights.values.clone()
    with pytest.raises(PriorError, match=r"prior.safetensors: of another architecture: view_layer.weight is \[16, "):
        load_prior(file).load_into(wider)
    assert torch.equal(wider.weights.values, before)
    deeper = dataclasses.replace(CONFIG, view_blocks=2).build(device, 0)
    with pytest.raises(PriorError, match=r"another architecture: view_blocks.1.first.bias is on one side only"):
        load_prior(file).load_into(deeper)


def _flip_a_number(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _make_another(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path)


def _write_text(path: Path) -> None:
    path.write_text("no tensors")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_flip_a_number, "damaged: its numbers' checksum is not the one that it names"),
        (_cut, "can't be read"),
        (_write_text, "can't be read"),
        (_make_another, "expected a file of the format hashlight-prior-1, and its format is"),
        (Path.unlink, "can't be read: No such file or directory"),
    ],
    ids=["flipped", "cut", "text", "another", "missing"],
)
def test_a_file_that_is_no_good_is_refused(damage: Callable[[Path], None], words: str, file: Path) -> None:
    damage(file)
    with pytest.raises(PriorError, match=f"prior.safetensors: {words}"):
        load_prior(file)


def test_what_is_no_number_is_not_written(field: PixelNerfField, file: Path) -> None:
    before = file.read_bytes()
    for value in (float("nan"), 1e6):  # more than half precision holds
        with torch.no_grad():
            field.module.density_layer.bias.fill_(value)
        with pytest.raises(PriorError, match=r"NaN or infinity in density_layer.bias"):
            save_prior(file, field, CONFIG, {})
    assert file.read_bytes() == before


@pytest.fixture
def encoder_file(tmp_path: Path) -> Path:
    """As torchvision's ResNet-18 would be, but narrow: colour alone, statistics of batches, a classifier."""
    encoder = ImageEncoder(EncoderSize(18, 8, 64, 0), 3, torch.Generator().manual_seed(1))
    weights = {name: tensor.detach().clone() for name, tensor in encoder.named_parameters()}
    weights |= {"fc.weight": torch.zeros(10, 64), "bn1.num_batches_tracked": torch.tensor(5)}
    path = tmp_path / "resnet.safetensors"
    save_file(weights, path)
    return path


def test_an_encoders_weights_say_how_large_it_is(encoder_file: Path, device: str) -> None:
    weights = load_encoder_weights(encoder_file)
    config = choose_preset("cpu", device, weights.settings, "pixelnerf")
    assert config.field.encoder == EncoderSize(18, 8, 64, 0)
    field = config.field.build(device, 0)
    weights.load_into(field)
    loaded = field.module.encoder.layer4[1].conv2.weight.cpu()
    assert torch.equal(loaded, load_file(encoder_file)["layer4.1.conv2.weight"])


def test_weights_of_no_encoder_that_is_known_are_refused(encoder_file: Path, device: str) -> None:
    weights = load_file(encoder_file)
    save_file({name: tensor for name, tensor in weights.items() if "layer3.1" not in name}, encoder_file)
    with pytest.raises(PriorError, match=r"resnet.safetensors: not the weights .* ResNet-10, ResNet-18, ResNet-34"):
        _ = load_encoder_weights(encoder_file).settings
    save_file({**weights, "layer1.0.conv1.weight": torch.zeros(8, 8, 1, 1)}, encoder_file)
    loaded = load_encoder_weights(encoder_file)
    field = choose_preset("cpu", device, loaded.settings, "pixelnerf").field.build(device, 0)
    with pytest.raises(PriorError, match=r"resnet.safetensors: layer1.0.conv1.weight: expected \[8, 8, 3, 3\]"):
        loaded.load_into(field)
    encoder_file.write_text("no tensors")
    with pytest.raises(PriorError, match="can't be read as a safetensors file"):
        load_encoder_weights(encoder_file)
