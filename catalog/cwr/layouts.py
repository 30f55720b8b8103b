"""Where does each field of a CWR record stand?

Reader, writer and tests follow these tables. Positions are 1-based and inclusive, as the specification prints
them; every record of a transaction begins with its type, its transaction and its record number.

Source: CISAC CWR 2.1 (CWR06-1972) and 2.2 (CWR19-1070), record layouts.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class FieldKind(StrEnum):
    """How the characters of a field are read."""

    TEXT = "text"
    NUMBER = "number"
    SHARE = "share"
    DATE = "date"
    TIME = "time"
    FILLER = "filler"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, its first and last position, and how it is read."""

    name: str
    first: int
    last: int
    kind: FieldKind

    @property
    def width(self) -> int:
        """How many characters it has."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Layout:
    """One record type: its fields, and its length in each version."""

    fields: tuple[Field, ...]
    length_21: int
    length_22: int


_KINDS = {
    "": FieldKind.TEXT,
    "#": FieldKind.NUMBER,
    "%": FieldKind.SHARE,
    "@": FieldKind.DATE,
    ":": FieldKind.TIME,
    "_": FieldKind.FILLER,
}


def _layout(text: str, length_21: int, length_22: int | None = None) -> Layout:
    fields = []
    for first, last, mark, name in re.findall(r"(\d+)-(\d+) ([#%@:_]?)(\w*)", text):
        fields.append(Field(name, int(first), int(last), _KINDS[mark]))
    return Layout(tuple(fields), length_21, length_22 or length_21)


_PREFIX = "1-3 record_type; 4-11 #transaction_seq; 12-19 #record_seq; "

_WORK = _layout(
    _PREFIX
    + "20-79 work_title; 80-81 language; 82-95 submitter_work_no; 96-106 iswc; 107-114 @copyright_date;"
    "115-126 copyright_no; 127-129 distribution_category; 130-135 :duration; 136-136 recorded_indicator;"
    "137-139 text_music_rel; 140-142 composite_type; 143-145 version_type; 146-148 excerpt_type;"
    "149-151 music_arrangement; 152-154 lyric_adaptation; 155-184 contact_name; 185-194 contact_id;"
    "195-196 work_type; 197-197 grand_rights; 198-200 #composite_count; 201-208 @date_publication;"
    "209-209 exceptional_clause; 210-234 opus_no; 235-259 catalogue_no; 260-260 priority_flag",
    260,
)
_PUBLISHER = _layout(
    _PREFIX
    + "20-21 #publisher_seq; 22-30 ip_no; 31-75 publisher_name; 76-76 unknown; 77-78 role; 79-87 tax_id;"
    "88-98 ipi_name_no; 99-112 submitter_agreement_no; 113-115 pr_society; 116-120 %pr_ownership;"
    "121-123 mr_society; 124-128 %mr_ownership; 129-131 sr_society; 132-136 %sr_ownership;"
    "137-137 special_agreement; 138-138 first_recording_refusal; 139-139 _; 140-152 ipi_base_no;"
    "153-166 isac; 167-180 society_agreement_no; 181-182 agreement_type; 183-183 usa_license",
    183,
)
_PUBLISHER_TERRITORY = _layout(
    _PREFIX + "20-28 ip_no; 29-34 _; 35-39 %pr_collection; 40-44 %mr_collection; 45-49 %sr_collection;"
    "50-50 incl_excl; 51-54 tis_code; 55-55 shares_change; 56-58 #sequence",
    58,
)
_WRITER = _layout(
    _PREFIX
    + "20-28 ip_no; 29-73 last_name; 74-103 first_name; 104-104 unknown; 105-106 role; 107-115 tax_id;"
    "116-126 ipi_name_no; 127-129 pr_society; 130-134 %pr_ownership; 135-137 mr_society;"
    "138-142 %mr_ownership;"
    "143-145 sr_society; 146-150 %sr_ownership; 151-151 reversionary; 152-152 first_recording_refusal;"
    "153-153 work_for_hire; 154-154 _; 155-167 ipi_base_no; 168-179 personal_no; 180-180 usa_license",
    180,
)
_WRITER_TERRITORY = _layout(
    _PREFIX
    + "20-28 ip_no; 29-33 %pr_collection; 34-38 %mr_collection; 39-43 %sr_collection; 44-44 incl_excl;"
    "45-48 tis_code; 49-49 shares_change; 50-52 #sequence",
    52,
)

LAYOUTS: dict[str, Layout] = {
    "HDR": _layout(
        "1-3 record_type; 4-5 sender_type; 6-14 sender_id; 15-59 sender_name; 60-64 edi_standard;"
        "65-72 @creation_date; 73-78 :creation_time; 79-86 @transmission_date; 87-101 character_set;"
        "102-104 version; 105-107 #revision; 108-137 software_package; 138-167 software_version",
        101,
        167,
    ),
    "GRH": _layout(
        "1-3 record_type; 4-6 transaction_type; 7-11 #group_id; 12-16 version; 17-26 #batch_request_id;"
        "27-28 submission_type",
        28,
    ),
    **dict.fromkeys(("NWR", "REV", "ISW", "EXC"), _WORK),
    **dict.fromkeys(("SPU", "OPU"), _PUBLISHER),
    **dict.fromkeys(("SPT", "OPT"), _PUBLISHER_TERRITORY),
    **dict.fromkeys(("SWR", "OWR"), _WRITER),
    **dict.fromkeys(("SWT", "OWT"), _WRITER_TERRITORY),
    "PWR": _layout(
        _PREFIX + "20-28 publisher_ip_no; 29-73 publisher_name; 74-87 submitter_agreement_no;"
        "88-101 society_agreement_no; 102-110 writer_ip_no; 111-112 #publisher_seq",
        110,
        112,
    ),
    "ALT": _layout(_PREFIX + "20-79 title; 80-81 title_type; 82-83 language", 83),
    "PER": _layout(
        _PREFIX + "20-64 last_name; 65-94 first_name; 95-105 ipi_name_no; 106-118 ipi_base_no", 118
    ),
    "REC": _layout(
        _PREFIX + "20-27 @first_release_date; 28-87 _; 88-93 :duration; 94-98 _; 99-158 album_title;"
        "159-218 album_label; 219-236 catalogue_no; 237-249 ean13; 250-261 isrc; 262-262 format;"
        "263-263 technique; 264-266 media_type; 267-326 recording_title; 327-386 version_title;"
        "387-446 display_artist; 447-506 record_label; 507-526 isrc_validity; 527-540 submitter_recording_id",
        266,
        540,
    ),
    "XRF": _layout(_PREFIX + "20-22 org_code; 23-36 identifier; 37-37 identifier_type; 38-38 validity", 38),
    "ACK": _layout(
        _PREFIX + "20-27 @creation_date; 28-33 :creation_time; 34-38 #original_group_id;"
        "39-46 #original_transaction_seq; 47-49 original_transaction_type; 50-109 creation_title;"
        "110-129 submitter_creation_no; 130-149 recipient_creation_no; 150-157 @processing_date;"
        "158-159 status",
        159,
    ),
    "MSG": _layout(
        _PREFIX + "20-20 message_type; 21-28 #original_record_seq; 29-31 original_record_type; 32-32 level;"
        "33-35 validation_no; 36-185 text",
        185,
    ),
    "GRT": _layout(
        "1-3 record_type; 4-8 #group_id; 9-16 #transaction_count; 17-24 #record_count; 25-27 currency;"
        "28-37 #total_value",
        37,
    ),
    "TRL": _layout("1-3 record_type; 4-8 #group_count; 9-16 #transaction_count; 17-24 #record_count", 24),
}

TRANSACTIONS = frozenset({"NWR", "REV", "ISW", "EXC"})
# Records of the standard that say nothing about shares and that the catalogue does not keep; it says so.
UNUSED = frozenset(
    {"NPN", "NWN", "NAT", "EWT", "VER", "ORN", "INS", "IND", "COM", "ARI", "NET", "NOW", "MSG"}
)
# A transaction in which one of these cannot be read may lack a share: the work becomes unpayable.
SHARE_RECORDS = frozenset({"SPU", "SPT", "OPU", "OPT", "SWR", "SWT", "OWR", "OWT", "PWR"})
