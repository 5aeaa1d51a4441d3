"""Fills the catalogue of an archive for the benchmark of retention, as a rebuild would leave it; the store stays empty.

The same rows every time. They go to the database's own bulk interface, and indexes are made after them: five million
documents are else half an hour's work. Must never measure anything, nor be measured.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import Table, insert

from archive import model
from archive.catalogue import Catalogue
from archive.retention_text import FOREVER, UNKNOWN

FONDS = 40
FIRST, LAST = 1996, 2026
DOCUMENTS = 5           # of a case file, in the mean
LINKED = 0.02           # share of the case files of which a document is linked from another
DECIDED = 0.6           # share under a row of a table, by one of so many decisions
DECISIONS = 400
AT_ONCE = 10_000
AT = "2026-11-20T15:30:00.000000+00:00"
_BULK = (model.CaseFile, model.Document, model.PeriodAssignment, model.DocumentLink)


def fill(catalogue: Catalogue, case_files: int) -> None:
    """Rows of `case_files` case files and five times as many documents, drawn with a fixed seed."""
    chance = random.Random(20261120)
    with catalogue.session() as session:
        session.execute(insert(model.Fonds), [{"code": f"H99.{n:02d}", "name": f"Cơ quan {n}"} for n in range(FONDS)])
        session.execute(insert(model.RetentionTable), [
            {"id": "mau", "version": 1, "instrument": "01/2026/TT-MAU", "valid_from": "1996-01-01", "approver": "Mẫu",
             "imported_at": AT}])
        session.execute(insert(model.RetentionRule), [
            {"table_id": "mau", "version": 1, "code": str(n), "position": n, "description": f"Nhóm hồ sơ {n}",
             "kind": "permanent" if n % 5 == 0 else "years", "years": 0 if n % 5 == 0 else (2, 5, 10, 20)[n % 4],
             "period": "—"} for n in range(1, 201)])
        session.execute(insert(model.PeriodDecision), [
            {"n": n, "at": AT, "by": "benchmark", "kind": "table", "from_day": "2026-01-01", "reason": "—",
             "table_id": "mau", "version": 1, "rule": str(n % 200 + 1), "years": 10, "case_files": 0}
            for n in range(1, DECISIONS + 1)])
    tables: list[Table] = [one.__table__ for one in _BULK]  # type: ignore[misc]
    indexes = [index for table in tables for index in table.indexes]
    engine = catalogue.engine
    for index in indexes:
        index.drop(engine)
    writing = _sqlite if engine.dialect.name == "sqlite" else _postgres
    connection = engine.raw_connection()
    try:
        write = writing(connection)
        former = ""
        several: dict[Any, list[dict[str, Any]]] = {one: [] for one in _BULK}
        for made, row in _rows(chance, case_files):
            if made is model.CaseFile:
                if len(several[made]) >= AT_ONCE:
                    _write(write, several)
                if former and chance.random() < LINKED:
                    several[model.DocumentLink].append({"document": f"{former}.0000001", "case_file": row["code"],
                                                        "n": 1, "home": former, "at": AT})
                former = row["code"]
            several[made].append(row)
        _write(write, several)
        connection.commit()
    finally:
        connection.invalidate()         # nobody else is to have it as it was set for this
    for index in indexes:
        index.create(engine)
    with engine.connect() as fresh:
        fresh.exec_driver_sql("ANALYZE")
        fresh.commit()


Write = Callable[[Table, list[str], Iterable[tuple[Any, ...]]], None]


def _write(write: Write, several: dict[Any, list[dict[str, Any]]]) -> None:
    for made, rows in several.items():
        if not rows:
            continue
        table: Table = made.__table__
        names, defaults = [one.name for one in table.columns], _defaults(table)
        write(table, names, (tuple(map({**defaults, **row}.__getitem__, names)) for row in rows))
        rows.clear()


def _defaults(table: Table) -> dict[str, Any]:
    """What the columns hold of which a row says nothing."""
    found: dict[str, Any] = {}
    for column in table.columns:
        default: Any = column.default
        value = None if default is None else default.arg(None) if default.is_callable else default.arg
        found[column.name] = json.dumps(value) if isinstance(value, dict | list) else value
    return found


def _sqlite(connection: Any) -> Write:
    cursor = connection.cursor()
    connection.commit()
    for pragma in ("synchronous=OFF", "cache_size=-800000", "foreign_keys=OFF"):
        cursor.execute(f"PRAGMA {pragma}")

    def write(table: Table, names: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * len(names))
        cursor.executemany(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", rows)
        connection.commit()

    return write


def _postgres(connection: Any) -> Write:
    cursor = connection.cursor()

    def write(table: Table, names: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
        lines = "".join("\t".join("\\N" if value is None else str(value) for value in row) + "\n" for row in rows)
        columns = ", ".join(f'"{name}"' for name in names)
        cursor.copy_expert(f"COPY {table.name} ({columns}) FROM STDIN", io.StringIO(lines))

    return write


def _rows(chance: random.Random, case_files: int) -> Iterator[tuple[Any, dict[str, Any]]]:
    for n in range(case_files):
        year = chance.randint(FIRST, LAST)
        agency = f"H99.{chance.randrange(FONDS):02d}"
        notation = f"{n:07d}.VP"
        code = f"{agency}.{year}.{notation}"
        keep = chance.choice((UNKNOWN, 5, 10, 20, FOREVER))
        yield model.CaseFile, {
            "code": code, "fonds": agency, "year": year, "notation": notation,
            "title": f"Hồ sơ giải quyết công việc số {n} về quản lý văn thư, lưu trữ năm {year}",
            "retention": f"{keep} năm", "keeper": "Phòng Hành chính", "state": "closed", "profile": "tt05_2025",
            "object_id": f"urn:luutru:casefile:{code}", "version": 3, "opened_at": AT,
            "closed_at": AT if chance.random() < 0.9 else "", "keep_years": keep, "ended": 0}
        if chance.random() < DECIDED:
            yield model.PeriodAssignment, {"case_file": code, "n": chance.randint(1, DECISIONS)}
        for ordinal in range(1, chance.randint(1, 2 * DOCUMENTS - 1) + 1):
            document = f"{code}.{ordinal:07d}"
            subject = f"V/v triển khai công tác văn thư, lưu trữ lần {ordinal} năm {year}"
            yield model.Document, {
                "code": document, "case_file": code, "ordinal": ordinal, "item": f"{n:09x}{ordinal:03x}",
                "profile": "tt05_2025", "type_name": "Công văn", "number": str(ordinal), "notation": "CV-VP",
                "issued_on": f"{year}-06-15", "organ": "Văn phòng", "organ_key": "van phong",
                "subject": subject, "pages": 3,
                "legal_value": "signed_original", "verdict": "valid", "received_at": AT, "legal_received_at": AT,
                "receipt_rule": "LS", "batch": "2026-11-20.1", "version": 1,
                "fields": f'{{"subject": "{subject}", "issuedDate": "15/06/{year}", "organName": "Văn phòng", '
                          '"typeName": "08"}',
                "bytes": chance.randint(20_000, 3_000_000), "dated": min(LAST, year + (ordinal == 7)),
                "keep_years": 20 if chance.random() < 0.01 else UNKNOWN}
