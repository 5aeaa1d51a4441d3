"""Checking backups: every set of a medium is read again, against its lists, the ledger and, if asked, for viruses.

Reads everything and changes nothing but the ledger's note of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lxml import etree
from sqlalchemy import select

from archive import clock
from archive.backup import ending, media, standing
from archive.backup.media import Target
from archive.backup.sets import METADATA, RECORD, BrokenSetError, Set, chains, manifest, proved, sets_in, state_of
from archive.catalogue import record
from archive.findings import Finding, finding
from archive.i18n import _
from archive.ledger import ACTOR, Entry, event_key, line_hash
from archive.model import Event
from archive.opening import Archive, ownership
from archive.reading import digests_of, entries, shown

MOST = 100              # faults that the ledger names
CLEAN, INFECTED = "clean", "infected"

Progress = Callable[[str, int, int], None]
Scan = Callable[[Path], str]            # what a virus scanner says of a file: "clean", "infected", anything else


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing in a backup that is not as it was written. `kind`: changed, missing, extra, list, chain, gone, ledger,
    unreadable. `path` is seen from the set's folder.
    """

    kind: str
    set: str
    path: str = ""

    def sentence(self) -> str:
        """The fault in words."""
        said = {"changed": _("{set}: {path} was changed"), "missing": _("{set}: {path} is missing"),
                "extra": _("{set}: {path} is in no list"), "list": _("{set}: {path} is not the one that was written"),
                "chain": _("{set}: the backup that it continues is not there"),
                "gone": _("{set}: the ledger tells of it, but it is not there, or is another one"),
                "ledger": _("{set}: its ledger is not a beginning of the archive's"),
                "unreadable": _("{set}: {path} cannot be read")}
        return said[self.kind].format(set=self.set, path=shown(self.path))

    def as_dict(self) -> dict[str, str]:
        """For the ledger."""
        return {"kind": self.kind, "set": self.set, "path": shown(self.path)}


@dataclass
class Checked:
    """What a check of one target found. `scan`: files by what the scanner said of them; empty: none was asked."""

    target: str
    medium: str = ""
    sets: list[str] = field(default_factory=list)
    files: int = 0
    size: int = 0
    faults: list[Fault] = field(default_factory=list)
    scan: dict[str, int] = field(default_factory=dict)
    infected: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def check(archive: Archive, target: Target, now: datetime, *, everything: bool = False, scan: Scan | None = None,
          scanner: str = "", actor: str = ACTOR, wait: float = 0.0, progress: Progress = lambda *_: None) -> Checked:
    """Read the newest chain of a target again (`everything`: all of them), and note the result.

    `scan` looks at each file for viruses, `scanner` names the tool for the record. The caller does not own the
    archive; it is waited for `wait` seconds to note the result. Raises ArchiveBusyError.
    """
    done = Checked(target.name)
    seen = media.look(archive, target)
    if seen.state != "ready" or seen.medium is None:
        done.findings.append(finding("BACKUP-002" if seen.state in ("absent", "new") else "BACKUP-003", target.name,
                                     place=target.folder, reason=seen.reason))
        return done
    done.medium = seen.medium.code
    with archive.catalogue.session() as session:
        told = standing.sets_told(session)
    done.faults += [Fault("gone", name) for name in ending.missing(target, seen.medium, told)]
    sets, _unfinished, broken = sets_in(target.folder)
    done.faults += [Fault("list", name, RECORD) for name in broken if Fault("gone", name) not in done.faults]
    known = chains(sets)
    placed = {one.id for chain in known for one in chain}
    done.faults += [Fault("chain", one.id) for one in sets if one.id not in placed]
    chosen = [one for chain in (known if everything else known[-1:]) for one in chain]
    for one in chosen:
        done.sets.append(one.id)
        done.faults += _read(one, done, progress)
        done.faults += _against_ledger(archive, one)
        if scan is not None:
            _scan(one, scan, done, progress)
    for chain in known if everything else known[-1:]:
        done.faults += _chain_lists(chain)
    if done.faults:
        done.findings.append(finding("BACKUP-010", target.name, n=len(done.faults), first=done.faults[0].sentence()))
    if done.infected:
        done.findings.append(finding("BACKUP-015", target.name, n=len(done.infected), first=done.infected[0]))
    with ownership(archive, wait=wait), archive.catalogue.session() as session:
        data: dict[str, Any] = {
            "medium": done.medium, "sets": done.sets, "files": done.files, "bytes": done.size,
            "number": len(done.faults), "faults": [fault.as_dict() for fault in done.faults[:MOST]]}
        if scan is not None:
            data["scan"] = {"tool": scanner, **done.scan}
        record(session, archive.ledger, [Entry(standing.CHECKED, target.name, data, event_key(
            standing.CHECKED, target.name, clock.stamp(now), str(archive.ledger.seq)), actor=actor)])
    return done


