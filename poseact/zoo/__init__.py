"""Models by name or file: manifest, verification, loading. Knows nothing of the command line."""

from poseact.zoo.card import Card, Estimation, Preprocessing, Rgb
from poseact.zoo.load import load, load_with_card
from poseact.zoo.manifest import Record, manifest, weights_folder
from poseact.zoo.store import find, save

__all__ = [
    "Card",
    "Estimation",
    "Preprocessing",
    "Record",
    "Rgb",
    "find",
    "load",
    "load_with_card",
    "manifest",
    "save",
    "weights_folder",
]
