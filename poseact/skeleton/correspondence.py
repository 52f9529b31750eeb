"""Which keypoints of one layout give those of another. Derived from the layouts' own tables; knows no poses."""

from __future__ import annotations

from poseact.skeleton.definition import Layout


def correspondence(source: Layout, target: Layout) -> tuple[tuple[int, ...], ...]:
    """For each keypoint of `target`, the keypoints of `source` whose mean it is.

    One, where the source has the same place of the body; several, where the target declares a mean and the source has
    all parts of it; none, where the source cannot tell.
    """
    index = {place: number for number, place in enumerate(source.place)}
    means = dict(target.means)
    place = dict(zip(target.keypoints, target.place, strict=True))
    found: list[tuple[int, ...]] = []
    for name in target.keypoints:
        if place[name] in index:
            found.append((index[place[name]],))
            continue
        parts = [index.get(place[part]) for part in means.get(name, ())]
        found.append(tuple(part for part in parts if part is not None) if None not in parts else ())
    return tuple(found)
