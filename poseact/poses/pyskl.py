"""The pickle of PYSKL and MMAction2, read and written (SPEC: `poses.pkl`). The meaning of keys; bytes are elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from poseact.errors import InvalidPoses, LimitExceeded, UsageError
from poseact.files import atomic_path
from poseact.poses.pickle_reader import loads
from poseact.poses.pickle_writer import dump
from poseact.poses.sequence import visible_boxes
from poseact.skeleton import COCO17
from poseact.types import Array, PoseSequence, Provenance

SCHEMA_VERSION = 1
_ASSUMED_FPS = 30.0  # PYSKL stores no frame rate
_OF_PEOPLE = (
    "keypoint", "keypoint_score", "track_id", "bbox", "bbox_score", "interpolated", "person_score", "person_reason",
    "person_estimator",
)  # fmt: skip
_SPARE = 64 * 2**20  # bytes that any file may expand to
_EXPANSION = 8  # float16 poses of one joint without boxes grow that much in memory; nothing honest grows more


@dataclass(frozen=True, slots=True)
class PoseDataset:
    """The poses of many videos.

    Attributes:
        annotations: one sequence per video, in the order of the file.
        splits: name of a split -> names of its videos; empty for a bare list.
        classes: names of the labels in index order; empty when the file does not tell.
    """

    annotations: list[PoseSequence]
    splits: dict[str, list[str]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.annotations)

    def split(self, name: str) -> list[PoseSequence]:
        """The sequences of one split, in the order of the file. Raises: UsageError for an unknown split."""
        if name not in self.splits:
            raise UsageError(f"unknown split {name!r}; this file has {', '.join(self.splits) or 'none'}")
        wanted = set(self.splits[name])
        return [sequence for sequence in self.annotations if sequence.name in wanted]


def write_pyskl(
    path: Path,
    sequences: Iterable[PoseSequence],
    splits: Mapping[str, Iterable[str]] | None = None,
    float16: bool = False,
    classes: Sequence[str] = (),
) -> None:
    """Write poses that PYSKL, MMAction2 and poseact read; equal poses give equal files.

    Args:
        splits: name of a split -> names of its videos; without splits and classes the file is a bare list.
        classes: names of the labels in index order.
        float16: half the size, as PYSKL's own files; from x = 1024 on it rounds to whole pixels.
    Raises: OutputError.
    """
    annotations = [_annotation(sequence, np.float16 if float16 else np.float32) for sequence in sequences]
    content: Any = annotations
    if splits is not None or classes:
        named = {str(name): [str(video) for video in videos] for name, videos in (splits or {}).items()}
        content = {"split": named, "annotations": annotations, "classes": [str(name) for name in classes]}
    with atomic_path(Path(path)) as temporary, temporary.open("wb") as file:
        dump(content, file)


def read_pyskl(path: Path) -> PoseDataset:
    """Read poses of PYSKL, MMAction2 or poseact, from people who need not be trusted.

    Files that do not say so are taken to run at 30 frames/s; missing boxes are drawn around the visible joints.

    Raises:
        InvalidPoses: not such a file, damaged, hostile, or contradictory. LimitExceeded: it expands beyond reason.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InvalidPoses(f"cannot read {path}: {error.strerror or error}; check the path") from None
    if not content:
        raise InvalidPoses(f"{path} is empty; get it again")
    tree = loads(content, str(path))
    budget = _Budget(str(path), _SPARE + _EXPANSION * len(content))
    if isinstance(tree, list):
        tree = {"annotations": tree}
    if not isinstance(tree, dict) or not isinstance(tree.get("annotations"), list):
        raise InvalidPoses(f"{path} holds no poses: expected a list, or a dict with 'annotations'")
    splits = _splits(tree.get("split"), budget)
    annotations = [_sequence(one, f"{path}, entry {n}", budget) for n, one in enumerate(tree["annotations"])]
    return PoseDataset(annotations, splits, _classes(tree.get("classes"), budget))


@dataclass(slots=True)
class _Budget:
    """Bytes of memory that the rest of a file may still take: one array can stand in a file once and be used often."""

    source: str
    left: int

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise LimitExceeded(
                f"{self.source} expands to far more poses than a file of its size can hold; do not use it"
            )


def _annotation(sequence: PoseSequence, dtype: type[np.floating[Any]]) -> dict[str, Any]:
    """One sequence under PYSKL's keys, then poseact's own, which the others ignore."""
    height, width = (int(side) for side in sequence.image_size)
    made = sequence.provenance
    return {
        "frame_dir": sequence.name,
        "label": int(sequence.label),
        "img_shape": (height, width),
        "original_shape": (height, width),
        "total_frames": sequence.keypoint.shape[1],
        "keypoint": sequence.keypoint.astype(dtype),
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
    }


