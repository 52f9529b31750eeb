"""An unfinished download on disk: the bytes so far, and what the server said of the whole. Opens no connection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from poseact.files import write_text

NOTE_BYTES = 100_000


class Origin(BaseModel):
    """Where the bytes of an unfinished download come from.

    Attributes:
        address: without secrets.
        validator: strong ETag or Last-Modified, for If-Range; empty when the server gave none.
        total: bytes of the whole file, where the server said so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str
    validator: str = Field("", max_length=1000)
    total: int | None = Field(None, ge=0)


@dataclass(frozen=True)
class Part:
    """`NAME.part` beside the file that it will become, with its origin in `NAME.part.json`.

    The origin is written before the first byte and removed before the bytes are, so that a process may be killed at
    any moment: bytes never lie beside the origin of others.
    """

    target: Path

    @property
    def path(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part")

    @property
    def note(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part.json")

    @property
    def size(self) -> int:
        """Bytes so far."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @property
    def origin(self) -> Origin | None:
        """None when it is unknown; then the bytes are of no use."""
        try:
            if self.note.stat().st_size > NOTE_BYTES:
                return None
            return Origin.model_validate_json(self.note.read_bytes())
        except (OSError, ValidationError):
            return None

    def begin(self, origin: Origin) -> None:
        """Forget the bytes so far and start anew. Raises: OSError, OutputError."""
        self.discard()
        write_text(self.note, origin.model_dump_json())
        self.path.touch()

    def discard(self) -> None:
        """Remove everything. Raises: OSError."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
