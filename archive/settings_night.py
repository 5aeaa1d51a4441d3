"""Settings of the night: until when it works, when an item goes to a person, which drills it does by itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from archive.settings_section import Section

_Hour = Annotated[str, Field(pattern=r"^(|([01][0-9]|2[0-3]):[0-5][0-9])$")]


class NightSettings(Section):
    """The night by the clock: its end, what fails again and again, what it tries by itself (docs/operations.md)."""

    until: _Hour = Field("", description="until when a night is to be done, Vietnam's time, such as 05:30: no item is "
                                         "begun that would not be done by then, urgent ones come first, the rest waits "
                                         "for the next night; empty: however long it takes (luutru nightly --until)")
    failed_nights: int = Field(3, ge=1, description="an item on which the program fails in so many nights in a row "
                                                    "goes to a person instead of to the next night")
    rebuild_drill: Literal["off", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = Field(
        "sunday", description="the night that begins on this day makes the catalogue again beside the one in use and "
                              "compares the two, once a week; off: only luutru rebuild --compare does")
    restore_test: Literal["auto", "off"] = Field(
        "off", description="auto: when no restore was tried for backup.drill_days, the night tries one by itself "
                           "(luutru backup drill), if there is time and room for it; off: the report only tells that "
                           "it is due")
