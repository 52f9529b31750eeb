"""Training of classifiers on stored poses, and on the pictures behind them. Knows nothing of argument parsing."""

from poseact.train.calibration import Calibration, calibrate
from poseact.train.distributed import Processes
from poseact.train.few_shot import few_shot
from poseact.train.history import Epoch, Step
from poseact.train.hold_out import hold_out, training_splits
from poseact.train.loop import Trainer
from poseact.train.metrics import Metrics, measure
from poseact.train.recipes import RECIPES, recipe, settings_of
from poseact.train.run import Run, train
from poseact.train.settings import Augmentation, TrainSettings

__all__ = [
    "RECIPES", "Augmentation", "Calibration", "Epoch", "Metrics", "Processes", "Run", "Step", "TrainSettings",
    "Trainer", "calibrate", "few_shot", "hold_out", "measure", "recipe", "settings_of", "train", "training_splits",
]  # fmt: skip
