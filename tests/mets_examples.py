"""METS and PREMIS files that keep every rule, and for each rule the smallest change that breaks it.

`GOOD` is name → (file, place); `BAD` is code → (name of a good file, changes). A change is ("del", XPath), ("set",
                                                                                                             XPath,
attribute, value), ("add" or "after", XPath, XML), ("text", XPath,
                                                    text) or one of the whole file; the prefixes in XPaths
and attributes are those of mets.NAMESPACES.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from archive.packages.check.mets import NAMESPACES, MetsPlace

SPACES = ('xmlns="http://www.loc.gov/METS/" xmlns:mets="http://www.loc.gov/METS/" '
          'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:csip="https://DILCIS.eu/XML/METS/CSIPExtensionMETS" '
          'xmlns:sip="https://DILCIS.eu/XML/METS/SIPExtensionMETS" '
          'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"')
UUID = "7D0D1987-0F1C-47A7-8FD6-CC5C7DE4{:04X}"
SHA = "553AF5BFC717C9968D57329C650D394DD7A015889CAE7EB24774DF6C631DC760"
TIME = "2026-11-20T22:30:00.000+07:00"
SOFTWARE = ('<agent ROLE="CREATOR" TYPE="OTHER" OTHERTYPE="SOFTWARE"><name>Lưu Trữ</name>'
            '<note csip:NOTETYPE="SOFTWARE VERSION">0.1.0</note></agent>')


def organisation(role: str, code: str = "H99", kind: str = "ORGANIZATION") -> str:
    return (f'<agent ROLE="{role}" TYPE="{kind}"><name>Sở Nội vụ tỉnh Mẫu</name>'
            f'<note csip:NOTETYPE="IDENTIFICATIONCODE">{code}</note></agent>')


def uid(number: int) -> str:
    return "uuid-" + UUID.format(number)


def fid(number: int) -> str:
    return "ID-" + UUID.format(number)


def described(size: str = "369", mime: str = "text/xml") -> str:
    return f'MIMETYPE="{mime}" SIZE="{size}" CREATED="{TIME}" CHECKSUM="{SHA}" CHECKSUMTYPE="SHA-256"'


def md_ref(number: int, href: str, kind: str = 'MDTYPE="OTHER" OTHERMDTYPE="EAD"') -> str:
    return (f'<mdRef ID="{uid(number)}" LOCTYPE="URL" xlink:type="simple" xlink:href="{href}" {kind} '
            f'MDTYPEVERSION="1.0" {described()}/>')


def dmd(number: int, href: str) -> str:
    return f'<dmdSec ID="{uid(number)}" CREATED="{TIME}" STATUS="CURRENT">{md_ref(number + 1, href)}</dmdSec>'


def amd(number: int, href: str, before: str = "") -> str:
    return (f'<amdSec ID="{uid(number)}">{before}<digiprovMD ID="{uid(number + 1)}" STATUS="CURRENT">'
            + md_ref(number + 2, href, 'MDTYPE="PREMIS"') + "</digiprovMD></amdSec>")


def file(number: int, href: str, mime: str = "application/octet-stream") -> str:
    return (f'<file ID="{fid(number)}" {described("1024", mime)}>'
            f'<FLocat LOCTYPE="URL" xlink:type="simple" xlink:href="{href}"/></file>')


def group(number: int, use: str, *files: str, more: str = "") -> str:
    return f'<fileGrp ID="{uid(number)}" USE="{use}" {more}>{"".join(files)}</fileGrp>'


def div(number: int, label: str, inner: str = "", more: str = "") -> str:
    return f'<div ID="{uid(number)}" LABEL="{label}" {more}>{inner}</div>'


def fptr(name: str) -> str:
    return f'<fptr FILEID="{name}"/>'


MPTR = ('<mptr LOCTYPE="URL" xlink:type="simple" xlink:href="representations/rep1/METS.xml" '
        f'xlink:title="{uid(0x33)}"/>')
EARK_AMD = amd(0x20, "metadata/preservation/PREMIS.xml",
               f'<rightsMD ID="{uid(0x24)}" STATUS="CURRENT">'
               + md_ref(0x25, "metadata/other/rights.xml", 'MDTYPE="METSRIGHTS"') + "</rightsMD>")
SCHEMAS = group(0x32, "Schemas", file(2, "schemas/METS.xsd"), file(3, "schemas/EAD.xsd"))
REP = group(0x33, "Representations/rep1", file(4, "representations/rep1/METS.xml", "text/xml"),
            more='csip:CONTENTINFORMATIONTYPE="MIXED"')
DOCUMENTATION = group(0x31, "Documentation", file(1, "documentation/guide.pdf", "application/pdf"))
EARK_DIVS = (div(0x43, "Documentation", fptr(uid(0x31))) + div(0x44, "Schemas", fptr(uid(0x32)))
             + div(0x45, "Representations/rep1", MPTR))


def mets(objid: str, oais: str, agents: str, sections: str, divs: str, *, label: str = "", type_: str = "Mixed",
         profile: str = "https://earkcsip.dilcis.eu/profile/E-ARK-CSIP.xml", more: str = "") -> str:
    """A whole METS file; `sections` are dmdSec to fileSec, `divs` what stands in the main division."""
    return (f'<mets {SPACES} OBJID="{objid}" LABEL="Hồ sơ mẫu" TYPE="{type_}" csip:CONTENTINFORMATIONTYPE="MIXED" '
            f'PROFILE="{profile}">'
            f'<metsHdr CREATEDATE="{TIME}" LASTMODDATE="{TIME}" RECORDSTATUS="NEW" csip:OAISPACKAGETYPE="{oais}">'
            f'{agents}{more}</metsHdr>{sections}'
            f'<structMap ID="{uid(0x40)}" TYPE="PHYSICAL" LABEL="CSIP">'
            f'{div(0x41, label or objid, divs)}</structMap></mets>')


def eark(oais: str, profile: str, agents: str = SOFTWARE) -> str:
    return mets(uid(0), oais, agents, dmd(0x10, "metadata/descriptive/EAD.xml") + EARK_AMD
                + f'<fileSec ID="{uid(0x30)}">{DOCUMENTATION}{SCHEMAS}{REP}</fileSec>',
                div(0x42, "Metadata", more=f'DMDID="{uid(0x10)}" ADMID="{uid(0x20)}"') + EARK_DIVS,
                profile=f"https://{profile}.xml")


EARK_REP = mets("rep1", "AIP", SOFTWARE, dmd(0x10, "metadata/descriptive/EAD.xml") + EARK_AMD
                + f'<fileSec ID="{uid(0x30)}">' + group(0x34, "Data", file(5, "data/a.pdf", "application/pdf"))
                + "</fileSec>",
                div(0x42, "Metadata", more=f'DMDID="{uid(0x10)}" ADMID="{uid(0x21)} {uid(0x24)}"')
                + div(0x46, "Data", fptr(uid(0x34))))
FLAT = mets(uid(0), "AIP", SOFTWARE, dmd(0x10, "metadata/descriptive/EAD.xml") + EARK_AMD
            + f'<fileSec ID="{uid(0x30)}">{DOCUMENTATION}{SCHEMAS}'
            + group(0x33, "Representations", file(5, "representations/rep1/data/a.pdf"),
                    more='csip:CONTENTINFORMATIONTYPE="MIXED"') + "</fileSec>",
            div(0x42, "Metadata", more=f'DMDID="{uid(0x10)}" ADMID="{uid(0x20)}"')
            + div(0x43, "Documentation", fptr(uid(0x31))) + div(0x44, "Schemas", fptr(uid(0x32)))
            + div(0x47, "Representations", fptr(uid(0x33))))
SIP_AGENTS = SOFTWARE + organisation("ARCHIVIST") + organisation("CREATOR") + organisation("PRESERVATION") \
    + '<agent ROLE="CREATOR" TYPE="INDIVIDUAL"><name>Nguyễn Văn Mẫu</name><note>nvm@mau.gov.vn</note></agent>' \
    + '<altRecordID TYPE="SUBMISSIONAGREEMENT">NL.H99.2026.01</altRecordID>'


def tt05_root(oais: str, objid: str, profile: str, *, preserved: bool, type_: str = "Mixed", request: str = "") -> str:
    links = f'DMDID="{uid(0x10)}"' + (f' ADMID="{uid(0x20)}"' if preserved else "")
    return mets(objid, oais, SOFTWARE + organisation("CREATOR"), dmd(0x10, "metadata/descriptive/EAD.xml")
                + (amd(0x20, "metadata/preservation/PREMIS.xml") if preserved else "")
                + f'<fileSec ID="{uid(0x30)}">{SCHEMAS}{REP}</fileSec>',
                div(0x42, "Metadata", more=links) + div(0x44, "Schemas", fptr(uid(0x32)))
                + div(0x45, "Representations/rep1", MPTR), type_=type_, profile=profile, more=request)


def tt05_rep(oais: str, agents: str, *, preserved: bool, type_: str = "Mixed") -> str:
    """One document with an attachment, and one holey file."""
    adm = f' ADMID="{uid(0x20)}"' if preserved else ""
    documents = "metadata/descriptive/EAD_doc_H99.2026.01.VP.000000"
    return mets(uid(1), oais, agents, dmd(0x10, documents + "1.xml") + dmd(0x12, documents + "2.xml")
                + (amd(0x20, "metadata/preservation/PREMIS_rep1.xml") if preserved else "")
                + f'<fileSec ID="{uid(0x30)}">'
                + group(0x34, "Data", file(5, "data/a.pdf", "application/pdf"), file(6, "data/b.pdf",
                                                                                     "application/pdf"))
                + group(0x35, "Holeyfile", file(7, "data/c.pdf.fetch.txt", "text/plain")) + "</fileSec>",
                (div(0x42, "Metadata", fptr(uid(0x22))) if preserved else "")
                + div(0x46, "Data", fptr(uid(0x34)))
                + div(0x47, "MetadataLink", div(0x48, "MetadataLink/File", fptr(fid(5)), f'DMDID="{uid(0x10)}"{adm}')
                      + div(0x49, "MetadataLink/Holey", fptr(fid(7)), f'DMDID="{uid(0x12)}"{adm}'))
                + div(0x4A, "AttachmentFile", div(0x4B, fid(5), fptr(fid(6)))), label="rep1", type_=type_)


REQUEST = '<altRecordID TYPE="SUBMISSIONAGREEMENT">NL.H99.2026.01</altRecordID>'
IP = "http://www.ra.ee/METS/v01/IP.xml"
CSIP_XML = "https://earkcsip.dilcis.eu/profile/E-ARK-CSIP.xml"
AIP_ID = "urn:H99:uuid:" + UUID.format(0)
PREMIS = f"""<premis xmlns="http://www.loc.gov/premis/v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
version="3.0">
<object xsi:type="file" xmlID="{fid(1)}"><objectIdentifier><objectIdentifierType>File</objectIdentifierType>
<objectIdentifierValue>{fid(5)}</objectIdentifierValue></objectIdentifier>
<objectCharacteristics><format><formatDesignation><formatName>PDF/A</formatName></formatDesignation></format></objectCharacteristics></object>
<object xsi:type="intellectualEntity" xmlID="{fid(2)}"><objectIdentifier>
<objectIdentifierType>Doc</objectIdentifierType>
<objectIdentifierValue>H99.2026.01.VP.0000001</objectIdentifierValue></objectIdentifier></object>
<event><eventIdentifier><eventIdentifierType>local</eventIdentifierType><eventIdentifierValue>1</eventIdentifierValue>
</eventIdentifier><eventType>information package creation</eventType><eventDateTime>{TIME}</eventDateTime>
<linkingAgentIdentifier><linkingAgentIdentifierType>local</linkingAgentIdentifierType>
<linkingAgentIdentifierValue>luutru</linkingAgentIdentifierValue></linkingAgentIdentifier></event>
<agent><agentIdentifier><agentIdentifierType>local</agentIdentifierType>
<agentIdentifierValue>luutru</agentIdentifierValue></agentIdentifier>
<agentName>Lưu Trữ</agentName><agentType>software</agentType></agent></premis>"""
READER = organisation("ARCHIVIST") + organisation("DISSEMINATOR", "YC.2026.01")

GOOD: dict[str, tuple[str, MetsPlace]] = {
    "csip": (eark("AIP", "earkcsip.dilcis.eu/profile/E-ARK-CSIP"), MetsPlace("METS.xml", "root", ("E-ARK", "CSIP"))),
    "csip_rep": (EARK_REP, MetsPlace("representations/rep1/METS.xml", "representation", ("E-ARK", "CSIP"))),
    "flat": (FLAT, MetsPlace("METS.xml", "root", ("E-ARK", "CSIP"), "2.1.0")),
    "sip": (eark("SIP", "earksip.dilcis.eu/profile/E-ARK-SIP-v2-2-0", SIP_AGENTS),
            MetsPlace("METS.xml", "root", ("E-ARK", "SIP"), "2.2.0")),
    "aip": (eark("AIP", "earkdip.dilcis.eu/profile/E-ARK-AIP-v2-2-0"),
            MetsPlace("METS.xml", "root", ("E-ARK", "AIP"), "2.2.0")),
    "dip": (eark("DIP", "earkdip.dilcis.eu/profile/E-ARK-DIP"), MetsPlace("METS.xml", "root", ("E-ARK", "DIP"),
                                                                          "2.1.0")),
    "tt_sip": (tt05_root("SIP", uid(0), CSIP_XML, preserved=False, request=REQUEST),
               MetsPlace("METS.xml", "root", ("TT05", "SIP_hoso"))),
    "tt_sip_rep": (tt05_rep("SIP", SOFTWARE + organisation("CREATOR"), preserved=False),
                   MetsPlace("representations/rep1/METS.xml", "representation", ("TT05", "SIP_hoso"))),
    "tt_sip_loose": (tt05_root("SIP", uid(0), CSIP_XML, preserved=False, type_="Collection", request=REQUEST),
                     MetsPlace("METS.xml", "root", ("TT05", "SIP_tailieu"))),
    "tt_aip": (tt05_root("AIP", AIP_ID, IP, preserved=True), MetsPlace("METS.xml", "root", ("TT05", "AIP_hoso"))),
    "tt_aip_rep": (tt05_rep("AIP", SOFTWARE + organisation("CREATOR") + organisation("ARCHIVIST"), preserved=True),
                   MetsPlace("representations/rep1/METS.xml", "representation", ("TT05", "AIP_hoso"))),
    "tt_aip_loose": (tt05_rep("AIP", SOFTWARE + organisation("CREATOR"), preserved=True, type_="Collection"),
                     MetsPlace("representations/rep1/METS.xml", "representation", ("TT05", "AIP_tailieu"))),
    "tt_dip": (tt05_root("DIP", uid(0), "https://earkdip.dilcis.eu/profile/E-ARK-DIP.xml", preserved=False,
                         type_="MIXED"),
               MetsPlace("METS.xml", "root", ("TT05", "DIP"))),
    "tt_dip_rep": (tt05_rep("DIP", SOFTWARE + READER, preserved=False, type_="MIXED"),
                   MetsPlace("representations/rep1/METS.xml", "representation", ("TT05", "DIP"))),
    "premis": (PREMIS, MetsPlace("metadata/preservation/PREMIS.xml", "root", ("E-ARK", "AIP"), "2.1.0")),
    "tt_premis": (PREMIS, MetsPlace("metadata/preservation/PREMIS.xml", "root", ("TT05", "AIP_hoso"))),
}

Change = tuple[str, ...]
HDR, AGENT = "//mets:metsHdr", "//mets:agent[@OTHERTYPE]"
SM = "//mets:structMap[@LABEL='CSIP']"
DIV = SM + "/mets:div/mets:div[@LABEL='{}']"


def _md(first: int, path: str, good: str = "csip") -> dict[str, tuple[str, list[Change]]]:
    """The nine rules about an mdRef under `path`, from the number `first` on."""
    names = ("@LOCTYPE", "@xlink:type", "@xlink:href", "@MDTYPE", "@MIMETYPE", "@SIZE", "@CREATED", "@CHECKSUM",
             "@CHECKSUMTYPE")
    return {f"CSIP-{first + n:03}": (good, [("del", f"{path}/mets:mdRef/{name}")]) for n, name in enumerate(names)}


def _drop(good: str, **paths: str) -> dict[str, tuple[str, list[Change]]]:
    return {code.replace("_", "-"): (good, [("del", path)]) for code, path in paths.items()}


BAD: dict[str, tuple[str, list[Change]]] = {
    "METS-001": ("csip", [("root", "", "METS")]),
    "METS-002": ("csip", [("set", "(//mets:file)[2]", "ID", fid(1))]),
    "METS-003": ("csip", [("set", DIV.format("Schemas") + "/mets:fptr", "FILEID", "khong-co")]),
    "METS-004": ("csip", [("set", "(//mets:file)[1]", "SIZE", "1.024")]),
    "METS-005": ("csip", [("set", HDR, "CREATEDATE", "2022-30-06T12:00:00+7:00")]),
    "METS-006": ("csip", [("set", "(//mets:file)[1]", "CHECKSUMTYPE", "SHA3")]),
    "METS-007": ("csip", [("set", "(//mets:file)[1]", "CHECKSUM", "abc")]),
    "METS-008": ("csip", [("add", HDR, organisation("BOSS"))]),
    "METS-009": ("csip", [("set", AGENT, "TYPE", "MACHINE")]),
    "METS-010": ("csip", [("set", "//mets:dmdSec/mets:mdRef", "MDTYPE", "ead3")]),
    "METS-011": ("csip", [("del", "//mets:dmdSec/mets:mdRef/@OTHERMDTYPE")]),
    "METS-012": ("csip", [("add", "/mets:mets", dmd(0x90, "metadata/x.xml"))]),
    "METS-013": ("csip", [("set", "(//mets:file)[1]", "MIMETYPE", "application/pdf/a)")]),
    "METS-014": ("csip", [("namespace", "", "https://dilcis.eu/XML/METS/CSIPExtensionMETS")]),
    "METS-015": ("csip", [("add", "/mets:mets", f'<metsHdr CREATEDATE="{TIME}"/>')]),
    "METS-016": ("csip", [("set", "//mets:structMap", "ID", "1a")]),
    **_drop("csip", CSIP_001="/mets:mets/@OBJID", CSIP_002="/mets:mets/@TYPE",
            CSIP_004="/*/@csip:CONTENTINFORMATIONTYPE",
            CSIP_006="/*/@PROFILE", CSIP_007=HDR + "/@CREATEDATE", CSIP_008=HDR + "/@LASTMODDATE",
            CSIP_009=HDR + "/@csip:OAISPACKAGETYPE", CSIP_010="//mets:agent", CSIP_014=AGENT + "/mets:name",
            CSIP_015=AGENT + "/mets:note", CSIP_016=AGENT + "/mets:note/@csip:NOTETYPE", CSIP_017="//mets:dmdSec",
            CSIP_018="//mets:dmdSec/@ID", CSIP_019="//mets:dmdSec/@CREATED", CSIP_020="//mets:dmdSec/@STATUS",
            CSIP_021="//mets:dmdSec/mets:mdRef", CSIP_031="//mets:amdSec", CSIP_032="//mets:digiprovMD",
            CSIP_033="//mets:digiprovMD/@ID", CSIP_034="//mets:digiprovMD/@STATUS",
            CSIP_035="//mets:digiprovMD/mets:mdRef",
            CSIP_046="//mets:rightsMD/@ID", CSIP_047="//mets:rightsMD/@STATUS", CSIP_048="//mets:rightsMD/mets:mdRef",
            CSIP_058="//mets:fileSec", CSIP_059="//mets:fileSec/@ID", CSIP_060="//mets:fileGrp[@USE='Documentation']",
            CSIP_062="//mets:fileGrp/@csip:CONTENTINFORMATIONTYPE", CSIP_064="//mets:fileGrp/@USE",
            CSIP_065="//mets:fileGrp/@ID", CSIP_066="//mets:fileGrp[@USE='Documentation']/mets:file",
            CSIP_067="//mets:file/@ID", CSIP_068="//mets:file/@MIMETYPE", CSIP_069="//mets:file/@SIZE",
            CSIP_070="//mets:file/@CREATED", CSIP_071="//mets:file/@CHECKSUM", CSIP_072="//mets:file/@CHECKSUMTYPE",
            CSIP_076="//mets:FLocat", CSIP_077="//mets:FLocat/@LOCTYPE", CSIP_078="//mets:FLocat/@xlink:type",
            CSIP_079="//mets:FLocat/@xlink:href", CSIP_080="//mets:structMap", CSIP_081="//mets:structMap/@TYPE",
            CSIP_082="//mets:structMap/@LABEL", CSIP_083="//mets:structMap/@ID", CSIP_084=SM + "/mets:div",
            CSIP_085=SM + "/mets:div/@ID", CSIP_088=DIV.format("Metadata"), CSIP_089=DIV.format("Metadata") + "/@ID",
            CSIP_091=DIV.format("Metadata") + "/@ADMID", CSIP_092=DIV.format("Metadata") + "/@DMDID",
            CSIP_093=DIV.format("Documentation"), CSIP_094=DIV.format("Documentation") + "/@ID",
            CSIP_096=DIV.format("Documentation") + "/mets:fptr",
            CSIP_116=DIV.format("Documentation") + "/mets:fptr/@FILEID",
            CSIP_097=DIV.format("Schemas"), CSIP_098=DIV.format("Schemas") + "/@ID",
            CSIP_100=DIV.format("Schemas") + "/mets:fptr", CSIP_118=DIV.format("Schemas") + "/mets:fptr/@FILEID",
            CSIP_106=DIV.format("Representations/rep1") + "/@ID",
            CSIP_107=DIV.format("Representations/rep1") + "/@LABEL", CSIP_108="//mets:mptr/@xlink:title",
            CSIP_109="//mets:mptr", CSIP_110="//mets:mptr/@xlink:href", CSIP_111="//mets:mptr/@xlink:type",
            CSIP_112="//mets:mptr/@LOCTYPE", CSIP_113="//mets:fileGrp[@USE='Schemas']",
            CSIP_114="//mets:fileGrp[starts-with(@USE, 'Repr')]", CSIP_117=HDR),
    **_drop("flat", CSIP_101=DIV.format("Representations"), CSIP_102=DIV.format("Representations") + "/@ID",
            CSIP_104=DIV.format("Representations") + "/mets:fptr",
            CSIP_119=DIV.format("Representations") + "/mets:fptr/@FILEID"),
    **_md(22, "//mets:dmdSec"), **_md(36, "//mets:digiprovMD"), **_md(49, "//mets:rightsMD"),
    "CSIP-003": ("csip", [("set", "/*", "TYPE", "OTHER")]),
    "CSIP-005": ("csip", [("set", "/*", "csip:CONTENTINFORMATIONTYPE", "OTHER")]),
    "CSIP-011": ("csip", [("set", AGENT, "ROLE", "OTHER")]),
    "CSIP-012": ("csip", [("set", AGENT, "TYPE", "ORGANIZATION")]),
    "CSIP-013": ("csip", [("del", AGENT + "/@OTHERTYPE")]),
    "CSIP-061": ("csip", [("set", "(//mets:fileGrp)[1]", "ADMID", uid(0x10))]),
    "CSIP-063": ("csip", [("set", "(//mets:fileGrp)[3]", "csip:CONTENTINFORMATIONTYPE", "OTHER")]),
    "CSIP-074": ("csip", [("set", "(//mets:file)[1]", "ADMID", uid(0x10))]),
    "CSIP-075": ("csip", [("set", "(//mets:file)[1]", "DMDID", uid(0x20))]),
    "CSIP-086": ("csip", [("set", SM + "/mets:div", "LABEL", "Gói mẫu")]),
    "CSIP-090": ("csip", [("set", DIV.format("Metadata"), "LABEL", "metadata")]),
    "CSIP-095": ("csip", [("set", DIV.format("Documentation"), "LABEL", "documentation")]),
    "CSIP-099": ("csip", [("set", DIV.format("Schemas"), "LABEL", "schemas")]),
    "CSIP-105": ("csip", [("add", "//mets:fileSec", group(0x36, "Representations/rep2", file(9, "x.xml")))]),
    "CSIP-103": ("flat", [("set", DIV.format("Representations"), "LABEL", "representations")]),
    **_drop("sip", ESIP_010=HDR + "/mets:agent[1]/@ROLE", ESIP_012="//mets:agent[@ROLE='ARCHIVIST']/mets:name",
            ESIP_014="//mets:agent[@ROLE='ARCHIVIST']/mets:note/@csip:NOTETYPE",
            ESIP_015="//mets:agent[@ROLE='CREATOR'][@TYPE!='OTHER']",
            ESIP_018="//mets:agent[@ROLE='CREATOR'][@TYPE='ORGANIZATION']/mets:name",
            ESIP_020="//mets:agent[@ROLE='CREATOR'][@TYPE='ORGANIZATION']/mets:note/@csip:NOTETYPE",
            ESIP_024="//mets:agent[@TYPE='INDIVIDUAL']/mets:name",
            ESIP_029="//mets:agent[@ROLE='PRESERVATION']/mets:name",
            ESIP_031="//mets:agent[@ROLE='PRESERVATION']/mets:note/@csip:NOTETYPE"),
    "ESIP-002": ("sip", [("set", "/*", "PROFILE", CSIP_XML)]),
    "ESIP-003": ("sip", [("set", HDR, "RECORDSTATUS", "FINISHED")]),
    "ESIP-004": ("sip", [("set", HDR, "csip:OAISPACKAGETYPE", "AIP")]),
    "ESIP-005": ("sip", [("add", HDR, REQUEST)]),
    "ESIP-007": ("sip", [("add", HDR, '<altRecordID TYPE="REFERENCECODE">1</altRecordID>'),
                         ("add", HDR, '<altRecordID TYPE="REFERENCECODE">2</altRecordID>')]),
    "ESIP-011": ("sip", [("set", "//mets:agent[@ROLE='ARCHIVIST']", "TYPE", "OTHER")]),
    "ESIP-017": ("sip", [("set", "//mets:agent[@ROLE='CREATOR'][@TYPE='ORGANIZATION']", "TYPE", "OTHER")]),
    "ESIP-026": ("sip", [("add", HDR, organisation("PRESERVATION"))]),
    "ESIP-028": ("sip", [("set", "//mets:agent[@ROLE='PRESERVATION']", "TYPE", "INDIVIDUAL")]),
    "ESIP-033": ("sip", [("set", "(//mets:file)[1]", "sip:FILEFORMATVERSION", "1.7")]),
    "ESIP-035": ("sip", [("set", "(//mets:file)[1]", "sip:FORMATREGISTRYKEY", "fmt/95")]),
    "EAIP-002": ("aip", [("set", "/*", "PROFILE", CSIP_XML)]),
    "EAIP-003": ("aip", [("set", HDR, "csip:OAISPACKAGETYPE", "DIP")]),
    "EAIP-005": ("aip", [("del", "//mets:digiprovMD")]),
    "EAIP-006": ("aip", [("set", "//mets:digiprovMD/mets:mdRef", "MDTYPE", "OTHER")]),
    "EDIP-002": ("dip", [("set", "/*", "PROFILE", CSIP_XML)]),
    "EDIP-003": ("dip", [("set", HDR, "csip:OAISPACKAGETYPE", "SIP")]),
    "EDIP-004": ("dip", [("set", "//mets:dmdSec", "STATUS", "SUPERSEDED")]),
    "TT05-001": ("tt_sip", [("set", "/*", "OBJID", "goi-1")]),
    "TT05-002": ("tt_aip", [("set", "/*", "OBJID", uid(0))]),
    "TT05-003": ("tt_aip", [("set", "/*", "OBJID", "urn:uuid:" + UUID.format(0))]),
    "TT05-004": ("tt_sip_rep", [("set", "/*", "OBJID", "rep1")]),
    "TT05-005": ("tt_sip", [("set", "/*", "TYPE", "Datasets")]),
    "TT05-006": ("tt_sip_loose", [("set", "/*", "TYPE", "Datasets")]),
    "TT05-007": ("tt_sip", [("set", "/*", "PROFILE", "https://mau.gov.vn/profile.xml")]),
    "TT05-008": ("tt_sip", [("set", HDR, "csip:OAISPACKAGETYPE", "AIP")]),
    "TT05-009": ("tt_aip", [("set", HDR, "csip:OAISPACKAGETYPE", "SIP")]),
    "TT05-010": ("tt_dip", [("set", HDR, "csip:OAISPACKAGETYPE", "AIP")]),
    "TT05-011": ("tt_dip", [("set", HDR, "csip:OAISPACKAGETYPE", "SIP")]),
    "TT05-012": ("tt_sip", [("set", HDR, "RECORDSTATUS", "DELETE")]),
    "TT05-013": ("tt_sip", [("del", "//mets:altRecordID")]),
    "TT05-014": ("tt_sip", [("del", "//mets:altRecordID/@TYPE")]),
    "TT05-015": ("tt_sip", [("set", "//mets:altRecordID", "TYPE", "SOFTWARE VERSION")]),
    **_drop("tt_sip", TT05_016="//mets:agent/@ROLE", TT05_017="//mets:agent/@TYPE", TT05_018="//mets:agent/mets:name",
            TT05_019="//mets:agent/mets:note", TT05_020="//mets:note/@csip:NOTETYPE",
            TT05_022="//mets:agent[@TYPE='ORGANIZATION']", TT05_024="//mets:dmdSec",
            TT05_026="//mets:mdRef/@ID", TT05_037="//mets:fileGrp[@USE='Schemas']",
            TT05_039=DIV.format("Representations/rep1"), TT05_045="//mets:fileGrp/@USE",
            TT05_047=SM + "/mets:div/@LABEL",
            TT05_050=DIV.format("Metadata") + "/@DMDID"),
    "TT05-021": ("tt_sip_rep", [("del", "//mets:note[@csip:NOTETYPE='IDENTIFICATIONCODE']")]),
    "TT05-023": ("tt_dip_rep", [("del", "//mets:agent[@ROLE='DISSEMINATOR']")]),
    "TT05-025": ("tt_sip", [("set", "//mets:dmdSec/mets:mdRef", "xlink:href", "metadata/descriptive/ead3.xml")]),
    "TT05-027": ("tt_sip", [("set", "//mets:dmdSec/mets:mdRef", "MDTYPE", "MODS")]),
    "TT05-028": ("tt_aip", [("set", "//mets:digiprovMD/mets:mdRef", "MDTYPE", "DC")]),
    "TT05-029": ("tt_aip", [("set", "//mets:digiprovMD/mets:mdRef", "MDTYPE", "OTHER")]),
    "TT05-030": ("tt_aip", [("del", "//mets:amdSec")]),
    "TT05-031": ("tt_aip", [("del", "//mets:amdSec/@ID")]),
    "TT05-032": ("tt_sip", [("after", "//mets:dmdSec", amd(0x20, "metadata/preservation/PREMIS.xml"))]),
    "TT05-033": ("tt_sip", [("after", "//mets:dmdSec", f'<amdSec ID="{uid(0x20)}"/>')]),
    "TT05-034": ("tt_sip", [("set", "(//mets:file)[1]", "ID", "ID-mets-xsd")]),
    "TT05-035": ("tt_sip", [("set", "//mets:structMap", "ID", "smap")]),
    "TT05-036": ("tt_sip", [("set", "(//mets:file)[1]", "CHECKSUMTYPE", "SHA-512")]),
    "TT05-038": ("tt_sip", [("set", "(//mets:FLocat)[1]", "xlink:href", "schemas/xlink.xsd")]),
    "TT05-040": ("tt_sip", [("add", SM + "/mets:div", div(0x50, "Representations/rep2", MPTR))]),
    "TT05-041": ("tt_sip", [("set", "//mets:mptr", "xlink:href", "representations/rep2/METS.xml")]),
    "TT05-042": ("tt_sip", [("set", "(//mets:fileGrp)[1]", "USE", "Lược đồ")]),
    "TT05-043": ("tt_sip_rep", [("del", "//mets:fileGrp")]),
    "TT05-044": ("tt_sip_rep", [("set", "(//mets:fileGrp)[1]", "USE", "Tài liệu")]),
    "TT05-046": ("tt_sip_rep", [("del", "//mets:fileGrp[@USE='Holeyfile']/@USE"),
                                ("set", "(//mets:fileGrp)[2]", "USER", "Holeyfile")]),
    "TT05-048": ("tt_aip", [("set", SM + "/mets:div", "LABEL", "Gói mẫu")]),
    "TT05-049": ("tt_aip_rep", [("set", SM + "/mets:div", "LABEL", uid(1))]),
    "TT05-051": ("tt_aip", [("del", DIV.format("Metadata") + "/@ADMID")]),
    **_drop("tt_sip_rep", TT05_052=DIV.format("Data"), TT05_053=DIV.format("MetadataLink"),
            TT05_054=DIV.format("MetadataLink") + "/mets:div[1]",
            TT05_055=DIV.format("MetadataLink") + "/mets:div[1]/@LABEL",
            TT05_056=DIV.format("MetadataLink") + "/mets:div[1]/@DMDID",
            TT05_057=DIV.format("MetadataLink") + "/mets:div[1]/mets:fptr",
            TT05_060=DIV.format("AttachmentFile") + "/mets:div/@LABEL",
            TT05_061=DIV.format("AttachmentFile") + "/mets:div/mets:fptr", TT05_062=DIV.format("AttachmentFile")),
    "TT05-058": ("tt_aip_rep", [("del", DIV.format("MetadataLink") + "/mets:div[1]/@ADMID")]),
    "TT05-059": ("tt_sip_rep", [("set", DIV.format("MetadataLink") + "/mets:div[2]/mets:fptr", "FILEID", fid(6))]),
    "TT05-063": ("tt_sip_rep", [("set", "//mets:fileGrp[@USE='Holeyfile']//mets:FLocat", "xlink:href", "data/c.pdf")]),
    "TT05-064": ("tt_sip_rep", [("set", "(//mets:file)[1]", "MIMETYPE", "application/x-msdownload")]),
    "TT05-065": ("tt_sip", [("set", "//mets:mptr", "xlink:title", uid(0x32))]),
    "PREMIS-001": ("tt_premis", [("root", "", "{http://www.loc.gov/premis/v3}object")]),
    "PREMIS-002": ("tt_premis", [("bare", "")]),
    **_drop("tt_premis", PREMIS_003="//premis:object[1]/premis:objectIdentifier",
            PREMIS_005="//premis:object/@xsi:type",
            PREMIS_007="//premis:object/@xmlID", PREMIS_008="//premis:eventIdentifier", PREMIS_009="//premis:eventType",
            PREMIS_010="//premis:eventDateTime", PREMIS_012="//premis:agentIdentifier", PREMIS_013="//premis:agentName",
            PREMIS_014="//premis:agentType", PREMIS_017="//premis:event", PREMIS_018="//premis:object"),
    "PREMIS-004": ("tt_premis", [("text", "(//premis:objectIdentifierType)[1]", "Doc"),
                                 ("text", "(//premis:objectIdentifierValue)[1]", "H99.2026.01.VP.0000001")]),
    "PREMIS-006": ("tt_premis", [("set", "//premis:object[1]", "xsi:type", "premis:document")]),
    "PREMIS-011": ("tt_premis", [("text", "//premis:eventDateTime", "2022-30-06T12:00:00+7:00")]),
    "PREMIS-019": ("tt_premis", [("after", "//premis:agent", '<event xmlns="http://www.loc.gov/premis/v3"/>')]),
    "PREMIS-015": ("premis", [("del", "//premis:linkingAgentIdentifier")]),
    "PREMIS-016": ("premis", [("text", "//premis:linkingAgentIdentifierValue", "ai đó")]),
}

# Further ways to break a rule (code, good file, changes), and changes that break none; shapes met in the test corpus
# of E-ARK.
ALSO_BAD: list[tuple[str, str, list[Change]]] = [
    ("CSIP-012", "csip", [("set", AGENT, "TYPE", "INDIVIDUAL"),
                          ("add", HDR, SOFTWARE.replace("CREATOR", "ARCHIVIST"))]),
    ("CSIP-015", "csip", [("add", AGENT, '<note csip:NOTETYPE="SOFTWARE VERSION">0.2.0</note>')]),
    ("CSIP-101", "flat", [("add", SM + "/mets:div", div(0x51, "Representations", fptr(uid(0x33))))]),
    ("CSIP-109", "csip", [("add", DIV.format("Representations/rep1"), MPTR)]),
    ("CSIP-119", "flat", [("set", DIV.format("Representations") + "/mets:fptr", "FILEID", uid(0x31))]),
    ("METS-013", "csip", [("set", "//mets:rightsMD/mets:mdRef", "MIMETYPE", "other/wrongmimetype")]),
    ("METS-013", "csip", [("set", "//mets:rightsMD/mets:mdRef", "MIMETYPE", "application/" + "x" * 128)]),
]
ALSO_GOOD: dict[str, tuple[str, list[Change]]] = {
    "a representation that the root METS describes itself": ("csip", [
        ("del", "//mets:mptr"), ("add", DIV.format("Representations/rep1"),
                                 div(0x52, "Representations/rep1/data", fptr(uid(0x33))))]),
    "a second note of another type": ("csip", [("add", AGENT, '<note csip:NOTETYPE="IDENTIFICATIONCODE">1</note>')]),
    "an unregistered type": ("csip", [("set", "(//mets:file)[1]", "MIMETYPE", "x-world/x-vrml")]),
    "a type with a parameter": ("csip", [("set", "(//mets:file)[1]", "MIMETYPE", "Text/plain; charset=utf-8")]),
    "a second editor": ("csip", [("add", HDR, SOFTWARE.replace("CREATOR", "EDITOR"))]),
}


def good(name: str) -> Any:
    """The root element of the good file `name`."""
    return etree.fromstring(GOOD[name][0].encode())


def broken(code: str) -> Any:
    """The root element of the file that breaks the rule `code`."""
    return changed(*BAD[code])


def changed(name: str, changes: list[Change]) -> Any:
    """The root element of the good file `name` with `changes`."""
    root = good(name)
    for change in changes:
        root = _CHANGES[change[0]](root, *change[1:])
    return etree.fromstring(etree.tostring(root))


def _delete(root: Any, path: str) -> Any:
    hits = root.xpath(path, namespaces=NAMESPACES)
    assert hits, path
    for hit in hits:
        if isinstance(hit, str):
            del hit.getparent().attrib[hit.attrname]
        else:
            hit.getparent().remove(hit)
    return root


def _set(root: Any, path: str, attribute: str, value: str) -> Any:
    hits = root.xpath(path, namespaces=NAMESPACES)
    assert hits, path
    prefix, _, name = attribute.rpartition(":")
    for hit in hits:
        hit.set(f"{{{NAMESPACES[prefix]}}}{name}" if prefix else name, value)
    return root


def _fragment(xml: str) -> Any:
    return etree.fromstring(f"<x {SPACES}>{xml}</x>")[0]


def _add(root: Any, path: str, xml: str) -> Any:
    root.xpath(path, namespaces=NAMESPACES)[0].append(_fragment(xml))
    return root


def _after(root: Any, path: str, xml: str) -> Any:
    root.xpath(path, namespaces=NAMESPACES)[0].addnext(_fragment(xml))
    return root


def _text(root: Any, path: str, text: str) -> Any:
    root.xpath(path, namespaces=NAMESPACES)[0].text = text
    return root


def _rename(root: Any, _path: str, tag: str) -> Any:
    root.tag = tag
    return root


def _namespace(root: Any, _path: str, namespace: str) -> Any:
    return etree.fromstring(etree.tostring(root).replace(NAMESPACES["csip"].encode(), namespace.encode()))


def _bare(root: Any, _path: str) -> Any:
    return etree.fromstring(etree.tostring(root).replace(b'xmlns="http://www.loc.gov/premis/v3"', b""))


_CHANGES = {"del": _delete, "set": _set, "add": _add, "after": _after, "text": _text, "root": _rename,
            "namespace": _namespace, "bare": _bare}
