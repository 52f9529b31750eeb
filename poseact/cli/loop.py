"""The loop over sources: recognise, print, write. A source that fails does not stop the others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from poseact.cli.failures import INTERRUPTED
from poseact.cli.messages import Messages
from poseact.cli.outputs import Distinct, Outputs
from poseact.cli.progress import Bars
from poseact.cli.results import Results
from poseact.cli.sources import Source
from poseact.errors import ModelError, NoPerson
from poseact.files import remove_leftovers
from poseact.heatmap import channel_names
from poseact.poses import PoseDataset, write_poses
from poseact.poses.merge import Part, united
from poseact.recognize import Recognition, Recognizer, Settings
from poseact.report.contact_sheet import write_heatmaps
from poseact.report.overlay import write_overlay
from poseact.skeleton import layout
from poseact.types import PoseSequence
from poseact.zoo.fetch import watched


def recognize_all(
    sources: Sequence[Source], settings: Settings, outputs: Outputs, messages: Messages, *,
    as_json: bool, top: int,
) -> int:  # fmt: skip
    """Recognise every source, print and write what is wanted, and return the exit code.

    Args:
        settings: of the recognizer, which is opened first.
    Raises: ModelError and UsageError where no source could be recognised with these settings.
    """
    if messages.verbosity <= 0:
        warnings.simplefilter("ignore")
    several = len(sources) > 1 or any(source.holds_poses for source in sources)
    with Bars(len(sources), wanted=messages.verbosity >= 0) as bars:
        results = Results(
            messages, bars, as_json=as_json, top=top, details=messages.verbosity > 0, several=several
        )  # fmt: skip
        with bars.step("loading the models") as advance, watched(advance):
            recognizer = Recognizer.open(settings)
        loop = _Loop(recognizer, outputs, results, bars, messages)
        try:
            for source in sources:
                loop.take(source)
        except KeyboardInterrupt:
            messages.error(f"interrupted; {loop.done} of {len(sources)} sources are done")
            loop.finish()
            return INTERRUPTED
        loop.finish()
    return results.exit_code


@dataclass
class _Loop:
    """What happens with each source, and at the end."""

    recognizer: Recognizer
    outputs: Outputs
    results: Results
    bars: Bars
    messages: Messages
    parts: dict[str, PoseDataset] = field(default_factory=dict)
    poses: dict[str, list[PoseSequence]] = field(default_factory=dict)
    done: int = 0

    def take(self, source: Source) -> None:
        """Recognise one source; what goes wrong with it is reported and remembered."""
        try:
            if source.error is not None:
                raise source.error
            if source.holds_poses:
                self._take_stored(source)
            else:
                with self.bars.step(source.path.name) as advance:
                    recognition = self.recognizer(str(source.path), advance)
                self._publish(replace(recognition, source=source.name), source)
        except (ModelError, BrokenPipeError):
            raise
        except Exception as error:
            self.results.fail(source.name, error)
        self.done += 1
        self.bars.advance()

    def _take_stored(self, source: Source) -> None:
        """Every clip of a file of poses, one by one; one that fails does not stop the others."""
        dataset = self.recognizer.stored(str(source.path))
        self.parts[source.name] = replace(dataset, annotations=[])
        with self.bars.step(source.path.name) as advance:
            for number, poses in enumerate(dataset.annotations, start=1):
                name = f"{source.name}:{poses.name}"
                try:
                    self._publish(self.recognizer.answered(poses, name), source)
                except (ModelError, BrokenPipeError):
                    raise
                except Exception as error:
                    self.results.fail(name, error)
                advance(number, len(dataset))

    def finish(self) -> None:
        """Write what is written once, and the summary."""
        if self.outputs.poses is not None:
            self._attempt(str(self.outputs.poses), self._write_poses, self.outputs.poses)
        self.results.summarise()

    def _publish(self, recognition: Recognition, source: Source) -> None:
        self.results.add(recognition)
        if not recognition.persons:
            self.messages.warning(f"{recognition.source}: {recognition.reason}")
        if self.outputs.poses is not None:
            self.poses.setdefault(source.name, []).append(recognition.chosen_first)
        if source.name in self.outputs.overlays:
            target = self.outputs.overlays[source.name]
            self._attempt(source.name, self._draw, recognition, target)
        if self.outputs.heatmaps is not None:
            self._attempt(source.name, self._write_heatmaps, recognition, source)

    def _attempt(self, name: str, write: Callable[..., None], *arguments: object) -> None:
        try:
            write(*arguments)
        except BrokenPipeError:
            raise
        except Exception as error:
            self.results.fail_output(name, error)

    def _draw(self, recognition: Recognition, target: Path) -> None:
        with self.bars.step(f"drawing {target.name}") as advance:
            asked = self.recognizer.settings
            write_overlay(recognition, target, decoder=asked.decoder, limits=asked.limits, progress=advance)

    def _write_heatmaps(self, recognition: Recognition, source: Source) -> None:
        assert self.outputs.heatmaps is not None
        if not recognition.persons:
            raise NoPerson(f"{recognition.source}: nobody was seen, so there are no heatmaps to write")
        poses = recognition.poses
        name = f"{source.path.stem}-{poses.name}" if source.holds_poses else source.path.stem
        views = self.recognizer.classifier.heatmaps(poses, recognition.persons[0].rows)
        channels = channel_names(self.recognizer.classifier.preprocessing.kind, layout(poses.layout))
        target = self.outputs.heatmaps.claim(name)
        remove_leftovers(target)
        write_heatmaps(views, target, channels)

    def _write_poses(self, target: Path) -> None:
        if not self.poses:
            self.messages.warning(f"{target} is not written: there are no poses")
            return
        distinct = Distinct()
        stored = {source: self.parts.get(source, PoseDataset([])) for source in self.poses}
        named = any(dataset.classes for dataset in stored.values())
        parts = [
            _answered(source, stored[source], clips, distinct, named=named) for source, clips in self.poses.items()
        ]
        lost = sum(map(_labels, self.poses.values())) - sum(_labels(part.dataset.annotations) for part in parts)
        if lost:
            self.messages.warning(f"{target}: {lost} labels that are numbers without a name of a class are left out")
        write_poses(target, united(parts))


def _labels(clips: Sequence[PoseSequence]) -> int:
    """How many clips have one."""
    return sum(clip.label >= 0 for clip in clips)


def _answered(
    source: str, stored: PoseDataset, clips: Sequence[PoseSequence], distinct: Distinct, *, named: bool
) -> Part:
    """The clips of one source that were answered, with the classes and splits that it has, under names of their own.

    Args:
        stored: what the source holds; nothing for a video. named: one of all sources has names for its classes, beside
            which labels that are numbers alone mean nothing.
    """
    kept = [
        replace(
            clip, name=distinct(clip.name), label=clip.label if not named or clip.label < len(stored.classes) else -1
        )
        for clip in clips
    ]
    renamed: dict[str, list[str]] = {}
    for before, after in zip(clips, kept, strict=True):
        renamed.setdefault(before.name, []).append(after.name)
    splits = {
        split: [name for member in dict.fromkeys(members) for name in renamed.get(member, ())]
        for split, members in stored.splits.items()
    }
    return Part(source, PoseDataset(kept, splits, stored.classes))
