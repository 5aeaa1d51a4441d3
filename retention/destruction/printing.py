"""The papers of a batch, PDF/A and DOCX: what the system knows of it, and what a person adds (numbers, posts, signers).

What the system knows cannot be overwritten: counts, lists, votes, the plan's hash. The other values of a paper's table
come from a TOML file: [all], and one table a kind. What nobody gives becomes dots, to be written by hand.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from archive import clock
from archive.document_paths import home_of
from archive.errors import RefusedError, UsageError
from archive.forms import papers
from archive.i18n import _
from archive.opening import Archive
from archive.settings import Settings
from retention.destruction import council, counts, dossier_parts, grounds, keeping, paper
from retention.destruction.deciding import competence
from retention.destruction.keeping import DUPLICATE, EXPIRED, HANDED, Batch, Entries

# Which papers can be printed while a batch is in a state, and stay printable until its dossier is closed.
_LISTS = ("destruction_list_files", "destruction_list_documents", "destruction_list_paper")
_BEFORE = ("council_decision", *_LISTS, "destruction_explanation")
_CONCLUDED = (*_LISTS, "destruction_explanation", "council_minutes", "destruction_submission", "appraisal_request",
              "destruction_decision")
_EXECUTED = ("destruction_handover", "destruction_minutes", "destruction_certificate")
_OF_STATE = {"planned": (*_LISTS, "destruction_explanation"), "council": _BEFORE,
             "concluded": _CONCLUDED, "approved": (), "partly": _EXECUTED, "destroyed": _EXECUTED}


def printable(settings: Settings, state: str, batch: Batch | None = None) -> tuple[str, ...]:
    """The kinds of papers that can be printed of a batch in this state; of `batch` only those that it needs."""
    unfit = set() if competence(settings).appraiser else {"appraisal_request"}
    if batch is not None and batch.documents and not batch.case_files:
        unfit.add("destruction_list_files")
    if batch is None or not batch.because(DUPLICATE):
        unfit.add("destruction_list_documents")
    if batch is None or not batch.standing_paper:
        unfit.add("destruction_list_paper")
    return tuple(kind for kind in _OF_STATE.get(state, ()) if kind not in unfit)


def read_values(data: bytes) -> dict[str, Any]:
    """The values of a TOML file. Raises UsageError when it cannot be read."""
    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(_("The file of values cannot be read: {why}").format(why=error)) from None


def print_papers(archive: Archive, name: str, kinds: Sequence[str], values: Mapping[str, Any], *, by: str, at: datetime,
                 dry_run: bool = False) -> tuple[Batch, dict[str, bytes]]:
    """Print papers of a batch into its object: all of its state, or `kinds`; the files by their paths.

    The caller owns the archive. Raises RefusedError for a paper whose time has not come, UsageError for a value that
    no paper has or that the system sets itself.
    """
    keeping.finish(archive)
    batch = keeping.open_batch(archive, name)
    possible = printable(archive.settings, batch.state, batch)
    wanted = tuple(dict.fromkeys(kinds)) or possible
    for kind in wanted:
        if kind not in possible:
            raise RefusedError(_("The batch is “{state}”: the paper {kind} cannot be printed now; it can be: "
                                 "{kinds}.").format(state=keeping.state_name(batch.state), kind=kind,
                                                    kinds=", ".join(possible) or "—"))
    _check_values(values)
    files = {}
    for kind in wanted:
        data = filled(archive, batch, kind, values, at)
        files[f"{keeping.PAPERS}/{kind}.pdf"] = papers.paper(kind, data, made=at)
        files[f"{keeping.PAPERS}/{kind}.docx"] = papers.docx(kind, data, made=at)
    if dry_run or not files:
        return batch, files
    new = batch.with_record(printed={**batch.record.get("printed", {}), **{
        kind: dossier_parts.edition(batch, kind) for kind in wanted}})
    return keeping.write(archive, new, "printed", {"kinds": list(wanted), "plan_hash": batch.plan_hash}, by=by, at=at,
                         files=files), files


def filled(archive: Archive, batch: Batch, kind: str, values: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """What stands on a paper: what a person gave, over it what the system knows."""
    given = {**values.get("all", {}), **values.get(kind, {})}
    told = {**_defaults(archive, batch, at), **_of_kind(archive, batch, kind), **given, **_known(archive, batch, kind)}
    named = papers.values(kind)
    return {key: value for key, value in told.items() if key in named}


def _check_values(values: Mapping[str, Any]) -> None:
    """Refuse what no paper of a destruction asks for: a typing error would otherwise be dots on paper."""
    known = {part.kind for part in dossier_parts.parts() if part.kind} | {"destruction_decision"}
    every = set().union(*(papers.values(kind) for kind in known))
    for table, told in values.items():
        if table not in known and table != "all":
            raise UsageError(_("There is no paper “{kind}” of a destruction; there are: {kinds}.").format(
                kind=table, kinds=", ".join(sorted(known))))
        for key in told:
            if key in _SET or key not in (every if table == "all" else papers.values(table)):
                raise UsageError(_("“{key}” of [{table}] is set by the system or is not on that paper.").format(
                    key=key, table=table))


# --- what the system knows ------------------------------------------------------------------------------------------

_SET = frozenset({"check", "count", "documents", "pages", "expired", "files", "opinions", "items", "dissent", "agreed",
                  "kept", "proposed", "places", "list_hash", "executed_hash", "size", "pending", "counts", "blocked",
                  "duplicates", "paper_boxes", "paper_minutes"})


def _defaults(archive: Archive, batch: Batch, at: datetime) -> dict[str, Any]:
    """What the system supposes where nobody says otherwise."""
    who = competence(archive.settings)
    homes = [home_of(one["code"]) if one["document"] else one["code"] for one in batch.standing]
    years = [int(code.split(".")[-3]) if len(code.split(".")) > 3 else 0 for code in homes]
    known = sorted(year for year in years if year)
    return {"agency": archive.settings.agency.name, "date": clock.in_vietnam(at).date().isoformat(),
            "fonds": batch.record["fonds_name"], "creator": batch.record["fonds_name"], "head": who.decides,
            "addressee": who.decides, "duplicates": 0, "duplicates_summary": "không có.",
            "others_summary": "không có.", "reason": f"tài liệu {_reasons_of(batch)}.", "bases": _bases(archive, batch),
            "from_year": known[0] if known else None, "to_year": known[-1] if known else None,
            "enclosures": ["Danh mục tài liệu hết giá trị",
                           *(["Danh mục tài liệu trùng lặp"] if batch.because(DUPLICATE) else []),
                           *(["Danh mục tài liệu giấy hết giá trị"] if batch.standing_paper else []),
                           "Bản thuyết minh tài liệu hết giá trị",
                           "Quyết định thành lập Hội đồng xét hủy tài liệu lưu trữ",
                           "Biên bản họp Hội đồng xét hủy tài liệu lưu trữ"]}


def _of_kind(archive: Archive, batch: Batch, kind: str) -> dict[str, Any]:
    """What the system supposes on one kind of paper; empty texts become dots."""
    nobody = {"name": "", "people": [{"name": "", "post": ""}], "signer": ""}
    match kind:
        case "appraisal_request":
            return {"addressee": competence(archive.settings).appraiser}
        case "council_minutes":
            return {"date": batch.act("concluded")["held_on"]}
        case "destruction_decision":
            return {"date": None}           # the day on which it is signed
        case "destruction_explanation":
            return _summaries(archive, batch)
        case "destruction_handover":
            return {"giver": nobody, "taker": nobody}
        case "destruction_minutes":
            done = batch.act("executed")
            people = [{"name": done["executor"], "post": "", "role": "Người hủy"}]
            if done["witness"]:
                people.append({"name": done["witness"], "post": "", "role": "Người chứng kiến"})
            over = "ghi đè bằng số 0 rồi " if archive.settings.destruction.overwrite else ""
            return {"people": people, "copies": 2, "method": "đưa ra khỏi chỉ mục tìm kiếm; trong từng bản sao, sau đó "
                    f"trong kho chính, {over}xóa mọi tệp tin của hồ sơ; xóa dòng danh mục; kiểm tra lại từng nơi."}
    return {}


def _known(archive: Archive, batch: Batch, kind: str) -> dict[str, Any]:
    """What the system knows; nobody may put anything else in its place."""
    listed = batch.standing
    n = {"count": len(batch.case_files), "documents": sum(one["documents"] for one in listed),
         "pages": sum(one["pages"] for one in listed)}
    told: dict[str, Any] = {**n, "expired": len(batch.because(EXPIRED)),
                            "duplicates": sum(len(one["twins"]) for one in batch.because(DUPLICATE)),
                            "check": {"name": f"Đợt hủy {batch.id}", "hash": batch.plan_hash}}
    told |= _council(batch)
    opinion = batch.act("appraised")
    if opinion:
        told["appraisal"] = f"Văn bản số {opinion['number']} ngày {_day(opinion['dated'])} của {opinion['appraiser']}"
    if kind == "destruction_list_files":
        signed = _signed(archive, batch)
        told["files"] = [_row(one, signed) for one in batch.case_files]
        return {**told, "documents": sum(one["documents"] for one in batch.case_files),
                "pages": sum(one["pages"] for one in batch.case_files)}
    if kind == "destruction_list_documents":
        told["items"] = _documents(archive, batch)
        return {**told, "count": len(told["items"]), "pages": sum(one["pages"] for one in told["items"])}
    if kind == "destruction_list_paper":
        rows = batch.standing_paper
        told["files"] = [{**one, "reason": WORDS[one["reason"]]} for one in rows]
        return {**told, "count": len(rows), "boxes": len({one["box"] for one in rows if one["box"]})}
    if kind == "destruction_explanation":
        told["counts"] = counts.of_fonds(archive, batch)
        listed_for = batch.act("listed")
        told["blocked"] = listed_for.get("blocked") or None if listed_for.get("ground", EXPIRED) == EXPIRED else None
        told["expired_summary"] = f"{_groups(batch)}." if batch.because(EXPIRED) else "không có."
    if kind == "council_minutes":
        told |= _minutes(batch)
    if kind == "council_decision":
        told |= {"number": _number(batch.record["council"]["number"]), "date": batch.record["council"]["dated"]}
    if kind == "destruction_certificate":
        told.pop("minutes", None)           # there they are those of the destruction
    if decided := batch.act("approved"):
        told["decision"] = f"Quyết định số {decided['number']} ngày {_day(decided['dated'])}"
    if done := batch.act("executed"):
        told |= _executed(archive, batch, done, kind)
    return told


def _number(text: str) -> int | str:
    """The running number of a document, without its symbol, which the paper has of its own."""
    first = text.partition("/")[0]
    return int(first) if first.isdecimal() else first


# Why something goes, as the lists have it.
WORDS = {EXPIRED: "Hết thời hạn lưu trữ", DUPLICATE: "Trùng lặp", HANDED: "Đã nộp lưu"}


def _row(one: Entries, signed: Mapping[str, grounds.Receipt]) -> dict[str, Any]:
    receipt = signed.get(one["code"])
    notes = [f"Đã nộp {receipt.receiver}, đăng ký {receipt.transfer}"] if receipt is not None else []
    if one["reason"] == DUPLICATE:
        homes = dict.fromkeys(twin[1].rpartition(".")[0] for twin in one["twins"])
        notes.append(f"Bản được giữ: {', '.join(homes)}")
    if one["scans"]:
        notes.append("Bản số hóa; hủy cả bản giấy nếu còn")
    return {"code": one["code"], "title": one["title"], "retention": one["retention"], "documents": one["documents"],
            "pages": one["pages"], "reason": WORDS[one["reason"]], "note": "; ".join(notes)}


def _reasons_of(batch: Batch) -> str:
    """Why the items go, in a sentence."""
    words = {EXPIRED: "đã hết thời hạn lưu trữ", DUPLICATE: "trùng lặp", HANDED: "đã nộp vào lưu trữ khác và được bên "
                                                                                "nhận ký xác nhận"}
    return "; ".join(word for reason, word in words.items() if batch.because(reason)) or words[EXPIRED]


def _signed(archive: Archive, batch: Batch) -> dict[str, grounds.Receipt]:
    """The receipts for what was handed over."""
    codes = {one["code"] for one in batch.because(HANDED)}
    if not codes:
        return {}
    with archive.catalogue.session() as session:
        return grounds.receipts(archive, session, codes)


def _bases(archive: Archive, batch: Batch) -> list[str]:
    """What a submission and a decision rest on besides: the receivers' confirmations."""
    return sorted({f"xác nhận của {one.receiver} đối với hồ sơ nộp lưu theo đăng ký {one.transfer}"
                   for one in _signed(archive, batch).values()})


