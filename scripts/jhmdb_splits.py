"""Write the CSV file that `poseact extract-poses --splits` reads, for JHMDB: train0..train4 and test.

usage: jhmdb_splits.py SOURCE OUT.csv

SOURCE is the folder of the official lists of split 1 (`<action>_test_split1.txt`, one `clip.avi 1|2` per line, 1 is
training), or a JSON index {"clips": {"action/clip": {"split": "train"|"test"}}}. The training part is cut into five
folds of about equal class counts, such that all clips of one source film are in one fold: `train0` to `train4`.
"""

import csv
import io
import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

from poseact.files import write_text

FOLDS = 5
OFFICIAL = {"1": "train", "2": "test"}


def read_index(source: Path) -> dict[str, str]:
    """{"action/clip": "train" or "test"} from either form of SOURCE."""
    if source.is_file():
        return {name: clip["split"] for name, clip in json.loads(source.read_text())["clips"].items()}
    found = {}
    for path in sorted(source.glob("*_test_split1.txt")):
        action = path.name.removesuffix("_test_split1.txt")
        for line in path.read_text().split("\n"):
            if line.strip():
                clip, part = line.split()
                found[f"{action}/{Path(clip).stem}"] = OFFICIAL[part]
    return found


def film(name: str) -> str:
    """The source film of a clip: the part of its name before the action."""
    action, clip = name.split("/")
    return re.split(f"_{action}_", clip)[0]


def folds(names: list[str]) -> dict[str, int]:
    """Film -> fold, films with many clips first, each into the fold that has fewest clips of the same actions."""
    actions: dict[str, Counter[str]] = defaultdict(Counter)
    for name in names:
        actions[film(name)][name.split("/")[0]] += 1
    content = [Counter[str]() for _ in range(FOLDS)]
    chosen = {}
    for title, counts in sorted(actions.items(), key=lambda item: (-item[1].total(), item[0])):
        crowding = [(sum(fold[action] * n for action, n in counts.items()), fold.total()) for fold in content]
        chosen[title] = crowding.index(min(crowding))
        content[chosen[title]] += counts
    return chosen


def main(source: Path, out: Path) -> None:
    index = read_index(source)
    fold = folds([name for name, part in index.items() if part == "train"])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "split"])
    for name, part in sorted(index.items()):
        writer.writerow([f"{name}.avi", f"train{fold[film(name)]}" if part == "train" else part])
    write_text(out, text.getvalue())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
