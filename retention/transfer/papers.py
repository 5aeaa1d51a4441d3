"""The papers of a hand-over (TT 05/2025/TT-BNV Đ20–25), made from its record: the same version gives the same paper."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from archive import clock, records
from archive.fields.tables import code_lists
from archive.findings import Finding, finding
from archive.forms.papers import paper
from archive.opening import Archive
from retention.transfer.doing import Tools
from retention.transfer.objects import Transfer

Entries = Mapping[str, Any]
WAYS = {"direct": "nộp trực tiếp bằng thiết bị lưu trữ", "online": "nộp trực tuyến"}
FORMS = {"sip_hoso": "SIP_hoso (hai Hệ thống khác nhau)", "aip_hoso": "AIP_hoso (cùng Hệ thống)"}
_UNITS = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB"), (1, "byte"))


def sealed(made: Mapping[str, bytes], tools: Tools, found: list[Finding] | None = None) -> dict[str, bytes]:
    """The papers with the agency's seal where a key is configured; else as they are, and `found` is told (019)."""
    done = {}
    for name, data in made.items():
        copy = tools.seal(data, name.rpartition("/")[2]) if name.startswith("papers/") else None
        if copy is None and found is not None:
            found.append(finding("TRANSFER-019", name.rpartition("/")[2]))
        done[name] = data if copy is None else copy
    return done


def of_registration(transfer: Transfer, at: datetime, told: bytes) -> dict[str, bytes]:
    """The letter of registration and the list that goes with it (Đ20.3, Đ20.4)."""
    record, asked = transfer.record, transfer.record["registration"]
    conditional = sum(one["mode"] == "02" for one in transfer.items)
    check = {"name": f"Đăng ký nộp {transfer.code}", "hash": _hash(told)}
    letter = paper("transfer_letter", {
        "agency": record["sender"]["name"], "date": _day(at), "request": transfer.code, "sender": _party(record, 0),
        "taker": _party(record, 1), "paper": asked["paper"], "submission": asked["round"], "summary": asked["summary"],
        "span": _span(asked), "count": asked["files"], "documents": asked["documents"], "pages": asked["pages"],
        "size": size_text(asked["bytes"]), "planned": asked["planned"], "way": WAYS.get(asked["way"], asked["way"]),
        "form": FORMS[record["form"]], "contact": asked["contact"], "fonds": ", ".join(asked["fonds"]),
        "scheme": asked["scheme"], "note": asked["note"], "conditional": conditional, "check": check}, made=at)
    modes = code_lists()["tt05_mode"].values
    listed = paper("submission_list_files", {
        "subject": f"Nộp vào {record['receiver']['name']}", "request": transfer.code,
        "agency": record["sender"]["name"], "place": "…………", "date": _day(at), "pages": asked["pages"],
        "count": asked["files"], "conditional": conditional, "maker": "", "check": check, "files": [
            {"n": one["n"], "code": one["code"], "title": one["title"], "start": one["start"], "end": one["end"],
             "pages": one["pages"], "access": modes.get(one["mode"], one["mode"]),
             "note": one["note"]} for one in transfer.items]}, made=at)
    return {"papers/letter.pdf": letter, "papers/list.pdf": listed}


def of_preparation(archive: Archive, transfer: Transfer, at: datetime) -> dict[str, bytes]:
    """The list of documents of each case file (Mục lục văn bản trong hồ sơ, NĐ 30/2020/NĐ-CP Phụ lục V)."""
    made = {}
    for one in transfer.items:
        rows = []
        for told in records.read_documents(archive.store, one["code"]):
            fields = told["fields"]
            number = "/".join(filter(None, (fields.get("codeNumber", ""), fields.get("codeNotation", ""))))
            subject = " ".join(filter(None, (fields.get("typeNameText", ""), fields.get("subject", ""))))
            rows.append({"n": told["ordinal"], "number": number, "issued": fields.get("issuedDate", ""),
                         "subject": subject, "organ": fields.get("organName", ""), "sheet": "", "note": "",
                         "pages": told["pages"]})
        pages = sum(row.pop("pages") for row in rows)
        made[f"papers/documents-{one['n']:04d}.pdf"] = paper("document_list", {
            "title": one["title"], "code": one["code"], "agency": transfer.record["sender"]["name"],
            "documents": rows, "count": len(rows), "pages": pages, "maker": ""}, made=at)
    return made


def receipt(transfer: Transfer, values: Entries, packages: Sequence[Entries], count_result: str, virus: str,
            told: bytes, at: datetime) -> bytes:
    """The receipt of ten values (Đ23.1), with the SHA-256 of each package."""
    record = transfer.record
    return paper("transfer_receipt", {
        "agency": record["receiver"]["name"], "date": _day(at), "request": transfer.code, "sender": _party(record, 0),
        **{key: values[key] for key in ("submission", "packages_count", "registered", "agreed", "received", "at")},
        "size": size_text(values["bytes"]), "count_result": count_result, "virus": virus, "packages": [
            {"n": one["n"], "code": one["code"], "bytes": one["size"], "sha256": one["sha256"]} for one in packages],
        "check": {"name": f"Biên nhận nộp {transfer.code}", "hash": _hash(told)}}, made=at)


