"""Witnesses: what the ledger and the seals say about an object, whatever its folder says about itself.

They tell a rolled back or rewritten object from a true one, and decide between two copies that differ. A seal is
believed only where its own hash tree is whole; whether a timestamp stands over it is `luutru ledger verify`'s question.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from functools import cached_property

from sqlalchemy import bindparam, func, select

from archive import destroyed, layout
from archive.errors import IntegrityError
from archive.evidence import ers
from archive.evidence.seals import BRING_FILES, TREE, object_of, way_in
from archive.model import Document, Event, Seal
from archive.opening import Archive

# Not as joins: without statistics SQLite would go through the events of all objects for each.
_STORED = select(Event.seq, Event.data).where(Event.kind.in_(BRING_FILES), Event.subject.in_(
    select(Document.item).where(Document.case_file == bindparam("code")))).order_by(Event.seq)
_TEXTS = select(Event.seq, Event.data).where(Event.kind.in_(("text_corrected", "text_reread")), Event.subject.in_(
    select(Document.code).where(Document.case_file == bindparam("code")))).order_by(Event.seq)
_CLOSED = select(Event.kind, Event.data).where(
    Event.kind.in_(("casefile_closed", "casefile_reopened")), Event.subject == bindparam("code")).order_by(Event.seq)


class Witness:
    """The ledger's and the seals' word, each read once; make a new one for each run."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._sound: dict[str, bool] = {}

    def prepare(self) -> None:
        """Read now what is otherwise read when it is first asked for."""
        for name in ("_versions", "_seals", "rewriting"):
            getattr(self, name)

    def version(self, object_id: str) -> int:
        """The newest version of the object that the ledger tells of; 0 when it tells of none."""
        return max(self._versions.get(object_id, {}), default=0)

    @property
    def objects(self) -> list[str]:
        """The objects of which the ledger tells a version."""
        return list(self._versions)

    def files(self, object_id: str) -> dict[str, str]:
        """Logical path → SHA-256 of what the ledger says was stored into the object and must still be in it."""
        code = object_id.removeprefix(layout.casefile_object(""))
        if code == object_id:
            return {}
        found: dict[str, str] = {}
        with self._archive.catalogue.session() as session:
            told = [*session.execute(_STORED, {"code": code}).all(), *session.execute(_TEXTS, {"code": code}).all()]
            for _seq, data in sorted(told, key=lambda one: int(one[0])):       # the later one of a path counts
                found.update(data["files"])
            for kind, data in session.execute(_CLOSED, {"code": code}):
                if kind == "casefile_closed":
                    found["METS.xml"] = data["mets"]
                else:
                    found.pop("METS.xml", None)
        return found

    def sealed(self, object_id: str, version: int, sha256: str) -> bool | None:
        """Whether this inventory of this version is the sealed one; None: no seal can tell.

        Of an object that lost a document to a destruction the inventory that was left stands for the sealed one.
        """
        sha256 = self.rewriting.original(object_id, version, sha256)
        if not sha256:
            return False
        event = self._versions.get(object_id, {}).get(version)
        row = None if event is None else next((one for one in self._seals if one.last_event >= event), None)
        if row is None:
            return None
        digest = bytes.fromhex(sha256)
        try:
            way = way_in(self._archive.store, row, digest)
            if way is not None and ers.climb(way, digest, row.algorithm) == bytes.fromhex(row.root):
                return True
        except (OSError, KeyError, ValueError, IntegrityError, IndexError):
            return None
        return False if self._tree_is_whole(row) else None

    def _tree_is_whole(self, row: Seal) -> bool:
        """Whether the tree that lacks a digest is the seal's own: a damaged one must accuse nobody."""
        if row.id not in self._sound:
            try:
                stored = self._archive.store.files(layout.seal_object(row.id))[TREE]
                with stored.place.open("rb") as stream:
                    self._sound[row.id] = hashlib.file_digest(stream, "sha512").hexdigest() == stored.sha512
            except (OSError, KeyError, ValueError, IntegrityError):
                self._sound[row.id] = False
        return self._sound[row.id]

    @cached_property
    def rewriting(self) -> destroyed.Rewriting:
        """What destructions of single documents made of objects that stay."""
        return destroyed.rewriting(self._archive)

    @cached_property
    def _seals(self) -> list[Seal]:
        with self._archive.catalogue.session() as session:
            return list(session.scalars(select(Seal).where(Seal.kind == "night").order_by(Seal.last_event)))

    @cached_property
    def _versions(self) -> dict[str, dict[int, int]]:
        """Object → version → the first event that tells of it."""
        found: dict[str, dict[int, int]] = defaultdict(dict)
        case_file, version = Event.data["case_file"].as_string(), Event.data["version"].as_string()
        with self._archive.catalogue.session() as session:
            stored = session.execute(select(case_file, version, func.min(Event.seq)).where(
                Event.kind == "stored").group_by(case_file, version))
            for code, number, seq in stored:
                _take(found, layout.casefile_object(str(code)), number, seq)
            others = session.execute(select(Event.kind, Event.subject, case_file, version, Event.seq).where(
                Event.kind != "stored", version.is_not(None)))
            for kind, subject, code, number, seq in others:
                data = {"case_file": str(code)} if code is not None else {}
                _take(found, object_of(kind, subject, data), number, seq)
        return dict(found)


def _take(found: dict[str, dict[int, int]], object_id: str, version: object, seq: int) -> None:
    if object_id and str(version).isdecimal() and int(str(version)) > 0:
        known = found[object_id]
        known[int(str(version))] = min(seq, known.get(int(str(version)), seq))
