import hashlib
import re

import pytest

from poseact.video import open_video

CLIPS = {
    "sports2d_demo.mp4": 230, "walk.mp4": 87, "jumping_jacks.mp4": 78, "jump.mp4": 59, "run.mp4": 27,
    "two_people.mp4": 100, "portrait.mp4": 100,
}  # fmt: skip


def test_all_clips_are_listed(samples):
    assert {path.name for path in samples.glob("*.mp4")} == set(CLIPS)
    assert {path.name for path in samples.glob("LICENSE-*.txt")} == {"LICENSE-sports2d.txt", "LICENSE-pose2sim.txt"}


@pytest.mark.parametrize(("name", "frames"), CLIPS.items())
def test_clip(samples, name, frames):
    path = samples / name
    assert path.stat().st_size < 1_000_000
    digests = re.findall(rf"^\| `{name}` .*`([0-9a-f]{{64}})` \|$", (samples / "README.md").read_text(), re.MULTILINE)
    assert digests == [hashlib.sha256(path.read_bytes()).hexdigest()]
    with open_video(path) as reader:
        assert reader.info.frame_count == frames
        assert max(reader.info.width, reader.info.height) <= 720
        assert [frame.index for frame in reader.frames([0, frames - 1])] == [0, frames - 1]
        assert reader.gaps == []
