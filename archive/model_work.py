"""The catalogue's tables of work that is handed out to other machines (docs/scaling.md); part of archive/model.py.

They are for the moment: empty when no night runs, not made again by a rebuild, no part of the archive. Losing them
loses nothing, because what is not done is still `received` in the table of items. Times are seconds since 1970 by the
database's own clock, the one that all machines share.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Float, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.model_base import Base


class Work(Base):
    """One piece of work for any machine: an item to be examined, a night to be run, a report to be written."""

    __tablename__ = "work"
    __table_args__ = (Index(None, "task", "state"),)

    id: Mapped[str] = mapped_column(String(80), primary_key=True)        # all that its message carries
    task: Mapped[str] = mapped_column(String(10))                        # examine, night, report
    queue: Mapped[str] = mapped_column(String(10))                       # ocr, verify, io, forms, night
    urgent: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(10))                       # waiting, claimed, done
    tries: Mapped[int] = mapped_column(Integer, default=0)               # how often a machine claimed it
    sends: Mapped[int] = mapped_column(Integer, default=0)               # how often its message was sent
    due: Mapped[float] = mapped_column(Float, default=0.0)               # when a message is sent (again)
    token: Mapped[str] = mapped_column(String(32), default="")           # of the claim; empty: none
    machine: Mapped[str] = mapped_column(String(100), default="")        # whose claim it is, or was
    until: Mapped[float] = mapped_column(Float, default=0.0)             # the claim ends unless it is renewed
    asked: Mapped[dict[str, Any]] = mapped_column(default=dict)
    told: Mapped[dict[str, Any]] = mapped_column(default=dict)           # what came of it
    error: Mapped[str] = mapped_column(Text, default="")                 # why the last try came to nothing


class Machine(Base):
    """A process that takes work (luutru worker), as it last gave a sign of life."""

    __tablename__ = "machine"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    queues: Mapped[list[Any]] = mapped_column(default=list)
    processors: Mapped[int] = mapped_column(Integer)
    seen: Mapped[float] = mapped_column(Float)
    settings: Mapped[str] = mapped_column(String(64))                    # fingerprint of what decides its results
    version: Mapped[str] = mapped_column(String(30))
