"""How processes start and tell each other that they failed."""

import signal
import sys

import pytest

from poseact import processes


@pytest.mark.skipif(sys.platform != "linux", reason="workers are prepared on Linux alone")
def test_ctrl_c_while_workers_are_prepared_is_not_lost(monkeypatch):
    asked = []

    def interrupted():
        signal.raise_signal(signal.SIGINT)
        asked.append(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    monkeypatch.setattr(processes.forkserver, "ensure_running", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            processes.prepare_workers()
    finally:
        signal.signal(signal.SIGINT, before)
    assert asked == [True]  # and workers do not hear of it
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
