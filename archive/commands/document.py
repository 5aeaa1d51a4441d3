"""`luutru document`: show what is known of a document, and give its files back byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from archive import clock, destroyed, layout, marks, model, records, revisions, text_layers, texts
from archive.catalogue import record as record_events
from archive.commands import document_correct
from archive.commands.corrections import print_history
from archive.commands.document_text import as_dicts, print_proposals, print_text, proposals
from archive.errors import UsageError
from archive.fields.kinds import kind_of
from archive.fields.names import regime_name
from archive.fields.normalise import with_words
from archive.findings import Finding
from archive.i18n import _, figure, language
from archive.ledger import Entry, event_key
from archive.opening import Archive, ownership
from archive.terminal import (
    archive_at,
    casefile_state_name,
    console,
    legal_value_name,
    local_time,
    person,
    print_json,
    print_table,
    role_name,
    time_source_name,
    verdict_name,
)


@click.group(help=_("Documents: what is known of them, and their files."))
def command() -> None:
    """Documents."""


command.add_command(document_correct.command)


@command.command("show", help=_("Show what is known of a document."))
@click.argument("code")
@click.option("--text", is_flag=True, help=_("its text only"))
@click.option("--history", is_flag=True, help=_("also every correction, with its reason"))
@click.option("--fields", "all_fields", is_flag=True, help=_("also every field of the circular, filled or not"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def show(root: Path, code: str, text: bool, history: bool, all_fields: bool, as_json: bool) -> None:
    """Show the record of a document: fields, signatures, files, findings; or its text."""
    with archive_at(root) as archive:
        record = _record(archive, code)
        events = revisions.history(archive, code) if history else []
        changes = texts.history(archive, code) if history else []
        case_file = records.read_case_file(archive.store, record["case_file"])
        keeper = archive.settings.archive_code
        with archive.catalogue.session() as session:
            marked = marks.of(session, [code]).get(code, [])
            marking = marks.made_by(session, record["item"])
        if text:
            click.echo(records.read_text(archive.store, record))
            return
    if as_json:
        told = [{"at": one.at, "actor": one.actor, **one.data} for one in events]
        print_json({**record, "proposals": as_dicts(proposals(record)), "marks": [one.as_dict() for one in marked],
                    "marking": [{"kind": kind, "document": other} for kind, other in marking],
                    **({"history": told, "text_history": as_dicts(changes)} if history else {})})
        return
    out, fields = console(), with_words(record["fields"], record["profile"])
    out.print(f"[bold]{record['code']}[/bold]  {_title(record)}")
    _print_marks(marked, marking)
    number = "/".join(part for part in (fields.get("codeNumber"), fields.get("codeNotation")) if part)
    for name, value in (
            (_("Number"), number), (_("Date"), fields.get("issuedDate")),
            (_("Type"), fields.get("typeNameText") or fields.get("typeName")), (_("Issuer"), fields.get("organName")),
            (_("Pages"), str(record["pages"] or "")), (_("Legal value"), legal_value_name(record["legal_value"])),
            (_("Signature"), verdict_name(record["verdict"])),
            (_("Received"), local_time(record["receipt"]["received_at"])),
            (_("Received in law"), local_time(record["receipt"]["legal_received_at"])),
            (_("Rule of receipt"), record["receipt"]["rule"]),
            (_("Profile"), regime_name(record["profile"], language())), (_("Came as"), record["source"]["name"]),
            (_("Case file"), f"{record['case_file']} · {casefile_state_name(case_file['state'])}"),
            (_("Retention"), case_file["retention"])):
        if value:
            out.print(f"  [dim]{name:<26}[/] {value}", soft_wrap=True)
    for one in record["signatures"]:
        out.print(f"  [dim]{_('Signed by'):<26}[/] {one.get('signer') or '—'} · {one.get('organisation') or '—'} · "
                  f"{local_time(one.get('time') or '') or '—'} ({time_source_name(one.get('time_source') or '')}) · "
                  f"{verdict_name(one.get('verdict', ''))}", soft_wrap=True)
    if seal := record.get("facts", {}).get("seal"):
        out.print(f"  [dim]{_('Agency seal'):<26}[/] {escape(_seal(seal))}", soft_wrap=True)
    print_table(_("Files"), (_("Role"), _("Name"), _("Bytes"), "SHA-256"),
                [(role_name(file["role"]), Path(file["path"]).name, figure(f"{file['size']:,}"),
                  file["sha256"][:16] + "…") for file in record["files"]])
    print_text(record, changes)
    print_proposals(proposals(record))
    if all_fields:
        from archive.commands.fields_table import print_fields
        from archive.describing import document_fields

        values = document_fields(record, case_file, keeper, "AIP_hoso")
        print_fields(values, kind_of(record["fields"]), record["fields"])
    for data in record["findings"]:
        found = Finding.from_dict(data)
        out.print(f"  {found.code} {found.sentence(language())}")
    if record.get("revised_at"):
        out.print(_("Corrected {n} times, last at {time} by {person}.").format(
            n=record["revision"], time=local_time(record["revised_at"]), person=escape(record["revised_by"])))
    if history:
        print_history(events)


def _print_marks(marked: list[marks.Mark], marking: list[tuple[str, str]]) -> None:
    """That its sender recalled, replaced or updated it, or that it does so to others."""
    out = console()
    for one in marked:
        out.print(f"  [bold red]{escape(one.sentence)}[/]", soft_wrap=True)
        for name, value in ((_("Reason"), one.reason), (_("Notice"), one.notice), (_("By document"), one.successor)):
            if value:
                out.print(f"  [dim]{name:<26}[/] {escape(value)}", soft_wrap=True)
    for kind, other in marking:
        does = {"replaced": _("Replaces"), "updated": _("Updates"), "recalled": _("Recalls")}[kind]
        out.print(f"  [dim]{does:<26}[/] {other}")


def _seal(told: dict[str, Any]) -> str:
    """What became of the agency's seal on a scan: by whose certificate, when, in which file; or why there is none."""
    if told["state"] != "sealed":
        waits = _("waits for it") if told["state"] == "waiting" else _("none")
        return f"{waits} ({told['code']})"
    time = told["token"]["time"] if told["token"] else told["time"]
    source = time_source_name("token" if told["token"] else "claimed")
    return (f"{told['certificate']['name']} · PAdES {told['level']} · {local_time(time)} ({source}) · "
            f"{verdict_name(told['verdict'])} · {Path(told['carrier']).name} ({role_name('access')})")


