"""Documents and queries for the benchmark of the search, from real Vietnamese law text; the same ones every time.

A document is a letterhead, a subject, legal bases and the clauses of a decision. The clauses are those of five real
provincial regulations (samples/texts), the subjects the rows of the real retention table of TT 09/2011/TT-BNV
(retention/tables) with an act and a place. Drawn by a generator seeded with the document's number,
with names of persons and places of two or three syllables, so that a document can be told from others as in life.
The vocabulary is narrower than that of a real archive: words are in more documents, and every query finds more.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from samples.making import typeset
from search.entry import Entry
from search.index import Filters
from search.numbers import document_types
from search.syllables import common_syllables

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ("lang-son-2020", "thai-binh-17-2019", "long-an-24-2019", "dak-nong-35-2016", "phu-yen-03-2022")
LETTERS = 3_300                # of a text's clauses; with its head a document has some 4.9 kB
_ACTS = ("Về việc", "Về việc triển khai", "Báo cáo kết quả", "Kế hoạch thực hiện", "Về việc phê duyệt",
         "Về việc kiểm tra", "Hướng dẫn", "Về việc báo cáo", "Tổng kết", "Về việc đôn đốc")
_OFFICES = (("Ủy ban nhân dân tỉnh", "UBND"), ("Hội đồng nhân dân tỉnh", "HĐND"), ("Sở Nội vụ tỉnh", "SNV"),
            ("Sở Tài chính tỉnh", "STC"), ("Sở Y tế tỉnh", "SYT"), ("Sở Giáo dục và Đào tạo tỉnh", "SGDĐT"),
            ("Văn phòng Ủy ban nhân dân tỉnh", "VP"), ("Sở Khoa học và Công nghệ tỉnh", "SKHCN"))
_PROVINCES = ("Lạng Sơn", "Thái Bình", "Long An", "Đắk Nông", "Phú Yên", "Hà Giang", "Bắc Kạn", "Quảng Trị", "Gia Lai",
              "Bến Tre", "Cà Mau", "Hòa Bình")
_PLACES = tuple(name.capitalize() for name in re.findall(
    r"\w+", "an bình cao châu đông đức giang hà hải hòa hưng khánh kim lâm long mỹ nam nghĩa ngọc phú phước quang sơn "
            "tân tây thạch thái thanh thành thịnh thuận thượng tiến trung trường vân vĩnh xuân yên lộc minh nhơn"))
_FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đỗ", "Bùi", "Hồ", "Ngô", "Dương", "Lý")
_MIDDLES = ("Văn", "Thị", "Đức", "Hữu", "Quang", "Minh", "Ngọc", "Thu")


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of the set: what is typed, under which filters, and the document that is looked for."""

    kind: str
    typed: str
    item: str
    filters: Filters = field(default_factory=Filters)


@cache
def _clauses() -> tuple[str, ...]:
    lines = (line.strip() for name in TEXTS
             for line in typeset.renamed((typeset.TEXTS / f"{name}.txt").read_text("utf-8")).splitlines())
    return tuple(unicodedata.normalize("NFC", line) for line in lines if len(line) > 60)


@cache
def _subjects() -> tuple[str, ...]:
    import yaml

    found: list[str] = []

    def walk(told: object) -> None:
        if isinstance(told, dict):
            for value in told.values():
                walk(value)
        elif isinstance(told, list):
            for value in told:
                walk(value)
        elif isinstance(told, str) and 5 < len(told.split()) < 25 and re.search(r"[àáảãạăâđêôơư]", told):
            found.append(" ".join(told.rstrip(".;:").split()))

    for path in sorted((ROOT / "retention" / "tables").glob("*.yaml")):
        walk(yaml.safe_load(path.read_text("utf-8")))
    return tuple(dict.fromkeys(found))


@cache
def _syllables() -> tuple[str, ...]:
    return tuple(sorted(common_syllables()))


