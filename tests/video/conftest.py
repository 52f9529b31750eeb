"""Small videos made on the spot: every picture has its own grey level, so that a frame tells its position."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

FINE = {"flags": "+qscale", "global_quality": "118"}


def grey_of(index: int) -> int:
    return 20 + 4 * (index % 50)


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """make(name, frames=..., codec=..., ...) -> path: a bright corner at the top left over a grey of its own."""

    def make(
        name: str = "clip.mp4",
        frames: int = 48,
        codec: str = "libx264",
        size: tuple[int, int] = (64, 48),
        pix_fmt: str = "yuv420p",
        options: dict[str, str] | None = None,
        ticks: list[int] | None = None,
        rotation: int = 0,
        container_options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(f"file:{path}", "w", container_options=container_options or {}) as container:
            settings = (FINE if codec == "mpeg4" else {}) | (options or {})
            stream = container.add_stream(codec, rate=25, options=settings)
            stream.width, stream.height = size
            stream.pix_fmt = pix_fmt
            stream.codec_context.time_base = Fraction(1, 25)
            if rotation:
                stream.set_display_rotation(rotation)
            for index in range(frames):
                image = np.full((size[1], size[0], 3), grey_of(index), np.uint8)
                image[: size[1] // 3, : size[0] // 3] = 250
                picture = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pix_fmt)
                picture.pts = ticks[index] if ticks else index
                picture.time_base = Fraction(1, 25)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def remuxed(tmp_path: Path) -> Callable[..., Path]:
    """remuxed(source, name, shift) -> path: the packets copied with times moved by `shift` ticks of the source.

    Those of the packets `shared` are the times of the packets before them.
    """

    def remux(source: Path, name: str, shift: int, shared: tuple[int, ...] = ()) -> Path:
        path = tmp_path / name
        with av.open(str(source)) as old, av.open(str(path), "w") as new:
            stream = old.streams.video[0]
            copy = new.add_stream_from_template(stream)
            before = 0
            for number, packet in enumerate(old.demux(stream)):
                if packet.dts is None:
                    continue
                if number in shared:
                    packet.pts = packet.dts = before
                before = packet.pts
                packet.pts += shift
                packet.dts += shift
                packet.stream = copy
                new.mux(packet)
        return path

    return remux
