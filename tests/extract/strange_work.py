"""Work that behaves as the name of its clip says: what a decoder may do to its process, without a decoder."""

import ctypes
import os
import signal
import time
from pathlib import Path

from poseact.errors import OutputError
from poseact.extract.clips import Clip
from poseact.extract.result import CRASHED, Done, Failed


def clips(*names):
    return [Clip(Path(f"{name}.mp4"), name, -1) for name in names]


def nothing():
    """Opens the networks: there are none."""
    return


def dies_while_opening():
    os._exit(7)


def refuses_to_open():
    raise OutputError("no networks\nhere")


def behave(extractor, clip, progress=None):
    kind, _, detail = clip.name.partition(" ")
    {
        "hang": hang, "slow": slow, "crash": crash, "leave": leave, "bloat": bloat, "orphan": orphan, "bug": bug,
        "once": once, "full": full,
    }.get(kind, lambda *_: None)(detail, progress)  # fmt: skip
    if kind == "bad":
        return Failed("InvalidVideo", f"{clip.path} is no video")
    if kind == "decoder" or (kind == "decoder-once" and not Path(detail).exists()):
        if detail:
            Path(detail).touch()
        return Failed(CRASHED, f"{clip.path}: the process that decodes it ended with SIGSEGV")
    return Done(3, 1, 0.5)


def hang(detail, progress):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    time.sleep(600)


def slow(detail, progress):
    """Longer than the timeout, but never without progress for so long."""
    for step in range(12):
        time.sleep(0.15)
        progress(step, 12)


def crash(detail, progress):
    ctypes.string_at(0)


def leave(detail, progress):
    os._exit(9)


def bloat(detail, progress):
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)) * 32)
        progress(len(held), None)
        time.sleep(0.01)


def orphan(detail, progress):
    """Starts a process of its own, notes its number, and hangs."""
    import subprocess
    import sys

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(detail).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)


def once(detail, progress):
    """Dies at the first attempt only."""
    if not Path(detail).exists():
        Path(detail).touch()
        os.kill(os.getpid(), signal.SIGKILL)


def bug(detail, progress):
    raise ZeroDivisionError("of the engine")


def full(detail, progress):
    raise OutputError("the disk is full")
