"""How fast and how well the search finds, beside other engines on the same documents and queries in the same run.

    python benchmarks/searching.py [--documents 200000] [--whoosh 5000] [--only tantivy,whoosh,fts5,postgres]

Tantivy and Whoosh run behind the product's own interface, with everything it does (analysis, snippets, true counts).
SQLite FTS5 and PostgreSQL get what a careful hand would give them: our folded words, so that all engines look for the
same, a table of document numbers, filters as columns, a ranking with the title before the text, the phrase first, a
true count, ten hits with their texts; no snippets. Each engine runs in a process of its own. Figures: documents a CPU
second of indexing (making and reading the documents is taken off), index size against raw text, peak memory, latency
of the 60 queries warm, share of known documents among the first ten.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.search_material import Asked, documents, plain, queries
from search.engines.terms import issued_days
from search.entry import Entry
from search.index import Index
from search.numbers import number_of
from search.query import FieldIs, Issued, Number, Phrase, Query, Word, parse
from search.vietnamese import fold

ENGINES = ("tantivy", "whoosh", "fts5", "postgres")
ROUNDS = 3
MADE = "documents.jsonl"
FACETED = ("organ", "year", "type", "fonds", "legal_value", "access")


def main() -> None:
    """Run each engine and print its figures, a line of JSON each, then a table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--documents", type=int, default=200_000)
    asked.add_argument("--whoosh", type=int, default=5_000, help="documents for Whoosh, which bears no more")
    asked.add_argument("--only", default=",".join(ENGINES))
    asked.add_argument("--folder", type=Path, help="where the indexes are made; default: a temporary folder")
    asked.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.engine:
        print(json.dumps(_MEASURED[given.engine](given.folder, given.documents)))
        return
    with tempfile.TemporaryDirectory(prefix="luutru-bench-", dir=given.folder) as shared:
        _write_documents(Path(shared) / MADE, given.documents)
        _tell(_run_all(given, Path(shared)))


def _run_all(given: argparse.Namespace, shared: Path) -> list[dict[str, Any]]:
    told = []
    for engine in given.only.split(","):
        sizes = [min(given.whoosh, given.documents)] if engine == "whoosh" else [given.documents]
        if engine == "tantivy" and "whoosh" in given.only and given.whoosh < given.documents:
            sizes.append(given.whoosh)        # beside Whoosh at the size that it bears
        for size in sizes:
            place = Path(tempfile.mkdtemp(dir=shared))
            try:
                run = subprocess.run([sys.executable, __file__, "--engine", engine, "--documents", str(size),
                                      "--folder", str(place)], stdout=subprocess.PIPE, text=True, check=True)
            finally:
                shutil.rmtree(place, ignore_errors=True)
            told.append(json.loads(run.stdout.splitlines()[-1]))
            print(json.dumps(told[-1], ensure_ascii=False), flush=True)
    return told


def _tell(told: list[dict[str, Any]]) -> None:
    print("\n| engine | documents | a CPU s | index ÷ text | MB indexing / searching | p50 / p95 ms | facets p95 ms "
          "| recall@10 |\n|---|---|---|---|---|---|---|---|")
    for one in told:
        print(f"| {one['engine']} | {one['documents']:,} | {one['a_cpu_second']:,.0f} | {one['index_to_text']:.2f} "
              f"| {one['memory_mb']} / {one['memory_searching_mb']} | {one['p50']:.1f} / {one['p95']:.1f} "
              f"| {one.get('facets_p95', '—')} | {one['recall']:.3f} |")


# --- measuring ----------------------------------------------------------------------------------------------


def _cpu() -> float:
    return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def _memory() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10


def _write_documents(place: Path, count: int) -> None:
    """All documents, once for every engine: making them is not measured."""
    with place.open("w") as out:
        for entry in documents(count):
            out.write(json.dumps([getattr(entry, name) for name in Entry.__slots__]) + "\n")


