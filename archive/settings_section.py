"""What every section of the settings has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the settings file: it holds the settings that it names and no others, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