def _documents(archive: Archive, batch: Batch) -> list[dict[str, Any]]:
    """Every document that goes because it is there twice, with the one that is kept."""
    from archive import model

    rows = []
    with archive.catalogue.session() as session:
        for item in batch.because(DUPLICATE):
            for document, kept, *_digests in item["twins"]:
                row = session.get(model.Document, document)
                rows.append({"code": document, "title": row.subject if row is not None else "",
                             "retention": item["retention"], "pages": row.pages if row is not None else 0,
                             "reason": WORDS[DUPLICATE], "note": f"Bản được giữ: {kept}"})
    return rows


def _summaries(archive: Archive, batch: Batch) -> dict[str, str]:
    """The groups of the explanation besides what is expired."""
    told = {}
    if batch.because(DUPLICATE):
        whole = sum(one["reason"] == DUPLICATE for one in batch.case_files)
        told["duplicates_summary"] = "; ".join([
            *([f"{whole} hồ sơ có mọi tài liệu trùng với tài liệu được giữ trong cùng phông"] if whole else []),
            *([f"{len(batch.documents)} tài liệu lẻ trùng với tài liệu được giữ trong cùng phông, hồ sơ của các tài "
               "liệu này vẫn được lưu"] if batch.documents else [])]) + "."
    if handed := batch.because(HANDED):
        told["others_summary"] = f"tài liệu đã nộp lưu, {len(handed)} hồ sơ: {'; '.join(_bases(archive, batch))}."
    if batch.standing_paper:
        boxes = ", ".join(one["box"] for one in paper.boxes(batch))
        told["others_summary"] = told.get("others_summary", "") + (
            f" Tài liệu giấy hủy cùng: {len(batch.standing_paper)} hồ sơ, hộp {boxes}.")
    return {key: text.strip() for key, text in told.items()}


