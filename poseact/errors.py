"""The errors that poseact raises on purpose. Nothing here depends on anything else.

PoseactError (1)
├── UsageError (2)              an option, name or value that cannot work
├── InputError (3, or 4 when no input is left)
│   ├── InvalidVideo            missing, empty, not a video, no decodable frame
│   │   └── DecoderCrashed      a file that took down the process that decoded it
│   ├── InvalidPoses            poses that contradict themselves or their file format
│   └── NoPerson                nobody is seen, so there is nothing to name
├── OutputError (3)             a result cannot be written
├── ModelError (5)
│   ├── WeightsNotFound         no local copy of a model, and the network is off or unreachable
│   └── InvalidWeights          a weight file that is damaged, hostile or of another architecture
└── LimitExceeded (6)           a file asks for more memory, pixels or time than is allowed

The number in brackets is the exit code of the command line. Every message says what is wrong, the value seen and what
to do, in one line.
"""


class PoseactError(Exception):
    """Base of all errors that poseact raises on purpose; `str(error)` is one line for the user."""

    exit_code = 1


class UsageError(PoseactError):
    """An option, name or value that cannot work."""

    exit_code = 2


class InputError(PoseactError):
    """One input cannot be used; the other inputs of the same call are still processed."""

    exit_code = 3


class InvalidVideo(InputError):
    """A file that is missing, empty, not a video, or has no decodable frame."""


class DecoderCrashed(InvalidVideo):
    """A file that took down the process that decoded it."""


class InvalidPoses(InputError):
    """Poses that contradict themselves or their file format."""


class NoPerson(InputError):
    """Nobody is seen in the video, or nobody whom the chosen rule accepts."""


class OutputError(PoseactError):
    """A result cannot be written."""

    exit_code = 3


class ModelError(PoseactError):
    """A model cannot be used."""

    exit_code = 5


class WeightsNotFound(ModelError):
    """No local copy of a model, and the network is off or unreachable."""


class InvalidWeights(ModelError):
    """A weight file that is damaged, hostile, or belongs to another architecture."""


class LimitExceeded(PoseactError):
    """A file asks for more memory, pixels or time than is allowed."""

    exit_code = 6


def public_name(error: BaseException) -> str:
    """The name of an error's kind among those above: a room may have finer kinds of its own."""
    return next((kind.__name__ for kind in type(error).__mro__ if kind.__module__ == __name__), type(error).__name__)
