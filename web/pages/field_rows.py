"""The fields of a document as a form shows them: by the tables of its regime, named, with what is required of them.

Only shows. What is typed is judged where it is written (ingest/releasing.py, archive/correcting.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from archive.correcting import CODES
from archive.fields import code_lists, normalise_fields, profile
from archive.fields.kinds import document_level
from archive.fields.names import field_name
from archive.fields.own import own_rows
from archive.fields.tables import Row
from archive.findings import Finding

CASE_FILE = ("fileCode", "fileNotation", "fileCatalog")


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a form: its tag, name and value; the codes it may have; what was found in it.

    `proposal` is what the page says ("" for nothing or for the value itself), `sureness` how sure that is (0 to 1),
    `key` the digit that takes it. `needed`: the table asks for it and the archive does not fill it in.
    """

    tag: str
    name: str
    value: str = ""
    words: str = ""
    needed: bool = False
    length: int | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    long: bool = False
    findings: tuple[Finding, ...] = ()
    proposal: str = ""
    taken: str = ""             # the proposal as the field keeps it: a code for its words
    sureness: float | None = None
    key: str = ""
    differs: bool = False       # the page says plainly something else than the list


def form_rows(fields: Mapping[str, str], regime: str, language: str, *, proposals: Mapping[str, str] | None = None,
              sureness: Mapping[str, float] | None = None, findings: Iterable[Finding] = ()) -> list[FieldRow]:
    """The rows of a waiting document's form: the case file first, then its table in printed order, then our own fields.

    What the archive computes or composes has no row. Raises KeyError for a regime that is not held.
    """
    rules = profile(regime)
    level = document_level(fields, rules)
    table = rules.table(level)
    ours = own_rows(level, frozenset(row.key for row in table))
    filled = rules.filled_by_archive.get(level, frozenset())
    told = tuple(findings)
    rows = [row for row in ours if row.key in CASE_FILE] + [
        row for row in (*table, *ours) if row.key not in CASE_FILE and _typed(row)]
    found, key = [], 0
    for row in rows:
        said = said_otherwise(row.key, (proposals or {}).get(row.key, ""), fields, regime)
        key += bool(said)
        found.append(FieldRow(
            row.key, field_name(row.key, regime, language), fields.get(row.key, ""), fields.get(f"{row.key}Text", ""),
            needed=(row.mandatory == "yes" and row.key not in filled) or row.key == "fileCode",
            length=row.length if not row.repeats else None,
            codes=code_lists()[row.code_list].values if row.code_list and not code_lists()[row.code_list].multi else {},
            long=row.kind == "LongText" or (row.length or 0) >= 200,
            findings=tuple(one for one in told if one.params.get("tag") in (row.tag, row.key)),
            proposal=said, sureness=(sureness or {}).get(row.key) if said else None,
            key=str(key) if said and key <= 9 else "", taken=levelled(row.key, said, regime)))
    return found


def said_otherwise(tag: str, proposal: str, fields: Mapping[str, str], regime: str) -> str:
    """The proposal, or "" when the field says the same already: in small or capital letters, in the regime's form."""
    known = (fields.get(tag, "").casefold(), fields.get(f"{tag}Text", "").casefold())
    if not proposal or proposal.casefold() in known:
        return ""
    return "" if levelled(tag, proposal, regime) == fields.get(tag) else proposal


def levelled(tag: str, value: str, regime: str) -> str:
    """A value as the regime writes it: the code for the name of a type, DD/MM/YYYY for a date."""
    return normalise_fields({tag: value}, regime)[0].get(tag, "") if value else ""


def _typed(row: Row) -> bool:
    return bool(row.key) and not row.composed_from and row.key not in CODES
