"""Nights and morning reports as work that any machine may take: `luutru beat` asks for them, a machine runs them.

A night is the command `luutru nightly` in a process of its own, so that it can be stopped like one, gives its memory
back, and leaves the machine free to examine. Two machines never run one at once: the claim says so, and behind it the
lock of the one writer.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import DBAPIError

from archive import clock
from archive.errors import UsageError
from archive.opening import open_archive
from ingest.machines.desk import Claim
from ingest.until import moment

if TYPE_CHECKING:
    from ingest.machines.machine import Machine

NIGHT, REPORT = "night", "report"
ENDED = (0, 3, 4)           # exit codes of a night that came to its end; what it found stands in its report
STOPPED = 130
RETRY_WAIT = 300.0          # seconds until a night that failed is tried again, as long as it does

log = structlog.get_logger()


def run(machine: Machine, work: str) -> str:
    """Claim a night or a report and do it; what came of it, as Machine.examine says."""
    claim = machine.desk.claim(work, machine.name)
    if claim is None:
        return "gone"
    with machine.holding(claim.token):
        try:
            code = _night(machine, claim) if claim.task == NIGHT else _report(machine)
        except Exception as error:
            log.exception("work failed", machine=machine.name, work=work)
            with suppress(DBAPIError):
                machine.desk.give_back(claim, "".join(traceback.format_exception(error)), counted=False,
                                       wait=RETRY_WAIT)
            return "given back"
        if code in ENDED:
            return "done" if machine.desk.finish(claim, {"code": code}) else "void"
        # Only a night that takes its machine along counts as tried: a full disk or a database that is away pass.
        stopped = code == STOPPED or machine.stopping.is_set()      # by us: another machine goes on at once
        machine.desk.give_back(claim, f"{machine.name}: luutru nightly: {code}", counted=False,
                               wait=0.0 if stopped else RETRY_WAIT)
        return "given back"


def _night(machine: Machine, claim: Claim) -> int:
    """Run the night to its end; when this machine is stopped, or the claim is lost, so is the night (without harm)."""
    folder, told = machine.root / "log", machine.settings
    folder.mkdir(exist_ok=True)
    # One that is tried again after its end has none to look forward to but the next night's.
    evening = date.fromisoformat(claim.id.partition(":")[2])
    end = moment(told.night.until, begins_at(evening, told.workers.night_at))
    until = ["--until", f"{clock.in_vietnam(end):%Y-%m-%dT%H:%M}"] if end else []
    with (folder / "nights.log").open("ab") as said:
        night = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli", "--root", str(machine.root), "nightly", "--json", *until],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)})
        while (code := night.poll()) is None:
            time.sleep(0.2)
            if machine.stopping.is_set() or not machine.holds(claim.token):
                night.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    night.wait(timeout=60)
                if night.poll() is None:
                    os.killpg(night.pid, signal.SIGKILL)
                return STOPPED if night.wait() < 0 else night.returncode
    return code


def _report(machine: Machine) -> int:
    """Write the page of the last night's report as things stand now: what was released since is told."""
    from archive import layout
    from ingest import report
    from ingest.report_page import write_json, write_report

    archive = open_archive(machine.settings)
    try:
        with archive.catalogue.session() as session:
            batch = report.latest_batch(session)
        if batch:
            made, place = report.build(archive, batch), layout.reports_folder(archive.settings)
            write_report(made, place)
            write_json(made, place)
    except UsageError:
        return 2
    finally:
        archive.close()
    return 0


def begins_at(evening: date, night_at: str) -> datetime:
    """When the night of that evening begins; one whose hour (HH:MM) is before noon begins after midnight."""
    begins = datetime.fromisoformat(f"{evening}T{night_at}").replace(tzinfo=clock.VIETNAM)
    return begins + timedelta(days=begins.hour < 12)


def night_id(day: str) -> str:
    """The id of the night of that day (YYYY-MM-DD): whoever asks for it twice gets it once."""
    return f"{NIGHT}:{day}"


def report_id(day: str) -> str:
    """The id of that morning's report."""
    return f"{REPORT}:{day}"