class _Material:
    """The first documents of the file beside an engine's folder; what reading them costs is known and taken off."""

    def __init__(self, folder: Path, count: int) -> None:
        self.count, self._path = count, folder.parent / MADE
        self.raw = sum(len(entry.text.encode()) for entry in self.read())
        begun = time.process_time()
        for _entry in self.read():
            pass
        self.reading = time.process_time() - begun

    def read(self) -> Iterator[Entry]:
        """The documents in their order."""
        with self._path.open() as lines:
            for line in islice(lines, self.count):
                yield Entry(*json.loads(line))

    def figures(self, engine: str, cpu: float, size: int, find: Callable[[Asked], list[str]],
                memory: int) -> dict[str, Any]:
        """The figures of an engine: `find` gives the codes of the first ten hits."""
        wanted = queries(self.count)
        found: dict[str, list[bool]] = defaultdict(list)
        ranks: list[float] = []
        took: dict[str, list[float]] = defaultdict(list)
        worked: list[float] = []              # CPU of this process: a server's is not in it
        for n in range(ROUNDS + 1):
            for one in wanted:
                begun, used = time.perf_counter(), time.process_time()
                codes = find(one)
                if n:                         # the first round warms
                    took[one.kind].append((time.perf_counter() - begun) * 1000)
                    worked.append((time.process_time() - used) * 1000)
                else:
                    found[one.kind].append(one.item in codes[:10])
                    ranks.append(1 / (codes.index(one.item) + 1) if one.item in codes[:10] else 0.0)
        whole = [ms for several in took.values() for ms in several]
        return {"engine": engine, "documents": self.count, "raw_mb": round(self.raw / 1e6, 1),
                "a_cpu_second": round(self.count / max(0.01, cpu - self.reading), 1),
                "index_to_text": round(size / self.raw, 3), "memory_mb": memory, "memory_searching_mb": _memory(),
                "p50": round(statistics.median(whole), 2), "p95": round(_p95(whole), 2),
                "cpu_p50": round(statistics.median(worked), 2), "cpu_p95": round(_p95(worked), 2),
                "recall": statistics.mean(hit for several in found.values() for hit in several),
                "mean_reciprocal_rank": round(statistics.mean(ranks), 3), "load": round(os.getloadavg()[0], 1),
                "kinds": {kind: {"recall": statistics.mean(found[kind]), "p50": round(statistics.median(took[kind]), 2),
                                 "p95": round(_p95(took[kind]), 2)} for kind in found}}


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# --- the engines --------------------------------------------------------------------------------------------


def _ours(engine: str, folder: Path, count: int) -> dict[str, Any]:
    material = _Material(folder, count)
    index = Index.open(folder / "index", engine)
    begun = _cpu()
    index.rebuild(material.read())
    cpu = _cpu() - begun
    memory = _memory()
    told = material.figures(engine, cpu, _size(folder / "index"), lambda one: [
        hit.code for hit in index.search(one.typed, 10, 0, one.filters).hits], memory)
    took = []
    for one in queries(count)[::3]:
        begun = time.perf_counter()
        index.search(one.typed, 10, 0, one.filters, facets=FACETED)
        took.append((time.perf_counter() - begun) * 1000)
    told["facets_p95"] = round(_p95(took), 1)
    typed = [" ".join(one.typed.split()[:3])[:-1] for one in queries(count)[10:40]]
    took = []
    for one_typed in typed:
        begun = time.perf_counter()
        index.suggest(one_typed)
        took.append((time.perf_counter() - begun) * 1000)
    told["suggest_p95"] = round(_p95(took), 1)
    told["aliases"] = _with_aliases(index, count)
    index.close()
    return told


def _with_aliases(index: Index, count: int) -> dict[str, float]:
    """Recall of queries that name the agency in short, as they are typed, with the aliases and without them."""
    from search.aliases import BUILT_IN, Aliases

    asked = []
    for n, entry in enumerate(documents(600)):
        office = entry.organ.partition(" tỉnh ")[0]
        shorts = [short for short, full in BUILT_IN.pairs if fold(full) == fold(office)]
        if shorts and len(asked) < 40:
            words = entry.subject.split()
            typed = f"{shorts[0]} {entry.organ.rpartition(' tỉnh ')[2]} {' '.join(words[3:6])} {' '.join(words[-2:])}"
            asked.append((plain(typed) if n % 2 else typed, entry.code))
    found = {}
    for name, aliases in (("with", BUILT_IN), ("without", Aliases(()))):
        index._aliases = aliases
        found[name] = statistics.mean(code in [hit.code for hit in index.search(typed, 10, forgiving=False).hits]
                                      for typed, code in asked)
    index._aliases = BUILT_IN
    return found


