"""The layout type, and a layout as a plain document (TOML, JSON) and back. Knows no file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from poseact.errors import UsageError

MAX_KEYPOINTS = 512
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
_KEYS = ("name", "keypoints", "pairs", "limbs", "coco17", "places", "means")

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Layout:
    """A named set of keypoints.

    Attributes:
        name: the identifier that is stored with poses.
        keypoints: K names in index order.
        pairs: (left, right) keypoint indices.
        limbs: (start, end) keypoint indices in channel order.
        limb_pairs: (left, right) limb indices.
        coco17: (name in COCO-17, own name) of the keypoints that are the same place of the body.
        places: (own name, place) of keypoints whose name alone would be mistaken for, or miss, the same place in other
            layouts; keypoints of two layouts with the same place are the same.
        means: (own name, own names) of keypoints that are by definition the mean of others, such as a neck between
            the shoulders.
    """

    name: str
    keypoints: tuple[str, ...]
    pairs: Pairs
    limbs: Pairs
    limb_pairs: Pairs
    coco17: tuple[tuple[str, str], ...] = ()
    places: tuple[tuple[str, str], ...] = ()
    means: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @cached_property
    def place(self) -> tuple[str, ...]:
        """K names of places of the body: as in COCO-17 where it has them, else as declared, else the keypoint's own."""
        known = dict(self.places) | {own: place for place, own in self.coco17}
        return tuple(known.get(name, name) for name in self.keypoints)

    @cached_property
    def flip_joints(self) -> tuple[int, ...]:
        """Permutation (K,) that exchanges left and right keypoints."""
        return _swapped(len(self.keypoints), self.pairs)

    @cached_property
    def tree(self) -> Pairs:
        """(joint, parent) for all joints that limbs hang, over others, on the first joint; parents come first.

        Of a body in several parts, each part hangs on its own first joint. A limb that would close a ring is left out.
        """
        reached: list[int] = []
        found: list[tuple[int, int]] = []
        for root in range(len(self.keypoints)):
            waiting = [] if root in reached else [root]
            reached += waiting
            for parent in waiting:
                ends = [end for limb in self.limbs if parent in limb for end in limb if end not in reached]
                found += [(end, parent) for end in ends]
                reached += ends
                waiting += ends
        return tuple(found)

    @cached_property
    def branches(self) -> tuple[frozenset[int], ...]:
        """K sets: each joint and those that hang on it, over others, in the `tree`."""
        beyond = [{joint} for joint in range(len(self.keypoints))]
        for joint, parent in reversed(self.tree):
            beyond[parent] |= beyond[joint]
        return tuple(map(frozenset, beyond))

    @cached_property
    def flip_limbs(self) -> tuple[int, ...]:
        """Permutation (limbs,) that exchanges left and right limbs."""
        return _swapped(len(self.limbs), self.limb_pairs)


def _swapped(count: int, pairs: Pairs) -> tuple[int, ...]:
    order = list(range(count))
    for left, right in pairs:
        order[left], order[right] = right, left
    return tuple(order)


def to_document(layout: Layout) -> dict[str, Any]:
    """A layout as plain values with names in place of indices: what `from_document` reads."""
    names = layout.keypoints
    document = {
        "name": layout.name,
        "keypoints": list(names),
        "pairs": [[names[left], names[right]] for left, right in layout.pairs],
        "limbs": [[names[start], names[end]] for start, end in layout.limbs],
        "coco17": dict(layout.coco17),
    }
    document |= {"places": dict(layout.places)} if layout.places else {}
    document |= {"means": {name: list(parts) for name, parts in layout.means}} if layout.means else {}
    return document


def from_document(document: object, where: str, coco17: tuple[str, ...]) -> Layout:
    """Build a layout from a document whose author need not be trusted.

    Args:
        document: name, keypoints, and optionally pairs and limbs (pairs of keypoint names), coco17 (name there ->
            name here), places (name here -> place) and means (name here -> names here that it is the mean of). Limb
            channels are mirrored as their ends are.
        where: how the error messages call it.
        coco17: the names of COCO-17.
    Raises: UsageError.
    """
    if not isinstance(document, Mapping):
        raise UsageError(f"{where} is no layout; it needs a name and a list of keypoints")
    unknown = [key for key in document if key not in _KEYS]
    if unknown:
        raise UsageError(f"{where}: unknown key {str(unknown[0])[:60]!r}; known are {', '.join(_KEYS)}")
    name = document.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"{where}: 'name' must be up to 60 letters, digits, '_', '-' or '.', got {str(name)[:60]!r}")
    keypoints = _keypoints(document.get("keypoints"), where)
    pairs = _pairs(document.get("pairs", []), "pairs", keypoints, where)
    sides = [side for pair in pairs for side in pair]
    if len(set(sides)) != len(sides):
        raise UsageError(f"{where}: 'pairs' name a keypoint twice; each keypoint has one mirror image")
    limbs = _pairs(document.get("limbs", []), "limbs", keypoints, where)
    same = document.get("coco17", {})
    named = isinstance(same, Mapping) and all(isinstance(one, str) for one in same.values())
    if not named or not all(a in coco17 and b in keypoints for a, b in _items(same)):
        raise UsageError(f"{where}: 'coco17' must map names of COCO-17 to keypoints of this layout")
    if len(set(same.values())) != len(same):
        raise UsageError(f"{where}: 'coco17' names a keypoint twice")
    mirrored = _limb_pairs(limbs, _swapped(len(keypoints), pairs), keypoints, where)
    ordered = tuple((joint, same[joint]) for joint in coco17 if joint in same)
    places, means = _places(document.get("places", {}), keypoints, where), _means(document, keypoints, where)
    layout = Layout(name, keypoints, pairs, limbs, mirrored, ordered, places, means)
    if len(set(layout.place)) != len(keypoints):
        twice = next(place for place in layout.place if layout.place.count(place) > 1)
        raise UsageError(f"{where}: two keypoints are the place {twice!r} of the body; see 'coco17' and 'places'")
    return layout


