"""What a hold may be asked to cover by conditions on the catalogue, as one select.

Words in titles are compared without case and marks, in Python; all else is one statement of the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from archive.model import CaseFile, Document
from archive.records import name_key


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions on case files and, from `organ` on, on documents in them; all that are given must hold.

    Years and days are inclusive; days are YYYY-MM-DD. `title` and `subject` are words that must occur.
    """

    fonds: str = ""
    year_from: int = 0
    year_to: int = 0
    notation: str = ""
    keeper: str = ""
    title: str = ""
    organ: str = ""
    type_name: str = ""
    issued_from: str = ""
    issued_to: str = ""
    subject: str = ""

    @property
    def any(self) -> bool:
        """Whether there is a condition at all: a hold on everything has to be said as one on the fonds."""
        return bool(self.told())

    @property
    def words(self) -> bool:
        """Whether words are to be found, which the database alone cannot do."""
        return bool(self.title or self.subject)

    def told(self) -> dict[str, Any]:
        """The conditions that are given, as they are kept with the hold."""
        return {key: value for key, value in asdict(self).items() if value}

    def __str__(self) -> str:
        """The conditions as they are typed (luutru hold place)."""
        return " ".join(f"--{_OPTIONS.get(key, key.replace('_', '-'))} {value}" for key, value in self.told().items())


_OPTIONS = {"fonds": "in-fonds", "type_name": "type"}
_OF_DOCUMENTS = ("organ", "type_name", "issued_from", "issued_to", "subject")


def conditions(told: Mapping[str, Any]) -> Conditions:
    """The conditions that `Conditions.told` wrote."""
    known = {one.name for one in fields(Conditions)}
    return Conditions(**{key: value for key, value in told.items() if key in known})


def case_files(asked: Conditions) -> Select[Any]:
    """A select of the codes of the case files that meet the conditions, words aside."""
    chosen = select(CaseFile.code).where(*_on_case_files(asked))
    if any(getattr(asked, name) for name in _OF_DOCUMENTS):
        chosen = chosen.where(exists().where(Document.case_file == CaseFile.code, *_on_documents(asked)))
    return chosen


def found(session: Session, asked: Conditions, *, documents: bool) -> Iterator[tuple[str, str, str]]:
    """What meets the conditions as (kind, code, case file): case files, or the documents themselves; by code."""
    if documents:
        rows = session.execute(select(Document.code, Document.case_file, Document.subject, CaseFile.title).join(
            CaseFile, CaseFile.code == Document.case_file).where(
            *_on_case_files(asked), *_on_documents(asked)).order_by(Document.code))
        for code, case_file, subject, title in rows:
            if _says(title, asked.title) and _says(subject, asked.subject):
                yield "document", code, case_file
        return
    if not asked.subject:
        for code, title in session.execute(case_files(asked).add_columns(CaseFile.title).order_by(CaseFile.code)):
            if _says(title, asked.title):
                yield "casefile", code, code
        return
    last = ""
    for _kind, _code, case_file in found(session, asked, documents=True):
        if case_file != last:
            yield "casefile", case_file, case_file
        last = case_file


def _on_case_files(asked: Conditions) -> list[Any]:
    wanted = [(asked.fonds, CaseFile.fonds == asked.fonds), (asked.year_from, CaseFile.year >= asked.year_from),
              (asked.year_to, CaseFile.year <= asked.year_to), (asked.notation, CaseFile.notation == asked.notation),
              (asked.keeper, CaseFile.keeper == asked.keeper)]
    return [clause for given, clause in wanted if given]


def _on_documents(asked: Conditions) -> list[Any]:
    dated = Document.issued_on != ""
    wanted = [(asked.organ, Document.organ_key == name_key(asked.organ)),
              (asked.type_name, Document.type_name == asked.type_name),
              (asked.issued_from, dated & (Document.issued_on >= asked.issued_from)),
              (asked.issued_to, dated & (Document.issued_on <= asked.issued_to))]
    return [clause for given, clause in wanted if given]


def _says(text: str, words: str) -> bool:
    """Whether all `words` occur in a text, case and marks aside."""
    if not words:
        return True
    there = f" {name_key(text)} "
    return all(f" {word} " in there for word in name_key(words).split())