def delivery(transfer: Transfer, delivered: int, size: int, devices: Sequence[Entries], people: Entries, at: datetime,
             note: str = "") -> bytes:
    """Biên bản thu nộp at a direct delivery (Đ22.2.đ)."""
    return paper("submission_minutes_delivery", {
        **_minutes(transfer, people, at), "delivered": delivered, "size": size_text(size),
        "devices_count": len(devices), "devices": [{"n": n, **one} for n, one in enumerate(devices, 1)],
        "handed_at": moment(at), "note": note}, made=at)


def approval(transfer: Transfer, counts: Entries, decision: str, people: Entries, at: datetime, person: str,
             note: str = "") -> bytes:
    """Biên bản thu nộp at the approval (Đ25.2)."""
    return paper("submission_minutes_approval", {
        **_minutes(transfer, people, at), "decision": decision, **counts, "handed_at": moment(at), "person": person,
        "gives_back": bool(counts["returned"]), "note": note}, made=at)


def returned(transfer: Transfer, items: Sequence[Entries], attached: str, people: Entries, at: datetime) -> bytes:
    """The list of what goes back, each with its reason (Đ25)."""
    return paper("returned_list", {
        "request": transfer.code, "attached": attached, "agency": transfer.record["receiver"]["name"],
        "place": "…………", "date": _day(at), "sender": _party(transfer.record, 0), "count": len(items),
        "documents": sum(one["documents"] for one in items), "giver": {"signer": people.get("taker", "")},
        "taker": {"signer": people.get("giver", "")}, "files": [
            {"n": n, "code": one["code"], "title": one["title"], "documents": one["documents"],
             "reason": one["reason"], "note": one.get("note", "")} for n, one in enumerate(items, 1)]}, made=at)


def handover(transfer: Transfer, items: Sequence[Entries], bases: Sequence[str], giving: str, name: str,
             condition: str, people: Entries, at: datetime) -> bytes:
    """Biên bản giao nhận hồ sơ, tài liệu (NĐ 30/2020/NĐ-CP Phụ lục V); `giving`: "sender", or "receiver" of returns."""
    record, taking = transfer.record, "receiver" if giving == "sender" else "sender"
    persons = {"sender": people.get("giver", ""), "receiver": people.get("taker", "")}
    return paper("handover_minutes", {
        "agency": record["receiver"]["name"], "place": "…………", "date": _day(at), "symbol": "…………", "where": "",
        "bases": list(bases), "giver": _people(record[giving]["name"], persons[giving]),
        "taker": _people(record[taking]["name"], persons[taking]), "name": name,
        "span": _span(record["registration"]), "boxes": 0, "paper_files": 0, "metres": 0, "files": len(items),
        "computer_files": sum(len(one["contents"]) for one in items), "condition": condition}, made=at)


def confirmation(transfer: Transfer, packages: Sequence[Entries], decision: str, back: int, told: bytes,
                 at: datetime) -> bytes:
    """That everything was stored, file by file: what lets the sender destroy its copy (DS-08)."""
    return paper("transfer_confirmation", {
        "agency": transfer.record["receiver"]["name"], "date": _day(at), "request": transfer.code,
        "sender": _party(transfer.record, 0), "decision": decision, "count": len(packages), "returned": back or "",
        "packages": [{"n": one["n"], "code": one["code"], "files": len(one["files"]), "sha256": one["sha256"]}
                     for one in packages],
        "check": {"name": f"Xác nhận {transfer.code}", "hash": _hash(told)}}, made=at)


def size_text(size: int) -> str:
    """A size as papers tell it: 1,2 GB; 35 byte."""
    unit, name = next((one for one in _UNITS if size >= one[0]), _UNITS[-1])
    shown = f"{size / unit:.1f}".removesuffix(".0").replace(".", ",")
    return f"{shown} {name}"


def moment(at: datetime) -> str:
    """A moment as minutes tell it: 08 giờ 30 phút ngày 21 tháng 11 năm 2026."""
    local = clock.in_vietnam(at)
    return f"{local:%H} giờ {local:%M} phút ngày {local:%d} tháng {local:%m} năm {local.year}"


# --- steps -------------------------------------------------------------------------------------------------

def _minutes(transfer: Transfer, people: Entries, at: datetime) -> dict[str, Any]:
    record = transfer.record
    return {"agency": record["receiver"]["name"], "symbol": "…………", "place": "…………", "date": _day(at), "where": "",
            "request": transfer.code, "sender": _party(record, 0), "submission": record["registration"]["round"],
            "registered": record["registration"]["files"],
            "giver": _people(record["sender"]["name"], people.get("giver", "")),
            "taker": _people(record["receiver"]["name"], people.get("taker", ""))}


def _people(agency: str, person: str) -> dict[str, Any]:
    name, _comma, post = person.partition(",")
    return {"name": agency, "people": [{"name": name.strip(), "post": post.strip()}],
            "signer": name.strip()}


def _party(record: Entries, which: int) -> dict[str, str]:
    told = record[("sender", "receiver")[which]]
    return {"code": told["code"], "name": told["name"]}


def _span(asked: Entries) -> str:
    days = [f"{one[8:]}/{one[5:7]}/{one[:4]}" for one in (asked["from"], asked["to"]) if one]
    return f"từ ngày {days[0]} đến ngày {days[-1]}" if days else ""


def _day(at: datetime) -> str:
    return clock.in_vietnam(at).date().isoformat()


def _hash(told: bytes) -> str:
    return hashlib.sha256(told).hexdigest()
