"""The annotated video: every frame at the original rate, with skeletons, boxes, names and probabilities drawn in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from poseact.errors import UsageError
from poseact.recognize.result import NO_PERSON, UNKNOWN, Person, Recognition
from poseact.report.figure import GREY, draw_box, draw_figure, paste
from poseact.report.lettering import INK, MUTED, Colour, bar_chart, caption, shortened, text_width
from poseact.report.stance import Stance, stance_at
from poseact.types import Array, Frame
from poseact.video import DEFAULT_LIMITS, IMAGE_FPS, Limits, VideoWriter, open_video

TOP = 3
READABLE_SIDE = 480
"""px; smaller pictures are enlarged by a whole number, at most 4, because no text is readable in them."""

SMALLEST_SIDE = 96
"""px, after enlarging; a smaller picture has no room for text and stays without it."""

ACCENTS: tuple[Colour, ...] = (
    (74, 222, 128), (251, 191, 36), (244, 114, 182), (129, 140, 248), (45, 212, 191), (248, 113, 113),
)  # fmt: skip
_AMBER: Colour = (251, 191, 36)

Progress = Callable[[int, int], None]
Rectangle = tuple[int, int, int, int]  # left, top, right, bottom, px


def write_overlay(
    recognition: Recognition, path: str | Path, *, decoder: str = "auto", limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> None:  # fmt: skip
    """Write the video of a recognition with what was seen drawn in; one frame is in memory at a time.

    Frames that were not looked at are drawn by linear interpolation between near sightings, and stay empty elsewhere.
    The picture has the size of the video, times `enlargement` for small ones.

    Args:
        path: ends in .mp4, .mkv, .mov or .avi; whole or absent.
        decoder, limits: as the video was recognised with.
        progress: called with (frames done, frames expected).
    Raises: UsageError when the recognition has no video, InvalidVideo, OutputError.
    """
    video = recognition.video
    if video is None:
        raise UsageError(f"{recognition.source} holds poses only; an annotated video needs the video itself")
    scale = enlargement(video.width, video.height)
    painter = Painter(recognition, (video.width * scale, video.height * scale), scale)
    with (
        open_video(video.path, decoder, limits, video.fps if Path(video.path).is_dir() else IMAGE_FPS) as reader,
        VideoWriter(path, min(video.fps, 1000.0), painter.size, timed=True) as writer,
    ):
        for done, frame in enumerate(reader.frames(), start=1):
            writer.write(painter(frame), frame.pts)
            if progress:
                progress(done, max(done, video.frame_count))


def enlargement(width: int, height: int) -> int:
    """The whole number by which a picture of this size (px) is enlarged."""
    return min(4, max(1, round(READABLE_SIDE / max(min(width, height), 1))))


@dataclass(frozen=True)
class _Look:
    """How one person is shown: `plate` is the caption, None for want of room."""

    row: int
    accent: Colour
    plate: Array | None
    classified: bool


class Painter:
    """Draws a recognition into its frames.

    Args:
        size: (width, height) px of the pictures to make.
        scale: by which the frames are enlarged.
    """

    def __init__(self, recognition: Recognition, size: tuple[int, int], scale: int = 1) -> None:
        self.size = size
        self._poses = recognition.poses
        self._scale = scale
        side = min(size)
        self._font = round(min(max(side / 27, 13), 44))
        self._thickness = min(max(side / 170, 2.0), 11.0)
        self._lettered = side >= SMALLEST_SIDE
        self._looks = self._make_looks(recognition)
        self._panel = self._make_panel(recognition) if self._lettered else None
        self._corner = self._free_corner(recognition)

    def __call__(self, frame: Frame) -> Array:
        """The annotated picture, (height, width, 3) uint8 RGB; the frame itself is not changed."""
        image = cv2.resize(frame.image, self.size, interpolation=cv2.INTER_CUBIC) if self._scale > 1 else frame.image
        image = np.array(image)
        seen = [(look, self._stance(look.row, frame.pts)) for look in self._looks]
        present = [(look, stance) for look, stance in seen if stance is not None]
        for look, stance in present:
            self._draw_person(image, look, stance)
        taken: list[Rectangle] = []
        if self._panel is not None:
            taken.append(_rectangle(self._panel, *self._corner))
            paste(image, self._panel, *self._corner)
        for look, stance in reversed(present):  # the person of interest chooses the place first
            if look.plate is not None:
                place = _place(look.plate, stance.box, self.size, taken, round(2 * self._thickness))
                taken.append(_rectangle(look.plate, *place))
                paste(image, look.plate, *place)
        return image

    def _stance(self, row: int, pts: float) -> Stance | None:
        stance = stance_at(self._poses, row, pts)
        if stance is None or self._scale == 1:
            return stance
        # The middle of pixel 0 lies at 0, so enlarging moves it to (scale - 1) / 2.
        offset = (self._scale - 1) / 2
        return Stance(
            stance.box * self._scale + offset, stance.xy * self._scale + offset, stance.score, stance.certain
        )  # fmt: skip

    def _draw_person(self, image: Array, look: _Look, stance: Stance) -> None:
        height = float(stance.box[3] - stance.box[1])
        thickness = min(self._thickness, max(1.5, height / 45))
        opacity = (1.0 if stance.certain else 0.5) * (1.0 if look.classified else 0.45)
        draw_box(image, stance.box, look.accent, thickness=max(1.5, 0.75 * thickness), opacity=opacity)
        draw_figure(image, stance, self._poses.layout, thickness=thickness, grey=not look.classified)

    def _make_looks(self, recognition: Recognition) -> list[_Look]:
        """Bystanders first, the person of interest last, on top."""
        classified = {row for person in recognition.persons for row in person.rows}
        numbers = recognition.poses.track_id.tolist()
        small = max(11, round(self._font * 0.75))
        looks = [
            _Look(row, GREY, caption([(f"{number}", MUTED, False)], small, GREY) if self._lettered else None, False)
            for row, number in enumerate(numbers)
            if row not in classified
        ]
        for rank, person in reversed(list(enumerate(recognition.persons))):
            accent = ACCENTS[rank % len(ACCENTS)]
            for number, row in reversed(list(zip(person.ids, person.rows, strict=True))):
                plate = self._caption(person, number, recognition.label_of(person), accent) if self._lettered else None
                looks.append(_Look(row, accent, plate, True))
        return looks

    def _caption(self, person: Person, number: int, label: str, accent: Colour) -> Array:
        probability = person.predictions[0].probability if person.predictions else 0.0
        name, percent = f"{number}  ", f"  {probability:.0%}"
        ink = INK
        if label == UNKNOWN:
            ink, percent = _AMBER, ""
        room = round(0.9 * self.size[0]) - 2 * self._font - text_width(name + percent, self._font, True)
        return caption(
            [(name, MUTED, False), (shortened(label, room, self._font, True), ink, True), (percent, INK, False)],
            self._font, accent,
        )  # fmt: skip

    def _make_panel(self, recognition: Recognition) -> Array | None:
        label = recognition.label
        if label == NO_PERSON:
            return caption([(NO_PERSON, INK, True)], self._font, _AMBER)
        size = max(12, round(self._font * 0.85))
        rows = [(one.label, one.probability) for one in recognition.predictions[:TOP]]
        longest = max(text_width(name, size, True) for name, _ in rows)
        several = recognition.models if len(recognition.models) > 1 else ()
        models = [f"{model.name} {model.weight:.0%}" for model in several]
        widest = max([longest + 5.5 * size, *(text_width(name, round(0.8 * size)) + 1.6 * size for name in models)])
        width = round(min(max(11.5 * size, widest), 20 * size, 0.9 * self.size[0]))
        title = recognition.persons[0].title
        known = label != UNKNOWN
        accent = ACCENTS[0] if known else None
        return bar_chart(title if known else f"{title}: guesses", rows, size, width, accent, models)

    def _free_corner(self, recognition: Recognition) -> tuple[int, int]:
        """Top left of the panel in the corner where it hides least of the people, over the whole video."""
        if self._panel is None:
            return 0, 0
        height, width = self._panel.shape[:2]
        margin = round(0.6 * self._font)
        right, bottom = self.size[0] - width - margin, self.size[1] - height - margin
        corners = [(right, margin), (margin, margin), (margin, bottom), (right, bottom)]
        poses = recognition.poses
        seen = poses.box_score > 0  # (M, T)
        weight = np.full(len(poses), 0.3)
        weight[[row for person in recognition.persons for row in person.rows]] = 1.0
        boxes = poses.boxes[seen] * self._scale
        share = np.broadcast_to(weight[:, None], seen.shape)[seen]
        hidden = [float((share * _hidden(boxes, (x, y, x + width, y + height))).sum()) for x, y in corners]
        return corners[int(np.argmin(np.round(hidden)))]


def _hidden(boxes: Array, rectangle: Rectangle) -> Array:
    """(N,) px^2 of the boxes (N, 4) xyxy that a rectangle covers."""
    left, top, right, bottom = rectangle
    wide = np.minimum(boxes[:, 2], right) - np.maximum(boxes[:, 0], left)
    high = np.minimum(boxes[:, 3], bottom) - np.maximum(boxes[:, 1], top)
    covered: Array = np.maximum(wide, 0) * np.maximum(high, 0)
    return covered


def _rectangle(sprite: Array, x: int, y: int) -> Rectangle:
    return x, y, x + sprite.shape[1], y + sprite.shape[0]


def _place(sprite: Array, box: Array, size: tuple[int, int], taken: list[Rectangle], gap: int) -> tuple[int, int]:
    """Where a caption goes: above the box, below it, or into it; the first place that is free, else above."""
    height, width = sprite.shape[:2]
    left, top, right, bottom = box.tolist()
    places = [
        (left, top - height - gap), (left, bottom + gap), (right - width, top - height - gap), (left, top + gap),
        (left, bottom - height - gap), (left, (top + bottom) / 2),
    ]  # fmt: skip
    inside = [
        (round(min(max(x, 0), max(size[0] - width, 0))), round(min(max(y, 0), max(size[1] - height, 0))))
        for x, y in places
    ]
    for (_, wanted), (x, y) in zip(places, inside, strict=True):
        if abs(wanted - y) < 1 and not any(_overlap((x, y, x + width, y + height), other) for other in taken):
            return x, y
    return inside[3]


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
