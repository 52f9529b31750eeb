"""One sequence under the keys of PYSKL and poseact, and back. The meaning of keys; files are elsewhere."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from poseact.errors import InvalidPoses
from poseact.poses.dataset import Budget
from poseact.poses.kinetics import Kinetics, decompressed, is_compressed
from poseact.poses.sequence import visible_boxes
from poseact.skeleton import COCO17, known_layouts, layout
from poseact.types import ARRAYS_OF_PEOPLE, LINES_OF_PEOPLE, Array, PoseSequence, Provenance, still_camera

SCHEMA_VERSION = 1
_ASSUMED_FPS = 30.0  # PYSKL stores no frame rate
_STORED_AS = {"boxes": "bbox", "box_score": "bbox_score"}
_OF_PEOPLE = tuple(_STORED_AS.get(name, name) for name in (*ARRAYS_OF_PEOPLE, *LINES_OF_PEOPLE))


def annotation(sequence: PoseSequence, dtype: type[np.floating[Any]]) -> dict[str, Any]:
    """One sequence under PYSKL's keys, then poseact's own, which the others ignore.

    Joints farther away than `dtype` can tell, of float16 65,504 px, are stored as far away as it can.
    """
    height, width = (int(side) for side in sequence.image_size)
    made = sequence.provenance
    return {
        "frame_dir": sequence.name,
        "label": int(sequence.label),
        "img_shape": (height, width),
        "original_shape": (height, width),
        "total_frames": sequence.keypoint.shape[1],
        "keypoint": sequence.keypoint.clip(np.finfo(dtype).min, np.finfo(dtype).max).astype(dtype),
        "keypoint_score": sequence.keypoint_score.astype(dtype),
        "fps": float(sequence.fps),
        "pts": sequence.pts.astype(np.float64),
        "frame_index": sequence.frame_index.astype(np.int64),
        "track_id": sequence.track_id.astype(np.int64),
        "bbox": sequence.boxes.astype(np.float32),
        "bbox_score": sequence.box_score.astype(np.float32),
        "interpolated": sequence.interpolated.astype(bool),
        "layout": sequence.layout,
        "source": made.source,
        "extractor": {
            "detector": made.detector,
            "estimator": made.estimator,
            "weights": {str(name): str(made.weights[name]) for name in sorted(made.weights)},
            "poseact": made.poseact,
        },
        "schema_version": SCHEMA_VERSION,
        "person_score": sequence.person_score.astype(np.float32),
        "person_reason": list(sequence.person_reason),
        "person_estimator": list(sequence.person_estimator),
        "others": _others(sequence.others, dtype),
        "camera_motion": sequence.camera.astype(np.float32),
    }


def _others(others: PoseSequence | None, dtype: type[np.floating[Any]]) -> dict[str, Any] | None:
    """The people who were not chosen, under the same keys as those who were."""
    if others is None:
        return None
    anno = annotation(others, dtype)
    return {key: anno[key] for key in _OF_PEOPLE}


def sequence_of(anno: object, where: str, budget: Budget, kinetics: Kinetics | None = None) -> PoseSequence:
    """One annotation as a PoseSequence, a compressed one expanded. Raises: InvalidPoses, LimitExceeded."""
    if not isinstance(anno, dict):
        raise InvalidPoses(f"{where}: expected a dict, got {type(anno).__name__}")
    name = _name(anno)
    budget.spend(len(name))
    where = f"{where} ({name[:60]!r})" if name else where
    if is_compressed(anno):
        anno = decompressed(anno, kinetics or Kinetics(), where, budget)
    keypoint = _keypoint(anno, where, budget)
    people, frames, joints, _ = keypoint.shape
    score = _keypoint_score(anno, keypoint, where)
    fps = _fps(anno, where)
    boxes, box_score = _boxes(anno, keypoint, score, where)
    frame_index = _integers(anno, "frame_index", np.arange(frames), where)
    track_id = _integers(anno, "track_id", np.arange(1, people + 1), where)
    track_id, others = _told_apart(track_id, _read_others(anno, where, budget))
    return PoseSequence(
        keypoint=keypoint,
        keypoint_score=score,
        image_size=_image_size(anno, where),
        fps=fps,
        pts=_finite(_optional(anno, "pts", frame_index / fps, where).astype(np.float64), "pts", where),
        frame_index=frame_index,
        track_id=track_id,
        boxes=boxes,
        box_score=box_score,
        interpolated=_optional(anno, "interpolated", np.zeros((people, frames), bool), where).astype(bool),
        layout=_layout(anno, joints, where),
        name=name,
        label=_label(anno, where),
        provenance=_provenance(anno, budget),
        person_score=_numbers(anno, "person_score", np.zeros(people, np.float32), where),
        person_reason=_lines(anno, "person_reason", people, where, budget),
        person_estimator=_lines(anno, "person_estimator", people, where, budget),
        others=others,
        camera=_numbers(anno, "camera_motion", still_camera(frames), where),
    )


def _name(anno: dict[Any, Any]) -> str:
    name = anno.get("frame_dir", "")
    if isinstance(name, int):
        return str(name)
    return name if isinstance(name, str) else ""


def _read_others(anno: dict[Any, Any], where: str, budget: Budget) -> PoseSequence | None:
    """The people who were not chosen: they share the video, its frames and its name with those who were."""
    others = anno.get("others")
    if others is None:
        return None
    if not isinstance(others, dict):
        raise InvalidPoses(f"{where}: 'others' must be a dict, got {type(others).__name__}")
    shared = {key: value for key, value in anno.items() if key not in _OF_PEOPLE and key != "others"}
    people = {key: others[key] for key in _OF_PEOPLE if key in others}
    sequence = sequence_of({**shared, **people}, f"{where}, others", budget)
    if sequence.keypoint.shape[1:] != anno["keypoint"].shape[1:]:
        raise InvalidPoses(f"{where}: the people who were not chosen have other frames or joints than those who were")
    return sequence


def _told_apart(track_id: Array, others: PoseSequence | None) -> tuple[Array, PoseSequence | None]:
    """The ids of the chosen people, and the others, so that no two of all of them have the same id."""
    if others is None:
        return _distinct(track_id), None
    ids = _distinct(np.concatenate([track_id, others.track_id]))
    return ids[: len(track_id)], replace(others, track_id=ids[len(track_id) :])


def _distinct(ids: Array) -> Array:
    """Ids in which what was there before has become a new one: people are told apart by them."""
    if len(np.unique(ids)) == len(ids):
        return ids
    first = np.zeros(len(ids), bool)
    first[np.unique(ids, return_index=True)[1]] = True
    taken = set(ids.tolist())
    free = (number for number in count(1) if number not in taken)
    return np.array([one if kept else next(free) for one, kept in zip(ids.tolist(), first, strict=True)], np.int64)


def _lines(anno: dict[Any, Any], key: str, people: int, where: str, budget: Budget) -> tuple[str, ...]:
    value = anno.get(key)
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or len(value) != people or not all(isinstance(one, str) for one in value):
        raise InvalidPoses(f"{where}: {key!r} must be {people} lines of text, one per person")
    budget.spend(sum(map(len, value)))
    return tuple(value)


def _keypoint(anno: dict[Any, Any], where: str, budget: Budget) -> Array:
    """The (M, T, K, 2) float32 keypoints; the budget pays for all that a sequence of them needs.

    Raises: InvalidPoses for the other things that go by that name; LimitExceeded.
    """
    keypoint = anno.get("keypoint")
    if keypoint is None and ("frame_inds" in anno or "raw_file" in anno):
        raise InvalidPoses(
            f"{where}: a Kinetics annotation without keypoints; they are in separate files, join them with PYSKL first"
        )
    if not isinstance(keypoint, np.ndarray):
        raise InvalidPoses(f"{where}: 'keypoint' is missing or no array; is this a file of poses?")
    if keypoint.ndim == 4 and keypoint.shape[-1] == 3:
        raise InvalidPoses(
            f"{where}: 3D keypoints {keypoint.shape}; poseact works on 2D poses (people, frames, joints, 2)"
        )
    if keypoint.ndim != 4 or keypoint.shape[-1] != 2 or 0 in keypoint.shape[1:]:
        raise InvalidPoses(f"{where}: 'keypoint' must be (people, frames, joints, 2), got {keypoint.shape}")
    frames = _number(anno, "total_frames", keypoint.shape[1], where)
    if frames != keypoint.shape[1]:
        raise InvalidPoses(f"{where}: total_frames is {frames:g} but there are poses of {keypoint.shape[1]} frames")
    people, frames, *_ = keypoint.shape
    budget.spend(1024 + 12 * keypoint.size + 32 * people * frames + 16 * frames)
    return _finite(_floats(keypoint), "keypoint", where, "; a joint that is not seen is 0, with a score of 0")


def _keypoint_score(anno: dict[Any, Any], keypoint: Array, where: str) -> Array:
    """The (M, T, K) float32 scores; without any, joints that are not at 0 count as seen."""
    if "keypoint_score" not in anno:
        return (keypoint != 0).any(-1).astype(np.float32)
    score = _floats(_array(anno, "keypoint_score", keypoint.shape[:-1], where))
    score = _finite(score, "keypoint_score", where, "; a joint that is not seen has a score of 0")
    return np.maximum(score, 0)  # some estimators go below it for joints that they do not see


def _fps(anno: dict[Any, Any], where: str) -> float:
    fps = _number(anno, "fps", _ASSUMED_FPS, where)
    if not 1e-6 < fps < 1e6:
        raise InvalidPoses(f"{where}: fps must be a positive number, got {fps}")
    return fps


def _floats(values: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit becomes inf, which PoseSequence refuses
        return values.astype(np.float32)


def _finite(values: Array, key: str, where: str, advice: str = "") -> Array:
    wrong = int((~np.isfinite(values)).sum())
    if wrong:
        raise InvalidPoses(f"{where}: {key!r} must be finite numbers, and {wrong} of {values.size} are not{advice}")
    return values


def _array(anno: dict[Any, Any], key: str, shape: tuple[int, ...], where: str) -> Array:
    value = anno[key]
    if not isinstance(value, np.ndarray):
        raise InvalidPoses(f"{where}: {key!r} must be an array, got {type(value).__name__}")
    if value.shape != shape:
        raise InvalidPoses(f"{where}: {key!r} must be {shape}, got {value.shape}")
    return value


def _optional(anno: dict[Any, Any], key: str, default: Array, where: str) -> Array:
    return _array(anno, key, default.shape, where) if anno.get(key) is not None else default


def _numbers(anno: dict[Any, Any], key: str, default: Array, where: str) -> Array:
    """Finite float32."""
    return _finite(_floats(_optional(anno, key, default, where)), key, where)


def _integers(anno: dict[Any, Any], key: str, default: Array, where: str) -> Array:
    value = _optional(anno, key, default, where)
    if value.dtype.kind not in "iu":
        raise InvalidPoses(f"{where}: {key!r} must be whole numbers, got {value.dtype}")
    return value.astype(np.int64)


def _boxes(anno: dict[Any, Any], keypoint: Array, score: Array, where: str) -> tuple[Array, Array]:
    boxes, box_score = visible_boxes(keypoint, score)
    return _numbers(anno, "bbox", boxes, where), _numbers(anno, "bbox_score", box_score, where)


def _number(anno: dict[Any, Any], key: str, default: float, where: str) -> float:
    value = anno.get(key, default)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 2**53:
        raise InvalidPoses(f"{where}: {key!r} must be a number")
    return float(value)


def _label(anno: dict[Any, Any], where: str) -> int:
    label = _number(anno, "label", -1, where) if anno.get("label") is not None else -1.0
    if not label.is_integer() or label < -1:
        raise InvalidPoses(f"{where}: 'label' must be a class index, or -1 for none, got {label:g}")
    return int(label)


def _image_size(anno: dict[Any, Any], where: str) -> tuple[int, int]:
    given = anno.get("img_shape", anno.get("original_shape"))
    size = given.tolist() if isinstance(given, np.ndarray) and given.size <= 3 else given
    if not isinstance(size, (list, tuple)) or len(size) < 2:
        raise InvalidPoses(f"{where}: 'img_shape' must be (height, width)")
    height, width = size[:2]
    if not all(isinstance(side, (int, float)) and 1 <= side < 2**31 for side in (height, width)):
        raise InvalidPoses(f"{where}: 'img_shape' must be (height, width) in pixels above 0")
    return int(height), int(width)


def _layout(anno: dict[Any, Any], joints: int, where: str) -> str:
    given = anno.get("layout")
    if isinstance(given, str) and 0 < len(given) <= 60:
        if given != given.encode("utf-8", "ignore").decode():
            raise InvalidPoses(f"{where}: the name of the layout, {given!r}, cannot be written as UTF-8; rename it")
        if given in known_layouts() and len(layout(given).keypoints) != joints:
            raise InvalidPoses(
                f"{where}: poses of {joints} joints, but the layout {given!r} has {len(layout(given).keypoints)}"
            )
        return given
    return COCO17.name if joints == len(COCO17.keypoints) else f"{joints}-joints"


def _provenance(anno: dict[Any, Any], budget: Budget) -> Provenance:
    """Where poses come from, as far as it is told; foreign files tell nothing."""
    made = anno.get("extractor")
    made = made if isinstance(made, dict) else {}
    hashes = made.get("weights")
    hashes = hashes if isinstance(hashes, dict) and len(hashes) <= 64 else {}

    def text(value: object) -> str:
        budget.spend(len(value) if isinstance(value, str) else 0)
        return value if isinstance(value, str) else ""

    return Provenance(
        source=text(anno.get("source")),
        detector=text(made.get("detector")),
        estimator=text(made.get("estimator")),
        weights={text(name): text(digest) for name, digest in hashes.items()},
        poseact=text(made.get("poseact")),
    )
