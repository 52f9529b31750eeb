"""HRNet as a pure module: crops of people to one heatmap per joint. Reads no pictures and decodes no heatmaps."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce

from torch import Tensor, nn

from poseact.errors import UsageError
from poseact.pose.residual import EXPANSION, BasicBlock, bottlenecks, conv3x3

JOINTS = 17
OFFSET_MAPS = 3 * JOINTS
WIDTHS = (32, 48)  # the published networks
MULTIPLE = 32
STEM = 64
BLOCKS = 4
MODULES = {2: 1, 3: 4, 4: 3}  # stage, which is also its number of resolutions -> modules in a row


class ParallelStreams(nn.Module):
    """Four residual blocks at each resolution, then every resolution becomes the sum of all of them.

    Args:
        channels: per stream, finest first; each has half the height and width of the one before.
        outputs: how many of the finest streams are wanted afterwards.
    """

    def __init__(self, channels: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(inputs) for _ in range(BLOCKS))) for inputs in channels
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_resample(channels, source, target) for source in range(len(channels)))
            for target in range(outputs)
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, streams: list[Tensor]) -> list[Tensor]:
        """[(N, C_i, H / 2**i, W / 2**i)] -> the first `outputs` of the same shapes."""
        streams = [branch(x) for branch, x in zip(self.branches, streams, strict=True)]
        return [self.relu(_fuse(layers, streams)) for layers in self.fuse_layers]


class HRNetBackbone(nn.Module):
    """The trunk that all HRNet estimators share; subclasses add their last layers beside its parameters.

    Parameters are named as in the original repository, and as in MMPose's checkpoints without their `backbone.`.
    """

    def __init__(self, width: int) -> None:
        """`width`: channels of the finest stream. Raises: UsageError for a width that was never published."""
        super().__init__()
        if width not in WIDTHS:
            raise UsageError(f"HRNet's width must be one of {', '.join(map(str, WIDTHS))}, got {width!r}")
        channels = [width, 2 * width, 4 * width, 8 * width]
        self.conv1 = conv3x3(3, STEM, 2)
        self.bn1 = nn.BatchNorm2d(STEM)
        self.conv2 = conv3x3(STEM, STEM, 2)
        self.bn2 = nn.BatchNorm2d(STEM)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = bottlenecks(STEM, STEM, BLOCKS)
        self.transition1 = _transition([STEM * EXPANSION], channels[:2])
        self.stage2 = _stage(channels[:2])
        self.transition2 = _transition(channels[:2], channels[:3])
        self.stage3 = _stage(channels[:3])
        self.transition3 = _transition(channels[:3], channels)
        self.stage4 = _stage(channels, outputs=1)

    def features(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) float -> (N, width, H / 4, W / 4). Raises: UsageError unless H and W are multiples of 32."""
        if images.shape[-1] % MULTIPLE or images.shape[-2] % MULTIPLE:
            raise UsageError(f"HRNet takes sizes that are multiples of {MULTIPLE}, got {tuple(images.shape)}")
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.relu(self.bn2(self.conv2(x)))
        streams = [self.layer1(x)]
        for transition, stage in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            streams = stage(_enter(transition, streams))
        return streams[0]


class HRNet(HRNetBackbone):
    """HRNet for top-down estimation (Sun et al. 2019); W32 and W48 differ in the width only."""

    def __init__(self, width: int, *, offsets: bool = False) -> None:
        """See `HRNetBackbone`. `offsets`: beside each heatmap, two maps of offsets, as UDP regression trains it."""
        super().__init__(width)
        self.final_layer = nn.Conv2d(width, OFFSET_MAPS if offsets else JOINTS, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Read crops of people.

        Args:
            images: (N, 3, H, W) float RGB, standardised by the ImageNet mean and deviation; H, W multiples of 32.
        Returns:
            (N, 17, H / 4, W / 4), one heatmap per COCO joint, peaks about 1; or (N, 51, H / 4, W / 4), each heatmap
            followed by its offsets in x and in y.
        """
        return self.final_layer(self.features(images))


def build(*, width: int = 32, offsets: bool = False) -> HRNet:
    """HRNet-W32 or W48 with random weights. Raises: UsageError for another width."""
    return HRNet(width, offsets=offsets)


def _stage(channels: Sequence[int], outputs: int | None = None) -> nn.Sequential:
    """The modules of one stage; `outputs`: streams that the last one gives, all of them if None."""
    streams = len(channels)
    modules = [ParallelStreams(channels, streams) for _ in range(MODULES[streams] - 1)]
    return nn.Sequential(*modules, ParallelStreams(channels, streams if outputs is None else outputs))


def _transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    """One layer per new stream: nothing where it exists already, a convolution, or a step down from the last."""
    layers = nn.ModuleList()
    for stream, outputs in enumerate(after):
        if stream >= len(before):
            layers.append(nn.Sequential(_down(before[-1], outputs)))
        elif before[stream] != outputs:
            layers.append(_normed(conv3x3(before[stream], outputs)))
        else:
            layers.append(nn.Identity())
    return layers


def _enter(transition: nn.ModuleList, streams: list[Tensor]) -> list[Tensor]:
    """The streams of the next stage: a new one comes from the coarsest there is."""
    last = len(streams) - 1
    return [layer(streams[min(index, last)]) for index, layer in enumerate(transition)]


def _resample(channels: Sequence[int], source: int, target: int) -> nn.Module:
    """From one stream's resolution and channels to another's."""
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(
            nn.Conv2d(channels[source], channels[target], 1, bias=False),
            nn.BatchNorm2d(channels[target]),
            nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"),
        )
    halvings = [_down(channels[source], channels[source]) for _ in range(target - source - 1)]
    return nn.Sequential(*halvings, _down(channels[source], channels[target], relu=False))


def _fuse(layers: nn.Module, streams: list[Tensor]) -> Tensor:
    return reduce(operator.add, (layer(x) for layer, x in zip(layers.children(), streams, strict=True)))


def _down(inputs: int, outputs: int, *, relu: bool = True) -> nn.Sequential:
    return _normed(conv3x3(inputs, outputs, 2), relu=relu)


def _normed(conv: nn.Conv2d, *, relu: bool = True) -> nn.Sequential:
    norm = nn.BatchNorm2d(conv.out_channels)
    return nn.Sequential(conv, norm, nn.ReLU(inplace=True)) if relu else nn.Sequential(conv, norm)
