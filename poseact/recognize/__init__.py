"""Videos and stored poses -> named actions."""

from poseact.recognize.answer import Answer
from poseact.recognize.classifier import Classifier
from poseact.recognize.ensemble import Ensemble, open_models
from poseact.recognize.inputs import Stretch
from poseact.recognize.pictures import Pictures
from poseact.recognize.recognizer import Recognizer
from poseact.recognize.result import Person, Recognition, UsedModel, named
from poseact.recognize.settings import DEFAULT_MODEL, SPEEDS, Settings
from poseact.recognize.thresholds import Thresholds

__all__ = [
    "DEFAULT_MODEL", "SPEEDS", "Answer", "Classifier", "Ensemble", "Person", "Pictures", "Recognition", "Recognizer",
    "Settings", "Stretch", "Thresholds", "UsedModel", "named", "open_models",
]  # fmt: skip
