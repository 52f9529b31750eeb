"""Networks that compute in another arithmetic between inputs and outputs in float32."""

import pytest
import torch
from torch import nn

from poseact.precision import arithmetic, in_precision, inference_precision


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 3)])

    @property
    def coarse(self):
        return self.layers, (0,)

    def forward(self, x):
        self.seen = x.dtype
        return self.layers[0](x), [x.sum()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_outputs_are_float32_and_alike(dtype):
    torch.manual_seed(0)
    network, x = Pair(), torch.rand(2, 4)
    expected = network(x)[0]
    lowered = in_precision(network, dtype)
    assert (lowered is network) == (dtype is not torch.float16)
    found, (total,) = lowered(x)
    assert network.seen == (torch.float16 if dtype is torch.float16 else torch.float32)
    assert network.state_dict().popitem()[1].dtype == dtype
    assert found.dtype == total.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0)


def test_what_a_name_means():
    assert inference_precision("float32", torch.device("cuda")) is torch.float32
    assert inference_precision("float16", torch.device("cpu")) is torch.float16
    assert inference_precision("auto", torch.device("cuda")) is torch.float16
    assert inference_precision("auto", torch.device("mps")) is torch.float32
    assert inference_precision("auto", torch.device("cpu")) in (torch.float32, torch.float16, torch.bfloat16)


def test_a_network_without_coarse_parts_stays_as_it_is():
    network = nn.Linear(4, 3)
    assert in_precision(network, torch.bfloat16) is network
    assert network.weight.dtype is torch.float32


def test_a_precision_has_the_name_of_what_is_computed_in():
    assert arithmetic("float32", "cpu") == "float32"
    assert arithmetic("auto", "mps") == "float32"
    assert arithmetic("auto", "cuda") == "float16"
