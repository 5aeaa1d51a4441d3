"""Renewal of evidence (RFC 4998, 5): before a timestamp's certificate or a hash algorithm comes to its end.

A timestamp renewal covers the last tokens of many seals with one new tree and token; the documents are not touched. A
hash-tree renewal reads every sealed file again under the newer algorithm. Both are further seals. The record of one
file is put together when it is asked for: from its night's seal and from the renewals that cover it.
"""

from __future__ import annotations

import calendar
import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select

from archive import clock, destroyed, layout
from archive.catalogue import SOME
from archive.errors import IntegrityError, RefusedError
from archive.evidence import ers
from archive.evidence.seals import BRING_FILES, TREE, adopt_orphan, next_number, token_of, way_in, write_seal
from archive.i18n import _
from archive.inventory import INVENTORY
from archive.ledger import line_bytes
from archive.model import Event, Seal
from archive.opening import Archive

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Due:
    """A renewal that is due: the seals whose last token's server ends at `until`, and when they are to be renewed."""

    seals: tuple[str, ...]
    algorithm: str
    until: datetime
    due: datetime


def open_ends(rows: Iterable[Seal]) -> list[Seal]:
    """The seals whose token nothing newer covers: each stands for the last token of every record that ends in it."""
    known = list(rows)
    covered = {seal for row in known for seal in row.renews}
    return [row for row in known if row.tokens and row.id not in covered]


def calendar_of(archive: Archive) -> list[Due]:
    """The renewals to come, the soonest first: by algorithm and by the day on which the server's certificate ends."""
    months = archive.settings.evidence.renew_months
    groups: dict[tuple[str, str], list[str]] = {}
    with archive.catalogue.session() as session:
        for row in open_ends(session.scalars(select(Seal).order_by(Seal.id))):
            if row.until:
                groups.setdefault((row.until, row.algorithm), []).append(row.id)
    found = [Due(tuple(seals), algorithm, clock.parse(until), months_before(clock.parse(until), months))
             for (until, algorithm), seals in groups.items()]
    return sorted(found, key=lambda one: (one.due, one.seals))


def renew_timestamps(archive: Archive, now: datetime) -> list[str]:
    """Make the timestamp renewals that are due at `now`; the ids of the new seals (their tokens are fetched after)."""
    adopt_orphan(archive)
    due: dict[str, list[str]] = {}
    for one in calendar_of(archive):
        if one.due <= now:
            due.setdefault(one.algorithm, []).extend(one.seals)
    made = []
    for algorithm, seals in sorted(due.items()):
        digests = [hashlib.new(algorithm, token_of(archive.store, seal)).digest() for seal in seals]
        with archive.catalogue.session() as session:
            number = next_number(session)
        made.append(write_seal(archive, number, {"kind": "renewal", "algorithm": algorithm, "renews": sorted(seals)},
                               digests, now))
    return made


def renew_hashes(archive: Archive, algorithm: str, now: datetime, progress: Progress = lambda *_: None) -> str:
    """Read every sealed file again under `algorithm` and seal it anew; the id of the seal, "" for an empty archive.

    What was destroyed by a decision cannot be read and needs no further proof: it is left out. Raises IntegrityError
    when a stored file has changed: what is wrong must not be sealed again.
    """
    adopt_orphan(archive)
    leaves: set[bytes] = set()
    with archive.catalogue.session() as session:
        known = list(session.scalars(select(Seal).order_by(Seal.id)))
        number = next_number(session)
    if waiting := [row.id for row in known if not row.tokens]:
        raise RefusedError(_("Seals without a timestamp: {seals}. Fetch their timestamps first: luutru evidence seal")
                           .format(seals=", ".join(waiting)))
    nights = [row for row in known if row.kind == "night"]
    renewed = Records(archive)
    held, gone = dict(_content(archive)), destroyed.digests(archive.store)
    for done, row in enumerate(nights, 1):
        for digest in _first_row(archive, row):
            read = held.get(digest)
            if read is None and digest.hex() in gone:
                continue
            data = read() if read is not None else b""
            if hashlib.new(row.algorithm, data).digest() != digest:
                raise IntegrityError(_("seal {seal}: a sealed file has changed or is gone").format(seal=row.id))
            record, _used = renewed.of(row.id, digest, digests_of(data))
            leaves.add(ers.renewal_digest(record, hashlib.new(algorithm, data).digest(), algorithm))
        progress("seals", done, len(nights))
    if not leaves:
        return ""
    return write_seal(archive, number, {"kind": "rehash", "algorithm": algorithm, "renews": [
        row.id for row in open_ends(known)]}, leaves, now)


def record_of(archive: Archive, seal: str, digest: bytes, digest_by: ers.Digest) -> bytes:
    """The evidence record of the file with this SHA-256 `digest` that `seal` covers, with every renewal since.

    Raises KeyError when the seal does not cover it or has no token yet.
    """
    return Records(archive).of(seal, digest, digest_by)[0]


