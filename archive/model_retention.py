"""The catalogue's tables of how long: retention tables, decisions on periods, links between case files.

Part of archive/model.py, which gives these classes as its own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.model_base import Base


class RetentionTable(Base):
    """One version of a retention table (bảng thời hạn lưu trữ), as it was imported; none ever goes."""

    __tablename__ = "retention_table"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    instrument: Mapped[str] = mapped_column(Text)                        # the document that set it up
    title: Mapped[str] = mapped_column(Text, default="")
    scope: Mapped[str] = mapped_column(Text, default="")                 # the sector it is for; empty: general
    valid_from: Mapped[str] = mapped_column(String(10))
    valid_to: Mapped[str] = mapped_column(String(10), default="")        # the last day; empty: no end known
    approver: Mapped[str] = mapped_column(Text)
    legacy: Mapped[bool] = mapped_column(default=False)                  # never offered as today's law
    imported_at: Mapped[str] = mapped_column(String(40))


class RetentionRule(Base):
    """One row of a retention table: records of a kind and their period."""

    __tablename__ = "retention_rule"

    table_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)                       # its place in the table
    heading: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(10))                        # permanent, years, event
    years: Mapped[int] = mapped_column(Integer, default=0)               # from the end of the work, or from the event
    period: Mapped[str] = mapped_column(Text)                            # as the table words it


class PeriodDecision(Base):
    """A person's decision on the period of case files, or that the event happened which their period waits for."""

    __tablename__ = "period_decision"

    n: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(40))
    by: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(10))                        # table, other_law, event
    from_day: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(Text)
    table_id: Mapped[str] = mapped_column(String(40), default="")
    version: Mapped[int] = mapped_column(Integer, default=0)
    rule: Mapped[str] = mapped_column(String(40), default="")
    years: Mapped[int] = mapped_column(Integer, default=0)               # of the period chosen; 9999: permanent
    law: Mapped[str] = mapped_column(Text, default="")                   # other_law: the article that sets it
    event_on: Mapped[str] = mapped_column(String(10), default="")
    case_files: Mapped[int] = mapped_column(Integer)                     # how many


class PeriodAssignment(Base):
    """A case file that a decision on periods names."""

    __tablename__ = "period_assignment"

    case_file: Mapped[str] = mapped_column(String(100), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)


class DocumentLink(Base):
    """A document that belongs to another case file as well as to its home; ended links stay as rows."""

    __tablename__ = "document_link"
    __table_args__ = (Index(None, "case_file"), Index(None, "home"))

    document: Mapped[str] = mapped_column(String(110), primary_key=True)
    case_file: Mapped[str] = mapped_column(String(100), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)   # the decision that made it
    home: Mapped[str] = mapped_column(String(100))
    at: Mapped[str] = mapped_column(String(40))
    ended: Mapped[int] = mapped_column(Integer, default=0)               # the decision that ended it; 0: it stands
    ended_at: Mapped[str] = mapped_column(String(40), default="")


class Transfer(Base):
    """A hand-over (thu nộp) of case files to or from another archive (retention/transfer/objects.py)."""

    __tablename__ = "transfer"
    __table_args__ = (Index(None, "state"),)

    code: Mapped[str] = mapped_column(String(60), primary_key=True)      # NL.H99.2026.01
    side: Mapped[str] = mapped_column(String(10))                        # agency: we hand over; archive: we receive
    kind: Mapped[str] = mapped_column(String(12))                        # of archive that receives: historical, current
    partner: Mapped[str] = mapped_column(String(35))                     # code of the other side
    state: Mapped[str] = mapped_column(String(12))                       # "writing": from before the put on
    version: Mapped[int] = mapped_column(Integer)
    record: Mapped[dict[str, Any]] = mapped_column(default=dict)         # transfer.json: registration and acts


class TransferItem(Base):
    """One case file of a hand-over and how far it is."""

    __tablename__ = "transfer_item"
    __table_args__ = (Index(None, "code"),)

    transfer: Mapped[str] = mapped_column(ForeignKey("transfer.code"), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(String(100))
    title: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(12))
    objid: Mapped[str] = mapped_column(String(200), default="")          # of its package
    sha256: Mapped[str] = mapped_column(String(64), default="")          # of its package; empty: none yet
    reason: Mapped[str] = mapped_column(Text, default="")                # why it failed or was returned
