"""Devices by name."""

import pytest

from poseact.device import resolve_device
from poseact.errors import UsageError


@pytest.mark.parametrize("name", ["", "warp", "cpu:x", "cuda:99", "meta", "hpu"])
def test_a_device_that_cannot_be_used_is_refused(name):
    with pytest.raises(UsageError, match="device"):
        resolve_device(name)


def test_the_processor_is_always_there():
    assert resolve_device("cpu") == "cpu"
