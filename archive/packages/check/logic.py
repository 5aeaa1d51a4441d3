"""What the rules of mets_rules.toml ask of a METS or PREMIS file and no single XPath can say.

Every function takes the root element and the elements that the rule is about, and returns those that break it, each
with the value found there. None raises for what a file holds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

_M = "{http://www.loc.gov/METS/}"
_P = "{http://www.loc.gov/premis/v3}"
_ORDER = ("metsHdr", "dmdSec", "amdSec", "fileSec", "structMap", "structLink", "behaviorSec")
_PREMIS_ORDER = {
    "premis": ("object", "event", "agent", "rights"),
    "object": ("objectIdentifier", "objectCategory", "preservationLevel", "significantProperties",
               "objectCharacteristics", "originalName", "storage", "signatureInformation", "environmentFunction",
               "environmentDesignation", "environmentRegistry", "environmentExtension", "relationship",
               "linkingEventIdentifier", "linkingRightsStatementIdentifier"),
    "event": ("eventIdentifier", "eventType", "eventDateTime", "eventDetailInformation", "eventOutcomeInformation",
              "linkingAgentIdentifier", "linkingObjectIdentifier"),
    "agent": ("agentIdentifier", "agentName", "agentType", "agentVersion", "agentNote", "agentExtension",
              "linkingEventIdentifier", "linkingRightsStatementIdentifier", "linkingEnvironmentIdentifier"),
}
_REFERENCES = ("DMDID", "ADMID", "FILEID")
_DATES = ("CREATEDATE", "LASTMODDATE", "CREATED")
_DATETIME = re.compile(r"\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_LENGTHS = {"md5": 32, "sha-1": 40, "sha-256": 64, "sha-384": 96, "sha-512": 128}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

Wrong = list[tuple[Any, str]]


@lru_cache(4096)
def folded(text: str) -> str:
    """`text` for comparing: one blank between words, every dash a hyphen, no difference of letter case."""
    return " ".join(re.sub("[‐‑‒–—−]", "-", text).split()).casefold()


def fold(_context: Any, values: Any) -> str:
    """`folded` for XPath: of the first node, or of a string; "" when there is none."""
    if isinstance(values, list):
        if not values:
            return ""
        first = values[0]
        values = first if isinstance(first, str) else "".join(first.itertext())
    return folded(str(values))


# --- METS -----------------------------------------------------------------------------------------------------


def _unique_ids(root: Any, _at: list[Any]) -> Wrong:
    """Every ID once."""
    seen: set[str] = set()
    wrong = []
    for element in root.iter("*"):
        if name := element.get("ID"):
            if name in seen:
                wrong.append((element, name))
            seen.add(name)
    return wrong


def _references(root: Any, _at: list[Any]) -> Wrong:
    """DMDID, ADMID and FILEID name IDs that are there."""
    ids = {element.get("ID") for element in root.iter("*")}
    return [(element, token) for element in root.iter("*") for name in _REFERENCES if name in element.attrib
            for token in element.get(name).split() if token not in ids]


def _iso_times(root: Any, _at: list[Any]) -> Wrong:
    """Dates are real ones in xsd:dateTime's form."""
    return [(element, element.get(name)) for element in root.iter("*") for name in _DATES
            if element.get(name, "").strip() and not is_datetime(element.get(name))]


def is_datetime(text: str) -> bool:
    """Whether `text` is an xsd:dateTime that exists."""
    text = text.strip()
    if not _DATETIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _checksum_form(_root: Any, at: list[Any]) -> Wrong:
    """CHECKSUM is hexadecimal and as long as its algorithm makes it."""
    wrong = []
    for element in at:
        text, length = element.get("CHECKSUM", "").strip(), _LENGTHS.get(folded(element.get("CHECKSUMTYPE", "")))
        if text and length and not re.fullmatch(rf"[0-9A-Fa-f]{{{length}}}", text):
            wrong.append((element, text))
    return wrong


def _sections_in_order(root: Any, _at: list[Any]) -> Wrong:
    """metsHdr, dmdSec, amdSec, fileSec, structMap … in the order of the schema."""
    known = [child for child in root.iterchildren("*")
             if child.tag.startswith(_M) and child.tag[len(_M):] in _ORDER]
    return [(second, second.tag[len(_M):]) for first, second in pairwise(known)
            if _ORDER.index(first.tag[len(_M):]) > _ORDER.index(second.tag[len(_M):])]


def _current_amd_referenced(root: Any, at: list[Any]) -> Wrong:
    """The Metadata division (`at`), or one beside it, names all current administrative sections, each or its amdSec."""
    named = _tokens(at, "ADMID")
    wrong = []
    for section in root.iterchildren(f"{_M}amdSec"):
        if section.get("ID") in named:
            continue
        wrong += [(part, part.get("ID", "")) for part in section.iterchildren("*")
                  if folded(part.get("STATUS", "CURRENT")) == "current" and part.get("ID") not in named]
    return wrong if at else []


def _current_dmd_referenced(root: Any, at: list[Any]) -> Wrong:
    """The Metadata division (`at`), or one beside it such as Metadata/Other, names all current dmdSec."""
    named = _tokens(at, "DMDID")
    return [(section, section.get("ID", "")) for section in root.iterchildren(f"{_M}dmdSec")
            if folded(section.get("STATUS", "CURRENT")) == "current" and section.get("ID") not in named] if at else []


