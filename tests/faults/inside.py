"""Faults inside the process of a night: a call of the database or a look at the clock that goes wrong, or a kill there.

    statement, commit, connect    a call of the database ends with an error, or never: `error` names it (LITE, SERVER)
    clock                         the clock jumps by `error` hours at the drawn look at it

`share` before the forks, `arm` in the fork that is to meet the fault. Calls of each kind are counted in memory that the
forks share, so that a killed process has told how far it came.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import socket
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Any

KINDS = ("statement", "commit", "connect", "clock")
KILL, KILL_AFTER, LOST, ANSWER_LOST = "kill", "kill after", "lost", "answer lost"
# SQLite's own words for what a disk, or another program that has the file open, does to it.
LITE = {"locked": "database is locked", "io": "disk I/O error", "full": "database or disk is full",
        "malformed": "database disk image is malformed", "unable": "unable to open database file"}
# PostgreSQL fails by itself, with these states: disk full, cancelled by an administrator, deadlock, not serialisable.
SERVER = {"disk full": "53100", "cancelled": "57014", "deadlock": "40P01", "not serialisable": "40001"}
GONE = "server closed the connection unexpectedly"

_memory: Any = None


def share() -> None:
    """Make the counters; once, before the forks."""
    global _memory
    _memory = (ctypes.c_long * (len(KINDS) + 1)).from_buffer(mmap.mmap(-1, mmap.PAGESIZE))


def calls() -> dict[str, int]:
    """Calls of each kind since `arm`."""
    return {kind: int(_memory[n]) for n, kind in enumerate(KINDS)}


def fired() -> int:
    """How many calls met the fault."""
    return int(_memory[len(KINDS)])


def clear() -> None:
    """Begin to count anew."""
    for n in range(len(KINDS) + 1):
        _memory[n] = 0


def kill() -> None:
    """End this process and all that it started, as `kill -9` does."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


def arm(kind: str, at: int, times: int, error: str | int, hours: int = 0) -> None:
    """Let the calls from number `at` on, `times` of them, meet `error`; the clock is ahead by `hours` all along."""
    def due(one: str) -> bool:
        n = KINDS.index(one)
        _memory[n] += 1
        if one != kind or not at <= _memory[n] < at + times:
            return False
        _memory[len(KINDS)] += 1
        return True

    _arm_database(due, error)
    _arm_clock(due, int(error) if kind == "clock" else 0, hours)


def _arm_clock(due: Callable[[str], bool], jump: int, hours: int) -> None:
    from tests import night_driver

    def looked() -> Any:
        return night_driver.NIGHT + timedelta(hours=hours + (jump if due("clock") else 0))

    night_driver.time_of_night = looked


def _arm_database(due: Callable[[str], bool], error: str | int) -> None:
    from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
    from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

    for dialect, fail in ((SQLiteDialect_pysqlite, _fail_lite), (PGDialect_psycopg2, _fail_server)):
        for name in ("do_execute", "do_execute_no_params", "do_executemany"):
            setattr(dialect, name, _failing(getattr(dialect, name), due, fail, error))
        setattr(dialect, "do_commit", _committing(dialect.do_commit, due, fail, error))     # noqa: B010
        setattr(dialect, "connect", _connecting(dialect.connect, due, error))               # noqa: B010


def _failing(real: Callable[..., Any], due: Callable[[str], bool], fail: Callable[..., None],
             error: str | int) -> Callable[..., Any]:
    def executed(self: Any, cursor: Any, *rest: Any, **named: Any) -> Any:
        if due("statement"):
            fail(cursor.connection, error)
        return real(self, cursor, *rest, **named)
    return executed


def _committing(real: Callable[..., Any], due: Callable[[str], bool], fail: Callable[..., None],
                error: str | int) -> Callable[..., Any]:
    def committed(self: Any, connection: Any) -> Any:
        meets = due("commit")
        if meets and error not in (KILL_AFTER, ANSWER_LOST):
            fail(connection, error)
        result = real(self, connection)
        if meets and error == KILL_AFTER:
            kill()
        if meets and error == ANSWER_LOST:
            fail(connection, LOST)
        return result
    return committed


def _connecting(real: Callable[..., Any], due: Callable[[str], bool], error: str | int) -> Callable[..., Any]:
    def connected(self: Any, *rest: Any, **named: Any) -> Any:
        if due("connect"):
            if error == KILL:
                kill()
            raise self.loaded_dbapi.OperationalError(LITE.get(str(error), "connection refused"))
        return real(self, *rest, **named)
    return connected


def _fail_lite(_connection: Any, error: str | int) -> None:
    if error == KILL:
        kill()
    if error == "malformed":
        raise sqlite3.DatabaseError(LITE[error])
    raise sqlite3.OperationalError(LITE[str(error)])


def _fail_server(connection: Any, error: str | int) -> None:
    """The server itself refuses, so that its transaction is as broken as it would be; or the line to it is cut."""
    if error == KILL:
        kill()
    if error == LOST:
        socket.socket(fileno=os.dup(connection.fileno())).shutdown(socket.SHUT_RDWR)
    with connection.cursor() as cursor:     # over a cut line this ends as any statement would
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'as drawn' USING ERRCODE = '{SERVER.get(str(error), '53100')}'; "
                       "END $$")
