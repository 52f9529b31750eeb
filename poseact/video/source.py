"""From a path to an open container: only local files of known video formats are let in. Decodes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import av
import av.container
import av.logging

from poseact.errors import InvalidVideo
from poseact.video.limits import Limits

av.logging.set_level(None)  # damaged files make FFmpeg write to stderr, which belongs to the user's messages

# FFmpeg demuxers that may be used. What is missing is missing on purpose: playlists and scripts that open other files
# (hls, concat, dash, sdp, image2), still images (*_pipe) and text drawn as video (tty). Audio formats are here to be
# told apart from damaged files.
FORMATS = (
    "mov,matroska,avi,gif,apng,flv,mpegts,mpeg,mpegvideo,h264,hevc,vvc,av1,obu,ivf,ogg,asf,m4v,mjpeg,mjpeg_2000,mxf,dv,rm,"
    "nut,wtv,vc1,vc1test,h263,h261,swf,yuv4mpegpipe,dirac,bink,roq,smk,nuv,pva,r3d,gxf,film_cpk,flic,"
    "mp3,wav,flac,aac,ac3,eac3,aiff,au,ape,amr,caf,w64,tta,wv,opus"
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": FORMATS, "enable_drefs": "0"}

_DEMUX_RETRIES = 16

_STILL_IMAGES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
}
_STILL_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"avif": "AVIF"}
_PLAYLISTS = {b"#EXTM3U": "HLS playlist", b"ffconcat": "concat list", b"<?xml": "XML file", b"v=0\r\n": "SDP file"}


class UnreadableVideo(InvalidVideo):
    """FFmpeg's demuxers or decoders cannot make sense of the file; another decoder may be tried."""


def local_file(path: str | Path) -> Path:
    """The absolute path of an existing, non-empty regular file. Raises: InvalidVideo."""
    text = str(path)
    target = Path(path)
    try:
        if not target.exists():
            if "://" in text:
                raise InvalidVideo(f"{text} is an address; poseact reads local files only, download it first")
            raise InvalidVideo(f"{text} does not exist; check the path")
        if target.is_dir():
            raise InvalidVideo(f"{text} is a folder; name a video file in it")
        if not target.is_file():
            raise InvalidVideo(f"{text} is not a regular file; copy the video to a file first")
        if target.stat().st_size == 0:
            raise InvalidVideo(f"{text} is empty (0 bytes); copy or record it again")
    except (OSError, ValueError) as error:
        raise InvalidVideo(f"{text!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    refuse_known_non_videos(target, text)
    return target.absolute()


def refuse_known_non_videos(target: Path, name: str) -> None:
    """Name the still images and playlists that a user is likely to pass by mistake. Raises: InvalidVideo."""
    try:
        with target.open("rb") as file:
            head = file.read(65536)
    except OSError as error:
        raise InvalidVideo(f"{name} cannot be read: {error.strerror}; check its permissions") from error
    image = next((kind for magic, kind in _STILL_IMAGES.items() if head.startswith(magic)), None)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        image = "WebP"
    if head[4:8] == b"ftyp":
        image = _STILL_BRANDS.get(head[8:12])
    if image and not (image == "PNG" and b"acTL" in head):  # acTL marks an animated PNG
        raise InvalidVideo(f"{name} is an image ({image}), not a video; give a video file or an animated GIF")
    playlist = next((kind for magic, kind in _PLAYLISTS.items() if head.lstrip()[:16].startswith(magic)), None)
    if playlist:
        raise InvalidVideo(f"{name} is a text file ({playlist}), not a video; give the video file itself")


def open_container(path: Path, name: str) -> av.container.InputContainer:
    """Open a local file for demuxing, without its network, playlists or references. Raises: UnreadableVideo."""
    try:
        return av.open(f"file:{path}", options=dict(_OPTIONS), metadata_errors="replace")
    except (av.FFmpegError, ValueError, OSError) as error:
        raise UnreadableVideo(
            f"{name} is not a video that can be read ({reason(error)}); it may be damaged, cut short or not a video"
        ) from error


def video_stream(container: av.container.InputContainer, name: str, limits: Limits) -> av.VideoStream:
    """The first video stream that is not cover art, ready to decode. Raises: InvalidVideo, LimitExceeded."""
    streams = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not streams:
        held = "only audio" if container.streams.audio else "no video stream"
        raise InvalidVideo(f"{name} has {held}; give a file with pictures")
    stream = streams[0]
    if stream.codec_context is None:
        raise UnreadableVideo(f"{name}: no decoder for its video codec; convert it to H.264")
    limits.check_pixels(stream.codec_context.width, stream.codec_context.height, name)
    stream.codec_context.options = {"max_pixels": str(limits.pixels)}
    stream.codec_context.thread_type = "AUTO"
    stream.codec_context.thread_count = min(4, os.cpu_count() or 1)
    return stream


def packets(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet | str]:
    """The stream's packets in file order, the empty one that drains the decoder at last.

    In place of what cannot be read comes the reason, and reading goes on behind it, a limited number of times.
    """
    for _ in range(_DEMUX_RETRIES):
        try:
            yield from container.demux(stream)
        except (av.FFmpegError, ValueError) as error:
            yield reason(error)
        else:
            return


def reason(error: BaseException) -> str:
    """One short line for an error of FFmpeg."""
    return str(getattr(error, "strerror", None) or error).splitlines()[0].lower() if str(error) else "unknown error"


def _is_cover(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & stream.disposition.attached_pic)
