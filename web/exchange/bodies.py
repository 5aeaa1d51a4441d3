"""What a request brings, written to the disk as it comes: never whole in memory, never waited for without end."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import Request
from starlette.requests import ClientDisconnect

from web.exchange.problems import Problem

PIECE = 512 << 10       # bytes that are written at once


async def pieces(request: Request, *, idle: float, longest: float) -> AsyncIterator[bytes]:
    """The body in pieces of about PIECE bytes; what came before a cut is handed out first.

    Raises Problem when nothing comes for `idle` seconds or the whole takes more than `longest` seconds, and
    ClientDisconnect.
    """
    held, size, until = [], 0, time.monotonic() + longest
    stream = request.stream().__aiter__()
    fault: Exception | None = None
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream), min(idle, max(0.001, until - time.monotonic())))
        except StopAsyncIteration:
            break
        except TimeoutError:
            fault = Problem("slow", headers={"connection": "close"})
            break
        except ClientDisconnect as error:
            fault = error
            break
        if chunk:
            held.append(chunk)
            size += len(chunk)
        if size >= PIECE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
    if fault is not None:
        raise fault


async def spool(request: Request, target: Path, *, most: int, idle: float, longest: float) -> str:
    """Write the whole body to `target`; its SHA-256. Raises Problem for one of more than `most` bytes or a slow one."""
    digest, left = hashlib.sha256(), most
    try:
        with target.open("wb") as out:
            async for piece in pieces(request, idle=idle, longest=longest):
                left -= len(piece)
                if left < 0:
                    raise Problem("too_large")
                digest.update(piece)
                await asyncio.to_thread(out.write, piece)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Problem("no_room", headers={"retry-after": "600"}) from error
        raise
    return digest.hexdigest()
