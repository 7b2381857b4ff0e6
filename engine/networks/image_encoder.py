"""A residual network (He et al. 2016) that gives each place of a picture a vector of features (Yu et al. 2021, section
4.1): what its four stages see, from fine detail to the picture as a whole.

Parameters are called what torchvision's ResNet calls them, so that weights learnt on ImageNet load.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch.nn.functional import group_norm, interpolate, pad, relu

# Residual blocks of each stage, by how many layers such a network is said to have.
BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
# Pixels from one place of the features to the next: what the first convolution leaves. There is no pooling behind it,
# which would halve the resolution once more.
FEATURE_STRIDE = 2
_COLORS = 3
_EPSILON = 1e-5
# What a file for classification has besides: its last layer, and how many batches its statistics are of.
_CLASSIFIER, _COUNTER = "fc.", ".num_batches_tracked"
_STATISTICS = (".running_mean", ".running_var")


class WeightsError(ValueError):
    """Weights that are not this encoder's; the message names the tensor at fault."""


@dataclasses.dataclass(frozen=True)
class EncoderSize:
    """``layers``: one of BLOCKS. ``width``: channels of the first stage; each next one has twice as many, but no more
    than ``most_width``. ``groups``: channels are normalised by the mean and the variance of so many groups of them, in
    each picture by itself (Wu and He 2018); 0: by statistics that come with the weights, as those of ImageNet do, and
    stay as they are. Either way the features of a picture are the same whatever other pictures there are."""

    layers: int
    width: int
    most_width: int
    groups: int

    @property
    def stage_widths(self) -> tuple[int, ...]:
        """Channels of the four stages."""
        return tuple(min(self.width * 2**stage, self.most_width) for stage in range(4))

    @property
    def channels(self) -> int:
        """Columns of the features."""
        return sum(self.stage_widths)


class ImageEncoder(torch.nn.Module):
    """Pictures [n, channels, H, W] to features; the first three channels are the colour."""

    def __init__(self, size: EncoderSize, channels: int, generator: torch.Generator) -> None:
        super().__init__()
        self.size = size
        self.conv1 = _convolution(channels, size.width, 7, 2, generator)
        self.bn1 = Normalization(size.width, size.groups)
        inputs, stages = size.width, []
        for stage, (width, blocks) in enumerate(zip(size.stage_widths, BLOCKS[size.layers], strict=True)):
            strides = [1 if stage == 0 else 2] + [1] * (blocks - 1)
            widths = [inputs] + [width] * blocks
            stages.append(
                torch.nn.Sequential(
                    *(
                        BasicBlock(first, width, stride, size.groups, generator)
                        for first, stride in zip(widths, strides, strict=False)
                    )
                )
            )
            inputs = width
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """[n, size.channels, ceil(H / 2), ceil(W / 2)]: the stages' outputs, brought to the first one's resolution and
        put one behind the other. The features in row i and column j are those of the pixel in row 2 i, column 2 j."""
        value = relu(self.bn1(self.conv1(pictures)))
        pyramid: list[torch.Tensor] = []
        for level, stage in enumerate((self.layer1, self.layer2, self.layer3, self.layer4)):
            value = stage(value)
            pyramid.append(_enlarge(value, 2**level, pyramid[0].shape[2:] if pyramid else value.shape[2:]))
        return torch.cat(pyramid, dim=1)

    def load_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take over the ``weights`` of such a network by torchvision's names, learnt on colours or on all channels. In
        the former case further channels begin without a say. Raises WeightsError, and then all is as it was."""
        own = dict(self.named_parameters())
        given = {
            name: tensor
            for name, tensor in weights.items()
            if not name.startswith(_CLASSIFIER) and not name.endswith(_COUNTER)
        }
        if "conv1.weight" in given:
            given["conv1.weight"] = _widen(given["conv1.weight"], self.conv1.in_channels)
        if self.size.groups and any(name.endswith(_STATISTICS) for name in given):
            raise WeightsError("bn1.running_mean: these weights are normalised by statistics, as with 0 groups")
        if unknown := sorted(given.keys() - own.keys()):
            raise WeightsError(
                f"{unknown[0]}: a network of {self.size.layers} layers has none: are these of another one?"
            )
        for name, parameter in own.items():
            found = list(given[name].shape) if name in given else "nothing"
            if found != list(parameter.shape):
                raise WeightsError(f"{name}: expected {list(parameter.shape)}, found {found}")
            if not bool(torch.isfinite(given[name]).all()):
                raise WeightsError(f"{name}: contains NaN or infinity")
        with torch.no_grad():
            for name, parameter in own.items():
                parameter.copy_(given[name])


class BasicBlock(torch.nn.Module):
    """Two convolutions, and the way around them."""

    def __init__(self, inputs: int, width: int, stride: int, groups: int, generator: torch.Generator) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, width, 3, stride, generator)
        self.bn1 = Normalization(width, groups)
        self.conv2 = _convolution(width, width, 3, 1, generator)
        self.bn2 = Normalization(width, groups)
        self.downsample: torch.nn.Module = torch.nn.Identity()
        if stride > 1 or inputs != width:
            self.downsample = torch.nn.Sequential(
                _convolution(inputs, width, 1, stride, generator), Normalization(width, groups)
            )

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """[n, inputs, H, W] to [n, width, H / stride, W / stride]."""
        inner = self.bn2(self.conv2(relu(self.bn1(self.conv1(value)))))
        return relu(inner + self.downsample(value))


class Normalization(torch.nn.Module):
    """Normalises channels as EncoderSize.groups says, then scales and shifts them. Statistics are parameters without a
    gradient: they are kept and copied with the others."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self._groups = groups
        self.weight = torch.nn.Parameter(torch.ones(channels))
        self.bias = torch.nn.Parameter(torch.zeros(channels))
        if not groups:
            self.running_mean = torch.nn.Parameter(torch.zeros(channels), requires_grad=False)
            self.running_var = torch.nn.Parameter(torch.ones(channels), requires_grad=False)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """[n, channels, H, W]."""
        if self._groups:
            return group_norm(value, self._groups, self.weight, self.bias, _EPSILON)
        scale = self.weight * torch.rsqrt(self.running_var + _EPSILON)
        shift = self.bias - self.running_mean * scale
        return value * scale[:, None, None] + shift[:, None, None]


def _convolution(inputs: int, outputs: int, side: int, stride: int, generator: torch.Generator) -> torch.nn.Conv2d:
    layer = torch.nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False)
    torch.nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
    return layer


def _widen(weight: torch.Tensor, channels: int) -> torch.Tensor:
    """The first convolution's ``weight`` [out, 3, 7, 7] with as many input ``channels`` as are there, the further ones
    0; any other as it is."""
    if weight.ndim != 4 or weight.shape[1] != _COLORS:
        return weight
    return pad(weight, (0, 0, 0, 0, 0, channels - _COLORS))


def _enlarge(value: torch.Tensor, factor: int, size: torch.Size) -> torch.Tensor:
    """[n, channels, *size], bilinear. A convolution of stride 2 puts what it found around column 2 j into column j, so
    what is in a column comes to ``factor`` times its number; the last columns are repeated where that is not enough."""
    if factor == 1:
        return value
    height, width = (factor * (side - 1) + 1 for side in value.shape[2:])
    enlarged = interpolate(value, (height, width), mode="bilinear", align_corners=True)
    more = (0, max(size[1] - width, 0), 0, max(size[0] - height, 0))
    return pad(enlarged, more, mode="replicate")[:, :, : size[0], : size[1]]
