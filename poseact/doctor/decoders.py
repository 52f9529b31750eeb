"""Each video decoder decodes a clip that is made here, whose pictures are known. Needs no file of the user."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from poseact.doctor.health import Decoder, Problem
from poseact.errors import PoseactError, UsageError
from poseact.types import Array

NAMES = ("pyav", "opencv", "decord")
FRAMES = 6
SIDE = 96
TOLERANCE = 12  # of 255; a lossy codec changes a grey surface by one or two


def decoders() -> tuple[tuple[Decoder, ...], list[Problem]]:
    """Try every decoder. Without one that works, no video can be read."""
    with tempfile.TemporaryDirectory(prefix="poseact-") as folder:
        clip = Path(folder) / "grey.mp4"
        try:
            write_clip(clip)
        except PoseactError as error:
            text = f"no test clip could be written ({error}); run `pip install --force-reinstall av`"
            return (), [Problem(text, "installation")]
        found = tuple(try_decoder(name, clip) for name in NAMES)
    problems = []
    if not any(decoder.works for decoder in found if decoder.name != "decord"):
        problems.append(
            Problem("no video decoder works; run `pip install --force-reinstall av opencv-python`", "installation")
        )
    problems += [
        Problem(f"the decoder {decoder.name} does not work: {decoder.note}; use --decoder auto, or reinstall it")
        for decoder in found
        if not decoder.works and decoder.note != MISSING
    ]
    return found, problems


MISSING = "not installed"


def picture(index: int) -> Array:
    """(SIDE, SIDE, 3) uint8: grey, lighter from frame to frame."""
    return np.full((SIDE, SIDE, 3), 40 + 30 * index, np.uint8)


def write_clip(path: Path) -> None:
    """Write the clip. Raises: OutputError."""
    from poseact.video.write import VideoWriter

    with VideoWriter(path, 10.0, (SIDE, SIDE)) as writer:
        for index in range(FRAMES):
            writer.write(picture(index))


def try_decoder(name: str, clip: Path) -> Decoder:
    """Decode the clip with one decoder and compare with what was written."""
    from poseact.video.reader import open_video

    try:
        with open_video(clip, decoder=name) as video:
            images = [frame.image for frame in video.frames()]
    except UsageError as error:
        return Decoder(name, False, MISSING if MISSING in str(error) else str(error))
    except (PoseactError, ImportError, OSError, RuntimeError) as error:
        return Decoder(name, False, str(error).splitlines()[0] if str(error) else type(error).__name__)
    if len(images) != FRAMES:
        return Decoder(name, False, f"it gives {len(images)} pictures of {FRAMES}")
    worst = max(
        float(np.abs(image.astype(np.int16) - picture(index)).max()) if image.shape == (SIDE, SIDE, 3) else 255.0
        for index, image in enumerate(images)
    )
    if worst > TOLERANCE:
        return Decoder(name, False, f"its pictures are off by {worst:.0f} of 255")
    return Decoder(name, True)
