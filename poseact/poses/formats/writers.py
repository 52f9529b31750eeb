"""One clip as a text of MMPose, ultralytics, AlphaPose, MediaPipe or DeepLabCut, and what is lost. Writes no file.

The formats have no place for labels, frame rates and the people who were not chosen.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from poseact.errors import UsageError
from poseact.poses.formats import mediapipe
from poseact.poses.formats.sightings import FEWEST_SEEN, FREE_FRAMES, spanned
from poseact.poses.tree import as_json
from poseact.skeleton import known_layouts, layout
from poseact.types import PoseSequence, still_camera

_ALPHAPOSE = ("coco17", "halpe26")
_BY_ID = ("openpose", "ultralytics", "alphapose", "mediapipe")
_WITH_CAMERA = ("pyskl", "parquet", "npz", "coco", "mmpose")


def mmpose(sequence: PoseSequence) -> str:
    """As MMPose's demos save it: the joints by name, and the people of every frame.

    `people` in `meta_info` holds the track ids, the first row first, and `camera_motion` how the camera moved, where it
    did; MMPose passes both over.
    """
    names = _joints(sequence)
    known = sequence.layout in known_layouts()
    meta = {
        "dataset_name": sequence.layout,
        "num_keypoints": len(names),
        "keypoint_id2name": {str(number): name for number, name in enumerate(names)},
        "keypoint_name2id": {name: number for number, name in enumerate(names)},
        "skeleton_links": [list(limb) for limb in layout(sequence.layout).limbs] if known else [],
        "people": sequence.track_id.tolist(),
        **camera_told(sequence),
    }
    frames = [
        {"frame_id": frame, "instances": [_instance(sequence, row, place) for row in rows]}
        for frame, place, rows in _frames(sequence)
    ]
    return as_json({"meta_info": meta, "instance_info": frames}) + "\n"


def _instance(sequence: PoseSequence, row: int, place: int) -> dict[str, Any]:
    return {
        "keypoints": sequence.keypoint[row, place].tolist(),
        "keypoint_scores": sequence.keypoint_score[row, place].tolist(),
        "bbox": [sequence.boxes[row, place].tolist()],
        "bbox_score": float(sequence.box_score[row, place]),
        "track_id": int(sequence.track_id[row]),
    }


def ultralytics(sequence: PoseSequence) -> str:
    """A list of frames from 0 on, each the list that `results[n].to_json()` gives."""
    people: dict[int, list[dict[str, Any]]] = {}
    for frame, place, rows in _frames(sequence):
        people[frame] = [_prediction(sequence, row, place) for row in rows]
    last = max(people, default=-1)
    if last > FREE_FRAMES + FEWEST_SEEN * len(people):
        raise UsageError(
            f"{sequence.name}: frame {last} is the last of {len(people)}, and this format lists every frame before it"
        )
    return as_json([people.get(frame, []) for frame in range(last + 1)]) + "\n"


def _prediction(sequence: PoseSequence, row: int, place: int) -> dict[str, Any]:
    x, y = sequence.keypoint[row, place].T.tolist()
    return {
        "name": "person", "class": 0, "confidence": float(sequence.box_score[row, place]),
        "box": dict(zip(("x1", "y1", "x2", "y2"), sequence.boxes[row, place].tolist(), strict=True)),
        "track_id": int(sequence.track_id[row]),
        "keypoints": {"x": x, "y": y, "visible": sequence.keypoint_score[row, place].tolist()},
    }  # fmt: skip


def alphapose(sequence: PoseSequence) -> str:
    """AlphaPose's own list; frames without a person are not in it. Raises: UsageError for joints that it has not."""
    _require(sequence, "alphapose", *_ALPHAPOSE)
    found = []
    for frame, place, rows in _frames(sequence):
        for row in rows:
            score = sequence.keypoint_score[row, place].astype(np.float64)
            left, top, right, bottom = sequence.boxes[row, place].astype(np.float64).tolist()
            joints = np.concatenate([sequence.keypoint[row, place], score[:, None]], 1)
            found.append(
                {
                    "image_id": f"{frame}.jpg", "category_id": 1, "keypoints": joints.ravel().tolist(),
                    "score": float(score[score > 0].mean()), "box": [left, top, right - left, bottom - top],
                    "idx": int(sequence.track_id[row]),
                }
            )  # fmt: skip
    return as_json(found) + "\n"


