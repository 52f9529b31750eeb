"""Fitting images into inputs, and boxes back."""

import numpy as np
import pytest
import torch

from poseact.detect.letterbox import fit, letterbox, to_image


@pytest.mark.parametrize(
    ("height", "width", "size", "canvas"),
    [
        (1, 1, 320, (320, 320)),
        (240, 320, 320, (256, 320)),
        (720, 1280, 416, (256, 416)),
        (1280, 720, 320, (320, 192)),
        (2, 3000, 320, (32, 320)),
    ],
    ids=["one pixel", "native 4:3", "wide", "portrait", "a line"],
)
def test_canvas_keeps_the_aspect_and_fits_the_strides(height, width, size, canvas):
    place = fit(height, width, size, 32)
    assert place.canvas == canvas
    assert letterbox(np.full((height, width, 3), 255, np.uint8), place).shape == (*canvas, 3)


def test_padding_is_black_and_centered():
    place = fit(100, 200, 320, 64)
    out = letterbox(np.full((100, 200, 3), 200, np.uint8), place)
    assert place.canvas == (192, 320)
    assert (out[:16] == 0).all()
    assert (out[16:176] == 200).all()
    assert (out[176:] == 0).all()


@pytest.mark.parametrize("size", [256, 320, 416])
def test_boxes_return_to_the_image(size):
    place = fit(480, 640, size, 32)
    box = torch.tensor([[100.0, 50.0, 300.0, 400.0]])
    scale = torch.tensor([place.inner[1] / 640, place.inner[0] / 480]).repeat(2)
    inside = box * scale + torch.tensor([place.left, place.top]).repeat(2)
    torch.testing.assert_close(to_image(inside, place), box)


def test_boxes_are_clipped_to_the_image():
    place = fit(240, 320, 320, 32)
    outside = torch.tensor([[-50.0, -50.0, 900.0, 900.0]])
    assert to_image(outside, place).tolist() == [[0, 0, 320, 240]]


def test_no_boxes():
    assert to_image(torch.zeros((0, 4)), fit(240, 320, 320, 32)).shape == (0, 4)
