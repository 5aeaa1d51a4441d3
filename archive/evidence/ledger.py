"""The ledger against its seals: whether the log that stands here is the one that the timestamps cover.

The chain of hashes shows every change inside the ledger; a ledger that was replaced as a whole has a whole chain of its
own. Each seal carries the head of the ledger's Merkle log at its time (RFC 9162), and a timestamp covers the seal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import tsp
from sqlalchemy import select

from archive import clock, layout
from archive.evidence import ers, log
from archive.evidence.seals import SEAL, TOKEN, TREE
from archive.i18n import _
from archive.model import Seal
from archive.opening import Archive


@dataclass(frozen=True, slots=True)
class Covered:
    """How far the ledger is covered: events in it, and the last event and time of the newest sound timestamp."""

    events: int
    sealed: int
    timed: int
    time: datetime | None


def check_ledger(archive: Archive) -> tuple[Covered, list[str]]:
    """How far seals and timestamps cover the ledger, and a sentence for each thing that does not fit."""
    faults: list[str] = []
    with archive.catalogue.session() as session:
        seals = {row.last_event: row for row in session.scalars(select(Seal).where(Seal.kind == "night"))}
    frontier = log.Frontier()
    sealed, timed, time = 0, 0, None
    seq = 0
    for line, wrong in archive.ledger.examine():
        faults += wrong
        if line is None:
            continue
        seq = line.seq
        digest = _bytes(line.hash)
        frontier.add([log.leaf(digest)])
        row = seals.pop(seq, None)
        if row is None:
            continue
        sealed = seq
        against = list(_against_seal(archive, row, frontier.head(), digest))
        faults += against
        if row.tokens and not against:
            timed, time = seq, clock.parse(row.tokens[0]["time"])
    for end, row in sorted(seals.items()):
        faults.append(_("seal {seal} covers {n} events, the ledger has {have}: lines are missing").format(
            seal=row.id, n=end, have=seq))
    return Covered(seq, sealed, timed, time), faults


def _bytes(digest: str) -> bytes:
    """A hash of the ledger as bytes; 32 others for what is no hash: somebody wrote into it, and that was said."""
    try:
        found = bytes.fromhex(digest)
    except ValueError:
        found = b""
    return found if len(found) == hashlib.sha256().digest_size else bytes(hashlib.sha256().digest_size)


def _against_seal(archive: Archive, row: Seal, head: bytes, last: bytes) -> Iterator[str]:
    """What does not fit between the ledger up to here and one seal, read from the store and not from the catalogue."""
    from archive.evidence import tree

    object_id = layout.seal_object(row.id)
    try:
        body = json.loads(archive.store.read(object_id, SEAL))
        held = archive.store.files(object_id)
    except (KeyError, OSError, ValueError) as error:
        yield _("seal {seal} cannot be read: {error}").format(seal=row.id, error=error)
        return
    if bytes.fromhex(body["log"]["head"]) != head:
        yield _("the ledger up to event {event} is not the one that seal {seal} covers").format(
            event=body["last_event"], seal=row.id)
    with held[TREE].place.open("rb") as stream:
        way = tree.way(stream, body["leaves"], last)
    root = ers.climb(way, last, body["algorithm"]) if way is not None else b""
    if root != bytes.fromhex(body["root"]):
        yield _("seal {seal}: the ledger's last event is not in its hash tree").format(seal=row.id)
    if TOKEN.format(1) in held:
        info = ers.token_info(archive.store.content(object_id, held[TOKEN.format(1)]))
        imprint: tsp.MessageImprint = info["message_imprint"]
        if imprint["hashed_message"].native != bytes.fromhex(body["root"]):
            yield _("seal {seal}: its timestamp is over something else").format(seal=row.id)
