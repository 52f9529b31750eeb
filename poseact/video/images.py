"""A folder of numbered images, read as a video. Knows nothing of containers."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Generator
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from PIL import ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.Image import DecompressionBombError, Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from poseact.errors import InvalidVideo, LimitExceeded, UsageError
from poseact.texts import natural_order
from poseact.types import Array, Frame, Gap, VideoInfo
from poseact.video.limits import Limits
from poseact.video.scan import Scan
from poseact.video.timeline import Timeline

SUFFIXES = frozenset((".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"))
# Not Image.open, which ultralytics replaces by one that may install packages when a file is damaged.
OPENERS: dict[bytes, type[ImageFile]] = {
    b"\xff\xd8\xff": JpegImageFile, b"\x89PNG": PngImageFile, b"BM": BmpImageFile, b"RIFF": WebPImageFile,
    b"II*\0": TiffImageFile, b"MM\0*": TiffImageFile,
}  # fmt: skip
DEPTHS = (8, 12, 16)
FEWEST = 2
IMAGE_FPS = 25.0


def holds_images(folder: Path) -> bool:
    """Whether a folder itself is a video: at least two images lie directly in it."""
    return len(_images(folder)) >= FEWEST


def scan_images(folder: Path, name: str, fps: float, limits: Limits) -> tuple[Scan, partial[Generator[Frame]]]:
    """The pictures of a folder in the order of the numbers in their names, and how to read them.

    Args:
        fps: pictures per second, which no image says.
    Raises: InvalidVideo without an image that can be read, LimitExceeded, UsageError for another rate.
    """
    if not 0 < fps <= 1000:
        raise UsageError(f"{fps:g} images per second cannot be; a rate lies between 0 and 1000")
    files = _images(folder)
    limits.check_frames(len(files), name)
    limits.check_seconds(len(files) / fps, name)
    depth = _depth(files, name, limits)
    first = next((image for file in files if (image := _read(file, name, limits, depth)) is not None), None)
    if first is None:
        raise InvalidVideo(f"{name} is a folder without an image that can be read; name a video or a folder of images")
    height, width = first.shape[:2]
    unit = Fraction(1 / fps).limit_denominator(1_000_000)
    ticks = np.arange(len(files), dtype=np.int64)
    timeline = Timeline(ticks, ticks, unit, exact=True, seekable=True, end=len(files))
    info = VideoInfo(name, width, height, fps, len(files), len(files) / fps, "images")
    return Scan(folder, info, timeline, (width, height), limits=limits), partial(read_frames, files, depth)


def read_frames(
    files: list[Path], depth: int, scan: Scan, wanted: Array | None, gaps: list[Gap]
) -> Generator[Frame, None, None]:
    """As the other decoders; an image that is damaged, or of another size than the first, is a gap."""
    for index in range(len(files)) if wanted is None else wanted[wanted < len(files)].tolist():
        try:
            image = _read(files[index], scan.info.path, scan.limits, depth)
        except LimitExceeded:  # later pictures must be as large as the first, which is within the limit
            image = None
        if image is None or image.shape[:2] != (scan.info.height, scan.info.width):
            why = "damaged" if image is None else f"{image.shape[1]}x{image.shape[0]} px"
            gaps.append(scan.timeline.missing(index, index + 1, f"{files[index].name} is {why}"))
            continue
        yield Frame(index, scan.timeline.seconds(index), image)


def _images(folder: Path) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
        return sorted((path for path in found if path.is_file()), key=lambda path: natural_order(path.name))
    except OSError:
        return []


def _depth(files: list[Path], name: str, limits: Limits) -> int:
    """Bits of grey, 8, 12 or 16, that files of 16 bits make use of, as some of them show."""
    some = {0, len(files) // 4, len(files) // 2, 3 * len(files) // 4, len(files) - 1}
    most = 0
    for position in sorted(some & {*range(len(files))}):
        with suppress(LimitExceeded):  # told when it is read
            image = _opened(files[position], name, limits)
            if image is not None and image.dtype != np.uint16:
                break
            most = max(most, 0 if image is None else int(image.max()))
    return next(depth for depth in DEPTHS if most < 1 << depth) if most else DEPTHS[-1]


def _read(file: Path, name: str, limits: Limits, depth: int) -> Array | None:
    """(H, W, 3) uint8 RGB, upright, of grey with `depth` bits; None when it cannot be read. Raises: LimitExceeded."""
    image = _opened(file, name, limits)
    if image is None or image.dtype != np.uint16:
        return image
    grey = (image >> (depth - 8)).clip(0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _opened(file: Path, name: str, limits: Limits) -> Array | None:
    """(H, W, 3) uint8 RGB, or (H, W) uint16 of more than 8 bits, upright. Raises: LimitExceeded."""
    try:
        with warnings.catch_warnings(), file.open("rb") as content:
            warnings.simplefilter("ignore")
            head = content.read(4)
            content.seek(0)
            opener = next((one for magic, one in OPENERS.items() if head.startswith(magic)), None)
            if opener is None:
                return None
            with opener(content) as image:
                limits.check_pixels(image.width, image.height, f"{name}: {file.name}")
                return _pixels(ImageOps.exif_transpose(image))
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        KeyError,
        TypeError,
        IndexError,
        struct.error,
        DecompressionBombError,
    ):
        return None  # what Pillow's parsers raise on damaged files


def _pixels(image: Image) -> Array | None:
    """As `_opened`; Pillow itself would cut grey off at 255. None for numbers of which no range is told."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode in ("I", "F"):
        values = np.asarray(image)
        if not (values.min() >= 0 and 1 < values.max() <= 255):
            return None
    return np.asarray(image.convert("RGB"))


__all__ = ["IMAGE_FPS", "holds_images", "read_frames", "scan_images"]
