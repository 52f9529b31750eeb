"""Top-down estimation by networks that draw one heatmap per joint: HRNet, SimpleBaseline. Finds no boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from poseact.errors import InvalidWeights, UsageError
from poseact.pose.affine import CODECS, Codec, cut, to_image
from poseact.pose.crop import windows
from poseact.pose.heatmap_decode import MAPS, Refinement, average_flipped, decode
from poseact.pose.people import checked_size, estimate_people
from poseact.skeleton import COCO17, Layout
from poseact.types import Array, Boxes, Keypoints

MULTIPLE = 32
IMAGENET_MEAN = (123.675, 116.28, 103.53)  # R, G, B of values in 0..255
IMAGENET_STD = (58.395, 57.12, 57.375)


class HeatmapTopDown:
    """A network of heatmaps in person boxes, behind the `PoseEstimator` protocol.

    Attributes:
        name: of the network, kept with the poses.
        layout: COCO-17.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        size: tuple[int, int] = (256, 192),
        codec: Codec = "classic",
        refinement: Refinement = "quarter",
        blur: int = 11,
        margin: float = 1.25,
        normalised: bool = True,
        flip: bool = True,
        device: str | torch.device = "cpu",
        batch_size: int = 16,
    ) -> None:
        """Take a network with weights: (n, 3, H, W) RGB -> (n, 17, h, w) heatmaps, where h is H / 4 and w is W / 4.

        For the refinement "offsets" it gives (n, 51, h, w), see `heatmap_decode.with_offsets`.

        Args:
            size: (height, width) of the crop, px; multiples of 32.
            codec: how boxes become crops, and places of heatmaps places of the picture; see `affine`.
            refinement, blur: see `heatmap_decode.decode`.
            margin: by which boxes are enlarged.
            normalised: the network takes pictures standardised by the ImageNet mean and deviation, not 0..255.
            flip: average with the mirrored crop; doubles the cost.
            batch_size: crops per forward pass.
        Raises: UsageError for a setting that cannot work.
        """
        self.name = name
        self.layout: Layout = COCO17
        self._size = checked_size((size[0], size[1]), MULTIPLE, margin, batch_size)
        if codec not in CODECS or refinement not in MAPS:
            raise UsageError(
                f"codec must be one of {', '.join(CODECS)} and refinement one of {', '.join(MAPS)}, "
                f"got {codec!r} and {refinement!r}"
            )
        if blur < 1 or blur % 2 == 0:
            raise UsageError(f"blur is the side of a kernel with a middle and must be odd and positive, got {blur}")
        self._codec: Codec = codec
        self._refinement: Refinement = refinement
        self._blur = blur
        self._margin = margin
        self._flip = flip
        self._batch_size = batch_size
        self._device = torch.device(device)
        self._network = network.eval().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._mean = self._per_channel(IMAGENET_MEAN if normalised else (0.0, 0.0, 0.0))
        self._std = self._per_channel(IMAGENET_STD if normalised else (1.0, 1.0, 1.0))

    def __call__(self, images: Sequence[Array], boxes: Sequence[Boxes]) -> list[Keypoints]:
        """See `PoseEstimator`. A joint outside the picture has score 0, as has every joint of a box outside it.

        A score is the height of the heatmap's maximum, at most 1 (networks overshoot a little).
        Raises: InvalidWeights when the network does not give one heatmap per joint.
        """
        joints = len(self.layout.keypoints)
        return estimate_people(images, boxes, self._estimate, joints=joints, batch_size=self._batch_size)

    def _estimate(self, images: list[Array], xyxy: Array) -> tuple[Array, Array, Array]:
        """See `people.Estimate`."""
        window = windows(xyxy, self._size, self._margin)
        crops = np.stack([cut(image, row, self._size, self._codec) for image, row in zip(images, window, strict=True)])
        xy, score, shape = self._find(crops)
        slack = window[:, 2:] / np.array(shape[::-1])  # what one heatmap pixel covers
        return to_image(xy, window, shape, self._codec), score, slack

    @torch.inference_mode()
    def _find(self, crops: Array) -> tuple[Array, Array, tuple[int, int]]:
        """(n, H, W, 3) uint8 -> joints (n, K, 2) px of heatmaps, scores (n, K), and (h, w) of the heatmaps."""
        pixels = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)  # channels last already
        standardised = (pixels.float() - self._mean) / self._std
        heatmaps = self._heatmaps(standardised)
        if self._flip:
            mirrored = self._heatmaps(standardised.flip(3))
            heatmaps = average_flipped(heatmaps, mirrored, self.layout.flip_joints, shift=self._codec == "classic")
        xy, score = decode(heatmaps, self._refinement, self._blur)
        # To float64 only once on the CPU: Apple's GPUs have none.
        return xy.cpu().double().numpy(), score.clamp(max=1).cpu().numpy(), (heatmaps.shape[2], heatmaps.shape[3])

    def _heatmaps(self, pixels: Tensor) -> Tensor:
        heatmaps = self._network(pixels)
        wanted = len(self.layout.keypoints) * MAPS[self._refinement]
        if not isinstance(heatmaps, Tensor) or heatmaps.ndim != 4 or heatmaps.shape[1] != wanted:
            given = tuple(heatmaps.shape) if isinstance(heatmaps, Tensor) else type(heatmaps).__name__
            raise InvalidWeights(
                f"{self.name} gives {given} for a crop, not {wanted} heatmaps; it is no top-down pose estimator"
            )
        return heatmaps

    def _per_channel(self, values: tuple[float, float, float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self._device).view(1, 3, 1, 1)
