"""Monitoring: the server says whether it lives and is ready, and its figures tell nothing of any record."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from archive import model, opening, settings
from archive.catalogue import FILE_NAME
from ingest.commands import metrics
from ingest.metrics import exposition
from tests.web.conftest import Served
from web.health import ready
from web.site import Site
from web.tokens import Tokens


def figures(told: str) -> dict[tuple[str, ...], float]:
    """Each sample: its name and its labels' values → its value."""
    return {(one.name, *one.labels.values()): one.value for family in text_string_to_metric_families(told)
            for one in family.samples}


def token(site: Served, role: str, scope: str) -> str:
    held = site.accounts
    return Tokens(held.settings, held).make(site.names[role], "giám sát", [scope], days=1, by="test")[0]


def ask(site: Served, path: str, **more: object) -> httpx.Response:
    return httpx.get(site.url + path, verify=False, timeout=30, **more)     # type: ignore[arg-type]


def test_who_asks_whether_the_server_lives_needs_no_account(site: Served) -> None:
    assert ask(site, "/health/live").json() == {"live": True}
    answer = ask(site, "/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "catalogue": True, "store": True})


def test_a_server_whose_catalogue_is_gone_is_not_ready(tmp_path: Path) -> None:
    opening.make_archive(tmp_path / "kho", {"agency": {"code": "H99", "name": "Sở Nội vụ"}}).close()
    held = Site(tmp_path / "kho")
    request: Any = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(site=held)))
    assert ready(request).status_code == 200
    held.archive.catalogue.engine.dispose()
    for path in (tmp_path / "kho").glob(f"{FILE_NAME}*"):
        path.unlink()
    (tmp_path / "kho" / FILE_NAME).mkdir()
    answer = ready(request)
    held.close()
    assert (answer.status_code, answer.body) == (503, b'{"ready":false,"catalogue":false,"store":true}')


def test_figures_are_for_tokens_of_who_may_see_them(site: Served) -> None:
    path = "/api/v1/metrics"
    assert ask(site, path).status_code == 401
    asked = (("archivist", "reports", 200), ("archivist", "records", 403), ("reader", "reports", 403))
    for role, scope, wanted in asked:
        got = ask(site, path, headers={"authorization": f"Bearer {token(site, role, scope)}"})
        assert got.status_code == wanted, (role, scope)


def test_the_figures_are_those_of_the_catalogue_and_of_the_mornings_report(site: Served) -> None:
    archive = opening.open_archive(settings.load(site.root))
    try:
        told = figures(exposition(archive).decode())
        with archive.catalogue.session() as session:
            documents = session.query(model.Document).count()
            waiting = session.query(model.Item).filter(model.Item.state == "quarantine").count()
    finally:
        archive.close()
    assert told["luutru_records", "documents"] == documents > 0
    assert told["luutru_items_waiting", "quarantine"] == waiting > 0
    assert told["luutru_night_finished_timestamp_seconds",] >= told["luutru_night_started_timestamp_seconds",]
    kept = {key: value for key, value in told.items() if key[0] == "luutru_promise" and key[-1] == "kept"}
    assert kept
    assert set(kept.values()) <= {0.0, 1.0}
    assert told["luutru_disk_free_bytes",] <= told["luutru_disk_size_bytes",]


def test_no_figure_names_a_record_and_requests_are_counted_by_pattern(site: Served) -> None:
    with site.client("archivist") as client:
        page = client.get("/search?q=").text
        code = re.findall(r"/documents/(H99[^\"?#/]+)", page)[0]
        assert client.get(f"/documents/{code}").status_code == 200
    assert ask(site, "/khong-co-dau/H99.2026.01.VP.0000001").status_code == 404
    mine = {"authorization": f"Bearer {token(site, 'archivist', 'reports')}"}
    ask(site, "/api/v1/metrics", headers=mine)
    told = ask(site, "/api/v1/metrics", headers=mine).text
    counted = figures(told)
    assert counted["luutru_http_requests_total", "GET", "/documents/{code}", "200"] >= 1
    assert counted["luutru_http_requests_total", "GET", "other", "404"] >= 1
    assert counted["luutru_http_requests_total", "GET", "/api/v1/metrics", "200"] >= 1
    assert code not in told
    assert "H99" not in told


def test_the_command_writes_the_same_into_a_file_whole(site: Served, tmp_path: Path) -> None:
    target = tmp_path / "luutru.prom"
    done = CliRunner().invoke(metrics.command, ["--to", str(target)], obj=site.root, catch_exceptions=False)
    assert done.exit_code == 0
    assert done.output == ""
    assert figures(target.read_text())["luutru_records", "case_files"] > 0
