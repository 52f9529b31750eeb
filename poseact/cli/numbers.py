"""Options that take several numbers: `--weights 2 1`, the same as `--weights 2,1`. Knows no option by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

from poseact.errors import UsageError

SEVERAL = "..."
"""What the metavar of an option ends in that takes several numbers."""


class NumbersCommand(TyperCommand):
    """A command whose options with a metavar such as `W...` take all numbers that follow them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join those numbers with commas, then parse as usual."""
        names = [
            name for parameter in self.params if str(getattr(parameter, "metavar", "")).endswith(SEVERAL)
            for name in parameter.opts if name.startswith("-")
        ]  # fmt: skip
        return super().parse_args(ctx, joined(args, names))


def joined(arguments: Sequence[str], names: Sequence[str]) -> list[str]:
    """The arguments with the numbers after an option of these names as one argument; what follows `--` stays."""
    found: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return [*found, argument, *rest]
        name, equals, value = argument.partition("=")
        if name not in names:
            found.append(argument)
            continue
        values = [value] if equals else []
        while rest and _is_numbers(rest[0]):
            values.append(rest.pop(0))
        found += [f"{name}={','.join(values)}"] if values else [name]
    return found


def numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    """The numbers of an option, separated by commas or spaces; None where it is not given.

    Raises: UsageError for what is no number.
    """
    if text is None:
        return None
    words = text.replace(",", " ").split()
    wrong = next((word for word in words if not _is_number(word)), None)
    if wrong is not None or not words:
        raise UsageError(f"{option} {text}: {wrong or text!r} is no number; write {option} 1 1")
    return tuple(float(word) for word in words)


def _is_numbers(text: str) -> bool:
    words = text.replace(",", " ").split()
    return bool(words) and all(map(_is_number, words))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
