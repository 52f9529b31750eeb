"""Classifiers measured on stored poses by the published protocol, and late fusion of scores. Prints nothing."""

from poseact.evaluate.clips import chosen_splits, clips_of, with_model_labels
from poseact.evaluate.evaluation import Evaluation, Part, evaluate
from poseact.evaluate.outcome import ClassOutcome, Outcome, outcome
from poseact.evaluate.protocol import scores_of
from poseact.evaluate.score_files import FORMS, read_scores, write_scores
from poseact.evaluate.scores import Scores, fuse

__all__ = [
    "FORMS", "ClassOutcome", "Evaluation", "Outcome", "Part", "Scores", "chosen_splits", "clips_of", "evaluate",
    "fuse", "outcome", "read_scores", "scores_of", "with_model_labels", "write_scores",
]  # fmt: skip