@command.command("export", help=_("Copy a document's original (or another file of it) out of the store, checked."))
@click.argument("code")
@click.option("--to", "target", type=click.Path(path_type=Path), required=True,
              help=_("the file or folder to write to"))
@click.option("--role", default="original", show_default=True,
              type=click.Choice(["original", "attachment", "signature", "message", "access", "text", "signature-report",
                                 "signature-print", "text-current", "text-corrections", "text-reading"]),
              help=_("which of its files"))
@click.option("--force", is_flag=True, help=_("overwrite a file that is there"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_obj
def export(root: Path, code: str, target: Path, role: str, force: bool, as_json: bool) -> None:
    """Copy the files of one role out; the original comes back byte for byte. The ledger notes it."""
    with archive_at(root) as archive, ownership(archive):
        record = _record(archive, code)
        files = [file for file in record["files"] if file["role"] == role] or [
            dict(file) for file in text_layers.places(record) if file["role"] == role]
        if not files:
            raise click.UsageError(_("{code} has no file of the role “{role}”.").format(code=code, role=role))
        written = [_export(archive, record, file, target, force, many=len(files) > 1) for file in files]
        with archive.catalogue.session() as session:
            at = clock.stamp(clock.now())
            record_events(session, archive.ledger, [Entry(
                "exported", code, {"files": {file["path"]: file["sha256"] for file in files}},
                event_key("exported", code, at), actor=person())])
    if as_json:
        print_json({"code": code, "files": [{"path": str(place), "sha256": file["sha256"]}
                                            for place, file in zip(written, files, strict=True)]})
        return
    for place, file in zip(written, files, strict=True):
        console().print(f"{place}  SHA-256 {file['sha256']}", soft_wrap=True)


def _export(archive: Archive, record: records.Record, file: dict[str, Any], target: Path, force: bool, *,
            many: bool) -> Path:
    place = target / Path(file["path"]).name if target.is_dir() or many else target
    if place.exists() and not force:
        raise UsageError(_("{place} is there already; --force overwrites it").format(place=place))
    place.parent.mkdir(parents=True, exist_ok=True)
    archive.store.export(file.get("object", layout.casefile_object(record["case_file"])), file["path"], place)
    return place


def _title(record: records.Record) -> str:
    """What a person calls it: its subject, the title of a picture or film, or the name under which it came."""
    fields: dict[str, str] = record["fields"]
    return next((fields[tag] for tag in ("subject", "imageTitle", "movieTitle") if fields.get(tag)),
                str(record["source"]["name"]))


def _record(archive: Archive, code: str) -> records.Record:
    with archive.catalogue.session() as session:
        row = session.get(model.Document, code)
        if row is None:
            destroyed.refuse(session, code)
            raise click.UsageError(_("There is no document {code}.").format(code=code))
    return next(records.read_documents(archive.store, row.case_file, [row.ordinal]))
