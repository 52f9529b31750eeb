"""The network, its grid and its decode."""

import pytest
import torch

from poseact.detect.nanodet import BINS, build, decode_boxes, grid_points


@pytest.mark.parametrize(
    ("height", "width", "points"), [(0, 0, 0), (32, 32, 21), (256, 416, 2184), (416, 416, 3549)], ids=str
)
def test_grid_points_are_cell_centers_of_all_levels(height, width, points):
    centers, strides = grid_points(height, width)
    assert centers.shape == (points, 2)
    assert strides.shape == (points,)
    if points:
        assert centers[:2].tolist() == [[4, 4], [12, 4]]
        assert (centers < torch.tensor([width, height])).all()
        assert centers[-1].tolist() == [width - 16, height - 16]


@pytest.mark.parametrize(
    ("bins", "box"),
    [([0, 0, 0, 0], [100, 60, 100, 60]), ([1, 2, 3, 10], [92, 44, 124, 140])],
    ids=["no extent", "four sides"],
)
def test_decode_reads_the_distance_to_each_side(bins, box):
    logits = torch.full((1, 4, BINS), -100.0)
    logits[0, torch.arange(4), torch.tensor(bins)] = 100.0
    decoded = decode_boxes(logits, torch.tensor([[100.0, 60.0]]), torch.tensor([8.0]))
    torch.testing.assert_close(decoded, torch.tensor([box], dtype=torch.float32))


def test_decode_takes_the_mean_of_the_distribution():
    decoded = decode_boxes(torch.zeros(2, 1, 4, BINS), torch.zeros(1, 2), torch.tensor([2.0]))
    torch.testing.assert_close(decoded, torch.tensor([-10.0, -10.0, 10.0, 10.0]).expand(2, 1, 4))


@pytest.mark.parametrize("size", [(64, 96), (96, 64)], ids=str)
def test_outputs_line_up_with_the_grid(size):
    small = build(width=4, depths=[1, 1, 1, 1], neck=8, classes=3).eval()
    logits, boxes = small(torch.zeros(2, 3, *size))
    points = len(grid_points(*size)[0])
    assert logits.shape == (2, points, 3)
    assert boxes.shape == (2, points, 4, BINS)


@torch.inference_mode()
def test_embedded_weights_give_the_numbers_of_the_original_graph(network):
    """The reference values were taken from the TensorFlow.js graph on the same picture of waves."""
    y, x = torch.meshgrid(torch.arange(416.0), torch.arange(416.0), indexing="ij")
    waves = [torch.sin(x / 17), torch.sin(y / 23), torch.cos((x + y) / 31)]
    image = 127 + 127 * torch.stack(waves)
    logits, boxes = network(image[None])
    score = logits[0, :, 0].sigmoid()
    rows = [0, 1500, 2800, 3000, 3400, 3548, 3464]
    expected_score = torch.tensor([0.023364, 0.017833, 0.020213, 0.018302, 0.037806, 0.017889, 0.320712])
    expected_box = torch.tensor([-0.192133, 0.23217, 0.463036, 0.856708, 1.719506, 0.529912, 0.628696])
    torch.testing.assert_close(score[rows], expected_score, atol=1e-4, rtol=0)
    torch.testing.assert_close(boxes[0, rows, 2, 5], expected_box, atol=1e-4, rtol=0)
