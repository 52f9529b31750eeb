"""What stands in the place of an answer when a source failed, as JSON. Loads nothing heavy: it comes at once."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from poseact import __version__
from poseact.errors import public_name
from poseact.report.plain import json_line, valid_unicode


class Part(BaseModel):
    """A part of a document: complete, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ErrorPart(Part):
    """Why a source has no answer; `type` is the name of the exception."""

    type: str
    message: str


class ErrorDocument(Part):
    """What stands in the place of an answer when a source failed."""

    schema_: Literal["poseact/recognition/1"] = Field("poseact/recognition/1", alias="schema")
    source: str
    error: ErrorPart
    poseact: str


def error_json(source: str, error: BaseException) -> str:
    """One line of strict JSON for a source that failed."""
    part = ErrorPart(type=public_name(error), message=valid_unicode(str(error)))
    return dump(ErrorDocument(source=valid_unicode(source), error=part, poseact=__version__))


def dump(document: BaseModel) -> str:
    """One line of strict JSON."""
    return json_line(document.model_dump(mode="json", by_alias=True))
