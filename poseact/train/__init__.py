"""Training of classifiers on stored poses. Knows nothing of videos or of argument parsing."""

from poseact.train.distributed import Processes
from poseact.train.few_shot import few_shot
from poseact.train.history import Epoch
from poseact.train.hold_out import hold_out, parts
from poseact.train.loop import Trainer
from poseact.train.metrics import Metrics, measure
from poseact.train.run import Run, train
from poseact.train.settings import RECIPES, Augmentation, TrainSettings, recipe, settings_of

__all__ = [
    "RECIPES", "Augmentation", "Epoch", "Metrics", "Processes", "Run", "TrainSettings", "Trainer", "few_shot",
    "hold_out", "measure", "parts", "recipe", "settings_of", "train",
]  # fmt: skip
