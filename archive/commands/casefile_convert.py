"""`luutru casefile convert`: bring a case file from the structure of TT 02/2019 to that of TT 05/2025, or back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click
from rich.markup import escape

from archive.converting import CaseFileConversion, ConvertedRecord, convert_case_file
from archive.correcting import CorrectionRefusedError
from archive.crosswalk import TT02, TT05
from archive.fields.normalise import TEXT
from archive.findings import Level
from archive.i18n import _, ngettext_
from archive.opening import ownership
from archive.terminal import archive_at, console, person, print_findings, print_json, print_table

_EXAMPLES = 3           # values of a kind that the summary shows
_LONGEST = 40           # characters of a value in an example


@dataclass(frozen=True, slots=True)
class _Field:
    """A field that changed or that something was noted of; `codes`: what was noted (CONV-…)."""

    record: str
    tag: str
    before: str
    after: str
    codes: tuple[str, ...]
    asks: bool


@click.command("convert", help=_("Bring a case file to the structure of TT 05/2025 or of TT 02/2019; nothing is lost."))
@click.argument("code")
@click.option("--to", "target", required=True, type=click.Choice([TT05, TT02]), help=_("the circular to follow"))
@click.option("--reason", default="", help=_("why; the ledger keeps it"))
@click.option("--all", "every", is_flag=True, help=_("every field of every document, not only the summary"))
@click.option("--dry-run", is_flag=True, help=_("show the fields as they would be, change nothing"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def command(ctx: click.Context, code: str, target: str, reason: str, every: bool, dry_run: bool,
            as_json: bool) -> None:
    """Convert a case file and its documents; exit code 3 when a person has to answer something."""
    if not dry_run and not reason.strip():
        raise click.UsageError(_("A conversion needs --reason: the ledger keeps it beside the former values."))
    with archive_at(ctx.obj) as archive, ownership(archive):
        try:
            with console(stderr=True).status(_("Converting {code} …").format(code=code)):
                done = convert_case_file(archive, code, target, reason, by=person(), dry_run=dry_run)
        except CorrectionRefusedError as refused:
            if as_json:
                print_json({"converted": False, "findings": [one.as_dict() for one in refused.findings]})
            else:
                print_findings(refused.findings)
            ctx.exit(refused.exit_code)
    if as_json:
        print_json({"code": code, "from": done.source, "to": target, "converted": done.version > 0,
                    "version": done.version, "records": [
                        {"code": one.code, "before": one.before, "after": one.after,
                         "notes": [note.as_dict() for note in one.notes]} for one in done.records]})
    else:
        _show(done, every, dry_run)
    ctx.exit(3 if done.asks else 0)


def _show(done: CaseFileConversion, every: bool, dry_run: bool) -> None:
    out = console()
    if not done.records:
        out.print(_("{code} follows {target} already; nothing was changed.").format(
            code=done.code, target=done.target))
        return
    fields = {one.code: _fields(one) for one in done.records}
    if every:
        for code, found in fields.items():
            if found:
                print_table(escape(code), (_("Field"), _("Value before"), _("Value after"), _("What happened")),
                            [(one.tag, escape(one.before) or "—", escape(one.after) or "—", _happened(one.codes))
                             for one in found])
            else:
                out.print(_("{code}: no field had to be converted.").format(code=escape(code)))
    else:
        _summary([one for found in fields.values() for one in found], sum(not found for found in fields.values()))
    out.print(_("Only shown, nothing was changed.") if dry_run else _(
        "Converted as version {version}; the former values stay in version {before} and in the ledger.").format(
            version=done.version, before=done.version - 1), soft_wrap=True)
    if done.asks:
        out.print(_("A person has to answer what is marked “●” (--all shows where): luutru document correct CODE "
                    "--set TAG=VALUE"), soft_wrap=True)


def _summary(fields: Sequence[_Field], untouched: int) -> None:
    """What happened, to how many fields, with the first examples; what a person has to answer stands first."""
    groups: dict[tuple[str, ...], list[_Field]] = {}
    for one in sorted(fields, key=lambda field: not field.asks):
        groups.setdefault(one.codes, []).append(one)
    if groups:
        print_table(_("What becomes of the fields"), (_("What happened"), _("Fields"), _("First examples")), [
            (("[yellow]●[/] " if same[0].asks else "") + _happened(codes), f"{len(same):,}",
             "\n".join(list(dict.fromkeys(_example(one) for one in same))[:_EXAMPLES]))
            for codes, same in groups.items()])
    if untouched:
        console().print(ngettext_("In {n} record no field had to be converted.",
                                  "In {n} records no field had to be converted.", untouched).format(n=untouched))


def _example(one: _Field) -> str:
    before, after = (escape(value if len(value) <= _LONGEST else value[:_LONGEST - 1] + "…") or "—"
                     for value in (one.before, one.after))
    return f"{one.tag}: {before}" + (f" → {after}" if one.after != one.before else "")


def _fields(one: ConvertedRecord) -> list[_Field]:
    """The fields of a record that changed, and those that something was noted of."""
    noted: dict[str, dict[str, Level]] = {}
    values: dict[str, str] = {}
    for note in one.notes:
        tag = note.params["tag"]
        tag = tag[:1].lower() + tag[1:] if tag not in one.after and tag[:1].isupper() else tag
        noted.setdefault(tag, {})[note.code] = note.level
        values.setdefault(tag, note.params["value"])
    tags = [tag for tag in {**one.after, **noted} if not (tag.endswith(TEXT) and tag.removesuffix(TEXT) in noted)]
    return [_Field(one.code, tag, one.before.get(tag, values.get(tag, "")), one.after.get(tag, values.get(tag, "")),
                   tuple(noted.get(tag, ())), any(level >= Level.warning for level in noted.get(tag, {}).values()))
            for tag in tags]


def _happened(codes: Sequence[str]) -> str:
    return "; ".join(f"{code} {_words()[code]}" for code in codes) or _("changed")


def _words() -> dict[str, str]:
    """What each note of the crosswalk means, in a few words."""
    return {"CONV-001": _("converted"), "CONV-002": _("generalised, words kept"),
            "CONV-003": _("words kept in the note"), "CONV-004": _("kept in our record only"),
            "CONV-005": _("needs a person"), "CONV-006": _("to be filled in"),
            "CONV-007": _("words lost, see the ledger"), "CONV-008": _("date not exact enough"),
            "CONV-009": _("given by the archive"), "CONV-010": _("words kept in our record only")}