def _tokens(divisions: Sequence[Any], name: str) -> set[str]:
    return {token for one in divisions for element in one.getparent().iter("*")
            for token in element.get(name, "").split()}


def _representations_have_divisions(root: Any, at: list[Any]) -> Wrong:
    """Every file group Representations/<name> (`at`) has a division of the CSIP structural map."""
    labels = {folded(div.get("LABEL", "")) for chart in root.iterchildren(f"{_M}structMap")
              for div in chart.iter(f"{_M}div")}
    return [(group, group.get("USE")) for group in at
            if "/".join(folded(group.get("USE", "")).split("/")[:2]) not in labels]


# --- TT 05/2025/TT-BNV ------------------------------------------------------------------------------------------


def _main_label_is_objid(root: Any, at: list[Any]) -> Wrong:
    """The root's main division (`at`) bears the package's identifier: the same text, or at least the same UUID."""
    objid = root.get("OBJID", "")
    mine = {uuid.lower() for uuid in _UUID.findall(objid)}
    return [(div, div.get("LABEL")) for div in at if div.get("LABEL", "").strip()
            and folded(div.get("LABEL")) != folded(objid)
            and not mine & {uuid.lower() for uuid in _UUID.findall(div.get("LABEL"))}]


def _documents_linked(root: Any, at: list[Any]) -> Wrong:
    """Every dmdSec of a document (`at`) is named by a division under MetadataLink."""
    named = {token for div in root.iter(f"{_M}div") if folded(div.get("LABEL", "")).startswith("metadatalink/")
             for token in div.get("DMDID", "").split()}
    return [(section, section.get("ID", "")) for section in at if section.get("ID") not in named]


def _files_have_documents(root: Any, at: list[Any]) -> Wrong:
    """Every file of the data (`at`) is a document's main file, an attachment or a holey file."""
    named = {pointer.get("FILEID") for div in root.iter(f"{_M}div")
             if folded(div.get("LABEL", "")).startswith("metadatalink/")
             or folded(div.getparent().get("LABEL") or "") == "attachmentfile"
             for pointer in div.iter(f"{_M}fptr")}
    return [(file, _href(file)) for file in at if file.get("ID") not in named]


def _href(file: Any) -> str:
    locator = file.find(f"{_M}FLocat")
    return "" if locator is None else locator.get("{http://www.w3.org/1999/xlink}href", "")


# --- PREMIS -----------------------------------------------------------------------------------------------------


def _premis_identifiers_unique(root: Any, at: list[Any]) -> Wrong:
    """No two objects, events or agents (`at`) share type and value of an identifier."""
    counted = Counter(key for element in at for key in _identifiers(element))
    return [(element, f"{kind} {value}") for element in at for kind, value in _identifiers(element)
            if counted[kind, value] > 1]


def _identifiers(element: Any) -> Iterator[tuple[str, str]]:
    name = element.tag.rpartition("}")[2]
    for identifier in element.iterchildren(f"{_P}{name}Identifier"):
        yield (identifier.findtext(f"{_P}{name}IdentifierType", "").strip(),
               identifier.findtext(f"{_P}{name}IdentifierValue", "").strip())


def _premis_times(root: Any, at: list[Any]) -> Wrong:
    """eventDateTime (`at`) is a date or a time of ISO 8601, possibly open or uncertain (EDTF)."""
    return [(element, element.text or "") for element in at if ((element.text or "").strip()
            and not re.match(r"\d{4}(-\d\d){0,2}|open|unknown", element.text.strip()))
            or ("T" in (element.text or "") and not is_datetime(element.text))]


def _premis_agents_described(root: Any, at: list[Any]) -> Wrong:
    """Every agent that an event names (`at`: linkingAgentIdentifier) is described in the file."""
    known = {key for agent in root.iterchildren(f"{_P}agent") for key in _identifiers(agent)}
    return [(link, f"{kind} {value}") for link in at
            for kind, value in [(link.findtext(f"{_P}linkingAgentIdentifierType", "").strip(),
                                 link.findtext(f"{_P}linkingAgentIdentifierValue", "").strip())]
            if (kind, value) not in known]


def _premis_in_order(_root: Any, at: list[Any]) -> Wrong:
    """The children of premis, object, event and agent (`at`) stand in the order of the schema."""
    wrong = []
    for parent in at:
        order = _PREMIS_ORDER[parent.tag[len(_P):]]
        known = [child for child in parent.iterchildren("*") if child.tag.rpartition("}")[2] in order]
        wrong += [(second, second.tag.rpartition("}")[2]) for first, second in pairwise(known)
                  if order.index(first.tag.rpartition("}")[2]) > order.index(second.tag.rpartition("}")[2])]
    return wrong


FUNCTIONS: Mapping[str, Callable[[Any, list[Any]], Wrong]] = {
    "unique_ids": _unique_ids,
    "references": _references,
    "iso_times": _iso_times,
    "checksum_form": _checksum_form,
    "sections_in_order": _sections_in_order,
    "current_amd_referenced": _current_amd_referenced,
    "current_dmd_referenced": _current_dmd_referenced,
    "representations_have_divisions": _representations_have_divisions,
    "main_label_is_objid": _main_label_is_objid,
    "documents_linked": _documents_linked,
    "files_have_documents": _files_have_documents,
    "premis_identifiers_unique": _premis_identifiers_unique,
    "premis_times": _premis_times,
    "premis_agents_described": _premis_agents_described,
    "premis_in_order": _premis_in_order,
}
