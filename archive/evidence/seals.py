"""Seals: one hash tree a night over all new files and the ledger's head, with a timestamp token over its root.

A seal is an OCFL object of its own: `seal.json`, `tree.bin` (the whole tree) and, as soon as an authority gave them,
`token-1.tsr`, …  Without an authority the tree is sealed all the same; the token is fetched later and the gap is shown.
The caller owns the archive. A seal is never changed; a renewal is a further seal (renewal.py).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, destroyed, layout
from archive.catalogue import record
from archive.evidence import log, tree
from archive.evidence.tokens import Token, TokenError, ask, read
from archive.files import json_bytes
from archive.inventory import INVENTORY
from archive.ledger import Entry, event_key
from archive.model import Event, Seal
from archive.opening import Archive
from archive.store import NewFile, Store

SEAL, TREE, TOKEN = "seal.json", "tree.bin", "token-{}.tsr"
OWN = ("sealed", "seal_timed", "seal_refused", "copy_begun")     # these alone make no night to be sealed
BRING_FILES = ("stored", "document_sealed", "rechecked")     # events that name new files of documents by their SHA-256
ALGORITHM = "sha256"    # of a night's tree: the digest that the store and the packages carry
Ask = Callable[[str, bytes, str], Token]


@dataclass(frozen=True, slots=True)
class Timed:
    """What came of asking for tokens: the seals that have one now, and what went wrong, by authority."""

    done: list[str]
    refused: dict[str, str]


def seal_night(archive: Archive, now: datetime) -> str:
    """Seal what the ledger says was stored since the last seal; the seal's id, "" when nothing happened since.

    The leaves: SHA-256 of every file of every document stored; of the inventory of every object version written (it
    carries the digests of all that is in it); the ledger's head; and the tokens of the last seal and of those a month
    and a year before, so that one night leans on the others.
    """
    adopt_orphan(archive)
    with archive.catalogue.session() as session:
        last = session.scalar(select(Seal).where(Seal.kind == "night").order_by(Seal.id.desc()).limit(1))
        new = _New(log.Frontier(last.log_size, [bytes.fromhex(one) for one in last.log_peaks])
                   if last else log.Frontier())
        for event in session.execute(select(Event.seq, Event.kind, Event.subject, Event.data, Event.hash).where(
                Event.seq > (last.last_event if last else 0)).order_by(Event.seq).execution_options(yield_per=1000)):
            new.take(event)
        leaning = _leaning(session, archive.store, now)
        number = next_number(session)
    if not new.busy:
        return ""
    frontier = new.frontier
    leaves = {new.hash, *leaning, *new.leaves, *_inventories(archive, new.versions)}
    described = {
        "kind": "night", "algorithm": ALGORITHM, "first_event": new.first, "last_event": new.last,
        "log": {"size": frontier.size, "head": frontier.head().hex(), "peaks": [one.hex() for one in frontier.peaks]},
        "renews": []}
    return write_seal(archive, number, described, leaves, now)


def write_seal(archive: Archive, number: int, described: dict[str, Any], leaves: Iterable[bytes], now: datetime) -> str:
    """Write a seal over `leaves`: into the store, the ledger, the catalogue; its id."""
    seal = f"{number:06d}"
    rows = tree.levels(leaves, described["algorithm"])
    with tempfile.TemporaryDirectory(dir=archive.store.staging, prefix="seal-") as folder:
        place = Path(folder) / TREE
        root = tree.write(place, rows)
        body = {"schema": "luutru/seal/1", "seal": seal, "at": clock.stamp(now), "leaves": len(rows[0]),
                "root": root.hex(), **described}
        archive.store.put(layout.seal_object(seal), {SEAL: NewFile(json_bytes(body)), TREE: NewFile(place)},
                          message=f"seal {seal}", user="luutru", created=now)
    _admit_new(archive, body)
    return seal


def adopt_orphan(archive: Archive) -> None:
    """Take up a seal whose writer was killed between store and ledger."""
    with archive.catalogue.session() as session:
        number = next_number(session)
    if archive.store.has(layout.seal_object(f"{number:06d}")):
        _admit_new(archive, json.loads(archive.store.read(layout.seal_object(f"{number:06d}"), SEAL)))


def fetch_tokens(archive: Archive, now: datetime, asking: Ask | None = None) -> Timed:
    """Ask every configured authority for a token over each seal that has none; put them beside the seal.

    An authority that fails once is not asked again for the other seals; the next night asks anew.
    """
    settings = archive.settings.evidence

    def over_http(url: str, digest: bytes, algorithm: str) -> Token:
        return ask(url, digest, algorithm, policy=settings.tsa_policy, seconds=settings.tsa_seconds)

    with archive.catalogue.session() as session:
        waiting = [row for row in session.scalars(select(Seal).order_by(Seal.id)) if not row.tokens]
    refused: dict[str, str] = {}
    done: list[str] = []
    for row in waiting:
        found: list[Token] = []
        for url in settings.tsa:
            if url in refused:
                continue
            try:
                found.append((asking or over_http)(url, bytes.fromhex(row.root), row.algorithm))
            except TokenError as error:
                refused[url] = str(error)
        if found:
            _keep(archive, row.id, found, now)
            done.append(row.id)
    if refused:
        with archive.catalogue.session() as session:
            record(session, archive.ledger, [Entry("seal_refused", url, {"reason": reason}, event_key(
                "seal_refused", url, clock.stamp(now))) for url, reason in sorted(refused.items())])
    return Timed(done, refused)


def _keep(archive: Archive, seal: str, found: Sequence[Token], now: datetime) -> None:
    files = {TOKEN.format(n): NewFile(token.der) for n, token in enumerate(found, 1)}
    archive.store.put(layout.seal_object(seal), files, message=f"timestamp of seal {seal}", user="luutru", created=now)
    tokens = _tokens(archive.store, seal)
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry("seal_timed", seal, {"tokens": tokens}, event_key("seal_timed", seal))])
        _set_tokens(session.get_one(Seal, seal), tokens)


def admit_seal(session: Session, store: Store, object_id: str) -> None:
    """Make the row of a seal from its object (rebuild)."""
    body = json.loads(store.read(object_id, SEAL))
    row = _row(body)
    _set_tokens(row, _tokens(store, body["seal"]))
    session.merge(row)


def next_number(session: Session) -> int:
    """The number of the next seal."""
    newest = session.scalar(select(Seal.id).order_by(Seal.id.desc()).limit(1))
    return int(newest or 0) + 1


def token_of(store: Store, seal: str) -> bytes:
    """The first token of a seal (a ContentInfo, DER). Raises KeyError when it has none yet."""
    return store.read(layout.seal_object(seal), TOKEN.format(1))


def way_in(store: Store, row: Seal, digest: bytes) -> list[list[bytes]] | None:
    """The way of `digest` to the root of a seal's tree, None when it is no leaf of it.

    Reads a few nodes of the tree, not the whole file: the token over the root shows any change in them.
    """
    place = store.files(layout.seal_object(row.id))[TREE].place
    with place.open("rb") as stream:
        return tree.way(stream, row.leaves, digest)


def _admit_new(archive: Archive, body: dict[str, Any]) -> None:
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry("sealed", body["seal"], {
            key: body[key] for key in ("kind", "algorithm", "leaves", "root", "log") if key in body},
            event_key("sealed", body["seal"]))])
        session.merge(_row(body))


def _row(body: dict[str, Any]) -> Seal:
    known = body.get("log", {"size": 0, "peaks": []})
    return Seal(id=body["seal"], kind=body["kind"], at=body["at"], algorithm=body["algorithm"], leaves=body["leaves"],
                root=body["root"], first_event=body.get("first_event", 0), last_event=body.get("last_event", 0),
                log_size=known["size"], log_peaks=known["peaks"], renews=body["renews"], tokens=[], until="")


def _set_tokens(row: Seal, tokens: list[dict[str, str]]) -> None:
    row.tokens, row.until = tokens, tokens[0]["until"] if tokens else ""


def _tokens(store: Store, seal: str) -> list[dict[str, str]]:
    object_id = layout.seal_object(seal)
    found = []
    held = store.files(object_id)
    for path in sorted(path for path in held if path.endswith(".tsr")):
        token = read(store.content(object_id, held[path]))
        found.append({"file": path, "time": clock.stamp(token.time), "server": token.server,
                      "until": clock.stamp(token.until) if token.until else "", "serial": str(token.serial)})
    return found


@dataclass(slots=True)
class _New:
    """What the events since the last seal come to; they are many, so none is kept."""

    frontier: log.Frontier
    first: int = 0
    last: int = 0
    hash: bytes = b""
    busy: bool = False
    leaves: set[bytes] = field(default_factory=set)
    # A night's documents of one case file are one version of it: each version once.
    versions: dict[tuple[str, int], None] = field(default_factory=dict)

    def take(self, event: Any) -> None:
        """Take one event in, in the order of the ledger."""
        data: dict[str, Any] = event.data
        self.first, self.last, self.hash = self.first or event.seq, event.seq, bytes.fromhex(event.hash)
        self.busy = self.busy or event.kind not in OWN
        self.frontier.add([log.leaf(self.hash)])
        if event.kind in BRING_FILES:
            self.leaves.update(bytes.fromhex(digest) for digest in data["files"].values())
        version = data.get("version")
        if isinstance(version, int) and (object_id := object_of(event.kind, event.subject, data)):
            self.versions[object_id, version] = None


def _inventories(archive: Archive, versions: Iterable[tuple[str, int]]) -> Iterator[bytes]:
    """The digests of the inventories of object versions; of what was destroyed since then there is none to seal."""
    gone: Mapping[str, str] | None = None
    for object_id, version in versions:
        try:
            with (archive.store.folder(object_id) / f"v{version}" / INVENTORY).open("rb") as stream:
                yield hashlib.file_digest(stream, "sha256").digest()
        except FileNotFoundError:
            gone = destroyed.objects(archive) if gone is None else gone
            if object_id not in gone:
                raise


def object_of(kind: str, subject: str, data: dict[str, Any]) -> str:
    """The object that an event with a `version` wrote to; "" for an event of a kind that names none."""
    if "object" in data:
        return str(data["object"])
    if "case_file" in data:
        return layout.casefile_object(data["case_file"])
    if kind.startswith("casefile_"):
        return layout.casefile_object(subject)
    if kind.startswith(("fonds_", "file_plan_")):
        return layout.fonds_object(subject)
    return ""


def _leaning(session: Session, store: Store, now: datetime) -> set[bytes]:
    """The digests of the tokens that this night leans on: the last one, and those of about a month and a year ago."""
    nights = session.scalars(select(Seal).where(Seal.kind == "night").order_by(Seal.id.desc()))
    timed = [row for row in nights if row.tokens]
    wanted: dict[str, None] = {}
    for days in (0, 30, 365):
        before = clock.stamp(now - timedelta(days=days))
        if older := next((row.id for row in timed if row.at <= before), None):
            wanted[older] = None
    return {hashlib.sha256(token_of(store, seal)).digest() for seal in wanted}
