import pytest
import torch

from poseact.errors import UsageError
from poseact.pose.decode import published_decode
from poseact.pose.movenet import build

# x, y (px of the crop) and score of the published graphs on `waves`, by scripts/tfjs.py in single precision.
GRAPH_KEYPOINTS = {
    ("movenet-thunder", 256): [
        [135.44, 125.94, 0.0222], [139.14, 113.09, 0.0421], [122.68, 116.46, 0.0662], [151.97, 109.47, 0.0394],
        [111.85, 117.43, 0.0808], [160.85, 110.94, 0.0368], [95.27, 157.9, 0.1253], [159.8, 164.49, 0.0372],
        [97.6, 172.72, 0.0714], [126.14, 177.03, 0.0515], [86.8, 170.44, 0.0652], [184.42, 147.96, 0.0523],
        [151.63, 154.55, 0.0405], [173.96, 173.62, 0.0547], [135.7, 182.56, 0.0577], [180.21, 168.47, 0.0727],
        [133.43, 164.39, 0.0638],
    ],
    ("movenet-lightning", 192): [
        [92.39, 34.63, 0.0727], [101.59, 29.88, 0.0636], [83.27, 30.35, 0.0868], [105.98, 27.44, 0.0908],
        [70.99, 24.13, 0.1104], [106.28, 47.37, 0.1133], [60.27, 46.69, 0.1156], [103.22, 90.67, 0.1288],
        [48.99, 88.08, 0.1049], [95.61, 113.21, 0.0852], [56.24, 114.67, 0.0643], [91.36, 111.42, 0.0863],
        [57.5, 108.63, 0.0958], [90.89, 140.67, 0.0676], [73.04, 138.35, 0.0812], [77.32, 161.27, 0.0776],
        [74.61, 157.77, 0.0878],
    ],
}  # fmt: skip


def waves(side):
    """A colourful picture (1, 3, side, side) that any machine can draw."""
    y = torch.linspace(0, 6, side)[:, None]
    x = torch.linspace(0, 5, side)
    channels = [torch.sin(x * y), torch.cos(x + 2 * y) * torch.sin(x), torch.cos(x * x - y)]
    return (127.5 * (1 + torch.stack(channels))).round()[None]


@pytest.mark.parametrize(("model", "expected"), GRAPH_KEYPOINTS.items(), ids=[name for name, _ in GRAPH_KEYPOINTS])
def test_agrees_with_the_published_graph(movenet, model, expected):
    name, side = model
    network = movenet(name)
    with torch.inference_mode():
        xy, score = published_decode(network(waves(side)))
    expected = torch.tensor(expected)
    # Lightning's graph holds 1/48 in half precision, which moves its joints by up to 0.0002 of the crop.
    assert (xy[0] * 4 - expected[:, :2]).abs().max() < 0.06
    assert (score[0] - expected[:, 2]).abs().max() < 2e-4


@pytest.mark.parametrize(("width", "parameters"), [(1.75, 6_226_046), (1.0, 2_317_974)], ids=["thunder", "lightning"])
def test_parameters(width, parameters):
    assert sum(tensor.numel() for tensor in build(width=width).parameters()) == parameters


@pytest.mark.parametrize(("count", "height", "width"), [(0, 64, 64), (1, 96, 32), (3, 64, 128)])
def test_shapes(count, height, width):
    with torch.inference_mode():
        heads = build(width=0.25).eval()(torch.rand(count, 3, height, width) * 255)
    h, w = height // 4, width // 4
    assert heads.heatmap.shape == (count, 17, h, w)
    assert heads.center.shape == (count, 1, h, w)
    assert heads.regress.shape == heads.offset.shape == (count, 17, 2, h, w)


@pytest.mark.parametrize("width", [0, -1.0, 4.5, float("nan")])
def test_impossible_width(width):
    with pytest.raises(UsageError, match="width must be above 0 and at most 4"):
        build(width=width)
