"""Settings: one TOML file in the archive's folder, overridden by `LUUTRU_*` environment variables.

Read once, at the start of a command; secrets only by environment or file reference.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings import SettingsError as EnvironmentValueError

from archive.errors import SettingsError
from archive.i18n import _
from archive.settings_backup import BackupSettings
from archive.settings_edxml import EdxmlSettings
from archive.settings_lgsp import LgspSettings
from archive.settings_night import NightSettings
from archive.settings_portal import OidcSettings, WebSettings
from archive.settings_reading import ReadingSettings
from archive.settings_section import Address
from archive.settings_section import Section as _Section
from archive.settings_service import ServiceSettings
from archive.settings_telemetry import TelemetrySettings
from archive.settings_workers import WorkersSettings

FILE_NAME = "luutru.toml"


class AgencySettings(_Section):
    """The agency whose archive this is, and the rules of its province."""

    code: str = Field("H99", description="agency code (QĐ 20/2020 or QCVN 102), also the code of its fonds")
    name: str = Field("Cơ quan mẫu", description="the agency's full name")
    receipt_rule: str = Field("LS", description="rule for the legal time of receipt: an id of ingest/receipt.toml")
    calendar: str = Field("sample", description="working calendar: an id of ingest/receipt.toml")
    archivists: list[str] = Field(
        default_factory=list, description="who may correct what is stored, by the names that the ledger writes "
                                          "(LUUTRU_USER); empty: whoever can write the archive")


class IngestSettings(_Section):
    """What is taken in, from where, and within which limits."""

    inbox: list[Path] = Field(default_factory=lambda: [Path("inbox")],
                              description="folders watched for new files; relative ones lie in the archive's folder")
    settle_seconds: float = Field(30.0, ge=0, description="a file younger than this is left for the next night")
    workers: int = Field(0, ge=0, description="worker processes; 0: one a processor")
    item_seconds: int = Field(600, gt=0, description="time limit of one item's stages, seconds")
    item_memory_mb: int = Field(4096, gt=0, description="memory limit of one worker process, MB")
    max_file_mb: int = Field(500, gt=0, description="largest file that is taken in, MB")
    max_pages: int = Field(2000, gt=0, description="most pages of one document")
    max_pixels: int = Field(150_000_000, gt=0, description="most pixels of one page picture")
    archive_max_entries: int = Field(2000, gt=0, description="most entries of a ZIP container")
    archive_max_ratio: int = Field(200, gt=0, description="greatest ratio of unpacked to packed size in a ZIP")
    archive_max_unpacked_mb: int = Field(1000, gt=0, description="greatest unpacked size of a ZIP, MB")
    archive_max_depth: int = Field(3, gt=0, description="deepest nesting of containers")
    xml_max_depth: int = Field(100, gt=0, description="deepest nesting of elements in an XML file")
    xml_max_elements: int = Field(1_000_000, gt=0, description="most elements of an XML file")
    extra_formats: list[str] = Field(
        default_factory=list, description="formats taken in besides the legal lists: ids of ingest/formats.toml")
    macros: Literal["refused", "warning"] = Field(
        "refused", description="what macros do to their document: hold it (refused) or mark it (warning)")
    virus_scanner: list[str] = Field(
        default_factory=list, description="virus scanner's command, the file is appended; exit 0 clean, 1 infected; "
                                          "empty: files are recorded as not checked")
    incomplete_fields: Literal["refused", "warning"] = Field(
        "warning", description="what a metadata fault does to its document: hold it (refused) or mark it (warning)")


IntakeAction = Literal["pass", "quarantine", "block"]
Judged = Literal["invalid", "undetermined", "valid_with_notes", "unsigned", "not_checked"]


class SignatureSettings(_Section):
    """How signatures are judged on the way in, and what each verdict does to its document.

    pass: it is stored; quarantine: it waits, an archivist may answer for it; block: it waits, nobody can answer for it.
    """

    trust: Path = Field(Path("trust"), description="folder of trust lists: PEM certificates under a list's name")
    recheck_seconds: float = Field(300.0, ge=0, description="how long a night looks again at signatures whose day has "
                                                            "come, seconds; the rest waits for the next")
    update_nightly: bool = Field(False, description="let the night fetch the revocation lists first (luutru trust "
                                                    "update); needs a network, does without when there is none")
    printed: bool = Field(True, description="print the report of the checks as a PDF beside each signed document")
    invalid: IntakeAction = Field(
        "quarantine", description="what the verdict KHÔNG HỢP LỆ does: pass, quarantine (an archivist may answer for "
                                  "it) or block (nobody may)")
    undetermined: IntakeAction = Field("pass", description="the same for CHƯA ĐỦ CĂN CỨ")
    valid_with_notes: IntakeAction = Field("pass", description="the same for HỢP LỆ, CÓ LƯU Ý")
    unsigned: IntakeAction = Field("pass", description="the same for a document without signature")
    not_checked: IntakeAction = Field("pass", description="the same for a file that could not be looked into")
    agencies: dict[str, dict[Judged, IntakeAction]] = Field(
        default_factory=dict, description="what differs for the documents of single agencies, by their code (organId): "
                                          '{ "H99.15" = { unsigned = "quarantine" } }')


class OcrSettings(_Section):
    """How scans are read."""

    languages: str = Field("vie", description="Tesseract languages, joined by +")
    languages_of: dict[str, str] = Field(
        default_factory=dict, description='what differs for single fonds, by their codes: { "H99.KT" = "vie+eng" }')
    tessdata: str = Field("", description="folder of Tesseract's language data; empty: the system's")
    retry_below: float = Field(90.0, description="mean word confidence under which a page is tried once more")
    review_below: float = Field(60.0, description="mean word confidence under which a person is asked to look")
    access_copy: Literal["light", "as_received"] = Field(
        "light", description="pictures of access copies: encoded anew at the resolution that is read (light), or as "
                             "they were received (as_received); the received file is kept either way")

    def for_fonds(self, fonds: str) -> OcrSettings:
        """The same with the languages of this fonds."""
        own = self.languages_of.get(fonds, self.languages)
        return self if own == self.languages else self.model_copy(update={"languages": own})


class SearchSettings(_Section):
    """How the index is kept."""

    engine: Literal["tantivy", "whoosh"] = Field(
        "tantivy", description="search engine: tantivy; or whoosh, pure Python and much slower, for machines without "
                               "the other, up to some 10,000 documents. After a change: luutru index rebuild")
    aliases: Path = Field(Path("aliases.toml"), description="the agency's own abbreviations, such as \"SNV\" = \"Sở "
                                                            "Nội vụ\"; need not be there; relative ones lie in the "
                                                            "archive's folder")


class PackageSettings(_Section):
    """How packages (SIP, AIP, DIP) are written."""

    serialisation: str = Field("tt05_2025", description="how packages are written where TT 05/2025 contradicts itself: "
                                                        "a profile of archive/packages/serialisation.toml")
    archive_code: str = Field("", description="code of the archive's agency (mã cơ quan lưu trữ) in archival codes; "
                                              "empty: the agency's own code")
    archive_name: str = Field("", description="name of the archive's agency; empty: the agency's own name")
    evidence: list[Literal["aip", "dip", "sip"]] = Field(
        default_factory=lambda: ["aip", "dip", "sip"],  # type: ignore[arg-type]
        description="packages that carry their files' evidence records and the checker under documentation/evidence/")


class FixitySettings(_Section):
    """How often everything stored is read again."""

    days: int = Field(90, ge=1, description="every stored file is read again at least every so many days")
    seconds: float = Field(300.0, ge=0, description="how long a night reads the store and its copies again at most, "
                                                    "seconds; shared among them")
    repair: Literal["auto", "ask"] = Field(
        "auto", description="what the night does with damage that it finds: mend it from a sound copy (auto), or only "
                            "report it until somebody runs luutru fixity repair (ask)")


class CopiesSettings(_Section):
    """Where copies of the whole archive are kept; each is brought up to date at the end of the night."""

    places: list[Annotated[str, Field(min_length=1, max_length=150)]] = Field(
        default_factory=list, description="folders for the copies, on other disks or machines; made by hand, empty at "
                                          "first; relative ones are seen from the archive's folder")


class EvidenceSettings(_Section):
    """How each night is proved to have been: hash tree, timestamp, renewal."""

    tsa: list[str] = Field(default_factory=list, description="addresses of timestamp authorities (RFC 3161); each "
                           "gives a token; empty: nights are sealed without a timestamp")
    tsa_policy: str = Field("", description="policy (OID) that is asked of the timestamp authorities; empty: theirs")
    tsa_seconds: float = Field(60.0, gt=0, description="how long one timestamp authority is waited for, seconds")
    renew_months: int = Field(18, ge=1, description="a timestamp is renewed so long before its certificate ends")


class SealSettings(_Section):
    """How scans are sealed: with which key, how far, what the seal shows. The secret itself is never written here."""

    nightly: Literal["off", "scans"] = Field(
        "off", description="scans: the night seals the access copies of scans, once a key is named here; off: only "
                           "`luutru seal` does")
    pkcs12: str = Field("", description="file with the agency's key and certificate (PKCS#12: .p12, .pfx); relative "
                                        "ones lie in the archive's folder")
    pkcs11_module: str = Field("", description="PKCS#11 library of the token or HSM; used when no pkcs12 is set")
    pkcs11_token: str = Field("", description="label of the token; empty: the only one")
    pkcs11_key: str = Field("", description="label of the key on the token")
    certificate: str = Field(
        "", description="file with the certificate, where the token holds only the key; PEM or DER")
    secret_env: str = Field(
        "LUUTRU_SEAL_PIN", description="name of the environment variable that holds the PIN or the passphrase")
    secret_file: str = Field(
        "", description="file that holds the PIN or the passphrase in its first line; it wins over the variable")
    level: Literal["B-B", "B-T", "B-LT"] = Field(
        "B-T", description="PAdES level: B-B without a timestamp, B-T with one from evidence.tsa (B-B while none is "
                           "set), B-LT with certificates and revocation lists as well")
    layout: Literal["auto", "tt05_2025", "tt02_2019", "nd30_2020"] = Field(
        "auto", description="whose rules the visible text follows; auto: those of the setting profile")
    copy_form: str = Field("Sao y", description="form of the copy that a seal under NĐ 30/2020 shows")
    picture: str = Field("", description="PNG of the red seal in real size (its dpi tells), for TT 02/2019")
    font: str = Field("", description="font file of the visible text; empty: the system's Liberation Serif")


class ScanSettings(_Section):
    """How long scans are taken apart into documents, and what a scan job asks for (docs/digitising.md)."""

    separators: Literal["scans", "off"] = Field(
        "scans", description="scans: separator sheets are looked for in PDF and TIFF files of pictures; off: nowhere")
    folders: list[str] = Field(
        default_factory=list, description="folders of the inbox in which scans lie, such as quet; elsewhere no sheet "
                                          "is looked for; empty: everywhere")
    sides: Literal["off", "a_b", "odd_even"] = Field(
        "off", description="scans made side by side, two files a document: a_b: NAME-A and NAME-B, both from the first "
                           "sheet on; odd_even: NAME-le and NAME-chan, the second from the last sheet back")
    pages: Literal["folders", "off"] = Field(
        "folders", description="JPEG and PNG files that are pages: folders: pictures in a folder named by file code "
                               "(and ordinal), and files CODE-p001.jpg, become one scan; off: each is a document")
    return_without_backup: bool = Field(
        False, description="whether the originals of a scan job may be returned while no copy of the archive holds "
                           "their scans; it is then told as a warning (NĐ 31/2026/NĐ-CP Điều 12.7)")


class RetentionSettings(_Section):
    """How long things are kept."""

    counting: Literal["next_year", "end_year"] = Field(
        "next_year", description="how years are counted, an interpretation: no text says whether the year in which the "
                                 "work ended counts (Luật Lưu trữ 33/2024/QH15 Đ15.3). next_year: kept until 31 "
                                 "December of that year + N; end_year: that year is the first of the N")
    deadline_days: int = Field(30, ge=0, description="the morning report tells what is due within so many days, and "
                                                     "what is overdue")
    deadlines_off: list[str] = Field(
        default_factory=list, description="deadlines that do not count here: rules of retention/deadlines.toml, such "
                                          "as submission.digital; an interpretation, to be answered for")
    construction: list[str] = Field(
        default_factory=list, description="symbols of case files of building works (the part of the notation after the "
                                          "number, such as XD): submitted 3 months after settlement (NĐ 30/2020 Đ30)")


class DestructionSettings(_Section):
    """The way to a destruction: who decides, which periods run, what stays of it (docs/destruction.md)."""

    archive: Literal["current", "historical"] = Field(
        "current", description="kind of archive: current (lưu trữ hiện hành) or historical (lưu trữ lịch sử); with "
                               "submits_to it says who decides (retention/destruction/deciding.toml)")
    submits_to: Literal["central", "province", "nobody"] = Field(
        "province", description="to which historical archive the agency submits; for nobody no appraisal opinion is "
                                "compulsory (Luật Lưu trữ 33/2024/QH15 Đ16.3)")
    notice_days: int = Field(30, ge=0, description="what expires is announced so many days before (TT 01/2019 Đ20.5.a, "
                                                   "old regime)")
    list_days: int = Field(15, ge=0, description="the yearly list is made within so many days after the end of a year; "
                                                 "TT 05/2025/TT-BNV Đ48.3 says yearly, the day is a convention")
    apply_days: int = Field(15, ge=1, description="a destruction is executed at most so many days after its decision; "
                                                  "read only in descriptions of TT 06/2025/TT-BNV: ask your authority")
    dossier_years: int = Field(20, ge=20, description="the dossier of a destruction is kept at least so many years "
                                                      "(Luật Lưu trữ 2011 Đ28.5; the present period was not read)")
    signers: list[str] = Field(
        default_factory=list, description="whose signatures on a decision count: names or organisations as their "
                                          "certificates have them; empty: the agency's own name")
    titles: Literal["keep", "hash", "drop"] = Field(
        "keep", description="what the trace of a destruction says of a case file's title: keep it, as the approved "
                            "list does (TT 05/2025/TT-BNV Đ48.4, Đ49.7.b); hash: its SHA-256 with the code; drop: "
                            "nothing. "
                            "An interpretation: Luật Lưu trữ 33/2024/QH15 Đ36.4.b has all metadata go")
    overwrite: bool = Field(True, description="write zeros over every file before its name goes; of little use on SSDs "
                                              "and snapshots (docs/destruction.md), and never a promise")
    backups: dict[str, int] = Field(
        default_factory=dict, description="backups that the archive does not see: name = days until the newest one "
                                          "made before a destruction is overwritten or ends")


class TransferSettings(_Section):
    """How case files are handed over to the historical archive (thu nộp)."""

    special_fonds: list[str] = Field(
        default_factory=list, description="fonds (agency codes) of police, defence, foreign affairs or a sector whose "
                                          "old term is 30 years instead of 10 (NĐ 01/2013/NĐ-CP Đ14–15), for work that "
                                          "ended before 01/07/2025")


class Settings(BaseSettings):
    """All settings of one archive. Raises pydantic.ValidationError for a value that cannot be."""

    model_config = SettingsConfigDict(env_prefix="LUUTRU_", env_nested_delimiter="__", extra="forbid", frozen=True)

    root: Path = Field(Path("var"), description="the archive's folder")
    language: Literal["vi", "en"] = Field("vi", description="language of messages and reports")
    profile: Literal["tt05_2025", "tt02_2019", "nd30_2020"] = Field(
        "tt05_2025", description="legal profile under which new documents are taken in")
    database: Address = Field("", description="database URL; empty: SQLite in the archive's folder")
    agency: AgencySettings = Field(default_factory=AgencySettings)
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    night: NightSettings = Field(default_factory=NightSettings)
    signatures: SignatureSettings = Field(default_factory=SignatureSettings)
    ocr: OcrSettings = Field(default_factory=OcrSettings)
    search: SearchSettings = Field(default_factory=SearchSettings)
    packages: PackageSettings = Field(default_factory=PackageSettings)
    evidence: EvidenceSettings = Field(default_factory=EvidenceSettings)
    fixity: FixitySettings = Field(default_factory=FixitySettings)
    copies: CopiesSettings = Field(default_factory=CopiesSettings)
    backup: BackupSettings = Field(default_factory=BackupSettings)
    seal: SealSettings = Field(default_factory=SealSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    destruction: DestructionSettings = Field(default_factory=DestructionSettings)
    scans: ScanSettings = Field(default_factory=ScanSettings)
    transfer: TransferSettings = Field(default_factory=TransferSettings)
    reading: ReadingSettings = Field(default_factory=ReadingSettings)
    edxml: EdxmlSettings = Field(default_factory=EdxmlSettings)
    workers: WorkersSettings = Field(default_factory=WorkersSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    oidc: OidcSettings = Field(default_factory=OidcSettings)
    lgsp: LgspSettings = Field(default_factory=LgspSettings)
    service: ServiceSettings = Field(default_factory=ServiceSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)

    toml_file: ClassVar[Path | None] = None

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        if cls.toml_file is not None and cls.toml_file.is_file():
            sources = (*sources, TomlConfigSettingsSource(settings_cls, cls.toml_file))
        return sources

    @property
    def archive_code(self) -> str:
        """The code of the archive's agency (mã cơ quan lưu trữ), the agency's own where no other is set."""
        return self.packages.archive_code or self.agency.code

    def path(self, relative: Path) -> Path:
        """`relative` as seen from the archive's folder."""
        return relative if relative.is_absolute() else self.root / relative


