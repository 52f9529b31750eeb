"""Reading with decord: fast on well-formed files, checked against the packet scan because it miscounts some others."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from poseact.errors import InvalidVideo, UsageError
from poseact.types import Array, Frame, Gap
from poseact.video.scan import Scan

try:
    import decord
except ImportError:  # no wheel for macOS or ARM Linux
    decord = None
else:
    decord.logging.set_level(decord.logging.QUIET)


def read_frames(scan: Scan, wanted: Array | None, gaps: list[Gap]) -> Generator[Frame, None, None]:
    """Yield the wanted frames in presentation order. decord turns them upright itself and reports no damage.

    Raises: UsageError when decord is not installed; InvalidVideo where decord fails or counts other frames than exist.
    """
    del gaps
    video, name, size = _opened(scan), scan.info.path, (scan.info.height, scan.info.width)
    jumps, position = scan.timeline.seekable and not scan.timeline.open_gop, 0
    for index in range(len(video)) if wanted is None else wanted[wanted < len(video)].tolist():
        try:
            if not jumps:  # decord would end up at another picture
                for _ in range(position, index):
                    video.next()
            image, position = (video[index] if jumps else video.next()).asnumpy(), index + 1
        except Exception as error:  # decord raises its own class and RuntimeError
            raise InvalidVideo(f"decord cannot decode frame {index} of {name}; use the decoder pyav") from error
        if image.shape != (*size, 3):  # pictures of fewer than 64 px in width come with their padding, garbled
            raise InvalidVideo(f"decord returns {image.shape} for frames of {size} px in {name}; use the decoder pyav")
        seconds = scan.timeline.seconds(index) if scan.timeline.exact else index / scan.info.fps
        yield Frame(index, seconds, image)


def _opened(scan: Scan) -> Any:
    if decord is None:
        raise UsageError("decord is not installed here; use the decoder pyav, or `pip install decord`")
    name = scan.info.path
    try:
        video = decord.VideoReader(str(scan.file), ctx=decord.cpu(0), num_threads=2)
    except Exception as error:
        raise InvalidVideo(f"{name} cannot be opened by decord; use the decoder pyav") from error
    if len(video) != scan.info.frame_count:
        raise InvalidVideo(
            f"decord sees {len(video)} frames in {name} where {scan.info.frame_count} exist; use the decoder pyav"
        )
    return video
