"""What a monitoring system asks every minute, in the text form of Prometheus: figures only, no name of a record.

Promises and deadlines are those that the last night told (its report for machines); everything else is as of now.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from archive import __version__, clock, layout, model
from archive.fixity import checking
from archive.opening import Archive
from ingest.report import WAITING

PROMISED = ("kept", "broken", "not_checked")


def exposition(archive: Archive) -> bytes:
    """All figures of the archive as text (Prometheus exposition format 0.0.4, UTF-8)."""
    registry = CollectorRegistry()
    registry.register(Figures(archive))
    return generate_latest(registry)


class Figures(Collector):
    """The figures of one archive, looked up anew whenever they are collected."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def describe(self) -> list[Metric]:
        """Nothing beforehand: registering must not look into the archive."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every figure. Raises the catalogue's errors."""
        yield _one("luutru_build_info", "the program's version", {"version": __version__}, 1)
        with self.archive.catalogue.session() as session:
            yield from _records(session)
            yield from _night(session, self.archive)
        yield from _places(self.archive)


def _records(session: Session) -> Iterator[Metric]:
    tables = {"case_files": model.CaseFile, "documents": model.Document, "files": model.File, "events": model.Event}
    yield _many("luutru_records", "rows of the catalogue", "kind", {
        name: session.scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()})
    found = _by_state(session, model.Item.state.in_(WAITING))
    yield _many("luutru_items_waiting", "received items that wait for a person", "state", {
        state: found.get(state, 0) for state in WAITING})


def _night(session: Session, archive: Archive) -> Iterator[Metric]:
    """The last batch; nothing before the first."""
    row = session.scalar(select(model.Batch).order_by(model.Batch.started_at.desc()).limit(1))
    if row is None:
        return
    times = {"started": row.started_at, "finished": row.finished_at}
    for name, at in times.items():
        if at:      # a night that runs, or was killed, has not finished: the series is absent, which an alert can see
            yield _one(f"luutru_night_{name}_timestamp_seconds", f"when the last night {name}", {},
                       clock.parse(at).timestamp())
    yield _many("luutru_night_items", "items of the last night", "state",
                _by_state(session, model.Item.batch == row.id))
    told = _told(archive, row.id)
    promises = GaugeMetricFamily("luutru_promise", "1: the state of a promise in the last night's report",
                                 labels=["promise", "place", "state"])
    for one in told.get("promises", []):
        for state in PROMISED:
            promises.add_metric([one["name"], str(one.get("place", "")), state], float(one["state"] == state))
    yield promises
    due: Counter[tuple[str, str]] = Counter()
    for one in told.get("deadlines", []):
        due[one["kind"], one["state"]] += one["count"]
    deadlines = GaugeMetricFamily("luutru_deadlines", "things that are due or overdue, as the last night told",
                                  labels=["kind", "state"])
    for (kind, state), number in due.items():
        deadlines.add_metric([kind, state], number)
    yield deadlines


def _places(archive: Archive) -> Iterator[Metric]:
    disk = shutil.disk_usage(archive.settings.root)
    yield _one("luutru_disk_free_bytes", "free on the archive's disk", {}, disk.free)
    yield _one("luutru_disk_size_bytes", "size of the archive's disk", {}, disk.total)
    status = checking.status(archive, clock.now())
    for name, said, figure in (
            ("luutru_place_reading_age_days", "since the oldest last reading of a file there", "age"),
            ("luutru_place_faults", "objects known to be damaged there", "faults"),
            ("luutru_place_lag_nights", "nights that the copy lacks", "lag")):
        yield _many(name, said, "place", {one.name: getattr(one, figure) for one in status.places
                                          if getattr(one, figure) is not None})


def _by_state(session: Session, which: ColumnElement[bool]) -> dict[str, int]:
    return {state: int(number) for state, number in session.execute(
        select(model.Item.state, func.count()).where(which).group_by(model.Item.state))}


def _told(archive: Archive, batch: str) -> dict[str, Any]:
    """The night's report for machines; empty where it is not written yet, or was put away."""
    try:
        told: dict[str, Any] = orjson.loads((layout.reports_folder(archive.settings) / f"{batch}.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return told


def _one(name: str, said: str, labels: dict[str, str], value: float) -> Metric:
    family = GaugeMetricFamily(name, said, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _many(name: str, said: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, said, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
