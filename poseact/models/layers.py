"""Convolution, batch norm and ReLU under the published parameter names, and their initialisation. No networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from poseact.errors import UsageError

Size3 = tuple[int, int, int]


def check_positive(network: str, **arguments: float | Sequence[float]) -> None:
    """Raises: UsageError for an argument, or an entry of one, that is not above 0: PyTorch builds layers of nothing."""
    for name, value in arguments.items():
        if not all(one > 0 for one in (value if isinstance(value, Sequence) else (value,))):
            raise UsageError(f"{network}: {name} must be above 0, got {str(value)[:80]}")


class ConvModule(nn.Module):
    """Conv3d without bias -> BatchNorm3d -> ReLU, the last two optional, with the parameters `conv.*` and `bn.*`.

    Args:
        in_channels, out_channels: feature channels.
        kernel: odd (t, h, w); the padding keeps the size at stride 1.
        stride: (t, h, w).
        groups: as in nn.Conv3d.
        norm, relu: whether the layer has a batch norm and a ReLU.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Size3,
        stride: Size3 = (1, 1, 1),
        *,
        groups: int = 1,
        norm: bool = True,
        relu: bool = True,
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.conv = nn.Conv3d(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm3d(out_channels) if norm else None
        self.relu = nn.ReLU(inplace=True) if relu else None

    def forward(self, x: Tensor) -> Tensor:  # (N, C, T, H, W)
        x = self.conv(x)
        if self.bn is not None:
            x = self.bn(x)
        return x if self.relu is None else self.relu(x)


def initialise(module: nn.Module, last_layers: Iterable[ConvModule] = ()) -> None:
    """Kaiming normal (fan-out, ReLU) for convolutions, 1 and 0 for batch norms, as in the reference training code.

    Args:
        module: the network, changed in place.
        last_layers: the last layer of each residual block; its batch norm starts at 0: blocks start as identity.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv3d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, nn.BatchNorm3d):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
    for last in last_layers:
        if last.bn is not None:
            nn.init.zeros_(last.bn.weight)
