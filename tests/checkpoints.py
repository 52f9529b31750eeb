"""Checkpoints as other projects publish them, made from networks of poseact with random weights."""

import io
import json
import struct

import torch
from torch import nn

from poseact.zoo.build import builders

TENSOR = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}


def network(architecture: str, *, device: str = "cpu", **config) -> nn.Module:
    """A network in eval mode; the same weights in every call."""
    torch.manual_seed(0)
    with torch.device(device):
        built = builders()[architecture](**config).eval()
    for layer in built.modules():  # means and deviations as training leaves them, and blocks that are no identity
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d) and device != "meta":
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    return built


def renamed(state, body: str = "", head: str = "", heads=("final_layer", "final_layers", "deconv_layers")):
    """Prefixes before the names of an estimator: of its backbone, and of the layers that MMPose counts to the head."""
    return {(head if key.startswith(heads) else body) + key: tensor for key, tensor in state.items()}


def saved(content, **options) -> bytes:
    """The bytes of torch.save."""
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def safetensors_header(content: dict) -> bytes:
    """How a safetensors file begins: {name of a tensor: its entry, such as `TENSOR`}."""
    text = json.dumps(content).encode()
    return struct.pack("<Q", len(text)) + text