def _columns(entry: Entry) -> tuple[Any, ...]:
    issued = issued_days(entry) or (0, 0)
    words = fold("\n".join((entry.subject, entry.type_name, entry.organ, entry.signer, entry.case_title,
                            entry.case_file, entry.code, entry.number, entry.notation, entry.issued_on, entry.text)))
    return (entry.code, fold(entry.type_name), fold(entry.organ), issued[0], issued[1], entry.text,
            fold(entry.subject), words)


def _numbers(entry: Entry) -> set[str]:
    own = number_of(entry.number, entry.notation)
    return {own.key, *own.short_keys(entry.issued_on[:4])} if own else set()


def _asked(one: Asked) -> tuple[list[str], list[list[str]], str, dict[str, Any]]:
    """The words and phrases that are looked for, the number's key, and the filters."""
    typed = parse(one.typed)
    words, phrases, key = [], [], ""
    for part in Query("", (*typed.clauses, *one.filters.clauses())).wanted:
        match part:
            case Word():
                words.append(part.folded)
            case Phrase():
                phrases.append(list(part.folded))
            case Number():
                key = part.number.key
    filters: dict[str, Any] = {}
    for clause in one.filters.clauses():
        match clause.part:
            case Issued(first=first, last=last):
                filters["first"] = max(first or 0, filters.get("first", 0))
                filters["last"] = min(last or 99999999, filters.get("last", 99999999))
            case FieldIs(field=name, values=values):
                filters[name] = [fold(value) for value in values]
    return words, phrases, key, filters


def _where(filters: dict[str, Any], mark: str) -> tuple[str, list[Any]]:
    parts, values = [], []
    for name, value in filters.items():
        if name == "first":
            parts.append(f"last_day >= {mark}")
            values.append(value)
        elif name == "last":
            parts.append(f"first_day <= {mark}")
            values.append(value)
        else:
            parts.append("(" + " OR ".join(f"{name} LIKE {mark}" for _ in value) + ")")
            values += [f"%{one}%" for one in value]
    return (" AND " + " AND ".join(parts) if parts else ""), values


def _fts5(folder: Path, count: int) -> dict[str, Any]:
    material = _Material(folder, count)
    path = folder / "fts.db"
    with closing(sqlite3.connect(path)) as base:
        base.executescript("""
            PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536; PRAGMA mmap_size=2000000000;
            CREATE TABLE doc (id INTEGER PRIMARY KEY, code TEXT UNIQUE, type TEXT, organ TEXT, first_day INT,
                              last_day INT, text TEXT);
            CREATE TABLE own (key TEXT, doc INT); CREATE INDEX own_key ON own (key, doc);
            CREATE VIRTUAL TABLE fts USING fts5(title, words, content='', tokenize='unicode61 remove_diacritics 0');
        """)
        begun = _cpu()
        for n, entry in enumerate(material.read()):
            columns = _columns(entry)
            base.execute("INSERT INTO doc VALUES (?, ?, ?, ?, ?, ?, ?)", (n, *columns[:6]))
            base.execute("INSERT INTO fts (rowid, title, words) VALUES (?, ?, ?)", (n, *columns[6:]))
            base.executemany("INSERT INTO own VALUES (?, ?)", ((key, n) for key in sorted(_numbers(entry))))
        base.commit()
        cpu = _cpu() - begun
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        def find(one: Asked) -> list[str]:
            words, phrases, key, filters = _asked(one)
            more, values = _where(filters, "?")
            if key:
                rows = base.execute(f"SELECT code, text FROM own JOIN doc ON doc.id = own.doc WHERE key = ?{more} "
                                    "ORDER BY last_day DESC", (key, *values)).fetchall()
                return [row[0] for row in rows[:10]]
            wanted = " AND ".join([*(f'"{word}"' for word in words), *('"' + " ".join(one) + '"' for one in phrases)])
            joined = f"FROM fts JOIN doc ON doc.id = fts.rowid WHERE fts MATCH ?{more}"
            found: list[str] = []
            if len(words) > 1:                # the whole query as a phrase first
                found = [row[0] for row in base.execute(
                    f"SELECT code, text {joined} ORDER BY bm25(fts, 5.0, 1.0) LIMIT 10",
                    ('"' + " ".join(words) + '"', *values))]
            base.execute(f"SELECT count(*) {joined}", (wanted, *values)).fetchone()
            found += [row[0] for row in base.execute(
                f"SELECT code, text {joined} ORDER BY bm25(fts, 5.0, 1.0) LIMIT 10", (wanted, *values))]
            return list(dict.fromkeys(found))

        return material.figures("sqlite fts5", cpu, path.stat().st_size, find, _memory())


