"""A YOLO pose checkpoint as an estimator of whole pictures: its boxes and joints come from one pass of the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from poseact.detect import Yolo, found_people
from poseact.errors import InvalidWeights
from poseact.pose.people import within_picture
from poseact.skeleton import COCO17, Layout
from poseact.types import Array, Boxes, Keypoints

SLACK = 2.0  # px of the network's input; a joint so little outside the picture lies on its border


class UltralyticsPose(Yolo):
    """Any YOLO pose checkpoint of 17 keypoints; see `poseact.pose.base.PictureEstimator` and `poseact.detect.Yolo`.

    Some versions of ultralytics put joints below a confidence of 0.5 at 0, 0, and others leave them where the network
    has them; the former are not seen here (score 0), the latter keep their low score.

    Attributes:
        layout: COCO-17.
    """

    def __init__(
        self, checkpoint: str | Path, *, device: str | torch.device = "cpu", classes: Sequence[str] | None = None,
        threshold: float = 0.15, size: int = 640, batch_size: int = 8,
    ) -> None:  # fmt: skip
        """Open a checkpoint; arguments and errors as of `Yolo`. Raises: InvalidWeights for other keypoints than 17."""
        super().__init__(
            checkpoint, device=device, threshold=threshold, classes=classes, size=size, batch_size=batch_size,
            role="pose estimator",
        )  # fmt: skip
        self.layout: Layout = COCO17
        shape = getattr(self._model.model, "kpt_shape", None)  # exports say so only when they are used
        if shape is not None:
            self._check(int(shape[0]))

    def everybody(self, images: Sequence[Array]) -> list[tuple[Boxes, Keypoints]]:
        """See `PictureEstimator`. A joint's score is its visibility, or that of the box where the network has none.

        Raises: InvalidWeights when the network gives other keypoints than 17.
        """
        return [self._people(result, image) for result, image in zip(self._results(images), images, strict=True)]

    def _people(self, result: Any, image: Array) -> tuple[Boxes, Keypoints]:
        boxes, rows = found_people(result, image)
        joints = result.keypoints.data.cpu().float().numpy()[rows]  # (N, K, 2 or 3)
        self._check(joints.shape[1])
        xy = joints[..., :2].astype(np.float64)
        score = joints[..., 2] if joints.shape[2] == 3 else np.repeat(boxes.score[:, None], joints.shape[1], 1)
        score = np.where(np.isfinite(xy).all(2) & xy.any(2), np.nan_to_num(score).clip(0, 1), 0)
        frame = np.tile(np.array(image.shape[1::-1], np.float64), (len(boxes), 1))
        slack = np.full((len(boxes), 2), SLACK * max(image.shape[:2]) / self.size)
        return boxes, Keypoints(*within_picture(np.nan_to_num(xy), score, frame, slack))

    def _check(self, joints: int) -> None:
        wanted = len(self.layout.keypoints)
        if joints != wanted:
            raise InvalidWeights(
                f"{self._path} finds {joints} keypoints; poseact reads the {wanted} of COCO, so give a YOLO that was "
                "trained on them, such as yolo11n-pose.pt"
            )
