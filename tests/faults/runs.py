"""Nights on a machine that fails: one call of a night, drawn by a seed, ends with an error. What must hold then.

    python -m tests.faults.runs --runs 1000 [--seed 1] [--kinds FAMILY] [--act ACT]

For each seed a small archive gets its night (or another act: acts.py) with the fault, and then nights without any.
Whatever the fault was: no received file is lost, nothing is stored twice, what is called stored lies in the store
whole, the ledger's chain holds, a rebuild finds the same, a night that says that all is well has done all, and in the
end everything that could be stored is, and is found by the search.

Families (drawing.py): files, calls to the file system that end with an error; killed, the process ends at a call;
sqlite and postgresql, calls of the database; clock, it jumps by hours, days or years.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

from tests import postgres
from tests.faults import acts
from tests.faults.drawing import FAMILIES as FAMILIES
from tests.faults.drawing import FOR_GOOD as FOR_GOOD
from tests.faults.drawing import SHORT as SHORT
from tests.faults.drawing import Fault as Fault
from tests.faults.drawing import draw
from tests.faults.driving import Driver, Life
from tests.faults.looking import hashes, look, prepare
from tests.night_driver import NO_ROOM

DONE = 5        # what an act says that was done before it was killed
NIGHTS = 3      # without a fault, within which everything must be as if there had been none


@contextmanager
def trials(folder: Path, act: str = "night", server: str = "") -> Iterator[Trials]:
    """Prepared material below `folder`, and a driver until the end. `server`: a PostgreSQL for the catalogues."""
    made = Trials(folder, act, server)
    try:
        yield made
    finally:
        made.driver.close()


class Trials:
    """An archive before its act, what comes of it in peace, and how many calls of each kind the act makes."""

    def __init__(self, folder: Path, act: str = "night", server: str = "") -> None:
        self.folder, self.act, self.server = folder, act, server
        self.before = postgres.database(server) if server else ""
        self.driver = Driver(folder)
        root = folder / "before" / "kho"
        prepare(root, self.before)
        self.received = hashes(root / "inbox")
        if act != "night":
            assert self.driver.life(root).code == 0, self.driver.words()
        if act == "destroy":
            acts.plan(root)
            self.received = set()       # some of it goes
        with self.copy() as (root, database):
            life = self.driver.life(root, act=act, database=database)
            assert life.code == 0, self.driver.words()
            self.calls = life.calls
            self._nights(root, database)
            self.peace = look(root, self.received, ended=True)

    @contextmanager
    def copy(self) -> Iterator[tuple[Path, str]]:
        """A copy of the archive before its act, for one trial, and the address of its database ("": its own file)."""
        place = self.folder / "trial"
        shutil.copytree(self.folder / "before", place)
        database = postgres.database(self.server, self.before) if self.server else ""
        try:
            with patch.dict(os.environ, {"LUUTRU_DATABASE": database} if database else {}):
                yield place / "kho", database
        finally:
            shutil.rmtree(place)
            if database:
                postgres.drop(database)

    def draw(self, seed: int, family: str = "files") -> Fault:
        """The fault of this seed."""
        return draw(seed, family, self.calls)

    def run(self, fault: Fault) -> tuple[Life, list[int | None]]:
        """The act with the fault and what follows it; AssertionError where a promise is broken.

        Returns how the act with the fault ended, and the codes of the nights after it.
        """
        with self.copy() as (root, database):
            life = self.driver.life(root, fault, act=self.act, database=database)
            assert life.code is not None, f"hung: {fault}\n{self.driver.words()}"
            said = (0, 1, NO_ROOM) if self.act == "night" else (0, 1, 3, 4, 5)
            assert life.code in said or fault.kills, f"{life.code}: {fault}\n{self.driver.words()}"
            if self.act != "rebuild":       # which may leave no catalogue behind
                here = look(root, self.received, ended=False)
                # An item on which we failed is said by the report, and by the command's exit code.
                if life.code == 0 and self.act == "night" and not any(state == "failed" for _name, state in here.items):
                    assert (here.stored, here.items) == (self.peace.stored, self.peace.items), \
                        f"all is well, it said: {here}\n≠\n{self.peace}\n{self.driver.words()}"
            for _ in range(NIGHTS if self.act != "night" and life.code != 0 else 0):
                if self.driver.life(root, act=self.act, hours=fault.hours, database=database).code in (0, DONE):
                    break
            else:
                assert self.act == "night" or life.code == 0, f"{fault}\n{self.driver.words()}"
            after = self._nights(root, database, fault.hours)
            outcome = look(root, self.received, ended=True)
            assert outcome == self.peace, f"{outcome}\n≠\n{self.peace}"
        return life, after

    def _nights(self, root: Path, database: str, hours: int = 0) -> list[int | None]:
        after: list[int | None] = []
        for _ in range(NIGHTS):
            after.append(self.driver.life(root, hours=hours, database=database).code)
            if after[-1] == 0 and len(after) > 1:
                break
        assert after[-1] == 0, f"{after}\n{self.driver.words()}"
        return after


def main() -> None:
    """Many seeds; what breaks is told with its seed, and the exit code is 1."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--runs", type=int, default=1000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--kinds", choices=FAMILIES, default="files")
    asked.add_argument("--act", choices=acts.ACTS, default="night")
    given = asked.parse_args()
    broken, ends, begun = 0, Counter[str](), time.monotonic()
    serving = postgres.server() if given.kinds == "postgresql" else nullcontext("")
    with serving as server, tempfile.TemporaryDirectory(prefix="luutru-faults-") as folder, \
            trials(Path(folder), given.act, server) as held:
        print(held.calls, flush=True)
        for seed in range(given.seed, given.seed + given.runs):
            fault = held.draw(seed, given.kinds)
            try:
                life, _ = held.run(fault)
                ends[f"{fault.kind}: {'did not come' if not life.fired else life.code}"] += 1
            except Exception as error:      # what the look at it meets is a broken promise as well
                broken += 1
                where = traceback.extract_tb(error.__traceback__)[-1]
                print(f"seed {seed} · {fault}: {type(error).__name__} at {Path(where.filename).name}:{where.lineno}: "
                      f"{str(error)[:1000]} … {str(error)[-2000:]}", flush=True)
            if (done := seed - given.seed + 1) % 5 == 0:
                print(f"{done} runs, {broken} broken", flush=True)
    print(json.dumps({"kinds": given.kinds, "act": given.act, "runs": given.runs, "broken": broken,
                      "seconds": round(time.monotonic() - begun), "ends": dict(sorted(ends.items()))}), flush=True)
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