def mediapipe_csv(sequence: PoseSequence) -> str:
    """A line per frame and person, in pixels. Raises: UsageError for other joints than MediaPipe's 33."""
    _require(sequence, "mediapipe", mediapipe.LAYOUT)
    lines = io.StringIO()
    table = csv.writer(lines)
    axes = ("x", "y", "visibility")
    table.writerow(["frame", "person", *(f"{name}_{axis}" for name in _joints(sequence) for axis in axes)])
    for frame, place, rows in _frames(sequence):
        for row in rows:
            table.writerow([frame, int(sequence.track_id[row]), *_cells(sequence, row, place)])
        if not rows:
            table.writerow([frame, "", *[""] * (3 * sequence.keypoint.shape[2])])
    return lines.getvalue()


def deeplabcut(sequence: PoseSequence) -> str:
    """A line per frame; several people are individuals, named by their ids. The scorer is the name of the layout."""
    people = max(len(sequence), 1)
    names = _joints(sequence)
    columns = people * len(names) * 3
    lines = io.StringIO()
    table = csv.writer(lines)
    table.writerow(["scorer", *[sequence.layout] * columns])
    if people > 1:
        table.writerow(["individuals", *(f"person{one}" for one in sequence.track_id for _ in range(3 * len(names)))])
    table.writerow(["bodyparts", *(name for _ in range(people) for name in names for _ in range(3))])
    table.writerow(["coords", *["x", "y", "likelihood"] * (people * len(names))])
    for place, frame in enumerate(sequence.frame_index.tolist()):
        cells = [cell for row in range(len(sequence)) for cell in _cells(sequence, row, place)]
        table.writerow([frame, *(cells or [""] * columns)])
    return lines.getvalue()


WRITERS: Mapping[str, tuple[str, Callable[[PoseSequence], str]]] = {
    "mmpose": (".json", mmpose),
    "ultralytics": (".json", ultralytics),
    "alphapose": (".json", alphapose),
    "mediapipe": (".csv", mediapipe_csv),
    "deeplabcut": (".csv", deeplabcut),
}
"""format -> suffix of a file with one clip, and what stands in it."""


def reorders(sequence: PoseSequence, form: str) -> bool:
    """Whether people come back from a format in another order, that of their track ids."""
    return form in _BY_ID and bool((np.diff(sequence.track_id) < 0).any())


def fills_gaps(sequence: PoseSequence, form: str) -> bool:
    """Whether frames that were not looked at come back from a format as frames without a person."""
    looked_at = set(sequence.frame_index.tolist())
    if form == "ultralytics":
        read = range(max(looked_at, default=-1) + 1)
    elif form == "mediapipe":
        read = spanned(sorted(looked_at))
    elif form == "alphapose":
        read = spanned(sorted({frame for frame, _, rows in _frames(sequence) if rows}))
    else:
        return False
    return any(frame not in looked_at for frame in read)


def loses_camera(sequence: PoseSequence, form: str) -> bool:
    """Whether a format has no place for how the camera moved, which is known here."""
    return form not in _WITH_CAMERA and bool(camera_told(sequence))


def camera_told(sequence: PoseSequence) -> dict[str, Any]:
    """`PoseSequence.camera` as a field `camera_motion` of formats of others; none of a camera that stood still."""
    moved = (sequence.camera != still_camera(len(sequence.camera))).any()
    return {"camera_motion": sequence.camera.tolist()} if moved else {}


def _frames(sequence: PoseSequence) -> Iterator[tuple[int, int, list[int]]]:
    """Position in the video, place in the sequence, and rows of the people who are seen, of every frame."""
    seen = np.asarray((sequence.keypoint_score > 0).any(-1))
    for place, frame in enumerate(sequence.frame_index.tolist()):
        yield frame, place, np.flatnonzero(seen[:, place]).tolist()


def _cells(sequence: PoseSequence, row: int, place: int) -> list[float | str]:
    """x, y and score of every joint; those that are not seen have no place and the score 0."""
    cells: list[float | str] = []
    scores = sequence.keypoint_score[row, place].tolist()
    for (x, y), score in zip(sequence.keypoint[row, place].tolist(), scores, strict=True):
        cells += [x, y, score] if score > 0 else ["", "", 0]
    return cells


def _joints(sequence: PoseSequence) -> list[str]:
    if sequence.layout in known_layouts():
        return list(layout(sequence.layout).keypoints)
    return [f"joint{number}" for number in range(sequence.keypoint.shape[2])]


def _require(sequence: PoseSequence, form: str, *layouts: str) -> None:
    if sequence.layout not in layouts:
        raise UsageError(
            f"{sequence.name!r} has joints of {sequence.layout}, {form} has those of {' or '.join(layouts)}; "
            f"use --to-layout {layouts[0]}"
        )