def _council(batch: Batch) -> dict[str, Any]:
    sits = batch.record.get("council")
    if not sits:
        return {}
    members = [{"name": one["name"], "post": one["post"], "role": council.roles()[one["role"]]["vi"]}
               for one in sits["members"]]
    told = {"members": members, "council_decision": f"Quyết định số {sits['number']} ngày {_day(sits['dated'])}"}
    if met := batch.act("concluded"):
        told |= {"held_on": met["held_on"], "council_result": f"Hội đồng đề nghị hủy {met['count']} hồ sơ, giữ lại "
                                                              f"{len(met['kept'])} hồ sơ.",
                 "minutes": f"Biên bản họp Hội đồng xét hủy tài liệu lưu trữ ngày {_day(met['held_on'])}"}
    return told


def _minutes(batch: Batch) -> dict[str, Any]:
    met = batch.act("concluded")
    titles = {one["code"]: one["title"] for one in (*batch.paper, *batch.items)}
    paper_kept = met.get("kept_paper", {})
    rows = []
    for one in met["votes"]:
        kept = one["code"] in met["kept"]
        result = f"Giữ lại {_more(one['years'])}: {one['reason']}" if kept and one["years"] else \
            f"Giữ lại: {one['reason']}" if kept or one["code"] in paper_kept else "Hủy"
        if one["settled"]:
            result += " (Chủ tịch quyết định)"
        rows.append({"code": one["code"], "title": titles[one["code"]], "agree": one["agree"],
                     "against": one["against"], "result": result})
    settled = "; ".join(f"{one['code']}: {'giữ lại' if one['settled'] == council.KEEP else 'hủy'}"
                        f" ({one['reason']})" for one in met["votes"] if one["settled"])
    return {"proposed": met["count"] + len(met["kept"]), "agreed": met["count"], "kept": len(met["kept"]),
            "items": rows, "settled": f"{settled}." if settled else None, "opinions": _opinions(batch),
            "dissent": [{"name": name, "opinion": f"{one['code']}: {said}."} for one in met["votes"]
                        for name, said in one["dissent"]],
            **{key: met[key] for key in ("held_on", "held_at", "began", "ended") if met.get(key)},
            "number": met.get("number") or None}


