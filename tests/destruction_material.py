"""A small archive with case files that are long expired, and everything a destruction goes through, step by step."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from archive import clock, opening
from archive.opening import Archive
from samples.making import pki, signing
from tests.stored_documents import store_documents

THEN = datetime(2016, 3, 10, 3, 0, tzinfo=UTC)          # when the records were made
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)          # when they are looked at
OLD = [f"H99.2015.{n:02d}.VP" for n in range(1, 7)]     # expired at the end of 2020
FOREVER, HELD, LINKED, YOUNG = "H99.2015.20.VP", "H99.2015.21.VP", "H99.2015.22.VP", "H99.2024.23.VP"
MEMBERS = ("chair;Trần Văn Lữ;Phó Giám đốc Sở;lu", "secretary;Nguyễn Thị Hạnh;Lưu trữ viên;hanh",
           "owner;Lê Thị Mai;Trưởng phòng Hành chính;mai", "expert;Phạm Quốc Đạt;Chuyên viên;dat")
NAMES = [one.split(";")[1] for one in MEMBERS]
VALUES = """
[all]
superior = "Ủy ban nhân dân\\ntỉnh Mẫu"
symbol = "SNV"
unit = "VP"
place = "Mẫu"
maker = "Nguyễn Thị Hạnh"
post = "Giám đốc"
signer = "Trần Thị Mẫu"
number = 12
proposer = "Chánh Văn phòng Sở"
executor = "Văn phòng Sở"
executors = "Chánh Văn phòng Sở"
mission = "tham mưu về công tác nội vụ."
origin = "hình thành trong hoạt động của Sở."
where = "Kho lưu trữ Sở Nội vụ tỉnh Mẫu"
"""


class Way:
    """The commands of `luutru destruction` on one archive, at a moment that a test moves on."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder, self.at = root, folder, NOW
        clock.now = lambda: self.at

    def __call__(self, *words: str, **more: Any) -> Result:
        from cli import luutru

        done = CliRunner().invoke(luutru, ["--root", str(self.root), "destruction", *words], **more)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            from archive.errors import LuuTruError

            if not isinstance(done.exception, LuuTruError):
                raise done.exception
        return done

    def told(self, *words: str, code: int = 0) -> Any:
        """What a command says in JSON; its exit code must be `code`."""
        done = self(*words, "--json")
        assert done.exit_code == code, (words, done.exit_code, done.output, done.exception)
        return json.loads(done.stdout)

    def codes(self, *words: str, code: int = 5) -> list[str]:
        """The findings of a command that is refused."""
        return [one["code"] for one in self.told(*words, code=code)["findings"]]

    # --- the steps, each as far as it must have gone for the next ---

    def planned(self) -> str:
        batch = self.told("due")[0]["destruction"]
        self.told("plan", batch)
        return str(batch)

    def concluded(self) -> str:
        batch = self.planned()
        self.told("council", batch, "--number", "198/QĐ-SNV", "--dated", "2026-11-02",
                  *(word for one in MEMBERS for word in ("--member", one)))
        self.told("papers", batch, "--values", self.values())
        for name in NAMES:
            self.told("opinion", batch, "--member", name, "--destroy")
        self.told("conclude", batch, "--held-on", "2026-11-12", "--held-at", "phòng họp số 2", "--began",
                  "08 giờ 00 phút", "--ended", "10 giờ 00 phút", "--number", "02")
        return batch

    def appraised(self) -> str:
        batch = self.concluded()
        self.told("papers", batch, "--values", self.values())
        letter = self.folder / "tham-dinh.pdf"
        letter.write_bytes(b"%PDF-1.4 tham dinh")
        self.told("appraisal", batch, "agree", "--number", "402/CCVTLT", "--dated", "2026-11-14", "--file", str(letter))
        return batch

    def decision(self, batch: str, signer: str = "so-noi-vu", name: str = "quyet-dinh.pdf") -> Path:
        """The decision as the system printed it, signed by one of the samples' certificates ("": by nobody)."""
        from archive.store import Store

        store = Store(self.root / "store" / "ocfl", self.root / "store" / "staging")
        pdf = store.read(f"urn:luutru:destruction:{batch}", "papers/destruction_decision.pdf")
        target = self.folder / name
        target.write_bytes(signing.sign(pdf, signer, at=datetime(2026, 11, 16, 2, 0, tzinfo=UTC)) if signer else pdf)
        return target

    def approve(self, batch: str, paper: Path, *more: str) -> tuple[str, ...]:
        return ("approve", batch, "--decision", str(paper), "--number", "215/QĐ-SNV", "--dated", "2026-11-16", *more)

    def hash_of(self, batch: str) -> str:
        return str(self.told("show", batch)["plan_hash"])

    def apply(self, batch: str, *more: str) -> tuple[str, ...]:
        return ("apply", batch, "--yes", "--plan-hash", self.hash_of(batch)[:12], "--witness", "Lê Thị Mai", *more)

    def values(self) -> str:
        target = self.folder / "gia-tri.toml"
        target.write_text(VALUES, encoding="utf-8")
        return str(target)


def fill(root: Path, **settings: Any) -> Archive:
    """An archive with six expired case files, and four that may not be destroyed: for ever, held, linked, young."""
    from retention import holds

    clock.now = lambda: THEN
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}, **settings})
    closed = {"retention": "05 năm", "closed_at": clock.stamp(THEN), "state": "closed"}
    for n, code in enumerate((*OLD, HELD, LINKED), 1):
        store_documents(archive, [{"subject": f"Công văn thứ {n}", "issuedDate": "05/03/2015"},
                                  {"subject": f"Báo cáo thứ {n}", "issuedDate": "07/05/2015"}], code=code,
                        case_file={**closed, "title": f"Hồ sơ công việc thứ {n} về nếp sống văn hóa cơ sở"})
    store_documents(archive, [{"subject": "Quy hoạch", "issuedDate": "05/03/2015"}], code=FOREVER,
                    case_file={**closed, "retention": "Vĩnh viễn", "title": "Quy hoạch tỉnh"})
    store_documents(archive, [{"subject": "Kế hoạch", "issuedDate": "05/03/2024"}], code=YOUNG,
                    case_file={**closed, "retention": "20 năm", "title": "Kế hoạch"})
    pki.write_trust(root / "trust" / "cong-vu")
    clock.now = lambda: NOW
    with opening.ownership(archive):
        holds.place(archive, [HELD], holds.Ground("thanh tra", "Hạnh", "12/QĐ-TTT", "2026-11-01", "Thanh tra tỉnh"),
                    at=NOW)
        from archive import links

        links.link(archive, [f"{LINKED}.0000001"], YOUNG, by="Hạnh", reason="cùng vụ việc", at=NOW)
    return archive
