"""The clips of Penn Action whose action JHMDB has too, for `poseact evaluate` with the embedded classifier.

usage: penn_shared_actions.py PENN.pkl LABELS.txt OUT.pkl [OTHERS.pkl]

PENN.pkl holds Penn Action's true joints in PYSKL's format, LABELS.txt its actions in the order of their labels. OUT has
the classes of JHMDB, OTHERS the clips of all other actions, for `--unknown`. Nothing is trained on them: how well a
classifier does on clips of another origin, whose cameras, joints and people differ from all that it has seen.
"""

import sys
from dataclasses import replace
from pathlib import Path

from poseact.poses import read_pyskl, write_pyskl
from poseact.recognize import Classifier

SAME = {"baseball_pitch": "throw", "baseball_swing": "swing_baseball", "golf_swing": "golf", "pullup": "pullup"}


def main(poses: Path, names: Path, out: Path, others: Path | None = None) -> None:
    actions = names.read_text(encoding="utf-8").split()
    classes = Classifier.open("posec3d-jhmdb21").labels
    clips = read_pyskl(poses).annotations
    shared = [
        replace(clip, label=classes.index(SAME[actions[clip.label]])) for clip in clips if actions[clip.label] in SAME
    ]
    write_pyskl(out, shared, classes=classes)
    print(f"{out}: {len(shared)} clips of {len(SAME)} actions")
    if others is not None:
        rest = [clip for clip in clips if actions[clip.label] not in SAME]
        write_pyskl(others, rest, classes=actions)
        print(f"{others}: {len(rest)} clips of {len(actions) - len(SAME)} actions")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