def _opinions(batch: Batch) -> list[dict[str, str]]:
    """What each member said in the end, in one line a member."""
    told = []
    for one in batch.record["council"]["members"]:
        said = [word for word in batch.opinions if word["member"] == one["name"]]
        keep = sum(len(word["codes"]) or 1 for word in said if word["opinion"] == council.KEEP)
        line = "chưa có ý kiến." if not said else "đồng ý hủy theo danh mục." if not keep else \
            f"đề nghị giữ lại {keep} hồ sơ ({_reasons(said)})."
        told.append({"name": one["name"], "opinion": line})
    return told


def _reasons(said: Sequence[Entries]) -> str:
    return "; ".join(dict.fromkeys(word["reason"] for word in said if word["reason"]))


def _groups(batch: Batch) -> str:
    """What is expired, by period."""
    found: dict[str, int] = {}
    for one in batch.because(EXPIRED):
        found[one["retention"]] = found.get(one["retention"], 0) + 1
    return "; ".join(f"thời hạn {period or 'không rõ'}: {n} hồ sơ" for period, n in sorted(found.items()))


def _executed(archive: Archive, batch: Batch, done: Entries, kind: str) -> dict[str, Any]:
    pending = [{"name": "Tài liệu giấy, chờ biên bản hủy" if one["place"] == paper.PLACE else one["place"],
                "until": one["until"] or None} for one in done["pending"]]
    told: dict[str, Any] = {
        "size": size_words(done["bytes"]), "began": _moment(done["began"]), "ended": _moment(done["ended"]),
        "pending": pending, "executor": done["executor"], "given": done["count"]}
    if batch.standing_paper:
        told |= {"paper_files": len(batch.standing_paper), "paper_boxes": paper.boxes(batch),
                 "boxes": len(paper.boxes(batch))}
        if minutes := done.get("paper"):
            told["paper_minutes"] = f"số {minutes['number']} ngày {_day(minutes['dated'])}"
    if kind != "destruction_handover":
        told |= {"files": done["files"], "list_hash": batch.plan_hash, "executed_hash": done["executed_hash"],
                 "places": [{"place": place, "removed": n, "found": found, "note": note}
                            for place, n, found, note in done["places"]],
                 "absence": "không nơi nào còn tài liệu." if not pending else
                 "các nơi kiểm tra được không còn tài liệu; các nơi nêu dưới đây chưa xong."}
    return told


def size_words(size: int) -> str:
    """A number of bytes as Vietnamese papers write it."""
    value, unit = float(size), "byte"
    for unit in ("byte", "KB", "MB", "GB", "TB"):
        if value < 1024 or unit == "TB":
            break
        value /= 1024
    return f"{value:.1f} {unit}".replace(".", ",").replace(",0 ", " ")


def _more(years: int) -> str:
    from archive.retention_text import FOREVER

    return "vĩnh viễn" if years == FOREVER else f"thêm {years:02d} năm"


def _day(iso: str) -> str:
    return f"{iso[8:10]}/{iso[5:7]}/{iso[:4]}"


def _moment(stamp: str) -> str:
    return f"{clock.in_vietnam(clock.parse(stamp)):%H giờ %M phút ngày %d/%m/%Y}"