def seals_of_files(archive: Archive, items: Sequence[str]) -> dict[str, str]:
    """The night's seal that covers each file which came in with `items`: SHA-256 (hex) → seal, "" while there is none.

    A few queries for thousands of documents.
    """
    found: dict[str, str] = {}
    with archive.catalogue.session() as session:
        nights = session.execute(select(Seal.last_event, Seal.id).where(Seal.kind == "night")
                                 .order_by(Seal.last_event)).all()
        ends = [last for last, _seal in nights]
        for start in range(0, len(items), SOME):
            for seq, data in session.execute(select(Event.seq, Event.data).where(
                    Event.kind.in_(BRING_FILES), Event.subject.in_(items[start:start + SOME])).order_by(Event.seq)):
                at = bisect_left(ends, seq)
                for digest in data["files"].values():
                    found.setdefault(digest, nights[at][1] if at < len(nights) else "")
    return found


def digests_of(data: bytes) -> ers.Digest:
    """The digest of `data` under any algorithm."""
    return lambda algorithm: hashlib.new(algorithm, data).digest()


def months_before(moment: datetime, months: int) -> datetime:
    """`moment` less a number of calendar months; the month's last day where it is shorter."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


class Records:
    """Puts evidence records together from the seals of one archive; each seal is looked up once."""

    def __init__(self, archive: Archive) -> None:
        self.store = archive.store
        with archive.catalogue.session() as session:
            rows = list(session.scalars(select(Seal).order_by(Seal.id)))
        self.rows = {row.id: row for row in rows}
        timed = [row for row in rows if row.kind != "night" and row.tokens]
        self.renewal = {seal: row for row in reversed(timed) if row.kind == "renewal" for seal in row.renews}
        self.rehashes = [row for row in timed if row.kind == "rehash"]
        self._tokens: dict[str, list[bytes]] = {}

    def of(self, seal: str, digest: bytes, digest_by: ers.Digest) -> tuple[bytes, list[str]]:
        """The evidence record as `record_of` gives it, and the seals whose tokens are in it.

        Raises KeyError when the seal does not cover the digest or has no token yet.
        """
        current = self.rows[seal]
        record = ers.first_record(self._way(current, digest, needed=False), self.token(seal), current.algorithm)
        used = [seal]
        while True:
            following = self.renewal.get(current.id)
            rehash = next((one for one in self.rehashes if one.id > current.id), None)
            if following is not None and (rehash is None or following.id < rehash.id):
                wanted, _algorithm = ers.token_digest(record)
                record = ers.renewed(record, self._way(following, wanted), self.token(following.id))
                current = following
            elif rehash is not None:
                wanted = ers.renewal_digest(record, digest_by(rehash.algorithm), rehash.algorithm)
                way = way_in(self.store, rehash, wanted)
                if way is None:
                    return record, used         # stored after that renewal was made
                record = ers.rehashed(record, way, self.token(rehash.id), rehash.algorithm)
                current = rehash
            else:
                return record, used
            used.append(current.id)

    def token(self, seal: str) -> bytes:
        """The token of a seal that goes into records (a ContentInfo, DER). Raises KeyError when it has none yet."""
        return self.tokens(seal)[0]

    def tokens(self, seal: str) -> list[bytes]:
        """The tokens of a seal, one from each authority that answered. Raises KeyError when it has none yet."""
        if seal not in self._tokens:
            names = [one["file"] for one in self.rows[seal].tokens[1:]]
            self._tokens[seal] = [token_of(self.store, seal),
                                  *(self.store.read(layout.seal_object(seal), name) for name in names)]
        return self._tokens[seal]

    def _way(self, row: Seal, digest: bytes, *, needed: bool = True) -> list[list[bytes]]:
        way = way_in(self.store, row, digest)
        if way is None:
            raise IntegrityError(f"seal {row.id} does not cover the token that it says it renews") if needed else (
                KeyError(row.id))
        return way


def _first_row(archive: Archive, row: Seal) -> Iterator[bytes]:
    """The leaves of a seal's tree."""
    size = hashlib.new(row.algorithm).digest_size
    with archive.store.files(layout.seal_object(row.id))[TREE].place.open("rb") as stream:
        for _ in range(row.leaves):
            yield stream.read(size)


def _content(archive: Archive) -> Iterator[tuple[bytes, Callable[[], bytes]]]:
    """Everything that a seal may cover by its SHA-256, with how to read it: files, inventories, lines of the ledger."""
    for line in archive.ledger.lines():
        yield bytes.fromhex(line.hash), partial(line_bytes, line)
    for folder in archive.store.folders():
        inventory = archive.store.inventory(archive.store.id_of(folder))
        for digest, paths in inventory.fixity.items():
            yield bytes.fromhex(digest), (folder / paths[0]).read_bytes
        for version in inventory.told["versions"]:
            data = (folder / version / INVENTORY).read_bytes()
            yield hashlib.sha256(data).digest(), (folder / version / INVENTORY).read_bytes
