"""What is due on a day: every case file whose period is over, and what still keeps some of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from retention import blocking, life
from retention.period import Counting


@contextmanager
def listing(session: Session, on: str, counting: Counting, *, fonds: str = "") -> Iterator[Iterator[life.Due]]:
    """The case files whose period is over on the day `on` (YYYY-MM-DD), one after another, by fonds and code.

    Luật Lưu trữ 33/2024/QH15 Điều 16 khoản 1: expired; permanent ones are never among them. Those that a hold or a link
    to a longer-lived case file keeps say so (`blocked`) and may enter no list for destruction.
    """
    life.gather(session, on, blocking.held_case_files(session))
    try:
        life.judge(session, counting)
        yield life.due(session, int(on[:4]), fonds=fonds)
    finally:
        life.forget(session)
