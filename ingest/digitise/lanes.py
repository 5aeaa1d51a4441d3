"""Pages read in processes of their own: one that hangs or dies takes neither its document nor another page along.

A lane is a fork of this process, warm as it is; it reads one page after the other and has so many seconds for each:
of the processor, so that a busy machine makes pages late and not lost; one that stands still has them by the clock.
A document has one lane, and more while other processors have nothing to do (`Batch`): that is how a document of a
thousand pages keeps the whole machine busy when it is the last one. The pages are the same whatever the lanes.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal, TypeVar

from ingest.digitise.limits import GivenUp, not_counted
from ingest.digitise.thresholds import threshold

T = TypeVar("T")
_POLL = 0.5             # seconds between looks for a processor that has become free
_PROGRESS = 0.5         # seconds of the processor by which a page shows that it is not standing still
_PDEATHSIG = 1          # prctl(2): the signal that a process gets when the one that forked it is gone
_libc = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Batch:
    """What the processes of one batch share, as files in `folder`: the processors, and how many pages are read.

    A processor is a locked file: who works holds one, and a process that was killed holds none. Documents wait for
    theirs; a further lane only takes what nobody waits for, and gives it back after its page.
    """

    folder: Path
    processors: int

    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold one processor, waited for."""
        held = self.take()
        if held is None:
            with self._file("wanted") as sign:
                fcntl.flock(sign, fcntl.LOCK_SH)
                while (held := self.take()) is None:
                    time.sleep(0.02)
        try:
            yield
        finally:
            give_back(held)

    def take(self) -> int | None:
        """The descriptor of a free processor's file, None when all are held."""
        for number in range(self.processors):
            held = os.open(self.folder / f"processor-{number}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(held)
            else:
                return held
        return None

    def wanted(self) -> bool:
        """Whether a document waits for a processor."""
        with self._file("wanted") as sign:
            try:
                fcntl.flock(sign, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def count(self, which: Literal["expected", "read"], pages: int) -> None:
        """Note that so many pages are expected, or have been read."""
        with self._file(which) as notes:
            notes.write("." * pages)

    def counted(self, which: Literal["expected", "read"]) -> int:
        """How many pages have been noted."""
        try:
            return (self.folder / which).stat().st_size
        except FileNotFoundError:
            return 0

    def _file(self, name: str) -> Any:
        return (self.folder / name).open("a", encoding="ascii")


def give_back(held: int) -> None:
    """Free a processor. Unlocked first: forks have copies of the descriptor, and closing one frees nothing."""
    fcntl.flock(held, fcntl.LOCK_UN)
    os.close(held)


_batch: Batch | None = None


def share(batch: Batch | None) -> None:
    """From here on the documents of this process may use the free processors of `batch`."""
    global _batch
    _batch = batch


@contextmanager
def working() -> Iterator[None]:
    """What this process does inside counts as one processor's work of the batch, if there is one."""
    if _batch is None:
        yield
        return
    with _batch.working():
        yield


# --- lanes --------------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class _Lane:
    pid: int
    pipe: Connection
    processor: int | None = None        # of a further lane
    page: int | None = None             # what it is reading
    until: float = 0.0                  # monotonic time at which its clocks are looked at
    last: float = 0.0                   # monotonic time at which that page is given up, whatever the processor's says
    began: float = 0.0                  # the processor's time when it was given the page, seconds
    seen: float = 0.0                   # the same at the last look

    def hand(self, page: int) -> None:
        now = time.monotonic()
        self.page, self.until = page, now + threshold("limits", "page_seconds")
        self.last = now + threshold("limits", "page_wall")
        self.began = self.seen = _processor_time(self.pid)
        with suppress(OSError):         # it has died meanwhile: seen when its answer is waited for
            self.pipe.send(page)

    def over(self) -> bool:
        """Whether the page's time is up; if it only had to wait for the processor, it gets the rest of its time."""
        now = time.monotonic()
        if now < self.until:
            return False
        spent = _processor_time(self.pid)
        left = threshold("limits", "page_seconds") - (spent - self.began)
        if left <= 0 or now >= self.last or spent - self.seen < min(_PROGRESS, left):
            return True
        self.seen, self.until = spent, min(now + max(left, _PROGRESS), self.last)
        return False

    def end(self) -> None:
        """Kill the process, whatever it does, and free its processor."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        self.pipe.close()
        if self.processor is not None:
            give_back(self.processor)
            self.processor = None


def read_pages(numbers: Sequence[int], read: Callable[[int], T], failed: Callable[[int, GivenUp], T]) -> dict[int, T]:
    """`read(number)` of every page, in lanes; `failed(number, why)` of those that were given up.

    After thresholds.toml's `pages_given_up` pages the rest of the document is left. `read` runs in a fork and returns
    what can be pickled; what it raises is our fault and is raised here. The item's own clock stands still meanwhile.
    """
    waiting, done = deque(numbers), dict[int, T]()
    lanes: list[_Lane] = []
    lost = 0
    if _batch is not None:
        _batch.count("expected", len(numbers))
    try:
        with not_counted():
            while waiting or any(lane.page is not None for lane in lanes):
                _man(lanes, waiting, read)
                for lane in _answering(lanes):
                    page = lane.page
                    assert page is not None
                    why = _take_in(lane, page, done)
                    if why:
                        lanes.remove(lane)
                        done[page], lost = failed(page, why), lost + 1
                    if _batch is not None:
                        _batch.count("read", 1)
                if lost >= threshold("limits", "pages_given_up"):
                    done |= {page: failed(page, "left") for page in waiting}
                    waiting.clear()
    finally:
        for lane in lanes:
            lane.end()
    return {number: done[number] for number in numbers}


def _man(lanes: list[_Lane], waiting: deque[int], read: Callable[[int], Any]) -> None:
    """Give every idle lane a page; open one if there is none, and further ones while processors are free."""
    for lane in [lane for lane in lanes if lane.page is None]:
        if not waiting or (lane.processor is not None and _batch is not None and _batch.wanted()):
            lanes.remove(lane)
            lane.end()
        else:
            lane.hand(waiting.popleft())
    while waiting:
        processor = None
        if any(lane.processor is None for lane in lanes) and (
                _batch is None or _batch.wanted() or (processor := _batch.take()) is None):
            return
        lanes.append(_fork(read, processor))
        lanes[-1].hand(waiting.popleft())


def _answering(lanes: list[_Lane]) -> list[_Lane]:
    """The lanes that have answered, have died, or are over their time; waits for the first."""
    busy = {lane.pipe: lane for lane in lanes if lane.page is not None}
    patience = max(0.0, min(lane.until for lane in busy.values()) - time.monotonic())
    ready = wait(busy, min(patience, _POLL) if _batch is not None else patience)
    late = [lane for pipe, lane in busy.items() if pipe not in ready and lane.over()]
    return [lane for pipe, lane in busy.items() if pipe in ready] + late


def _take_in(lane: _Lane, page: int, done: dict[int, T]) -> GivenUp:
    """Take the lane's answer; why the page is given up, and the lane with it, when there is none."""
    why = "died" if lane.pipe.poll() else "time"
    if why == "died":
        try:
            right, answer = lane.pipe.recv()
        except (EOFError, OSError):
            pass
        else:
            if not right:
                raise answer
            done[page], lane.page = answer, None
            return ""
    lane.end()
    return why


def _processor_time(pid: int) -> float:
    """Seconds of the processor that a process has used, with its ended children; 0 where the system does not tell."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, told[11:15])) / os.sysconf("SC_CLK_TCK")


def _fork(read: Callable[[int], Any], processor: int | None) -> _Lane:
    ours, theirs = Pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            with suppress(AttributeError):              # not on this system: a lane then ends when its pipe does
                _libc.prctl(_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == parent:
                ours.close()
                _work(theirs, read)
        finally:
            os._exit(0)                                 # nothing of the parent's is flushed or cleaned up twice
    theirs.close()
    return _Lane(pid, ours, processor)


def _work(pipe: Connection, read: Callable[[int], Any]) -> None:
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        while True:
            page = pipe.recv()
            try:
                answer = (True, read(page))
            except Exception as error:
                error.add_note("in the process of the page:\n" + traceback.format_exc())
                answer = (False, error)
            pipe.send(answer)
