"""Behind `poseact embed`: what was asked for is read, embedded and written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer

from poseact.cli.failures import INTERRUPTED
from poseact.cli.messages import Messages
from poseact.cli.outputs import check_writable, refuse_inputs
from poseact.cli.progress import Bars
from poseact.device import resolve_device
from poseact.errors import InvalidPoses
from poseact.evaluate import embeddings
from poseact.evaluate.embedding import view_counts
from poseact.evaluate.embedding_files import check_suffix, rows_of, write_embeddings
from poseact.evaluate.protocol import seen
from poseact.files import expanded, remove_leftovers
from poseact.poses import read_poses
from poseact.recognize import DEFAULT_MODEL, Classifier


@dataclass(frozen=True)
class EmbedOptions:
    """The command line of `poseact embed`, as it was given; see its help."""

    poses: Path
    out: Path
    model: str | None
    all_views: bool
    clips: int | None
    flip: bool | None
    splits: tuple[str, ...]
    device: str
    quiet: bool
    debug: bool


def run_embedding(options: EmbedOptions) -> int:
    """Embed and write. Raises: PoseactError and its kinds."""
    messages = Messages(verbosity=-1 if options.quiet else 0, debug=options.debug)
    out = expanded(options.out)
    check_suffix(out)
    check_writable(out)
    refuse_inputs("--out", out, [options.poses])
    remove_leftovers(out)
    classifier = Classifier.open(
        options.model or DEFAULT_MODEL, device=resolve_device(options.device), clips=options.clips, flip=options.flip
    )
    dataset = read_poses(options.poses)
    chosen = dataset.clips(options.splits)
    shown = [clip for clip in chosen if seen(clip, classifier.preprocessing.people)]
    if not shown:
        raise InvalidPoses(
            f"{options.poses}: nobody is seen in any of the {len(chosen)} clips, so there is nothing to embed"
        )
    each = view_counts(classifier, shown) if options.all_views else None
    rows = rows_of(shown, dataset.splits, dataset.classes, classifier.card.name, classifier.sha256, each)
    try:
        with Bars(1, wanted=not options.quiet, left=True) as bars, bars.step("clips") as progress:
            vectors = embeddings(classifier, shown, progress=progress)
            count, width = write_embeddings(
                out, rows, vectors if each else (np.mean(one, 0, keepdims=True) for one in vectors)
            )
    except KeyboardInterrupt:
        messages.error("interrupted; nothing is written")
        return INTERRUPTED
    if len(shown) < len(chosen):
        absent = next(clip.name for clip in chosen if not seen(clip, classifier.preprocessing.people))
        messages.warning(
            f"clips in which nobody is seen: {len(chosen) - len(shown)}, such as {absent!r}; they have no vector"
        )
    typer.echo(f"{count} vectors of {width} features, of {len(shown)} clips, are in {out}")
    return 0