def _others(others: PoseSequence | None, dtype: type[np.floating[Any]]) -> dict[str, Any] | None:
    """The people who were not chosen, under the same keys as those who were."""
    if others is None:
        return None
    anno = _annotation(others, dtype)
    return {key: anno[key] for key in _OF_PEOPLE}


def _splits(given: object, budget: _Budget) -> dict[str, list[str]]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidPoses(f"{budget.source}: 'split' must be a dict of names, not {type(given).__name__}")
    splits = {}
    for name, videos in given.items():
        if not isinstance(videos, (list, tuple)) or not all(isinstance(video, (str, int)) for video in videos):
            raise InvalidPoses(f"{budget.source}: split {str(name)[:60]!r} must be a list of video names")
        budget.spend(8 * len(videos))
        splits[str(name)] = [str(video) for video in videos]
    return splits


def _classes(given: object, budget: _Budget) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, (list, tuple)) or not all(isinstance(name, str) for name in given):
        raise InvalidPoses(f"{budget.source}: 'classes' must be a list of names")
    budget.spend(8 * len(given))
    return tuple(given)


def _sequence(anno: object, where: str, budget: _Budget) -> PoseSequence:
    """One annotation as a PoseSequence. Raises: InvalidPoses, LimitExceeded."""
    if not isinstance(anno, dict):
        raise InvalidPoses(f"{where}: expected a dict, got {type(anno).__name__}")
    name = anno.get("frame_dir", "")
    name = name if isinstance(name, str) else str(name) if isinstance(name, int) else ""
    where = f"{where} ({name[:60]!r})" if name else where
    keypoint = _keypoint(anno, where)
    people, frames, joints, _ = keypoint.shape
    budget.spend(1024 + 12 * keypoint.size + 32 * people * frames + 16 * frames)
    keypoint = _floats(keypoint)
    if "keypoint_score" in anno:
        score = _floats(_array(anno, "keypoint_score", (people, frames, joints), where))
    else:
        score = (keypoint != 0).any(-1).astype(np.float32)
    fps = _number(anno, "fps", _ASSUMED_FPS, where)
    if not 0 < fps < 1e6:
        raise InvalidPoses(f"{where}: fps must be a positive number, got {fps}")
    boxes, box_score = _boxes(anno, keypoint, score, where)
    frame_index = _integers(anno, "frame_index", np.arange(frames), where)
    return PoseSequence(
        keypoint=keypoint,
        keypoint_score=score,
        image_size=_image_size(anno, where),
        fps=fps,
        pts=_finite(_optional(anno, "pts", frame_index / fps, where).astype(np.float64), "pts", where),
        frame_index=frame_index,
        track_id=_integers(anno, "track_id", np.arange(1, people + 1), where),
        boxes=boxes,
        box_score=box_score,
        interpolated=_optional(anno, "interpolated", np.zeros((people, frames), bool), where).astype(bool),
        layout=_layout(anno, joints),
        name=name,
        label=_label(anno, where),
        provenance=_provenance(anno),
        person_score=_finite(
            _floats(_optional(anno, "person_score", np.zeros(people, np.float32), where)), "person_score", where
        ),
        person_reason=_lines(anno, "person_reason", people, where),
        person_estimator=_lines(anno, "person_estimator", people, where),
        others=_read_others(anno, where, budget),
    )


def _read_others(anno: dict[Any, Any], where: str, budget: _Budget) -> PoseSequence | None:
    """The people who were not chosen: they share the video, its frames and its name with those who were."""
    others = anno.get("others")
    if others is None:
        return None
    if not isinstance(others, dict):
        raise InvalidPoses(f"{where}: 'others' must be a dict, got {type(others).__name__}")
    shared = {key: value for key, value in anno.items() if key not in _OF_PEOPLE and key != "others"}
    people = {key: others[key] for key in _OF_PEOPLE if key in others}
    sequence = _sequence({**shared, **people}, f"{where}, others", budget)
    if sequence.keypoint.shape[1:] != anno["keypoint"].shape[1:]:
        raise InvalidPoses(f"{where}: the people who were not chosen have other frames or joints than those who were")
    return sequence


def _lines(anno: dict[Any, Any], key: str, people: int, where: str) -> tuple[str, ...]:
    value = anno.get(key)
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or len(value) != people or not all(isinstance(one, str) for one in value):
        raise InvalidPoses(f"{where}: {key!r} must be {people} lines of text, one per person")
    return tuple(value)


