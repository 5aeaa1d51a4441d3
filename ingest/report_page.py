"""The morning report as a page: one HTML file without script or outside parts, to be opened, mailed or printed."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from archive import i18n
from archive.files import json_bytes, write_atomically
from archive.findings import Level
from archive.i18n import _
from archive.terminal import legal_value_name, state_name, verdict_name
from ingest import digitised, report_keeping
from ingest.commands.report import local_clock, package_sentence, promise_sentence, recheck_sentence, search_sentence
from ingest.report import WAITING, Report, as_dict, reasons

TEMPLATES = Path(__file__).with_name("templates")


def write_report(report: Report, folder: Path) -> Path:
    """Write the page of `report` into `folder` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{report.batch}.html"
    write_atomically(page, render(report).encode())
    return page


def write_json(report: Report, folder: Path) -> Path:
    """Write the report for machines beside the page."""
    place = folder / f"{report.batch}.json"
    write_atomically(place, json_bytes(as_dict(report)))
    return place


def render(report: Report) -> str:
    """The page as text, in the language that is spoken now."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=select_autoescape(), trim_blocks=True,
                              lstrip_blocks=True)
    environment.globals.update(_=_, language=i18n.language(), Level=Level, state_name=state_name,
                               verdict_name=verdict_name, legal_value_name=legal_value_name,
                               promise_sentence=promise_sentence, package_sentence=package_sentence,
                               recheck_sentence=recheck_sentence, search_sentence=search_sentence,
                               digitised_sentences=digitised.sentences,
                               left_sentence=report_keeping.left_sentence, counted=report_keeping.counted,
                               forecast_sentence=report_keeping.forecast_sentence,
                               clock=local_clock)
    return environment.get_template("report.html").render(
        report=report,
        stored=sorted((line for line in report.lines if line.state == "stored"), key=lambda line: line.document),
        waiting=reasons(line for line in report.lines if line.state in WAITING),
        earlier=reasons(report.earlier),
        others=[line for line in report.lines if line.state not in (*WAITING, "stored")
                and not (line.state == "received" and report.left)])
