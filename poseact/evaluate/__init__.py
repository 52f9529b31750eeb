"""Classifiers measured on stored poses by the published protocol, and late fusion of scores. Prints nothing."""

from poseact.evaluate.clips import chosen_splits, with_model_labels
from poseact.evaluate.embedding import embeddings
from poseact.evaluate.evaluation import Evaluation, Part, evaluate, evaluate_unknown
from poseact.evaluate.open_set import OpenSet, Separation, parted
from poseact.evaluate.outcome import ClassOutcome, Outcome, outcome
from poseact.evaluate.protocol import scores_of
from poseact.evaluate.recalibrate import Recalibration, own_card, recalibrate
from poseact.evaluate.score_files import read_scores, write_scores
from poseact.evaluate.scores import Scores, fuse

__all__ = [
    "ClassOutcome", "Evaluation", "OpenSet", "Outcome", "Part", "Recalibration", "Scores", "Separation",
    "chosen_splits", "embeddings", "evaluate", "evaluate_unknown", "fuse", "outcome",
    "own_card", "parted", "read_scores", "recalibrate", "scores_of", "with_model_labels", "write_scores",
]  # fmt: skip