def verify(one: Set, tell: Callable[[int, int], None] = lambda *_: None) -> list[Fault]:
    """What in a set is not as its own lists say; needs no archive."""
    return list(_read(one, Checked(""), lambda _stage, n, of: tell(n, of)))


def _read(one: Set, done: Checked, progress: Progress) -> Iterator[Fault]:
    """Every file of a set against the lists that set.json states."""
    for name in one.told["lists"]:
        try:
            proved(one, name)
        except (BrokenSetError, OSError):
            yield Fault("list", one.id, name)
    try:
        wanted = manifest(one)
        if METADATA in one.told["lists"]:
            for _event, element in etree.iterparse(one.folder / METADATA, resolve_entities=False, no_network=True):
                element.clear()
    except (BrokenSetError, OSError, etree.XMLSyntaxError):
        return                  # its list is told already
    there = {path for path, kind in entries(one.folder / "data").items() if kind != "folder"}
    for path in sorted(there - wanted.keys()):
        yield Fault("extra", one.id, f"data/{path}")
    paths = sorted(wanted.keys() & there)
    found = digests_of([f"{one.folder}/data/{path}" for path in paths], [("sha256",)] * len(paths),
                       lambda n: progress(one.id, n, len(paths)))
    for path, got in zip(paths, found, strict=True):
        if isinstance(got, OSError):
            yield Fault("unreadable", one.id, f"data/{path}")
        elif got[0] != wanted[path]:
            yield Fault("changed", one.id, f"data/{path}")
    for path in sorted(wanted.keys() - there):
        yield Fault("missing", one.id, f"data/{path}")
    done.files += len(paths)
    done.size += int(one.told["bytes"])


def _against_ledger(archive: Archive, one: Set) -> Iterator[Fault]:
    """The ledger that a set states, and the one that it holds, must be beginnings of the archive's."""
    seq, head = int(one.told["ledger"]["seq"]), str(one.told["ledger"]["head"])
    with archive.catalogue.session() as session:
        here = session.scalar(select(Event.hash).where(Event.seq == seq))
    files = sorted((one.folder / "data" / "store" / "ledger").glob("*.jsonl"))
    end = _last_line(files[-1]) if files else (seq, head)
    if (seq and here != head) or end != (seq, head):
        yield Fault("ledger", one.id)


def _last_line(file: Path) -> tuple[int, str]:
    """Number and hash of the last whole line of a ledger file; (-1, "") when it does not bear its own hash."""
    try:
        body: dict[str, Any] = json.loads(file.read_bytes().rpartition(b"\n")[0].rpartition(b"\n")[2])
        stated = body.pop("hash")
        return (int(body["seq"]), str(stated)) if line_hash(body) == stated else (-1, "")
    except (OSError, ValueError, KeyError, TypeError):
        return -1, ""


def _chain_lists(chain: Sequence[Set]) -> Iterator[Fault]:
    """A chain's lists must give a state: every object that they name, and every other file, was brought by a set."""
    try:
        state = state_of(chain)
        brought: Mapping[str, str] = {path: digest for one in chain for path, digest in manifest(one).items()}
    except (BrokenSetError, OSError):
        return                  # told already
    for folder in state.objects:
        if f"store/ocfl/{folder}/inventory.json" not in brought:
            yield Fault("missing", chain[-1].id, f"data/store/ocfl/{folder}")
    for path, (digest, _size) in state.others.items():
        if brought.get(path) != digest:
            yield Fault("missing", chain[-1].id, f"data/{path}")


def _scan(one: Set, scan: Scan, done: Checked, progress: Progress) -> None:
    paths = [path for path, kind in entries(one.folder / "data").items() if kind == "file"]
    for n, path in enumerate(sorted(paths), 1):
        said = scan(one.folder / "data" / path)
        done.scan[said] = done.scan.get(said, 0) + 1
        if said == INFECTED:
            done.infected.append(f"{one.id}/data/{path}")
        progress(one.id, n, len(paths))