def load(root: Path | None = None, **overrides: Any) -> Settings:
    """The settings of the archive at `root` (or `LUUTRU_ROOT`, or ./var): file, then environment, then `overrides`.

    Raises SettingsError, naming every setting whose value cannot be.
    """
    place = root or Path(os.environ.get("LUUTRU_ROOT", "var"))
    bound = type("Settings", (Settings,), {"toml_file": place / FILE_NAME, "__module__": __name__})
    try:
        settings: Settings = bound(root=place.absolute(), **overrides)
    except ValidationError as error:
        raise SettingsError("; ".join(map(_fault, error.errors()))) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{place / FILE_NAME}: {error}") from error
    except EnvironmentValueError as error:      # tells the section and not what stands in the variable
        raise SettingsError(_("{setting}: what the environment says of it is not JSON").format(
            setting=str(error).split('"')[1])) from None
    return settings


def _fault(one: ErrorDetails) -> str:
    """Which setting is wrong and what can stand there."""
    name = ".".join(str(part) for part in one["loc"] if part != "[key]")
    if one["type"] == "extra_forbidden":
        return _("{setting}: there is no such setting").format(setting=name)
    if one["type"] == "literal_error":
        choices = one["ctx"]["expected"].replace(" or ", ", ")
        return _("{setting}: “{value}” is not possible; choose one of {choices}").format(
            setting=name, value=one["input"], choices=choices)
    return f"{name}: {one['ctx']['error'] if one['type'] == 'value_error' else one['msg']}"
