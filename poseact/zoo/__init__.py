"""Models by name or file: manifest, verification, loading. Knows nothing of the command line."""

from poseact.zoo.card import Card, Estimation, Preprocessing, Rgb
from poseact.zoo.label_lists import label_lists, labels
from poseact.zoo.load import find, load, load_with_card
from poseact.zoo.manifest import Record, embedded, find_record, manifest, weights_folder
from poseact.zoo.store import save

__all__ = [
    "Card",
    "Estimation",
    "Preprocessing",
    "Record",
    "Rgb",
    "embedded",
    "find",
    "find_record",
    "label_lists",
    "labels",
    "load",
    "load_with_card",
    "manifest",
    "save",
    "weights_folder",
]