def document(n: int) -> Entry:
    """The document with this number, always the same one."""
    chance = random.Random(n * 2_654_435_761 + 7)
    kind = chance.choice([one for one in document_types()[:20] if one.short])
    office, short = chance.choice(_OFFICES)
    organ = f"{office} {chance.choice(_PROVINCES)}"
    year, month, day = chance.randint(1996, 2026), chance.randint(1, 12), chance.randint(1, 28)
    number = str(chance.randint(1, 4000))
    notation = f"{year}/{kind.short[0]}-{short}" if chance.random() < 0.3 else f"{kind.short[0]}-{short}"
    place = f"{chance.choice(('xã', 'phường', 'huyện'))} {chance.choice(_PLACES)} {chance.choice(_PLACES)}"
    topic = chance.choice(_subjects())
    subject = f"{chance.choice(_ACTS)} {topic[0].lower()}{topic[1:]} tại {place}"
    signer = " ".join((chance.choice(_FAMILIES), chance.choice(_MIDDLES), chance.choice(_PLACES)))
    cited = f"{chance.randint(1, 99)}/{year - chance.randint(0, 5)}/NĐ-CP"
    lines = [f"{organ.upper()}    CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", f"Số: {number}/{notation}",
             f"{kind.name.upper()} {subject}", f"Căn cứ Nghị định số {cited} của Chính phủ;"]
    room = LETTERS + chance.randint(-1500, 1500)
    while room > 0:
        line = chance.choice(_clauses())
        if chance.random() < 0.25:
            name = " ".join(chance.choice(_syllables()).capitalize() for _ in range(2))
            hamlet = " ".join(chance.sample(_PLACES, 2))
            line += f" Giao ông {chance.choice(_FAMILIES)} {name}, thôn {hamlet}, thực hiện."
        lines.append(line)
        room -= len(line)
    lines.append(f"{signer}")
    case_file = f"H99.{year}.{n % 997:04d}.VP"
    return Entry(code=f"{case_file}.{n:07d}", case_file=case_file, number=number, notation=notation,
                 issued_on=f"{year}-{month:02d}-{day:02d}", type_name=kind.name, organ=organ, subject=subject,
                 signer=signer, case_title=f"Hồ sơ {topic[0].lower()}{topic[1:]}", legal_value="signed_original",
                 fonds=f"H99.{n % 40:02d}", access=("open", "restricted", "undecided")[n % 10 // 5 + (n % 10 == 9)],
                 text="\n".join(lines)).sealed()


def documents(count: int, start: int = 0) -> Iterator[Entry]:
    """So many documents."""
    return (document(n) for n in range(start, start + count))


def queries(count: int) -> list[Asked]:
    """The 60 queries of an archive of `count` documents: ten of each kind, each for one known document."""
    found: list[Asked] = []
    step = count // 60
    for n in range(60):
        entry = document(n * step + step // 2)
        words = entry.subject.split()
        kind = n // 10
        if kind == 0:
            found.append(Asked("number", _number(entry, n % 5), entry.code,
                               Filters(issued_from=entry.issued_on[:4], issued_to=entry.issued_on[:4],
                                       type_name=entry.type_name if n % 2 else "")))
        elif kind == 1:
            found.append(Asked("title, with marks", entry.subject, entry.code))
        elif kind == 2:
            found.append(Asked("title, without marks", plain(entry.subject), entry.code))
        elif kind == 3:
            found.append(Asked("title, tones and letters otherwise", _otherwise(entry.subject, n % 5), entry.code))
        elif kind == 4:
            named = next((line for line in reversed(entry.text.splitlines()) if " Giao ông " in line), "")
            phrase = named.partition(" Giao ")[2].rstrip(".").partition(", thực hiện")[0] or " ".join(words[-9:])
            found.append(Asked("phrase of the text", f'"{phrase if n % 2 else plain(phrase)}"', entry.code))
        else:
            asked = Filters(issued_from=entry.issued_on[:4], issued_to=entry.issued_on[:4], organ=entry.organ)
            if n % 2:
                asked = replace(asked, organ=entry.organ.replace("Ủy ban nhân dân", "UBND"), type_name=entry.type_name)
            found.append(Asked("some words, with filters", " ".join([*words[2:5], *words[-3:]]), entry.code, asked))
    return found


def plain(text: str) -> str:
    """`text` as it is typed without Vietnamese keys."""
    apart = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _number(entry: Entry, way: int) -> str:
    whole = f"{entry.number}/{entry.notation}"
    return (whole, plain(whole).lower(), f"số {whole}", f"0{whole}".replace("-", " – "),
            plain(whole).lower().replace("/", " ").replace("-", " "))[way]


def _otherwise(text: str, way: int) -> str:
    moved = text.replace("oà", "òa").replace("hòa", "hoà").replace("hóa", "hoá").replace("ủy", "uỷ").replace("Ủy", "Uỷ")
    leveled = text.replace("lý", "lí").replace("kỹ", "kĩ").replace("quy", "qui")
    return (moved, leveled, unicodedata.normalize("NFD", text), text.upper(), text.replace("ư", "ƣ"))[way]
