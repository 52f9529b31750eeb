"""The clips of Penn Action whose action JHMDB has too, for `poseact evaluate` with the embedded classifier.

usage: penn_shared_actions.py PENN.pkl LABELS.txt OUT.pkl

PENN.pkl holds Penn Action's true joints in PYSKL's format, LABELS.txt its actions in the order of their labels. OUT has
the classes of JHMDB. Nothing is trained on it: how well a classifier does on clips of another origin, whose cameras,
joints and people differ from all that it has seen.
"""

import sys
from dataclasses import replace
from pathlib import Path

from poseact.poses import read_pyskl, write_pyskl
from poseact.recognize import Classifier

SAME = {"baseball_pitch": "throw", "baseball_swing": "swing_baseball", "golf_swing": "golf", "pullup": "pullup"}


def main(poses: Path, names: Path, out: Path) -> None:
    actions = names.read_text(encoding="utf-8").split()
    classes = Classifier.open("posec3d-jhmdb21").labels
    shared = [
        replace(clip, label=classes.index(SAME[actions[clip.label]]))
        for clip in read_pyskl(poses).annotations
        if actions[clip.label] in SAME
    ]
    write_pyskl(out, shared, classes=classes)
    print(f"{out}: {len(shared)} clips of {len(SAME)} actions")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
