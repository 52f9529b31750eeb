"""HRNet against the published names, sizes, costs and outputs."""

import pytest
import torch
from networks import FINGERPRINTS, fill, macs, parameters, published, shapes, wave

from poseact.errors import UsageError
from poseact.pose import hrnet


def test_published_names_and_shapes():
    with torch.device("meta"):
        network = hrnet.build(width=32)
    assert shapes(network) == published("keys_hrnet_w32_original.txt")
    assert len(network.state_dict()) == 1754


@pytest.mark.parametrize(
    ("width", "size", "millions", "gigamacs"),
    [(32, (256, 192), 28.54, 7.65), (48, (256, 192), 63.60, 15.69), (32, (384, 288), 28.54, 17.2),
     (48, (384, 288), 63.60, 35.3)],
)  # fmt: skip
def test_size_and_cost(width, size, millions, gigamacs):
    with torch.device("meta"):
        network = hrnet.build(width=width).eval()
    assert parameters(network) / 1e6 == pytest.approx(millions, abs=0.005)
    assert macs(network, (1, 3, *size)) / 1e9 == pytest.approx(gigamacs, rel=0.003)


def test_heatmaps_equal_the_reference():
    expected = FINGERPRINTS["hrnet_w32"]
    network = hrnet.build(width=32).double().eval()
    fill(network)
    with torch.inference_mode():
        heatmaps = network(wave(1, 3, 64, 64))
    assert list(heatmaps.shape) == expected["shape"]
    assert heatmaps.flatten()[:5].numpy() == pytest.approx(expected["first5"], abs=1e-6)
    assert heatmaps.sum().item() == pytest.approx(expected["sum"], abs=1e-6)
    assert heatmaps.abs().max().item() == pytest.approx(expected["absmax"], abs=1e-6)


def test_other_widths_were_never_published():
    with pytest.raises(UsageError, match="32, 48"):
        hrnet.build(width=18)
