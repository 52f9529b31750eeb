"""A plain ST-GCN, the graph network that benchmarks compare PoseConv3D with, and its training. Draws no heatmaps.

Source: Yan et al., "Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition", AAAI 2018:
blocks of a graph convolution over the joints, with a learned importance of every edge, and a convolution over time,
both with a shortcut. The graph is that of the keypoint layout, its three subsets are the joint itself, neighbours
nearer to the body's centre, and neighbours further away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poseact.heatmap import uniform_test_indices
from poseact.skeleton import Layout, layout
from poseact.train.augment import augment, deform, sample_frames
from poseact.train.batches import epoch_order
from poseact.train.clips import Clips, subject_box
from poseact.train.settings import TrainSettings

WIDTHS = (48, 48, 48, 96, 96, 192)
TEMPORAL_KERNEL = 9
SUBSETS = 3


def subsets(body: Layout) -> Tensor:
    """(3, K, K) float32: for each joint (row) the mean over itself, its inner, and its outer neighbours."""
    count = len(body.keypoints)
    edge = torch.zeros(count, count)
    for start, end in body.limbs:
        edge[start, end] = edge[end, start] = 1
    distance = torch.full((count, count), torch.inf).fill_diagonal_(0)
    reach = torch.eye(count)
    for step in range(1, count):
        reach = ((reach @ (edge + torch.eye(count))) > 0).float()
        distance = torch.where((reach > 0) & torch.isinf(distance), float(step), distance)
    centre = torch.where(torch.isinf(distance), 0, distance).sum(1).argmin()
    hops = distance[centre]
    inner = edge * (hops[None] <= hops[:, None])
    parts = torch.stack([torch.eye(count), inner, edge - inner])
    return parts / parts.sum(2, keepdim=True).clamp(min=1)


class Block(nn.Module):
    """Graph convolution -> batch norm -> ReLU -> convolution over time -> batch norm, a shortcut, ReLU."""

    def __init__(self, graph: Tensor, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.graph: Tensor
        self.register_buffer("graph", graph)
        self.importance = nn.Parameter(torch.ones_like(graph))
        self.mix = nn.Conv2d(in_channels, channels * SUBSETS, 1)
        self.norm = nn.BatchNorm2d(channels)
        padding = (TEMPORAL_KERNEL // 2, 0)
        self.time = nn.Conv2d(channels, channels, (TEMPORAL_KERNEL, 1), (stride, 1), padding)
        self.time_norm = nn.BatchNorm2d(channels)
        same = in_channels == channels and stride == 1
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(in_channels, channels, 1, (stride, 1)), nn.BatchNorm2d(channels))
        )

    def forward(self, x: Tensor) -> Tensor:  # (N, C, T, K)
        parts = self.mix(x).unflatten(1, (SUBSETS, -1))  # (N, 3, C', T, K)
        joined = torch.einsum("nsctk,sjk->nctj", parts, self.graph * self.importance)
        return F.relu(self.time_norm(self.time(F.relu(self.norm(joined)))) + self.shortcut(x))


class STGCN(nn.Module):
    """(N, 3, T, K) of x, y and score -> (N, classes) logits."""

    def __init__(self, body: Layout, classes: int, widths: Sequence[int] = WIDTHS, dropout: float = 0.5) -> None:
        super().__init__()
        graph = subsets(body)
        channels = (3, *widths)
        self.norm = nn.BatchNorm1d(3 * len(body.keypoints))
        self.blocks = nn.Sequential(
            *(
                Block(graph, before, after, 2 if index and after > before else 1)
                for index, (before, after) in enumerate(pairwise(channels))
            )
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(widths[-1], classes))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x.transpose(2, 3).flatten(1, 2)).unflatten(1, (3, -1)).transpose(2, 3)
        logits: Tensor = self.head(self.blocks(x).mean((2, 3)))
        return logits


def points(xy: Tensor, score: Tensor) -> Tensor:
    """(B, T, 1, K, 2) in [0, 1] and (B, T, 1, K) -> (B, 3, T, K): centred coordinates, 0 where missing, and scores."""
    centred = torch.where(score[..., None] > 0, 2 * xy - 1, torch.zeros_like(xy))
    return torch.cat([centred, score[..., None]], -1)[:, :, 0].permute(0, 3, 1, 2)


def fit(clips: Clips, settings: TrainSettings) -> Iterator[tuple[int, STGCN]]:
    """Train with the epochs, batches, augmentation but mixup, and optimiser of `settings`; yields after each epoch.

    As in `poseact train`, weights are averaged over the last steps; the network that is yielded holds the average.
    """
    torch.manual_seed(settings.seed)
    body, inputs = layout(clips.layout), settings.preprocessing
    network, average = STGCN(body, len(clips.classes)), STGCN(body, len(clips.classes)).eval()
    optimizer = torch.optim.AdamW(network.parameters(), settings.lr, weight_decay=settings.weight_decay)
    steps = settings.epochs * max(len(clips) // settings.batch_size, 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.lr, total_steps=steps, pct_start=settings.warmup)
    generator = torch.Generator().manual_seed(settings.seed)
    done = 0
    for epoch in range(settings.epochs):
        for rows in epoch_order(clips.label, settings.batch_size, settings.balance, generator):
            frames = sample_frames(
                clips.length[rows], inputs.clip_len, settings.augmentation.window, generator, sampler=inputs.sampler
            )
            xy = torch.stack([clips.xy[row][chosen] for row, chosen in zip(rows, frames, strict=True)])
            score = torch.stack([clips.score[row][chosen] for row, chosen in zip(rows, frames, strict=True)])
            xy, score = deform(xy, score, settings.augmentation, body, generator)
            xy, score, _ = augment(
                normalised(xy, score) * inputs.size, score, inputs.size, settings.augmentation, body.flip_joints,
                generator,
            )  # fmt: skip
            loss = F.cross_entropy(
                network.train()(points(xy / inputs.size, score)), clips.label[rows],
                label_smoothing=settings.label_smoothing,
            )  # fmt: skip
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), settings.grad_clip)
            optimizer.step()
            schedule.step()
            decay = min(settings.ema, (1 + done) / (10 + done))
            with torch.no_grad():
                for own, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
                    own.lerp_(new, 1 - decay) if own.is_floating_point() else own.copy_(new)
            done += 1
        yield epoch + 1, average


def normalised(xy: Tensor, score: Tensor) -> Tensor:
    """Coordinates in [0, 1] of the square around the person in all frames, as PoseConv3D sees them."""
    centre, side = subject_box(xy, score)
    return (xy - centre[:, None, None, None]) / side[:, None, None, None, None] + 0.5


@torch.inference_mode()
def probability(network: STGCN, clips: Clips, settings: TrainSettings) -> np.ndarray:
    """(N, classes) float64: the mean over the same clips and mirror images that PoseConv3D looks at."""
    body, inputs = layout(clips.layout), settings.preprocessing
    mirror = torch.tensor(body.flip_joints)
    rows = []
    for whole, confidence in zip(clips.xy, clips.score, strict=True):
        chosen = torch.from_numpy(uniform_test_indices(len(whole), inputs.clip_len, inputs.num_clips, inputs.sampler))
        xy, score = whole[chosen], confidence[chosen]
        seen = points(normalised(xy, score), score)
        flipped = seen[..., mirror] * torch.tensor([-1.0, 1, 1])[:, None, None]
        rows.append(network(torch.cat([seen, flipped])).softmax(1).mean(0))
    return torch.stack(rows).double().numpy()
