"""Options that name several things in one text, as in `--split a,b`. Knows no option by name."""

from __future__ import annotations


def listed(text: str) -> list[str]:
    """The names between the commas, without blanks around them and without empty ones."""
    return [name.strip() for name in text.split(",") if name.strip()]