def _items(mapping: Mapping[Any, Any]) -> list[tuple[str, str]]:
    return [(str(key), str(value)) for key, value in mapping.items()]


def _keypoints(given: object, where: str) -> tuple[str, ...]:
    if not isinstance(given, (list, tuple)) or not 0 < len(given) <= MAX_KEYPOINTS:
        raise UsageError(f"{where}: 'keypoints' must be a list of 1 to {MAX_KEYPOINTS} names")
    for name in given:
        if not isinstance(name, str) or not name.strip() or len(name) > 60 or not name.isprintable():
            raise UsageError(f"{where}: {str(name)[:60]!r} is no name of a keypoint")
    if len(set(given)) != len(given):
        raise UsageError(f"{where}: two keypoints have the same name")
    return tuple(given)


def _pairs(given: object, key: str, keypoints: tuple[str, ...], where: str) -> Pairs:
    if not isinstance(given, (list, tuple)) or len(given) > 4 * MAX_KEYPOINTS:
        raise UsageError(f"{where}: {key!r} must be a list of pairs of keypoints")
    index = {name: number for number, name in enumerate(keypoints)}
    pairs = []
    for pair in given:
        whole = isinstance(pair, (list, tuple)) and len(pair) == 2 and all(isinstance(name, str) for name in pair)
        if not whole or pair[0] not in index or pair[1] not in index or pair[0] == pair[1]:
            raise UsageError(f"{where}: {key!r} holds {pair!r:.80}, which are not two keypoints of this layout")
        pairs.append((index[pair[0]], index[pair[1]]))
    if len({frozenset(pair) for pair in pairs}) != len(pairs):
        raise UsageError(f"{where}: {key!r} names two keypoints twice")
    return tuple(pairs)


def _places(given: object, keypoints: tuple[str, ...], where: str) -> tuple[tuple[str, str], ...]:
    whole = isinstance(given, Mapping) and all(
        name in keypoints and isinstance(place, str) and place.isprintable() and 0 < len(place) <= 60
        for name, place in given.items()
    )
    if not isinstance(given, Mapping) or not whole:
        raise UsageError(f"{where}: 'places' must map keypoints of this layout to names of places")
    return tuple((name, given[name]) for name in keypoints if name in given)


def _means(
    document: Mapping[Any, Any], keypoints: tuple[str, ...], where: str
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    given = document.get("means", {})
    if not isinstance(given, Mapping) or any(name not in keypoints for name in given):
        raise UsageError(f"{where}: 'means' must map keypoints of this layout to lists of keypoints")
    for name, parts in given.items():
        several = isinstance(parts, (list, tuple)) and 2 <= len(parts) <= len(keypoints)
        if not several or not all(isinstance(part, str) and part in keypoints and part not in given for part in parts):
            raise UsageError(
                f"{where}: {name!r} must be the mean of at least two other keypoints that are no means themselves"
            )
        if len(set(parts)) != len(parts):
            raise UsageError(f"{where}: the mean {name!r} names a keypoint twice")
    return tuple((name, tuple(given[name])) for name in keypoints if name in given)


def _limb_pairs(limbs: Pairs, flip: tuple[int, ...], keypoints: tuple[str, ...], where: str) -> Pairs:
    """(limb, its mirror image), the first one first; limbs that are their own mirror image are left out."""
    number = {frozenset(limb): row for row, limb in enumerate(limbs)}
    found = []
    for row, (start, end) in enumerate(limbs):
        other = number.get(frozenset((flip[start], flip[end])))
        if other is None:
            names = f"{keypoints[start]} to {keypoints[end]}"
            raise UsageError(f"{where}: the limb from {names} has no mirror image among the limbs; add it")
        if other > row:
            found.append((row, other))
    return tuple(found)