def _postgres(folder: Path, count: int) -> dict[str, Any]:
    import psycopg2
    from psycopg2.extras import execute_values

    from tests.postgres import server

    material = _Material(folder, count)
    with server() as url, closing(psycopg2.connect(url.replace("+psycopg2", ""))) as base:
        base.autocommit = True
        ask = base.cursor()
        ask.execute("SELECT pg_backend_pid()")
        backend = ask.fetchone()[0]
        postmaster = int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
        ask.execute("""
            SET maintenance_work_mem = '256MB'; SET work_mem = '64MB';
            CREATE TABLE doc (id INT PRIMARY KEY, code TEXT, type TEXT, organ TEXT, first_day INT, last_day INT,
                              text TEXT, words TSVECTOR);
            CREATE TABLE own (key TEXT, doc INT)""")
        begun = _cpu() + _server_cpu(postmaster)
        rows: list[Any] = []
        keys: list[Any] = []

        def write() -> None:
            execute_values(ask, "INSERT INTO doc VALUES %s", rows, page_size=1000, template=(
                "(%s, %s, %s, %s, %s, %s, %s, setweight(to_tsvector('simple', %s), 'A') || "
                "setweight(to_tsvector('simple', %s), 'D'))"))
            execute_values(ask, "INSERT INTO own VALUES %s", keys)
            rows.clear()
            keys.clear()

        for n, entry in enumerate(material.read()):
            rows.append((n, *_columns(entry)))
            keys.extend((key, n) for key in _numbers(entry))
            if len(rows) == 1000:
                write()
        if rows:
            write()
        ask.execute("CREATE INDEX ON doc USING gin (words); CREATE INDEX ON own (key); ANALYZE")
        cpu = _cpu() + _server_cpu(postmaster) - begun
        ask.execute("SELECT pg_total_relation_size('doc') + pg_total_relation_size('own')")
        size = int(ask.fetchone()[0])

        def find(one: Asked) -> list[str]:
            words, phrases, key, filters = _asked(one)
            more, values = _where(filters, "%s")
            if key:
                ask.execute(f"SELECT code, text FROM own JOIN doc ON doc.id = own.doc WHERE key = %s{more} "
                            "ORDER BY last_day DESC", (key, *values))
                return [row[0] for row in ask.fetchall()[:10]]
            wanted = " & ".join([*words, *("(" + " <-> ".join(one) + ")" for one in phrases)])
            found: list[str] = []
            if len(words) > 1:
                ask.execute("SELECT code, text, ts_rank(words, q) AS r FROM doc, to_tsquery('simple', %s) q "
                            f"WHERE words @@ q{more} ORDER BY r DESC LIMIT 10", (" <-> ".join(words), *values))
                found = [row[0] for row in ask.fetchall()]
            ask.execute(f"SELECT count(*) FROM doc WHERE words @@ to_tsquery('simple', %s){more}", (wanted, *values))
            ask.execute("SELECT code, text, ts_rank(words, q) AS r FROM doc, to_tsquery('simple', %s) q "
                        f"WHERE words @@ q{more} ORDER BY r DESC LIMIT 10", (wanted, *values))
            return list(dict.fromkeys([*found, *(row[0] for row in ask.fetchall())]))

        told = material.figures("postgresql", cpu, size, find, _memory())
        ask.close()
        return {**told, "server_version": base.server_version}


def _server_cpu(postmaster: int) -> float:
    """CPU seconds of the server's processes, those that have ended too."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            facts = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(path.parent.name) == postmaster:
            total += sum(map(int, facts[11:15]))
        elif int(facts[1]) == postmaster:
            total += sum(map(int, facts[11:13]))
    return total / os.sysconf("SC_CLK_TCK")


_MEASURED: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "tantivy": lambda folder, count: _ours("tantivy", folder, count),
    "whoosh": lambda folder, count: _ours("whoosh", folder, count), "fts5": _fts5, "postgres": _postgres}


if __name__ == "__main__":
    main()
