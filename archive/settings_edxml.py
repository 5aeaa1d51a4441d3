"""Settings of the exchange of edXML messages (document axis); part of archive/settings.py."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from archive.settings_section import Section


class EdxmlSettings(Section):
    """Messages of the document axis (edXML): where they are fetched, what is answered, by when (docs/exchange.md)."""

    answers: Literal["off", "on"] = Field(
        "off", description="on: this archive is the receiving end and answers each message itself (arrived, accepted, "
                           "refused …); off: the document management system does")
    outbox: Path = Field(Path("outbox"), description="folder into which answers are put; relative ones lie in the "
                                                     "archive's folder")
    refusal_hours: float = Field(2.0, gt=0, description="a message is refused, and a recall answered, within so many "
                                                        "office hours of its legal receipt: 2 by QĐ 03/2022/QĐ-UBND "
                                                        "(Phú Yên) Điều 9.2.b; elsewhere a convention of this system")
    send: Literal["off", "axis"] = Field(
        "off", description="axis: luutru edxml send sends what lies in the outbox over the document axis (address, "
                           "system and secret below); off: another program takes it from there")
    source: Literal["off", "folder", "axis"] = Field(
        "off", description="where luutru edxml fetch fetches messages: a folder into which another program drops them, "
                           "or the document axis itself")
    folder: str = Field("", description="that folder; what was fetched is moved into its sub-folder da-nhan")
    into: str = Field("truc-lien-thong", description="sub-folder of the first inbox that fetched messages are put into")
    address: str = Field("", description="address of the axis, such as https://truc.example.gov.vn/api; http only on "
                                         "this machine")
    system: str = Field("", description="our code on the axis; empty: the agency's code")
    secret_env: str = Field("LUUTRU_EDXML_SECRET", description="name of the environment variable that holds the "
                                                               "axis's secret")
    secret_file: str = Field("", description="file that holds the secret in its first line; it wins over the variable")
    seconds: float = Field(30.0, gt=0, description="how long one answer of the axis is waited for, seconds")
    attempts: int = Field(4, ge=1, le=20, description="how often one request is tried, with growing pauses")
