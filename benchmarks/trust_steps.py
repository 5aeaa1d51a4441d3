"""Runs one step of the benchmark of trust in this process and prints, as JSON, what it came to.

    python benchmarks/trust_steps.py signatures TRUST FOLDER ROUNDS
    python benchmarks/trust_steps.py one ours|peer TRUST FILE
    python benchmarks/trust_steps.py evidence ROOT HASHES RECORDS
    python benchmarks/trust_steps.py folder ROOT DOCUMENT TARGET
    python benchmarks/trust_steps.py ledger ROOT EVENTS
    python benchmarks/trust_steps.py fixity STORE

Must do nothing but the step. CPU is that of this process; what a step compares is measured turn by turn.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if str(Path(__file__).resolve().parents[1]) not in sys.path:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def signatures(trust: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Our verification and plain pyHanko's over the same files, turn by turn: CPU ms a file, median of the rounds."""
    from ingest.signatures import load_trust

    lists, files = load_trust(trust), sorted(folder.glob("*.pdf"))
    told = {}
    for name, run in (("ours", _ours(lists)), ("peer", plain_pyhanko(lists))):
        said = [run(path) for path in files]        # and warm
        if not all(good for good, _count in said):
            raise SystemExit(f"{name} refuses a sound file in {folder}")
        told[name] = (run, {count for _good, count in said})
    ours, peer = told["ours"][0], told["peer"][0]
    if told["ours"][1] != told["peer"][1] or len(told["ours"][1]) != 1:
        raise SystemExit(f"not the same number of signatures was seen in {folder}")
    turns = [(_cpu(ours, files), _cpu(peer, files)) for _ in range(rounds)]
    return {"files": len(files), "signatures": told["ours"][1].pop(), "bytes": files[0].stat().st_size,
            "ours_ms": round(statistics.median(one for one, _peer in turns), 2),
            "peer_ms": round(statistics.median(one for _ours, one in turns), 2),
            "times": round(statistics.median(one / other for one, other in turns), 2)}


def one(who: str, trust: Path, path: Path) -> dict[str, Any]:
    """One file in a fresh process: the CPU of imports apart from that of the file."""
    begun = time.process_time()
    if who == "ours":
        import ingest.signatures.judge  # noqa: F401  (what the first signature would load)
        from ingest.signatures import load_trust

        run = _ours(load_trust(trust))
    else:
        from ingest.signatures.trust import load_trust

        run = plain_pyhanko(load_trust(trust))
    imported = time.process_time()
    run(path)
    return {"imports_ms": round((imported - begun) * 1000), "file_ms": round((time.process_time() - imported) * 1000)}


def _ours(lists: Any) -> Callable[[Path], tuple[bool, int]]:
    from ingest.signatures import verify_pdf

    def run(path: Path) -> tuple[bool, int]:
        said = verify_pdf(path, lists, datetime.now(UTC))
        return said.verdict in ("valid", "valid_with_notes"), len(said.signatures)
    return run


def plain_pyhanko(lists: Any) -> Callable[[Path], tuple[bool, int]]:
    """Plain pyHanko with its defaults, the same roots and certificates above them, nothing fetched."""
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import async_validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    for name in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

    async def all_of(reader: Any) -> list[Any]:
        return [await async_validate_pdf_signature(signature, ValidationContext(
            trust_roots=list(lists.roots), other_certs=list(lists.others), allow_fetching=False))
            for signature in reader.embedded_signatures]

    def run(path: Path) -> tuple[bool, int]:
        with path.open("rb") as stream:
            said = asyncio.run(all_of(PdfFileReader(stream, strict=False)))
        return all(status.bottom_line for status in said), len(said)
    return run


def _cpu(run: Callable[[Path], object], files: Sequence[Path]) -> float:
    begun = time.process_time()
    for path in files:
        run(path)
    return (time.process_time() - begun) / len(files) * 1000


