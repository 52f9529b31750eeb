"""What other models say of the training clips, as targets beside the labels: distillation. Runs no network.

Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015. Scores of models that did not see a clip in
their training (cross-validation) also say which clips are ambiguous.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from poseact.errors import InvalidPoses
from poseact.train.clips import Clips
from poseact.types import Array

TeacherScores = Mapping[str, Array]
"""{clip name: (C,) probabilities}, in the order of the classes of the data set."""


def with_soft_targets(clips: Clips, teachers: Sequence[TeacherScores], share: float) -> Clips:
    """The clips with targets: (1 - share) of the label and `share` of the mean of the teachers that know the clip.

    Clips that no teacher knows keep their label.

    Args:
        share: in [0, 1].
    Raises: InvalidPoses for scores of another number of classes, or when no clip is known to any teacher.
    """
    if not teachers:
        return clips
    classes = len(clips.classes)
    for scores in teachers:
        odd = next((name for name, row in scores.items() if len(row) != classes), None)
        if odd is not None:
            raise InvalidPoses(
                f"the teacher's scores of {odd!r} are for {len(scores[odd])} classes, the poses have {classes}"
            )
    target = F.one_hot(clips.label, classes).float()
    known = 0
    for row, name in enumerate(clips.names):
        said = [scores[name] for scores in teachers if name in scores]
        if said:
            known += 1
            target[row] = (1 - share) * target[row] + share * torch.from_numpy(np.mean(said, 0, dtype=np.float32))
    if not known:
        raise InvalidPoses(
            f"the teachers know none of the {len(clips)} training clips by name, such as {clips.names[0]!r}; "
            f"save their scores with `poseact evaluate --save-scores` of the same poses"
        )
    return replace(clips, soft=target)
