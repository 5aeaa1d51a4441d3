"""The catalogue's tables: fonds, file plan, case file, document, file, signature, finding, item, event, batch.

The database is a follower of the store: every row can be made again from the OCFL root, the ledger and
the intake area (archive/rebuild.py), so keys follow from content and no row holds a time of its own making.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA = "0003"     # the Alembic revision that these classes describe


class Base(DeclarativeBase):
    """Base of the typed tables; names of constraints are fixed so that migrations can name them."""

    metadata = MetaData(naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s", "pk": "pk_%(table_name)s"})
    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


class Fonds(Base):
    """A fonds (phông): the whole of one creating agency's records, with its validity and successor."""

    __tablename__ = "fonds"

    code: Mapped[str] = mapped_column(String(35), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[str] = mapped_column(String(10), default="")
    valid_to: Mapped[str] = mapped_column(String(10), default="")
    successor: Mapped[str] = mapped_column(String(35), default="")
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)         # the fonds table of TT 02/2019, where entered


class FilePlanEntry(Base):
    """One line of an agency's file plan of a year (danh mục hồ sơ, NĐ 30/2020 Phụ lục V)."""

    __tablename__ = "file_plan_entry"

    fonds: Mapped[str] = mapped_column(ForeignKey("fonds.code"), primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True)
    notation: Mapped[str] = mapped_column(String(30), primary_key=True)
    heading: Mapped[str] = mapped_column(Text, default="")
    title: Mapped[str] = mapped_column(Text)
    retention: Mapped[str] = mapped_column(Text, default="")
    keeper: Mapped[str] = mapped_column(Text, default="")
    note: Mapped[str] = mapped_column(Text, default="")
    position: Mapped[int] = mapped_column(Integer, default=0)            # its place in the plan as it was issued


class CaseFile(Base):
    """A case file (hồ sơ): one OCFL object; a night's additions are one new version of it."""

    __tablename__ = "case_file"
    __table_args__ = (Index(None, "fonds", "year"),)

    code: Mapped[str] = mapped_column(String(100), primary_key=True)
    fonds: Mapped[str] = mapped_column(ForeignKey("fonds.code"))
    year: Mapped[int] = mapped_column(Integer)
    notation: Mapped[str] = mapped_column(String(30))
    title: Mapped[str] = mapped_column(Text)
    retention: Mapped[str] = mapped_column(Text, default="")
    keeper: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(20), default="open")
    profile: Mapped[str] = mapped_column(String(20))
    object_id: Mapped[str] = mapped_column(String(200), unique=True)
    version: Mapped[int] = mapped_column(Integer)
    opened_at: Mapped[str] = mapped_column(String(40))
    closed_at: Mapped[str] = mapped_column(String(40), default="")       # empty: open
    uuid: Mapped[str] = mapped_column(String(36), default="")            # of its AIP, given when it is first closed
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)         # descriptive fields that a person entered


class Document(Base):
    """A document (văn bản, tài liệu) in its home case file, with the fields that are asked for most."""

    __tablename__ = "document"
    __table_args__ = (Index(None, "case_file", "ordinal", unique=True),
                      Index(None, "organ_key", "number", "notation", "issued_on"), Index(None, "issued_on"),
                      Index(None, "indexed"), Index(None, "recheck_on"))

    code: Mapped[str] = mapped_column(String(110), primary_key=True)
    case_file: Mapped[str] = mapped_column(ForeignKey("case_file.code"))
    ordinal: Mapped[int] = mapped_column(Integer)
    item: Mapped[str] = mapped_column(String(40), unique=True)
    profile: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(10), default="document")    # document, photo, av
    revision: Mapped[int] = mapped_column(Integer, default=0)            # how often its fields were corrected
    type_name: Mapped[str] = mapped_column(Text, default="")
    number: Mapped[str] = mapped_column(Text, default="")
    notation: Mapped[str] = mapped_column(Text, default="")
    issued_on: Mapped[str] = mapped_column(String(10), default="")       # YYYY-MM-DD
    organ: Mapped[str] = mapped_column(Text, default="")
    organ_key: Mapped[str] = mapped_column(Text, default="")             # folded, for comparing
    subject: Mapped[str] = mapped_column(Text, default="")
    pages: Mapped[int] = mapped_column(Integer, default=0)
    legal_value: Mapped[str] = mapped_column(String(30), default="")
    verdict: Mapped[str] = mapped_column(String(30), default="")
    received_at: Mapped[str] = mapped_column(String(40))
    legal_received_at: Mapped[str] = mapped_column(String(40))
    receipt_rule: Mapped[str] = mapped_column(String(40))
    batch: Mapped[str] = mapped_column(String(20), index=True)
    version: Mapped[int] = mapped_column(Integer)                        # OCFL version that brought it
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    indexed: Mapped[str] = mapped_column(String(64), default="")         # fingerprint of what the index holds of it
    recheck_on: Mapped[str] = mapped_column(String(10), default="")      # YYYY-MM-DD: signatures looked at again; or ""
    recheck_trust: Mapped[str] = mapped_column(String(40), default="")   # version of the trust lists of the last look


