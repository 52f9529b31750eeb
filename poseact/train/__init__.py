"""Training of classifiers on stored poses. Knows nothing of videos or of argument parsing."""

from poseact.train.loop import Epoch, Trainer
from poseact.train.metrics import Metrics, measure
from poseact.train.run import Run, train
from poseact.train.settings import RECIPES, Augmentation, TrainSettings, recipe

__all__ = [
    "RECIPES", "Augmentation", "Epoch", "Metrics", "Run", "TrainSettings", "Trainer", "measure", "recipe", "train",
]  # fmt: skip
