"""Top-1 of a classifier on the JHMDB clips of one split, from video, exactly as `poseact recognize` sees them.

usage: python benchmarks/jhmdb.py VIDEOS SPLITS.csv [--split test] [--model NAME] [--speed balanced] [--confusion PNG]

VIDEOS is the folder of class folders; SPLITS.csv comes from scripts/jhmdb_splits.py.
"""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from poseact.extract.inputs import read_inputs
from poseact.extract.splits import read_splits
from poseact.recognize import DEFAULT_MODEL, SPEEDS, Recognizer, Settings
from poseact.report.confusion import write_confusion
from poseact.train import measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("splits", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--speed", default="balanced", choices=SPEEDS)
    parser.add_argument("--confusion", type=Path)
    options = parser.parse_args()

    clips = read_inputs([options.videos]).clips
    parts = read_splits([options.splits], [clip.name for clip in clips])
    clips = [clip for clip in clips if parts.get(clip.name) == options.split]
    recognizer = Recognizer.open(Settings(models=(options.model,), speed=options.speed))
    labels = recognizer.classifier.labels
    probability = np.full((len(clips), len(labels)), 1 / len(labels))
    unseen, seconds = 0, 0.0
    for row, clip in enumerate(track(clips, console=Console(stderr=True))):
        answer = recognizer(clip.path)
        seconds += sum(answer.timings.values())
        unseen += not answer.persons
        for prediction in answer.predictions:
            probability[row, labels.index(prediction.label)] = prediction.probability
    truth = np.array([labels.index(clip.name.split("/")[0]) for clip in clips])
    metrics = measure(probability, truth)

    table = Table("clips", "right", "top-1", "top-5", "mean class", "nobody seen", "s/clip")
    right = round(metrics.top1 * len(clips))
    shares = [f"{value:.1%}" for value in (metrics.top1, metrics.top5, metrics.mean_class)]
    table.add_row(str(len(clips)), str(right), *shares, str(unseen), f"{seconds / len(clips):.2f}")
    Console().print(table)
    if options.confusion:
        title = f"{recognizer.classifier.models[0].name} on {len(clips)} JHMDB {options.split} clips"
        write_confusion(metrics.confusion, labels, options.confusion, title)


if __name__ == "__main__":
    main()
