"""What a collector of traces is told, by a real one on this machine: nights, stages, items, requests; nobody's name."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog.testing
from click.testing import CliRunner
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sqlalchemy import select

from archive import settings, telemetry
from archive.doctor import collector as doctor
from archive.errors import SettingsError
from archive.model import Item
from archive.opening import Archive
from cli import luutru
from tests.conftest import ROOT
from tests.web.conftest import serving


class Collector:
    """Takes OTLP by HTTP, reads it as the specification says, and keeps the spans."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.status = 200
        kept = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                kept.asked.append({"path": self.path, **{key.lower(): value for key, value in self.headers.items()}})
                if kept.status == 200:
                    kept.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(kept.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, message: ExportTraceServiceRequest) -> None:
        for resource in message.resource_spans:
            about = {one.key: one.value.string_value for one in resource.resource.attributes}
            for span in (one for scope in resource.scope_spans for one in scope.spans):
                self.spans.append({
                    "name": span.name, "id": span.span_id, "above": span.parent_span_id, "trace": span.trace_id,
                    "begun": span.start_time_unix_nano, "ended": span.end_time_unix_nano, "resource": about,
                    "failed": span.status.code == 2,
                    "about": {one.key: one.value.string_value or one.value.int_value for one in span.attributes}})

    def named(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self.spans if one["name"] == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_night_its_stages_and_its_items_are_told_by_their_ids_and_nobody_by_name(
        archive: Archive, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    root = archive.settings.root
    name = "Quyết định nghỉ hưu ông Trần Văn Bình.pdf"
    shutil.copyfile(next((ROOT / "samples" / "inbox" / "van-ban-den").glob("*.pdf")), root / "inbox" / name)
    monkeypatch.setenv("LUUTRU_TELEMETRY__COLLECTOR", collector.address + "/")
    monkeypatch.setenv("LUUTRU_TELEMETRY_SECRET", "ma-cua-bo-thu")
    monkeypatch.setenv("LUUTRU_INGEST__WORKERS", "1")
    done = CliRunner().invoke(luutru, ["--root", str(root), "nightly", "--json"])
    assert done.exit_code in (0, 3), done.output
    (night,) = collector.named("night")
    assert night["above"] == b"" and not night["failed"]
    assert {one["trace"] for one in collector.spans} == {night["trace"]}
    (batch,) = {one["about"].get("luutru.batch") for one in collector.named("night examine")}
    assert batch and night["about"]["luutru.batch"] == batch
    stages = [one for one in collector.spans if one["name"].startswith("night ")]
    assert {"night collect", "night examine", "night store"} <= {one["name"] for one in stages}
    assert {one["above"] for one in stages} == {night["id"]}
    assert all(night["begun"] <= one["begun"] <= one["ended"] <= night["ended"] for one in stages)
    with archive.catalogue.session() as session:
        known = set(session.scalars(select(Item.id)))
    items = collector.named("item")
    assert {one["about"]["luutru.item"] for one in items} == known and len(known) == 1
    (examine,) = collector.named("night examine")
    (item,) = [one for one in items if one["above"] == examine["id"]]       # the other: the look for separator sheets
    assert item["begun"] >= examine["begun"]
    parts = [one for one in collector.spans if one["above"] == item["id"]]
    assert {"item check", "item verify", "item extract"} <= {one["name"] for one in parts}
    assert all(item["begun"] <= one["begun"] <= one["ended"] <= item["ended"] for one in parts)
    assert {one["path"] for one in collector.asked} == {"/v1/traces"}
    assert {one["authorization"] for one in collector.asked} == {"Bearer ma-cua-bo-thu"}
    assert night["resource"]["service.name"] == "luutru"
    told = str(collector.spans)
    for word in ("Trần Văn Bình", "nghỉ hưu", ".pdf", str(root), "ma-cua"):
        assert word not in told, word


def test_requests_are_told_by_the_pattern_of_their_path(
        archive: Archive, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_TELEMETRY__COLLECTOR", collector.address)
    with serving(archive.settings.root) as url, \
            httpx.Client(base_url=url, follow_redirects=False, timeout=30) as client:
        client.get("/search?q=Nguyễn+Thị+Lan")
        client.get("/nights/2026-11-20.1")
        client.get("/people/tran.van.binh")
        client.get("/no/such/page/at/all")
        client.get("/health/live")
        client.get("/static/style.css")
    assert [one["name"] for one in collector.spans][:2] == ["GET /search", "GET /nights/{batch}"]
    assert [one["about"]["http.response.status_code"] for one in collector.spans] == [303, 303, 404, 404]
    assert collector.named("GET /nights/{batch}")[0]["about"]["luutru.batch"] == "2026-11-20.1"
    assert {one["name"] for one in collector.spans[2:]} <= {"GET /people/{name}", "GET other"}
    for word in ("Nguyễn", "Lan", "binh", "no/such"):
        assert word not in str(collector.spans)


def test_a_share_of_the_requests_is_enough(collector: Collector, tmp_path: Path) -> None:
    told = settings.load(tmp_path, telemetry={"collector": collector.address})
    for share, expected in ((0.0, 0), (1.0, 20)):
        teller = telemetry.Teller(told, "portal", share=share)
        for _ in range(20):
            teller.past("GET /search", 1.0, 2.0)
        teller.close()
        assert len(collector.spans) == expected


def test_a_collector_that_is_away_is_asked_once_and_what_was_lost_is_said(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        told = settings.load(tmp_path, telemetry={"collector": address, "seconds": 1.0})
        asked: list[int] = []
        export = OTLPSpanExporter.export
        monkeypatch.setattr(OTLPSpanExporter, "export",
                            lambda self, spans: asked.append(len(spans)) or export(self, spans))
        with structlog.testing.capture_logs() as logged, telemetry.telling(told, "night") as teller:
            assert teller is not None
            for _ in range(3000):
                teller.past("item", 1.0, 2.0)
    assert len(asked) == 1          # of six batches: each further one would have waited a second and more
    assert [one["event"] for one in logged] == ["the collector did not take everything"]


def test_a_night_that_fails_is_told_as_failed_with_the_kind_of_error_only(collector: Collector, tmp_path: Path) -> None:
    told = settings.load(tmp_path, telemetry={"collector": collector.address})
    with pytest.raises(ZeroDivisionError), telemetry.night(told, lambda *_: None) as progress:
        progress("collect", 0, 1)
        raise ZeroDivisionError("Trần Văn Bình")
    assert {one["name"]: one["failed"] for one in collector.spans} == {"night": True, "night collect": True}
    assert {one["about"]["error.type"] for one in collector.spans} == {"ZeroDivisionError"}
    assert "Bình" not in str(collector.spans)


def test_a_clock_that_was_set_back_makes_no_span_negative(collector: Collector, tmp_path: Path) -> None:
    told = settings.load(tmp_path, telemetry={"collector": collector.address})
    with telemetry.telling(told, "night"):
        telemetry.item("a" * 16, [["check", 100.0, 50.0], ["extract", 50.0, 60.0]])
        telemetry.item("b" * 16, [])        # of a machine that told no times
    assert len(collector.spans) == 3
    assert all(one["begun"] <= one["ended"] for one in collector.spans)


def test_nothing_is_told_or_loaded_unless_a_collector_is_named(
        collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = settings.load(tmp_path)
    seen: list[str] = []
    with telemetry.night(plain, lambda name, *_: seen.append(name)) as progress:
        progress("collect", 0, 1)
        telemetry.item("a" * 16, [["check", 1.0, 2.0]])
    assert seen == ["collect"] and collector.asked == []
    loaded = "import sys, archive.telemetry, ingest.worker, web.tracing; print('opentelemetry.sdk' in sys.modules)"
    said = subprocess.run([sys.executable, "-P", "-c", loaded], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": str(ROOT)})
    assert said.stdout == "False\n"
    # Without the extra the night is the same, and the doctor says why nothing is told.
    named = settings.load(tmp_path, telemetry={"collector": collector.address})
    monkeypatch.setattr(telemetry, "PACKAGES", ("no.such.package",))
    with telemetry.night(named, lambda name, *_: seen.append(name)) as progress:
        progress("store", 0, 1)
    assert seen == ["collect", "store"] and collector.asked == []
    assert [one.code for one in doctor.answers(named)] == ["DOCTOR-070"]


def test_the_doctor_asks_the_collector(collector: Collector, tmp_path: Path) -> None:
    named = settings.load(tmp_path, telemetry={"collector": collector.address})
    assert list(doctor.answers(settings.load(tmp_path))) == []
    assert list(doctor.answers(named)) == [] and collector.spans == []
    collector.status = 401
    (found,) = doctor.answers(named)
    assert (found.code, found.params["reason"]) == ("DOCTOR-071", "HTTP 401")
    collector.server.shutdown()
    collector.server.server_close()
    assert [one.code for one in doctor.answers(named)] == ["DOCTOR-071"]


@pytest.mark.parametrize("address", ["collector:4318", "http://luutru:bí-mật@collector:4318", "ftp://collector"])
def test_an_address_without_scheme_or_with_a_password_is_refused_and_not_repeated(address: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        settings.load(tmp_path, telemetry={"collector": address})
    assert "telemetry.collector" in str(refused.value) and "bí-mật" not in str(refused.value)

