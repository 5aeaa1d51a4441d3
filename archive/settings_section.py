"""What every section of the settings has in common."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from archive.i18n import _


class Section(BaseModel):
    """A section of the settings file: it holds the settings that it names and no others, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _readable(address: str) -> str:
    """An address whose password cannot be taken for its host: libraries tell the host they did not find."""
    scheme, _separator, rest = address.partition("://")
    user = rest.rpartition("@")[0]
    if not scheme.startswith("sqlite") and re.search(r"[@/?#\s]", user):
        raise ValueError(_("signs such as @ / ? # in its password are written %40 %2F %3F %23"))
    return address


Address = Annotated[str, AfterValidator(_readable)]
"""Address of a database or broker, which may bear a password."""