def _keypoint(anno: dict[Any, Any], where: str) -> Array:
    """The (M, T, K, 2) array as it is stored. Raises: InvalidPoses for the other things that go by that name."""
    keypoint = anno.get("keypoint")
    if keypoint is None and ("frame_inds" in anno or "raw_file" in anno):
        raise InvalidPoses(
            f"{where}: a Kinetics annotation without keypoints; they are in separate files, join them with PYSKL first"
        )
    if not isinstance(keypoint, np.ndarray):
        raise InvalidPoses(f"{where}: 'keypoint' is missing or no array; is this a file of poses?")
    if keypoint.ndim == 3 and "frame_inds" in anno:
        raise InvalidPoses(f"{where}: a compressed Kinetics annotation; expand it with PYSKL's DecompressPose first")
    if keypoint.ndim == 4 and keypoint.shape[-1] == 3:
        raise InvalidPoses(
            f"{where}: 3D keypoints {keypoint.shape}; poseact works on 2D poses (people, frames, joints, 2)"
        )
    if keypoint.ndim != 4 or keypoint.shape[-1] != 2 or 0 in keypoint.shape[1:]:
        raise InvalidPoses(f"{where}: 'keypoint' must be (people, frames, joints, 2), got {keypoint.shape}")
    frames = _number(anno, "total_frames", keypoint.shape[1], where)
    if frames != keypoint.shape[1]:
        raise InvalidPoses(f"{where}: total_frames is {frames:g} but there are poses of {keypoint.shape[1]} frames")
    return keypoint


def _floats(values: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit becomes inf, which PoseSequence refuses
        return values.astype(np.float32)


def _finite(values: Array, key: str, where: str) -> Array:
    if not np.isfinite(values).all():
        raise InvalidPoses(f"{where}: {key!r} must be finite numbers")
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


def _integers(anno: dict[Any, Any], key: str, default: Array, where: str) -> Array:
    value = _optional(anno, key, default, where)
    if value.dtype.kind not in "iu":
        raise InvalidPoses(f"{where}: {key!r} must be whole numbers, got {value.dtype}")
    return value.astype(np.int64)


def _boxes(anno: dict[Any, Any], keypoint: Array, score: Array, where: str) -> tuple[Array, Array]:
    boxes, box_score = visible_boxes(keypoint, score)
    return (
        _finite(_floats(_optional(anno, "bbox", boxes, where)), "bbox", where),
        _finite(_floats(_optional(anno, "bbox_score", box_score, where)), "bbox_score", where),
    )


def _number(anno: dict[Any, Any], key: str, default: float, where: str) -> float:
    value = anno.get(key, default)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 2**53:
        raise InvalidPoses(f"{where}: {key!r} must be a number")
    return float(value)


def _label(anno: dict[Any, Any], where: str) -> int:
    label = _number(anno, "label", -1, where) if anno.get("label") is not None else -1.0
    if not label.is_integer():
        raise InvalidPoses(f"{where}: 'label' must be a class index, got {label}")
    return int(label)


def _image_size(anno: dict[Any, Any], where: str) -> tuple[int, int]:
    given = anno.get("img_shape", anno.get("original_shape"))
    size = given.tolist() if isinstance(given, np.ndarray) and given.size <= 3 else given
    if not isinstance(size, (list, tuple)) or len(size) < 2:
        raise InvalidPoses(f"{where}: 'img_shape' must be (height, width)")
    height, width = size[:2]
    if not all(isinstance(side, (int, float)) and 0 < side < 2**31 for side in (height, width)):
        raise InvalidPoses(f"{where}: 'img_shape' must be (height, width) in pixels above 0")
    return int(height), int(width)


def _layout(anno: dict[Any, Any], joints: int) -> str:
    given = anno.get("layout")
    if isinstance(given, str) and 0 < len(given) <= 60:
        return given
    return COCO17.name if joints == len(COCO17.keypoints) else f"{joints}-joints"


def _provenance(anno: dict[Any, Any]) -> Provenance:
    """Where poses come from, as far as it is told; foreign files tell nothing."""
    made = anno.get("extractor")
    made = made if isinstance(made, dict) else {}
    hashes = made.get("weights")
    hashes = hashes if isinstance(hashes, dict) and len(hashes) <= 64 else {}

    def text(value: object) -> str:
        return value if isinstance(value, str) else ""

    return Provenance(
        source=text(anno.get("source")),
        detector=text(made.get("detector")),
        estimator=text(made.get("estimator")),
        weights={text(name): text(digest) for name, digest in hashes.items()},
        poseact=text(made.get("poseact")),
    )
