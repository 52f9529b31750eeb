"""Poses as COCO annotations with videos, frames and track ids, as COCO-VID has them. Writes no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from poseact.poses.dataset import PoseDataset
from poseact.poses.formats.writers import camera_told
from poseact.poses.tree import declared_layouts
from poseact.skeleton import known_layouts, layout
from poseact.types import PoseSequence


def document(dataset: PoseDataset) -> dict[str, Any]:
    """COCO annotations of all videos, those of COCO-VID included; the people who were not chosen are left out.

    Visibility is 2 where a joint has a score, else 0; the scores stand in `keypoint_scores`. `people` in the entry of a
    video holds its track ids, the first row first, `camera_motion` there how the camera moved, and `poseact` classes,
    splits and own layouts, all of which other tools pass over.
    """
    layouts = list(dict.fromkeys(sequence.layout for sequence in dataset.annotations)) or ["coco17"]
    videos: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for count, sequence in enumerate(dataset.annotations, start=1):
        height, width = sequence.image_size
        videos.append(
            {
                "id": count, "name": sequence.name, "width": width, "height": height, "fps": float(sequence.fps),
                "label": int(sequence.label), "people": sequence.track_id.tolist(),
                **camera_told(sequence),
            }
        )  # fmt: skip
        first = len(images) + 1
        images += _images(sequence, count, first)
        for one in _annotations(sequence, first, layouts.index(sequence.layout) + 1):
            annotations.append({"id": len(annotations) + 1, **one})
    own = {"classes": list(dataset.classes), "split": dataset.splits, "layouts": declared_layouts(dataset.annotations)}
    return {
        "info": {"description": "poses of people in videos"},
        "videos": videos,
        "images": images,
        "annotations": annotations,
        "categories": [_category(count, name) for count, name in enumerate(layouts, start=1)],
        "poseact": own,
    }


def _images(sequence: PoseSequence, video: int, first: int) -> Iterable[dict[str, Any]]:
    height, width = sequence.image_size
    for place, (frame, time) in enumerate(zip(sequence.frame_index.tolist(), sequence.pts.tolist(), strict=True)):
        yield {
            "id": first + place, "file_name": f"{sequence.name}/{frame:06d}.jpg", "width": width, "height": height,
            "video_id": video, "frame_id": frame, "timestamp": time,
        }  # fmt: skip


def _annotations(sequence: PoseSequence, first: int, category: int) -> Iterator[dict[str, Any]]:
    for place in range(sequence.keypoint.shape[1]):
        for row in range(len(sequence)):
            score = sequence.keypoint_score[row, place].astype(np.float64)
            if not (score > 0).any():
                continue
            seen = score > 0
            left, top, right, bottom = sequence.boxes[row, place].tolist()
            flags = np.concatenate([sequence.keypoint[row, place], np.where(seen, 2, 0)[:, None]], 1)
            yield {
                "image_id": first + place, "category_id": category, "track_id": int(sequence.track_id[row]),
                "keypoints": np.where(seen[:, None], flags, 0).ravel().tolist(),
                "keypoint_scores": score.tolist(), "num_keypoints": int(seen.sum()),
                "bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top),
                "iscrowd": 0, "score": float(sequence.box_score[row, place]),
            }  # fmt: skip


def _category(count: int, name: str) -> dict[str, Any]:
    category: dict[str, Any] = {"id": count, "name": "person", "supercategory": "person", "layout": name}
    if name in known_layouts():
        own = layout(name)
        category["keypoints"] = list(own.keypoints)
        category["skeleton"] = [[start + 1, end + 1] for start, end in own.limbs]
    return category
