"""Copy the model of a finished training run into weights/ and print its record for weights/manifest.toml.

usage: publish_model.py RUN NAME --licence SPDX --data TEXT [--calibrated RUN2]
"""

import argparse
import hashlib
import json
from pathlib import Path

from safetensors.torch import load_file

from poseact.zoo import save
from poseact.zoo.card import read_card

WEIGHTS = Path(__file__).parent.parent / "weights"

RECORD = """
[[model]]
name = "{name}"
file = "{name}.safetensors"
sha256 = "{sha256}"
bytes = {bytes}
licence = "{licence}"
licence_file = "licenses/{name}.txt"
source = "`poseact train`, see README.md"
data = {data}
paper = "arXiv 2104.13586"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--licence", required=True)
    parser.add_argument("--data", required=True, help="what it was trained on, and the terms")
    parser.add_argument(
        "--calibrated", type=Path,
        help="a run of the same recipe with a validation part: its temperature and thresholds are taken",
    )  # fmt: skip
    options = parser.parse_args()
    weights = options.run / "model.safetensors"
    card = read_card(weights.with_suffix(".json"))
    changes = {"name": options.name, "licence": options.licence, "training": {**card.training, "data": options.data}}
    if options.calibrated is not None:
        like = read_card((options.calibrated / "model.json").resolve())
        if (like.architecture, like.config, like.labels) != (card.architecture, card.config, card.labels):
            parser.error(f"{options.calibrated} is of another network or of other classes")
        changes |= {key: getattr(like, key) for key in ("temperature", "unknown_below", "unknown_above")}
    path = save(WEIGHTS, load_file(weights), card.model_copy(update=changes), stem=options.name, half=True)
    content = path.read_bytes()
    print(
        RECORD.format(
            name=options.name,
            sha256=hashlib.sha256(content).hexdigest(),
            bytes=len(content),
            licence=options.licence,
            data=json.dumps(options.data),
        )
    )


if __name__ == "__main__":
    main()
