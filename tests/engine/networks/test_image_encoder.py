"""The encoder of pictures: where its features lie, what they depend on, and which weights it takes."""

from __future__ import annotations

import pytest
import torch

from engine.networks.image_encoder import FEATURE_STRIDE, EncoderSize, ImageEncoder, WeightsError

CHANNELS = 5
SMALL = EncoderSize(layers=10, width=8, most_width=32, groups=4)
FROZEN = EncoderSize(layers=10, width=8, most_width=32, groups=0)


def _encoder(size: EncoderSize = SMALL, channels: int = CHANNELS) -> ImageEncoder:
    return ImageEncoder(size, channels, torch.Generator().manual_seed(0))


def _pictures(count: int, height: int = 24, width: int = 40) -> torch.Tensor:
    return torch.rand(count, CHANNELS, height, width, generator=torch.Generator().manual_seed(1))


def _torchvision_weights(encoder: ImageEncoder) -> dict[str, torch.Tensor]:
    """As torchvision's file for these widths would be: colours alone, statistics with their counters, a classifier."""
    generator = torch.Generator().manual_seed(2)
    weights = {
        name: torch.rand(parameter.shape, generator=generator) + 0.1 for name, parameter in encoder.named_parameters()
    }
    weights["conv1.weight"] = weights["conv1.weight"][:, :3].clone()
    means = [name for name in weights if name.endswith("running_mean")]
    weights |= {name.replace("running_mean", "num_batches_tracked"): torch.tensor(7) for name in means}
    return weights | {"fc.weight": torch.zeros(1000, 32), "fc.bias": torch.zeros(1000)}


@pytest.mark.parametrize(("height", "width"), [(24, 40), (25, 39), (1, 1), (2, 33)])
def test_there_are_features_for_every_second_pixel_of_any_picture(height: int, width: int) -> None:
    features = _encoder()(_pictures(2, height, width))
    assert features.shape == (2, 8 + 16 + 32 + 32, -(-height // FEATURE_STRIDE), -(-width // FEATURE_STRIDE))
    assert torch.isfinite(features).all()


def test_what_is_at_a_pixel_is_in_the_features_at_half_its_column_and_row_at_every_scale() -> None:
    encoder = _encoder(FROZEN)
    with torch.no_grad():
        for parameter in encoder.parameters():
            if parameter.ndim == 4:  # kernels that look the same in a mirror put the middle of a spot where the spot is
                parameter.copy_(((parameter + parameter.flip(2)) + (parameter + parameter.flip(2)).flip(3)).abs())
        blank, spotted = torch.zeros(1, CHANNELS, 97, 129), torch.zeros(1, CHANNELS, 97, 129)
        spotted[..., 48, 64] = 1.0
        first = 0
        for width in FROZEN.stage_widths:
            change = (encoder(spotted) - encoder(blank))[0, first : first + width].abs().sum(0)
            rows, columns = torch.arange(49.0), torch.arange(65.0)
            middle = ((change.sum(1) * rows).sum() / change.sum(), (change.sum(0) * columns).sum() / change.sum())
            assert middle == pytest.approx((24.0, 32.0), abs=1e-3)
            first += width


@pytest.mark.parametrize("size", [SMALL, FROZEN])
def test_features_do_not_depend_on_the_other_pictures(size: EncoderSize) -> None:
    encoder, pictures = _encoder(size), _pictures(3)
    together = encoder(pictures)
    for index in range(3):
        torch.testing.assert_close(encoder(pictures[index : index + 1])[0], together[index], rtol=1e-4, atol=1e-5)


def test_every_stage_has_its_place_in_the_features_and_learns() -> None:
    encoder = _encoder()
    encoder(_pictures(1)).square().sum().backward()
    without = [name for name, parameter in encoder.named_parameters() if not parameter.grad.abs().max() > 0]
    assert not without


def test_its_parameters_are_called_as_torchvisions_are() -> None:
    names = dict(ImageEncoder(EncoderSize(18, 64, 512, 0), 3, torch.Generator()).named_parameters())
    shapes = {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.weight": (64,),
        "bn1.running_mean": (64,),
        "layer1.0.conv1.weight": (64, 64, 3, 3),
        "layer1.1.bn2.running_var": (64,),
        "layer2.0.downsample.0.weight": (128, 64, 1, 1),
        "layer2.0.downsample.1.bias": (128,),
        "layer4.1.conv2.weight": (512, 512, 3, 3),
    }
    assert {name: tuple(names[name].shape) for name in shapes} == shapes
    learnt = {name: parameter for name, parameter in names.items() if "running" not in name}
    # torchvision's resnet18 has 122 tensors in its state: 62 that are learnt (fc's 2 among them) and 60 of statistics.
    assert len(learnt) == 60 and len(names) == 100
    assert sum(parameter.numel() for parameter in learnt.values()) == 11_689_512 - 513_000
    assert not any("layer1.0.downsample" in name for name in names)


def test_weights_of_colours_load_and_further_channels_begin_without_a_say() -> None:
    encoder = _encoder(FROZEN)
    weights = _torchvision_weights(encoder)
    encoder.load_weights(weights)
    own = dict(encoder.named_parameters())
    assert torch.equal(own["conv1.weight"][:, :3], weights["conv1.weight"]) and not own["conv1.weight"][:, 3:].any()
    assert torch.equal(own["layer3.0.bn2.running_var"], weights["layer3.0.bn2.running_var"])
    reference = _encoder(FROZEN, 3)
    reference.load_weights(weights)
    torch.testing.assert_close(encoder(_pictures(1)), reference(_pictures(1)[:, :3]))


def test_its_own_weights_load_with_all_channels() -> None:
    first, second = _encoder(), ImageEncoder(SMALL, CHANNELS, torch.Generator().manual_seed(9))
    assert not torch.equal(first.conv1.weight, second.conv1.weight)
    second.load_weights(first.state_dict())
    assert torch.equal(first(_pictures(1)), second(_pictures(1)))


def test_statistics_that_came_with_weights_stay() -> None:
    encoder = _encoder(FROZEN)
    encoder.load_weights(_torchvision_weights(encoder))
    encoder(_pictures(1)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert (parameter.grad is None) == ("running" in name), name


@pytest.mark.parametrize(
    ("size", "change", "words"),
    [
        (
            EncoderSize(10, 8, 64, 0),
            {},
            r"^layer4\.0\.conv1\.weight: expected \[64, 32, 3, 3\], found \[32, 32, 3, 3\]$",
        ),
        (EncoderSize(18, 8, 32, 0), {}, r"^layer1\.1\.conv1\.weight: expected \[8, 8, 3, 3\], found nothing$"),
        (SMALL, {}, "^bn1.running_mean: these weights are normalised by statistics, as with 0 groups$"),
        (
            FROZEN,
            {"layer1.1.conv1.weight": torch.zeros(8, 8, 3, 3)},
            r"^layer1\.1\.conv1\.weight: a network of 10 layers has none",
        ),
        (FROZEN, {"conv1.weight": torch.zeros(8, 4, 7, 7)}, r"^conv1\.weight: expected \[8, 5, 7, 7\], found"),
        (FROZEN, {"bn1.weight": torch.full((8,), torch.nan)}, r"^bn1\.weight: contains NaN or infinity$"),
    ],
)
def test_weights_of_another_network_are_refused_in_words(
    size: EncoderSize, change: dict[str, torch.Tensor], words: str
) -> None:
    encoder, weights = _encoder(size), _torchvision_weights(_encoder(FROZEN)) | change
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    with pytest.raises(WeightsError, match=words):
        encoder.load_weights(weights)
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())