def evidence(root: Path, hashes: int, records: int) -> dict[str, Any]:
    """A seal over `hashes` digests in a real archive, then records out of it, and their checks.

    The floors: as many bare hashes as the tree has nodes; one record read whole by asn1crypto.
    """
    from archive import clock
    from archive.evidence import asn1, checker, ers, renewal, seals, tokens, tree
    from archive.opening import open_archive, ownership
    from archive.settings import load
    from tests.authority import years

    digests = [hashlib.sha256(str(number).encode()).digest() for number in range(hashes)]
    now = clock.now()
    authority = years(now.year, now.year + 5)
    told: dict[str, Any] = {"hashes": hashes}
    bare = []
    for _turn in range(3):
        begun, wall = time.process_time(), time.monotonic()
        _bare_tree(digests)
        bare.append(_since(begun, wall)[0])
    told["floor_cpu_s"] = min(bare)
    archive = open_archive(load(root))
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        begun, wall = time.process_time(), time.monotonic()
        tree.write(Path(scratch) / "tree", tree.levels(digests))
        told["tree_cpu_s"], told["tree_wall_s"] = _since(begun, wall)
    with ownership(archive):
        begun, wall = time.process_time(), time.monotonic()
        seal = seals.write_seal(archive, 1, {"kind": "night", "algorithm": "sha256", "first_event": 1, "last_event": 1,
                                             "log": {"size": 0, "peaks": []}, "renews": []}, digests, now)
        object.__setattr__(archive.settings, "evidence", archive.settings.evidence.model_copy(update={"tsa": ["x"]}))
        seals.fetch_tokens(archive, now, lambda _url, digest, algorithm: tokens.read(
            authority.token(digest, algorithm, now)))
        told["seal_cpu_s"], told["seal_wall_s"] = _since(begun, wall)
    wanted = [str(number).encode() for number in range(0, hashes, max(hashes // records, 1))][:records]

    def alone(data: bytes) -> bytes:
        return renewal.record_of(archive, seal, hashlib.sha256(data).digest(), renewal.digests_of(data))

    many = renewal.Records(archive)
    made = [alone(data) for data in wanted]
    told["parse_ms"] = _each(lambda data: asn1.EvidenceRecord.load(data).native, made)
    told["record_bytes"] = max(map(len, made))
    told["record_ms"] = _each(alone, wanted)
    told["record_wall_ms"] = _each(alone, wanted, time.monotonic)
    told["record_of_many_ms"] = _each(
        lambda data: many.of(seal, hashlib.sha256(data).digest(), renewal.digests_of(data)), wanted)
    pairs = list(zip(wanted, made, strict=True))

    def verified(pair: tuple[bytes, bytes]) -> None:
        [link] = ers.check(pair[1], renewal.digests_of(pair[0]))
        tokens.check(tokens.read(link.token))
        if not link.sound:
            raise SystemExit("a record that was just made does not hold")

    verified(pairs[0])          # imports
    told["verify_ms"] = _each(verified, pairs)
    told["checker_ms"] = _each(lambda pair: checker.check(  # type: ignore[no-untyped-call]
        pair[0], pair[1], [], lambda _line: None), pairs)
    archive.close()
    return told


def _bare_tree(digests: Sequence[bytes]) -> None:
    while len(digests) > 1:
        digests = [hashlib.sha256(left + right).digest()
                   for left, right in zip(digests[::2], digests[1::2], strict=False)]


def folder(root: Path, code: str, target: Path) -> dict[str, Any]:
    """The whole folder of one document: its files, records, certificates, statement, checker."""
    from archive import clock, records
    from archive.evidence.export import export_evidence
    from archive.opening import open_archive
    from archive.settings import load

    archive = open_archive(load(root))
    [document] = records.read_documents(archive.store, code.rpartition(".")[0], [int(code.rpartition(".")[2])])
    cpu, wall = [], []
    for turn in range(12):
        begun, started = time.process_time(), time.monotonic()
        found = export_evidence(archive, document, target / str(turn), clock.now())
        cpu.append((time.process_time() - begun) * 1000)
        wall.append((time.monotonic() - started) * 1000)
    if any(one.gap for one in found):
        raise SystemExit("a file of the exported document has no evidence")
    archive.close()
    return {"files": len(found), "cpu_ms": round(statistics.median(cpu[2:]), 1),
            "wall_ms": round(statistics.median(wall[2:]), 1)}


def ledger(root: Path, events: int) -> dict[str, Any]:
    """Checking a ledger of `events` events: its chain, its Merkle log, the seals. Making them is not counted."""
    from archive.evidence.ledger import check_ledger
    from archive.ledger import Entry
    from archive.opening import open_archive, ownership
    from archive.settings import load

    archive = open_archive(load(root))
    with ownership(archive):
        for start in range(archive.ledger.seq, events, 5000):
            archive.ledger.append([Entry("stored", f"{number:016x}", {
                "document": f"H99.2026.01.VP.{number:07}", "case_file": "H99.2026.01.VP", "version": 1,
                "files": {f"received/{number}.pdf": f"{number:064x}"}}, f"{number:040x}")
                for number in range(start, min(start + 5000, events))])
    begun, wall = time.process_time(), time.monotonic()
    covered, faults = check_ledger(archive)
    cpu, waited = _since(begun, wall)
    if faults or covered.events < events:
        raise SystemExit(f"a ledger that was just written does not hold: {faults[:3]}")
    archive.close()
    return {"events": covered.events, "cpu_s": cpu, "wall_s": waited,
            "cpu_s_per_100000": round(cpu / covered.events * 100_000, 2)}


def fixity(place: Path) -> dict[str, Any]:
    """Every object of the store read as the audit reads it, one after the other, in this process alone."""
    from archive.fixity.damage import read
    from archive.store import Store
    from archive.verifying import own_inventory

    folders = Store(place, place.parent / "staging").folders()
    begun, wall = time.process_time(), time.monotonic()
    faults = []
    for folder in folders:
        told = own_inventory(folder)
        faults += read(folder, told)[0] if told else [folder]
    cpu, waited = _since(begun, wall)
    if faults:
        raise SystemExit(f"a store that was just made is damaged: {faults[:3]}")
    return {"cpu_s": cpu, "wall_s": waited}


def _since(cpu: float, wall: float) -> tuple[float, float]:
    return round(time.process_time() - cpu, 3), round(time.monotonic() - wall, 3)


def _each(run: Callable[[Any], object], things: Sequence[Any],
          ticking: Callable[[], float] = time.process_time) -> float:
    """The median of single calls, in ms."""
    found = []
    for thing in things:
        begun = ticking()
        run(thing)
        found.append((ticking() - begun) * 1000)
    return round(statistics.median(found), 3)


if __name__ == "__main__":
    os.environ.setdefault("LUUTRU_LANGUAGE", "en")
    step, *given = sys.argv[1:]
    match step:
        case "signatures":
            told = signatures(Path(given[0]), Path(given[1]), int(given[2]))
        case "one":
            told = one(given[0], Path(given[1]), Path(given[2]))
        case "evidence":
            told = evidence(Path(given[0]), int(given[1]), int(given[2]))
        case "folder":
            told = folder(Path(given[0]), given[1], Path(given[2]))
        case "ledger":
            told = ledger(Path(given[0]), int(given[1]))
        case "fixity":
            told = fixity(Path(given[0]))
        case _:
            raise SystemExit(__doc__)
    print(json.dumps(told))
