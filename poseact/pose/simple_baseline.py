"""SimpleBaseline as a pure module: a classification network, upsampled to one heatmap per joint. Decodes nothing."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from poseact.pose.residual import EXPANSION, bottlenecks

JOINTS = 17
UPSAMPLED = 256
DOUBLINGS = 3
STEM = 64
RESNET50 = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # planes, blocks, stride of the first
MOBILENETV2 = (  # expansion, channels, blocks, stride of the first
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
MOBILENETV2_STEM, MOBILENETV2_FEATURES = 32, 1280


class SimpleBaseline(nn.Sequential):
    """A backbone of stride 32, three deconvolutions that double the size, and a 1x1 convolution (Xiao et al. 2018).

    The layers stand in one row, so that parameters are named as in the original repository, and as in MMPose's
    checkpoints without their `backbone.` and `keypoint_head.`.
    """

    def __init__(self, backbone: OrderedDict[str, nn.Module], channels: int) -> None:
        """`backbone`: its layers by name, in order. `channels`: of what the last one gives."""
        upsampling = nn.Sequential()
        for index in range(DOUBLINGS):
            inputs = channels if index == 0 else UPSAMPLED
            upsampling.append(nn.ConvTranspose2d(inputs, UPSAMPLED, 4, 2, 1, bias=False))
            upsampling.append(nn.BatchNorm2d(UPSAMPLED))
            upsampling.append(nn.ReLU(inplace=True))
        head = [("deconv_layers", upsampling), ("final_layer", nn.Conv2d(UPSAMPLED, JOINTS, 1))]
        super().__init__(OrderedDict([*backbone.items(), *head]))

    def forward(self, images: Tensor) -> Tensor:
        """Read crops of people.

        Args:
            images: (N, 3, H, W) float RGB, standardised by the ImageNet mean and deviation; H, W multiples of 32.
        Returns:
            (N, 17, H / 4, W / 4), one heatmap per COCO joint, peaks about 1.
        """
        return super().forward(images)


class ConvModule(nn.Sequential):
    """Convolution without bias -> batch norm -> ReLU6 (optional), with the parameters `conv.*` and `bn.*`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, relu: bool = True
    ) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        layers: list[tuple[str, nn.Module]] = [("conv", conv), ("bn", nn.BatchNorm2d(outputs))]
        if relu:
            layers.append(("activate", nn.ReLU6(inplace=True)))
        super().__init__(OrderedDict(layers))


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand, filter each channel, project; added to its input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.conv = nn.Sequential()
        if expansion != 1:
            self.conv.append(ConvModule(inputs, hidden, 1))
        self.conv.append(ConvModule(hidden, hidden, 3, stride, groups=hidden))
        self.conv.append(ConvModule(hidden, outputs, 1, relu=False))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        return x + self.conv(x) if self.residual else self.conv(x)


def build_resnet50() -> SimpleBaseline:
    """SimpleBaseline with ResNet-50, random weights."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(3, STEM, 7, 2, 3, bias=False),
        bn1=nn.BatchNorm2d(STEM),
        relu=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(3, 2, 1),
    )
    channels = STEM
    for index, (planes, depth, stride) in enumerate(RESNET50, 1):
        layers[f"layer{index}"] = bottlenecks(channels, planes, depth, stride)
        channels = planes * EXPANSION
    return SimpleBaseline(layers, channels)


def build_mobilenetv2() -> SimpleBaseline:
    """SimpleBaseline with MobileNetV2 of width 1, random weights; only MMPose publishes it."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(conv1=ConvModule(3, MOBILENETV2_STEM, 3, 2))
    inputs = MOBILENETV2_STEM
    for index, (expansion, outputs, depth, stride) in enumerate(MOBILENETV2, 1):
        blocks = nn.Sequential(InvertedResidual(inputs, outputs, stride, expansion))
        blocks.extend(InvertedResidual(outputs, outputs, 1, expansion) for _ in range(depth - 1))
        layers[f"layer{index}"] = blocks
        inputs = outputs
    layers["conv2"] = ConvModule(inputs, MOBILENETV2_FEATURES, 1)
    return SimpleBaseline(layers, MOBILENETV2_FEATURES)
