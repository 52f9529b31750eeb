"""Every file of the development videos: what each decoder must say of it, or the error it must end in."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from poseact.errors import InvalidVideo
from poseact.video import open_video

pytestmark = pytest.mark.shared

# name: frames that come out, width and height when upright, rotation, frames/s
FILES = {
    "decord__corrupted.mp4": (49, 1280, 720, 0, 10),
    "decord__unordered.mov": (4, 50, 50, 0, 32),
    "decord__video_0.mov": (3, 568, 320, 0, 30),
    "decord__video_180.mov": (3, 568, 320, 180, 30),
    "decord__video_270.mov": (3, 320, 568, 90, 30),
    "decord__video_90.mov": (3, 320, 568, 270, 30),
    "felixchenfy__exercise.avi": (393, 384, 288, 0, 10),
    "intel__face-demographics-walking.gif": (35, 480, 270, 0, 12.5),
    "intel__one-by-one-person-detection.mp4": (1394, 768, 432, 0, 10),
    "kth__person01_jogging_d1_uncomp.avi": (415, 160, 120, 0, 25),
    "mmskeleton__clean_and_jerk.mp4": (300, 340, 256, 0, 29.97),
    "mmskeleton__ta_chi.mp4": (300, 340, 256, 0, 29.97),
    "moviepy__-video-with-dash-.mp4": (5, 1, 1, 0, 1),
    "moviepy__chaplin.mp4": (241, 640, 360, 0, 25),
    "moviepy__no_duration.webm": (74, 1280, 720, 0, 14.985),
    "tfexamples__carving_ice.mp4": (131, 172, 172, 0, 29.593),
    "tfjs__pose_1.mp4": (120, 576, 576, 0, 30),
    "tfjs__pose_squats.mp4": (65, 720, 1280, 0, 5),
    "torchcodec__animated.gif": (4, 64, 48, 0, 10),
    "torchcodec__av1_video.mkv": (125, 640, 360, 0, 25),
    "torchcodec__frame_exceeds_screen.gif": (1, 4, 4, 0, 10),
    "torchcodec__h265_10bits.mp4": (30, 200, 200, 0, 30),
    "torchcodec__nasa_13013_rotated.mp4": (17, 270, 480, 90, 29.97),
    "torchcodec__test_non_zero_start.mp4": (12, 200, 112, 0, 30),
    "torchcodec__testsrc2_odd_height_and_width_vp9.mp4": (25, 321, 241, 0, 25),
    "torchvision__SchoolRulesHowTheyHelpUs_wave_f_nm_np1_ba_med_0.avi": (74, 320, 240, 0, 30),
    "torchvision__TrumanShow_wave_f_nm_np1_fr_med_26.avi": (48, 432, 240, 0, 30),
    "torchvision__v_SoccerJuggling_g23_c01.avi": (240, 320, 240, 0, 29.97),
    "edge/anim.gif": (30, 240, 181, 0, 10),
    "edge/flv1.flv": (90, 340, 256, 0, 29.97),
    "edge/h264.ts": (90, 340, 256, 0, 29.97),
    "edge/hevc.mkv": (90, 340, 256, 0, 29.97),
    "edge/mjpeg.avi": (90, 340, 256, 0, 29.97),
    "edge/mpeg1.mpg": (90, 340, 256, 0, 30),
    "edge/no_person_black.mp4": (25, 320, 240, 0, 25),
    "edge/one_frame_person.mp4": (1, 340, 256, 0, 29.97),
    "edge/rotate180_meta_person.mp4": (240, 320, 240, 0, 29.97),
    "edge/rotate90_meta_person.mp4": (65, 1280, 720, 90, 5),
    "edge/shot_cut_two_actions.mp4": (600, 340, 256, 0, 29.97),
    "edge/tiny_64x48.mp4": (300, 64, 48, 0, 29.97),
    "edge/vfr_tai_chi.mp4": (160, 340, 256, 0, 16.31),
    "edge/vp8.webm": (90, 340, 256, 0, 29.97),
}
ERRORS = {
    "edge/audio_only.mp4": "has only audio",
    "edge/text_named.mp4": "is not a video",
    "edge/truncated_no_moov_or_tail.mp4": "is not a video that can be read",
    "edge/zero_bytes.mp4": "is empty",
}
GAPS = {"decord__corrupted.mp4": [(3.0, 3.1, 1)]}
OPENCV_CANNOT = {"torchcodec__av1_video.mkv"}
DECORD_CANNOT = {
    "decord__corrupted.mp4",
    "edge/anim.gif",
    "edge/h264.ts",
    "intel__face-demographics-walking.gif",
    "moviepy__-video-with-dash-.mp4",
    "moviepy__no_duration.webm",
    "torchcodec__animated.gif",
    "torchcodec__av1_video.mkv",
    "torchcodec__frame_exceeds_screen.gif",
    "torchvision__SchoolRulesHowTheyHelpUs_wave_f_nm_np1_ba_med_0.avi",
    "torchvision__TrumanShow_wave_f_nm_np1_fr_med_26.avi",
}
CONVERTED_OTHERWISE = {"torchcodec__h265_10bits.mp4": 5.0, "torchcodec__testsrc2_odd_height_and_width_vp9.mp4": 2.0}


def thumbnails(reader, indices=None):
    return {
        frame.index: (frame.pts, frame.image.shape, frame.image[::8, ::8].copy()) for frame in reader.frames(indices)
    }


def test_every_file_is_expected(shared):
    folder = shared / "data" / "videos"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".csv"}
    assert found == FILES.keys() | ERRORS.keys()


@pytest.mark.parametrize("name", FILES)
def test_file(shared, name, capfd):
    path = shared / "data" / "videos" / name
    frames, width, height, rotation, fps = FILES[name]
    with open_video(path) as reader:
        info, dense = reader.info, thumbnails(reader)
        assert (len(dense), info.width, info.height, info.rotation) == (frames, width, height, rotation)
        assert info.fps == pytest.approx(fps, rel=1e-3)
        assert info.frame_count == frames + sum(gap.frames for gap in reader.gaps)
        expected = [tuple(gap) for gap in GAPS.get(name, [])]
        assert [(gap.start, gap.end, gap.frames) for gap in reader.gaps] == expected
        seconds = [entry[0] for entry in dense.values()]
        assert seconds == sorted(set(seconds))
        assert seconds[0] == 0
        assert {entry[1] for entry in dense.values()} == {(height, width, 3)}
        wanted = {*range(5, info.frame_count, 37), info.frame_count * 2 // 3, info.frame_count - 1}
        sparse = thumbnails(reader, list(wanted))
        assert list(sparse) == [index for index in sorted(wanted) if index in dense]
        assert all(np.array_equal(entry[2], dense[index][2]) for index, entry in sparse.items())
        assert all(entry[0] == dense[index][0] for index, entry in sparse.items())
    others = [("opencv", OPENCV_CANNOT)] + ([("decord", DECORD_CANNOT)] if find_spec("decord") else [])
    for decoder, cannot in others:
        if name in cannot:
            with pytest.raises(InvalidVideo, match="use the decoder pyav"):
                list(open_video(path, decoder).frames())
            continue
        with open_video(path, decoder) as reader:
            assert reader.info == info
            other = thumbnails(reader, range(0, min(info.frame_count, 250), 7))
        assert list(other) == [index for index in range(0, min(info.frame_count, 250), 7) if index in dense]
        for index, (pts, shape, image) in other.items():
            assert (pts, shape) == dense[index][:2]
            difference = np.abs(image.astype(int) - dense[index][2]).mean()
            assert difference <= CONVERTED_OTHERWISE.get(name, 0)
    assert capfd.readouterr() == ("", "")


def test_action_clips(shared):
    folder = shared / "data" / "jhmdb"
    clips = json.loads((folder / "index.json").read_text())["clips"]
    for name, clip in sorted(clips.items())[::35]:
        with open_video(folder / "videos" / f"{name}.avi") as reader:
            assert [frame.index for frame in reader.frames()] == list(range(clip["frames"]))
            assert reader.info.frame_count == clip["frames"]
            assert reader.gaps == []


@pytest.mark.parametrize("decoder", ["auto", "pyav", "opencv", "decord"])
@pytest.mark.parametrize("name", ERRORS)
def test_error(shared, name, decoder, capfd):
    with pytest.raises(InvalidVideo, match=ERRORS[name]):
        open_video(shared / "data" / "videos" / name, decoder)
    assert capfd.readouterr() == ("", "")
