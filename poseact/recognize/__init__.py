"""Videos and stored poses -> named actions."""

from poseact.recognize.classifier import Answer, Classifier
from poseact.recognize.recognizer import Recognizer
from poseact.recognize.result import Person, Recognition, named
from poseact.recognize.settings import DEFAULT_MODEL, SPEEDS, Settings

__all__ = [
    "DEFAULT_MODEL", "SPEEDS", "Answer", "Classifier", "Person", "Recognition", "Recognizer", "Settings", "named",
]  # fmt: skip
