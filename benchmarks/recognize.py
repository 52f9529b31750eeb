"""Sparse against dense recognition: seconds per stage, their ratio, and whether both give the same answer.

usage: python benchmarks/recognize.py [VIDEO...] [--speed fast|balanced|accurate] [--repeats 3]

Without videos: the clips of samples/. Both runs use the same networks, opened before the clock starts, on the same
machine in turn; dense looks at every frame, sparse at those that the speed plans. The median of the repeats counts.
"""

import argparse
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from poseact.recognize import SPEEDS, Recognition, Recognizer, Settings

STAGES = ("decode", "detect", "pose", "track", "classify")
SAMPLES = Path(__file__).parent.parent / "samples"


def total(recognition: Recognition) -> float:
    return sum(recognition.timings.values())


def middle(runs: list[Recognition]) -> Recognition:
    """The run with the median total time."""
    target = median(total(run) for run in runs)
    return min(runs, key=lambda run: abs(total(run) - target))


def answer(recognition: Recognition) -> str:
    best = recognition.predictions[0] if recognition.predictions else None
    return f"{best.label} {best.probability:.2f}" if best else "no person"


def row(source: Path, kind: str, run: Recognition) -> list[str]:
    stages = [f"{run.timings.get(stage, 0):.2f}" for stage in STAGES]
    return [source.name, kind, str(run.frames_looked_at), *stages, f"{total(run):.2f}", answer(run)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--speed", default="balanced", choices=SPEEDS)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    sparse = Recognizer.open(Settings(speed=options.speed))
    dense = Recognizer(sparse.extractor, sparse.classifier, Settings(speed=options.speed, every_frame=True))
    videos = options.videos or sorted(SAMPLES.glob("*.mp4"))
    sparse(videos[0])  # the first run of a network allocates and plans

    table = Table("video", "run", "frames", *STAGES, "total s", "answer", "dense / sparse", "same top-1")
    for video in videos:
        runs = [(sparse(video), dense(video)) for _ in range(options.repeats)]
        few, every = middle([run for run, _ in runs]), middle([run for _, run in runs])
        same = answer(few).split(" ")[0] == answer(every).split(" ")[0]
        table.add_row(*row(video, "sparse", few), f"{total(every) / total(few):.1f}", "yes" if same else "no")
        table.add_row(*row(video, "dense", every), "", "", end_section=True)
    Console(width=180).print(table)


if __name__ == "__main__":
    main()
