"""Reads TensorFlow.js graph models and runs them as a reference for conversions; networks of poseact live elsewhere.

Only the operations that the converted models use (NanoDet, MoveNet single pose) are known.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from poseact.errors import InvalidWeights

CONVOLUTIONS = ("Conv2D", "_FusedConv2D", "DepthwiseConv2dNative", "FusedDepthwiseConv2dNative")
TORCH_TYPES = {"DT_FLOAT": torch.float32, "DT_INT32": torch.int32, "DT_INT64": torch.int64, "DT_BOOL": torch.bool}


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: `inputs` name nodes, with ":1" for a second output; control edges are left out."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any]

    @property
    def is_convolution(self) -> bool:
        return self.op in CONVOLUTIONS

    @property
    def is_depthwise(self) -> bool:
        return "Depthwise" in self.op


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph model in memory.

    Attributes:
        nodes: what the outputs need, each after its inputs and otherwise in the file's order.
        weights: constants by node name, float32 where the file holds halves; the kernel of a convolution is in torch's
            layout: (out, in, height, width), depthwise (channels * multiplier, 1, height, width).
        inputs: names of the placeholders.
        outputs: node names in the order of the signature.
    """

    nodes: tuple[Node, ...]
    weights: dict[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def convolutions(self) -> Iterator[tuple[Node, Tensor, Tensor | None]]:
        """Yield (node, kernel, bias) in graph order.

        The bias is a fused one, or that of the single addition of a constant vector to the convolution.
        """
        added = {
            node.inputs[0]: self.weights[node.inputs[1]]
            for node in self.nodes
            if node.op in ("Add", "AddV2", "BiasAdd") and node.inputs[1] in self.weights
        }
        for node in self.nodes:
            if node.is_convolution:
                fused = "BiasAdd" in node.attributes.get("fused_ops", ())
                bias = self.weights[node.inputs[2]] if fused else added.get(node.name)
                yield node, self.weights[node.inputs[1]], bias


def read_graph(path: Path) -> Graph:
    """Read `path` (model.json) and the .bin shards beside it. Raises: InvalidWeights when they do not fit together."""
    path = Path(path)
    document = json.loads(path.read_text())
    weights = {name: value for group in document["weightsManifest"] for name, value in _weights(path.parent, group)}
    nodes = [_node(entry) for entry in document["modelTopology"]["node"]]
    outputs = tuple(_base(value["name"]) for value in document["signature"]["outputs"].values())
    ordered = _topological(nodes, outputs)
    tensors = {name: torch.from_numpy(value) for name, value in weights.items()}
    for name, depthwise in {node.inputs[1]: node.is_depthwise for node in ordered if node.is_convolution}.items():
        tensors[name] = _torch_kernel(tensors[name], depthwise=depthwise)
    placeholders = tuple(node.name for node in ordered if node.op == "Placeholder")
    return Graph(ordered, tensors, placeholders, outputs)


def _base(name: str) -> str:
    return name.partition(":")[0]


def _weights(folder: Path, group: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    content = b"".join((folder / name).read_bytes() for name in group["paths"])
    offset = 0
    for entry in group["weights"]:
        packing = entry.get("quantization", {})
        stored = np.dtype(packing.get("dtype", entry["dtype"]))
        count = math.prod(entry["shape"])
        if offset + count * stored.itemsize > len(content):
            raise InvalidWeights(f"{entry['name']} ends beyond the {len(content)} bytes of {group['paths']}")
        value = np.frombuffer(content, stored, count, offset).reshape(entry["shape"])
        offset += value.nbytes
        if "scale" in packing:
            value = value.astype(np.float32) * np.float32(packing["scale"]) + np.float32(packing["min"])
        yield entry["name"], value.astype(entry["dtype"])
    if offset != len(content):
        raise InvalidWeights(f"{group['paths']}: {len(content)} bytes, the manifest describes {offset}")


def _node(entry: dict[str, Any]) -> Node:
    inputs = tuple(name for name in entry.get("input", ()) if not name.startswith("^"))
    attributes = {key: _attribute(value) for key, value in entry.get("attr", {}).items()}
    return Node(entry["name"], entry["op"], inputs, attributes)


def _attribute(value: dict[str, Any]) -> Any:
    (kind, content), *_ = value.items()
    match kind:
        case "s":
            return base64.b64decode(content).decode()
        case "i":
            return int(content)
        case "list":
            return tuple(_attribute({key: item}) for key, items in content.items() for item in items)
        case _:
            return content


def _topological(nodes: list[Node], outputs: tuple[str, ...]) -> tuple[Node, ...]:
    known = {node.name: node for node in nodes}
    needed: set[str] = set()
    pending = list(outputs)
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            pending += [_base(source) for source in known[name].inputs]
    ordered: dict[str, Node] = {}
    waiting = [node for node in nodes if node.name in needed]
    while waiting:
        ready = []
        for node in waiting:
            if all(_base(source) in ordered for source in node.inputs):
                ordered[node.name] = node
                ready.append(node.name)
        if not ready:
            raise InvalidWeights(f"the graph has a cycle among {len(waiting)} nodes, {waiting[0].name!r} for one")
        waiting = [node for node in waiting if node.name not in ordered]
    return tuple(ordered.values())


def _torch_kernel(kernel: Tensor, *, depthwise: bool) -> Tensor:
    """(height, width, in, out or multiplier) -> torch's layout."""
    if not depthwise:
        return kernel.permute(3, 2, 0, 1).contiguous()
    height, width, channels, multiplier = kernel.shape
    return kernel.permute(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)


Value = Tensor | tuple[Tensor, ...]


@torch.inference_mode()
def run_graph(graph: Graph, feed: Mapping[str, Tensor], outputs: tuple[str, ...] | None = None) -> list[Tensor]:
    """Evaluate `outputs` (default: those of the signature), every tensor in the layout that the graph itself uses.

    Args:
        feed: values by node name: the placeholders, or any nodes from which the evaluation shall start instead.
    """
    values: dict[str, Value] = {**graph.weights, **feed}
    for node in graph.nodes:
        if node.name not in values and all(_base(name) in values for name in node.inputs):
            values[node.name] = _evaluate(node, [_pick(values, name) for name in node.inputs])
    return [_pick(values, name) for name in (outputs or graph.outputs)]


def _pick(values: Mapping[str, Value], name: str) -> Tensor:
    base, _, index = name.partition(":")
    value = values[base]
    return value[int(index or 0)] if isinstance(value, tuple) else value


def _evaluate(node: Node, inputs: list[Tensor]) -> Value:
    if node.is_convolution:
        return _convolve(node, inputs)
    if node.op not in OPERATIONS:
        raise InvalidWeights(f"operation {node.op!r} of node {node.name!r} is unknown; add it to scripts/tfjs.py")
    return OPERATIONS[node.op](node, *inputs)


def _convolve(node: Node, inputs: list[Tensor]) -> Tensor:
    kernel = inputs[1]
    if node.attributes.get("dilations", (1, 1, 1, 1)) != (1, 1, 1, 1):
        raise InvalidWeights(f"dilated convolution {node.name!r} is unknown; add it to scripts/tfjs.py")
    image = _padded(node, inputs[0], (kernel.shape[2], kernel.shape[3]), 0.0)
    stride = node.attributes["strides"][1:3]
    fused = node.attributes.get("fused_ops", ())
    bias = inputs[2] if "BiasAdd" in fused else None
    groups = image.shape[1] if node.is_depthwise else 1
    result = F.conv2d(image, kernel, bias, stride, groups=groups).permute(0, 2, 3, 1)
    for name in fused:
        if name != "BiasAdd":
            result = ACTIVATIONS[name](result)
    return result


def _padded(node: Node, image: Tensor, kernel: tuple[int, int], fill: float) -> Tensor:
    """NHWC -> NCHW, padded as TensorFlow's SAME does (the odd pixel goes to the end)."""
    image = image.permute(0, 3, 1, 2)
    if node.attributes["padding"] == "VALID":
        return image
    before_after = []
    for size, side, stride in zip(image.shape[2:], kernel, node.attributes["strides"][1:3], strict=True):
        missing = max((math.ceil(size / stride) - 1) * stride + side - size, 0)
        before_after.append((missing // 2, missing - missing // 2))
    (top, bottom), (left, right) = before_after
    return F.pad(image, (left, right, top, bottom), value=fill)


def _max_pool(node: Node, image: Tensor) -> Tensor:
    kernel = node.attributes["ksize"][1:3]
    padded = _padded(node, image, kernel, -math.inf)
    return F.max_pool2d(padded, kernel, node.attributes["strides"][1:3]).permute(0, 2, 3, 1)


def _resize(node: Node, image: Tensor, size: Tensor) -> Tensor:
    if not node.attributes.get("half_pixel_centers") or node.attributes.get("align_corners"):
        raise InvalidWeights(f"{node.name!r} resizes without half-pixel centers; add it to scripts/tfjs.py")
    resized = F.interpolate(image.permute(0, 3, 1, 2), size.tolist(), mode="bilinear", align_corners=False)
    return resized.permute(0, 2, 3, 1)


def _pad(_: Node, value: Tensor, margins: Tensor, fill: Tensor | None = None) -> Tensor:
    flat = [side for axis in reversed(margins.tolist()) for side in axis]
    return F.pad(value, flat, value=0.0 if fill is None else float(fill))


def _sparse_to_dense(_: Node, indices: Tensor, shape: Tensor, values: Tensor, default: Tensor) -> Tensor:
    dense = default.expand(shape.tolist()).clone()
    dense[tuple(indices.long().unbind(-1))] = values
    return dense


def _squeeze(node: Node, value: Tensor) -> Tensor:
    axes = node.attributes.get("squeeze_dims", ())
    return value.squeeze(axes) if axes else value.squeeze()


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"Relu": F.relu, "Relu6": F.relu6, "Sigmoid": torch.sigmoid}

OPERATIONS: dict[str, Callable[..., Value]] = {
    "Add": lambda _, a, b: a + b,
    "AddV2": lambda _, a, b: a + b,
    "ArgMax": lambda _, value, axis: value.argmax(int(axis)).to(torch.int32),
    "Cast": lambda node, value: value.to(TORCH_TYPES[node.attributes["DstT"]]),
    "ConcatV2": lambda _, *values: torch.cat(values[:-1], int(values[-1])),
    "ExpandDims": lambda _, value, axis: value.unsqueeze(int(axis)),
    "FloorDiv": lambda _, a, b: torch.div(a, b, rounding_mode="floor"),
    "GatherNd": lambda _, value, indices: value[tuple(indices.long().unbind(-1))],
    "Identity": lambda _, value: value,
    "LeakyRelu": lambda node, value: F.leaky_relu(value, node.attributes["alpha"]),
    "MaxPool": _max_pool,
    "Mul": lambda _, a, b: a * b,
    "Pack": lambda node, *values: torch.stack(values, node.attributes.get("axis", 0)),
    "Pad": _pad,
    "PadV2": _pad,
    "RealDiv": lambda _, a, b: a / b,
    "Relu": lambda _, value: F.relu(value),
    "Reshape": lambda _, value, shape: value.reshape(shape.tolist()),
    "ResizeBilinear": _resize,
    "Sigmoid": lambda _, value: torch.sigmoid(value),
    "SparseToDense": _sparse_to_dense,
    "SplitV": lambda _, value, sizes, axis: torch.split(value, sizes.tolist(), int(axis)),
    "Sqrt": lambda _, value: torch.sqrt(value),
    "SquaredDifference": lambda _, a, b: (a - b) ** 2,
    "Squeeze": _squeeze,
    "Sub": lambda _, a, b: a - b,
    "Transpose": lambda _, value, order: value.permute(order.tolist()),
    "Unpack": lambda node, value: torch.unbind(value, node.attributes.get("axis", 0)),
}
