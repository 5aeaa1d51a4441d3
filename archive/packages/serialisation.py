"""How packages are written where the printed norm contradicts itself: named profiles of choices, read as data.

`serialisation.toml` says for each choice what the circular prints and where; nothing of it is written twice.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from archive.errors import SettingsError
from archive.packages.description import Form
from archive.settings import Settings

PLACE = Path(__file__).with_suffix(".toml")
DEFAULT = "tt05_2025"


@dataclass(frozen=True, slots=True, eq=False)
class Serialisation:
    """The choices of one profile; each is explained under its name in serialisation.toml.

    `types` and `root_profiles` are mets/@TYPE and @PROFILE by kind of package; `xsd_order` the printed XSDs'
    order by kind of package and schema ("EAD", "EAD_doc", …), where it can be followed. `archive_code` and
    `archive_name` name the archive in METS; without them the code is read off the documents' archival codes.
    """

    name: str
    ead_order: str
    sheets_in_sip: str
    submission_type: str
    agents: str
    checksum_case: str
    uuid_case: str
    aip_objid: str
    csip_namespace: str
    descriptive_mdtype: str
    preservation_mdtype: str
    admid: str
    rep_type: str
    rep_label: str
    rep_metadata_div: str
    premis_category: str
    premis_namespace: str
    mets_schema_names: str
    own_metadata: str
    zip_join: str
    time_digits: str
    types: Mapping[Form, str]
    root_profiles: Mapping[Form, str]
    rep_profile: str
    xsd_order: Mapping[Form, Mapping[str, tuple[str, ...]]]
    archive_code: str = ""
    archive_name: str = ""

    def uuid(self, text: str) -> str:
        """The UUID `text` in the profile's case."""
        return text.upper() if self.uuid_case == "upper" else text.lower()

    def checksum(self, sha256: str) -> str:
        """The hex digest `sha256` in the profile's case."""
        return sha256.upper() if self.checksum_case == "upper" else sha256.lower()


@cache
def serialisation(name: str = DEFAULT) -> Serialisation:
    """The profile `name`. Raises SettingsError when there is none of that name."""
    raw = _raw()
    if name not in raw["profiles"]:
        raise SettingsError(f"packages.serialisation: {name}: {', '.join(raw['profiles'])}")
    changed = {key: value for key, value in raw["profiles"][name].items() if key != "says"}
    chosen = {key: changed.get(key, choice["value"]) for key, choice in raw["choices"].items()}
    orders = {form: MappingProxyType({schema: tuple(tags) for schema, tags in schemas.items()})
              for form, schemas in raw["xsd_order"].items()}
    return Serialisation(name=name, **chosen, types=_by_form(raw["types"]),
                         root_profiles=_by_form(raw["profiles_of_root"]), rep_profile=raw["profile_of_rep"]["value"],
                         xsd_order=MappingProxyType(orders))


def for_settings(settings: Settings) -> Serialisation:
    """The profile that `settings` choose, with the archive's code and name. Raises as `serialisation`."""
    chosen, agency = settings.packages, settings.agency
    return replace(serialisation(chosen.serialisation), archive_code=settings.archive_code,
                   archive_name=chosen.archive_name or (agency.name if not chosen.archive_code else ""))


def profiles() -> Mapping[str, str]:
    """The names of the profiles, each with what it is for."""
    return {name: profile["says"] for name, profile in _raw()["profiles"].items()}


def _by_form(entry: Mapping[str, str]) -> Mapping[Form, str]:
    return MappingProxyType({form: value for form, value in entry.items() if form != "says"})  # type: ignore[misc]


@cache
def _raw() -> dict[str, Any]:
    with PLACE.open("rb") as stream:
        return tomllib.load(stream)