class File(Base):
    """One file of a document in the store: original, attachment, message, access copy, text, signature report."""

    __tablename__ = "file"
    __table_args__ = (Index(None, "sha256"),)

    document: Mapped[str] = mapped_column(ForeignKey("document.code"), primary_key=True)
    path: Mapped[str] = mapped_column(String(400), primary_key=True)     # logical path in the OCFL object
    role: Mapped[str] = mapped_column(String(30))
    name: Mapped[str] = mapped_column(Text)                              # the name it came under
    format: Mapped[str] = mapped_column(String(30))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    sha512: Mapped[str] = mapped_column(String(128))


class Signature(Base):
    """One digital signature of a document as it was judged on the way in; that verdict is kept for ever."""

    __tablename__ = "signature"

    document: Mapped[str] = mapped_column(ForeignKey("document.code"), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    verdict: Mapped[str] = mapped_column(String(30))
    signer: Mapped[str] = mapped_column(Text, default="")
    organisation: Mapped[str] = mapped_column(Text, default="")
    time: Mapped[str] = mapped_column(String(40), default="")
    time_source: Mapped[str] = mapped_column(String(30), default="")
    report: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Item(Base):
    """One thing that was received, with where it stands: an inbox file, once for ever."""

    __tablename__ = "item"
    __table_args__ = (Index(None, "batch", "state"), Index(None, "sha256"), Index(None, "state"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    sha512: Mapped[str] = mapped_column(String(128))
    received_at: Mapped[str] = mapped_column(String(40))
    legal_received_at: Mapped[str] = mapped_column(String(40))
    receipt_rule: Mapped[str] = mapped_column(String(40))
    batch: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    document: Mapped[str] = mapped_column(String(110), default="")
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)        # as corrected
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)         # empty once stored: the record has them


class ItemFinding(Base):
    """One finding about an item, in the order in which the stages made them."""

    __tablename__ = "finding"
    __table_args__ = (Index(None, "code"),)

    item: Mapped[str] = mapped_column(ForeignKey("item.id"), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(String(20))
    level: Mapped[str] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(Text)
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Batch(Base):
    """One night's batch."""

    __tablename__ = "batch"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    night: Mapped[str] = mapped_column(String(10))
    started_at: Mapped[str] = mapped_column(String(40))
    finished_at: Mapped[str] = mapped_column(String(40), default="")     # empty: still open
    summary: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Event(Base):
    """A copy of one line of the ledger."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "kind", "subject"),)

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    at: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(100))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    hash: Mapped[str] = mapped_column(String(64))


class Seal(Base):
    """One hash tree with its timestamp tokens: a night's, or a renewal over older ones (archive/evidence/seals.py)."""

    __tablename__ = "seal"
    __table_args__ = (Index(None, "kind", "last_event"),)

    id: Mapped[str] = mapped_column(String(10), primary_key=True)        # 000001, 000002, …
    kind: Mapped[str] = mapped_column(String(10))                        # night, renewal, rehash
    at: Mapped[str] = mapped_column(String(40))
    algorithm: Mapped[str] = mapped_column(String(20))
    leaves: Mapped[int] = mapped_column(Integer)
    root: Mapped[str] = mapped_column(String(128))
    first_event: Mapped[int] = mapped_column(Integer, default=0)         # of the ledger; 0: none (renewals)
    last_event: Mapped[int] = mapped_column(Integer, default=0)
    log_size: Mapped[int] = mapped_column(Integer, default=0)
    log_peaks: Mapped[list[Any]] = mapped_column(default=list)
    renews: Mapped[list[Any]] = mapped_column(default=list)              # ids of seals whose last token it covers
    tokens: Mapped[list[Any]] = mapped_column(default=list)              # file, time, server, until; empty: a gap
    until: Mapped[str] = mapped_column(String(40), default="")           # when the first token's server ends
