"""Is an identifier well formed, and does its check digit agree?

Every `parse_…` gives the normalised form, or None where the text is no such identifier. Normalising means
upper case without dots, dashes and spaces.
"""

import re

_NOISE = str.maketrans("", "", ".- ")
# Source: ISRC Handbook (ISO 3901): ISO 3166 codes, and the further prefixes that the ISRC agency gave out.
_ISRC_PREFIX_TEXT = (
    "AD AE AF AG AI AL AM AO AR AT AU AW AZ BA BB BC BD BE BF BG BH BI BJ BK BM BN BO BP BR BS BT BW BX "
    "BY BZ CA CB CD CF CG CH CI CK CL CM CN CO CP CR CS CU CV CW CY CZ DE DG DJ DK DM DO DZ EC EE EG ER "
    "ES ET FI FJ FM FO FR FX GA GB GD GE GG GH GI GL GM GN GQ GR GT GU GW GX GY HK HN HR HT HU ID IE IL "
    "IM IN IQ IR IS IT JE JK JM JO JP KE KG KH KI KM KN KP KR KS KW KY KZ LA LB LC LI LK LR LS LT LU LV "
    "LY MA MC MD ME MG MH MK ML MM MN MO MR MS MT MU MV MW MX MY MZ NA NC NE NG NI NL NO NP NR NU NZ OM "
    "PA PE PF PG PH PK PL PR PS PT PW PY QA QM QN QT QZ RE RO RS RU RW SA SB SC SD SE SG SI SK SL SM SN "
    "SO SR SS ST SV SX SY SZ TC TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG UK US UY UZ VA VC VE VG VN "
    "VU WS XK YE YU ZA ZB ZM ZW ZZ "
)
_ISRC_PREFIXES = frozenset(_ISRC_PREFIX_TEXT.split())
_ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def normalise(text: str) -> str:
    """The text in upper case, without dots, dashes and spaces."""
    return text.upper().translate(_NOISE)


def iswc_check_digit(digits: str, start: int = 1) -> int:
    """The check digit behind nine digits. Source: ISO 15707, annex; with start 2, of an IPI base number."""
    return (10 - (start + sum((i + 1) * int(c) for i, c in enumerate(digits))) % 10) % 10


def ipi_name_check_digits(digits: str) -> str:
    """The two check digits behind nine digits of an IPI name number."""
    total = sum(int(c) * (10 - i) for i, c in enumerate(digits)) % 101
    return "00" if total == 0 else f"{(101 - total) % 100:02d}"


def parse_iswc(text: str) -> str | None:
    """`T0345246801` of `T-034.524.680-1`, or None. Source: ISO 15707."""
    value = normalise(text)
    if re.fullmatch(r"T[0-9]{10}", value) is None or int(value[10]) != iswc_check_digit(value[1:10]):
        return None
    return value


def parse_ipi_name_number(text: str) -> str | None:
    """Eleven digits, filled up with zeros on the left, or None."""
    value = normalise(text)
    if re.fullmatch(r"[0-9]{3,11}", value) is None:
        return None
    value = value.zfill(11)
    if int(value) == 0 or value[9:] != ipi_name_check_digits(value[:9]):
        return None
    return value


def parse_ipi_base_number(text: str) -> str | None:
    """`I-001068130-6` as `I0010681306`, or None."""
    value = normalise(text)
    if re.fullmatch(r"I[0-9]{10}", value) is None or int(value[10]) != iswc_check_digit(value[1:10], 2):
        return None
    return value


def parse_isrc(text: str) -> str | None:
    """Prefix, registrant, year and designation as twelve characters, or None. Source: ISO 3901."""
    value = normalise(text)
    if re.fullmatch(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", value) is None:
        return None
    return value if value[:2] in _ISRC_PREFIXES else None


def parse_isni(text: str) -> str | None:
    """Fifteen digits and their check character, or None. Source: ISO 27729, ISO 7064 MOD 11-2."""
    value = normalise(text)
    if re.fullmatch(r"[0-9]{15}[0-9X]", value) is None or value[15] != _mod_11_2(value[:15]):
        return None
    return value


def parse_dpid(text: str) -> str | None:
    """A DDEX party identifier of 18 characters, or None. Source: DDEX DPID, ISO 7064 MOD 37,36."""
    value = normalise(text)
    if re.fullmatch(r"PADPIDA[0-9]{10}[0-9A-Z]", value) is None or not _mod_37_36_holds(value):
        return None
    return value


def parse_grid(text: str) -> str | None:
    """A Global Release Identifier of 18 characters, or None. Source: GRid standard, ISO 7064 MOD 37,36."""
    value = normalise(text)
    if re.fullmatch(r"A1[0-9A-Z]{16}", value) is None or not _mod_37_36_holds(value):
        return None
    return value


def parse_gtin(text: str) -> str | None:
    """A GTIN of 8, 12, 13 or 14 digits (EAN, UPC; DDEX's ICPN), or None."""
    value = normalise(text)
    if re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", value) is None:
        return None
    total = sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(reversed(value)))
    return value if total % 10 == 0 else None


def format_iswc(iswc: str) -> str:
    """`T-034.524.680-1` of a normalised ISWC."""
    return f"T-{iswc[1:4]}.{iswc[4:7]}.{iswc[7:10]}-{iswc[10]}"


def format_ipi_base_number(number: str) -> str:
    """`I-001068130-6` of a normalised number, as CWR writes it."""
    return f"I-{number[1:10]}-{number[10]}"


def _mod_11_2(digits: str) -> str:
    total = 0
    for character in digits:
        total = (total + int(character)) * 2 % 11
    value = (12 - total) % 11
    return "X" if value == 10 else str(value)


def _mod_37_36_holds(text: str) -> bool:
    check = 18  # so that the first step leaves the first character
    for character in text:
        check = ((check or 36) * 2 % 37 + _ALPHANUMERIC.index(character)) % 36
    return check == 1
