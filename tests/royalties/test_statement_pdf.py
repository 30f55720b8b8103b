"""Does the printed statement say what the statement says, in every script, with the same bytes each time?"""

import hashlib
import subprocess
import sys
import unicodedata
from collections import defaultdict
from dataclasses import replace

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from royalties import statement_tables
from royalties.glyphs import breakable, clipped, missing_glyphs, printable, width_units
from royalties.money import format_minor
from royalties.statement_files import StatementFormat, render_statement, statement_id, write_statement
from royalties.statement_pdf import document_json, glyph_findings
from royalties.statements import SUSPENSE, PayeeInfo, make_statement
from tests.royalties.builders import OCTOBER
from tests.royalties.test_statements import NAMES

SCRIPTS = {
    "Latin": "Žofie Nováková Øystein Đặng Ţ",
    "Greek": "Ελένη Καραΐνδρου",
    "Cyrillic": "Дмитрий Шостакович Її",
    "Han": "贝多芬音乐出版有限公司",
    "Japanese": "夜に駆けるピアノ",
    "Hangul": "서울음악출판사",
    "Arabic": "شركة الموسيقى العربية",
    "Hebrew": "שיר השירים",
    "Devanagari": "स्वरांजलि प्रकाशन",
    "Bengali": "বাংলা গান",
    "Gurmukhi": "ਪੰਜਾਬੀ",
    "Gujarati": "ગુજરાતી",
    "Tamil": "தமிழ் பாட்டு",
    "Telugu": "తెలుగు",
    "Kannada": "ಕನ್ನಡ",
    "Malayalam": "മലയാളം",
    "Sinhala": "සිංහල",
    "Thai": "สวัสดีปีใหม่",
    "Lao": "ລາວ",
    "Khmer": "ខ្មែរ",
    "Burmese": "မြန်မာ",
    "Georgian": "საქართველო",
    "Armenian": "Կոմիտաս",
    "Ethiopic": "ኢትዮጵያ",
}


@pytest.fixture
def statement(session, posted):
    return make_statement(session, OCTOBER, "party_2", NAMES)


def named(statement, name):
    return replace(statement, info=PayeeInfo(name))


def many(statement, number):
    lines = [
        replace(statement.lines[n % len(statement.lines)], line_no=n + 1, amount_minor=n % 977)
        for n in range(number)
    ]
    return replace(statement, lines=tuple(lines), earned_minor=sum(line.amount_minor for line in lines))


def pages_of(statement):
    document = pypdfium2.PdfDocument(render_statement(statement, StatementFormat.PDF))
    return [page.get_textpage().get_text_bounded().replace("\r\n", "\n") for page in document]


def ends_of_rows(page):
    """The text in the first and in the last column of a page, by its height."""
    text, width = page.get_textpage(), page.get_width()
    first, last = defaultdict(str), defaultdict(str)
    for index in range(text.count_chars()):
        left, bottom, _, _ = text.get_charbox(index, loose=True)
        for column, is_in in ((first, left < 65), (last, left > width - 78)):
            if is_in:
                column[round(bottom)] += text.get_text_range(index, 1)
    return ({y: cell.strip() for y, cell in column.items()} for column in (first, last))


def letters(text):
    return sorted(char for char in unicodedata.normalize("NFKC", text) if char.isalpha())


def test_the_page_has_head_totals_lines_and_where_it_comes_from(statement, posted):
    text = "\n".join(pages_of(statement))
    money = [
        format_minor(minor, "EUR")
        for minor in (statement.opening_minor, statement.earned_minor, statement.payable_minor)
    ]
    for said in (
        "Royalty statement", "2026-10-01 to 2026-10-31", "mechanical right, amounts in EUR", "party_2",
        statement_id(statement), posted.run, posted.digest, "policy test"[7:], "gen_1", "digest-of-gen_1",
        "Carried forward", *money,
    ):  # fmt: skip
        assert said in text, said
    for line in statement.lines:
        assert format_minor(line.amount_minor, "EUR") in text


def test_every_page_has_its_number_and_the_statements_id(statement):
    pages = pages_of(many(statement, 300))
    assert len(pages) >= 3
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert f"Statement {statement_id(many(statement, 300))}" in page


def test_heads_are_repeated_on_each_page_of_lines(statement):
    pages = pages_of(many(statement, 300))
    with_lines = [page for page in pages if "output, attribution" in page or "training, equal" in page]
    assert len(with_lines) >= 3
    assert all("Pot, method" in page for page in with_lines)


def test_another_process_on_another_day_gives_the_same_bytes(statement):
    document = render_statement(statement, StatementFormat.PDF)
    code = (
        "import hashlib, sys; from royalties.statement_pdf import set_pages;"
        "print(hashlib.sha256(set_pages(sys.stdin.buffer.read().decode(), is_tagged=True)).hexdigest())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        input=document_json(statement, statement_id(statement)).encode(),
        env={"TZ": "Asia/Tokyo", "LC_ALL": "C", "SOURCE_DATE_EPOCH": "86400"},
        capture_output=True,
        check=True,
    )
    assert told.stdout.decode().strip() == hashlib.sha256(document).hexdigest()
    assert b"CreationDate" not in document
    assert b"/ModDate" not in document


@pytest.mark.parametrize(("script", "name"), SCRIPTS.items(), ids=list(SCRIPTS))
def test_names_of_every_script_are_there_letter_by_letter(statement, script, name):
    assert missing_glyphs(name) == ""
    head = pages_of(named(statement, name))[0].split("party_2")[0]
    shown = letters(head)
    for letter in letters(name):
        assert letter in shown, f"{script}: {letter!r}"


def test_hebrew_runs_from_right_to_left(statement):
    name = "אבגדה"
    page = pypdfium2.PdfDocument(render_statement(named(statement, name), StatementFormat.PDF))[0]
    text = page.get_textpage()
    everything = text.get_text_range()
    left = {char: text.get_charbox(everything.index(char), loose=True)[0] for char in name}
    assert sorted(name, key=left.__getitem__) == list(reversed(name))


def test_what_has_no_glyph_is_printed_as_a_number_and_named(statement):
    odd = named(statement, "The 🎵 Band")
    text = pages_of(odd)[0]
    assert "The [U+1F3B5] Band" in text
    assert "no glyph for U+1F3B5 MUSICAL NOTE" in text
    assert [(f.code, f.where) for f in glyph_findings(odd)] == [("NO_GLYPH", "payee party_2")]
    assert glyph_findings(statement) == []


def test_markup_in_a_name_is_text(statement):
    name = '#panic("x") $a$ *b* <c> #sys.inputs'
    assert name in pages_of(named(statement, name))[0]


def test_a_name_cannot_reorder_what_stands_around_it():
    assert printable("ab\u202ecd\u2066e") == "abcde"
    assert breakable("שלום\u202e!") == "\u2068שלום!\u2069"


@settings(deadline=None)  # the first case reads the fonts
@given(st.text(max_size=80))
def test_any_text_prints_on_one_line_with_glyphs_only(text):
    shown = printable(text)
    assert missing_glyphs(shown) == ""
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown


@settings(deadline=None)
@given(st.text(max_size=80), st.integers(2, 40))
def test_a_clipped_text_is_no_wider_than_asked(text, most):
    assert width_units(clipped(text, most)) <= most


def test_a_long_statement_prints_every_line_densely_in_its_row(statement):
    number = statement_tables.DENSE_ABOVE + 1
    long = many(statement, number)
    found = {}
    for page in pypdfium2.PdfDocument(render_statement(long, StatementFormat.PDF)):
        first, last = ends_of_rows(page)
        found |= {int(first[y]): last[y] for y in first if first[y].isdecimal() and last.get(y)}
    expected = {line.line_no: format_minor(line.amount_minor, "EUR") for line in long.lines}
    assert found == expected


def test_rows_beyond_what_is_printed_are_named_and_written_beside(statement, tmp_path, monkeypatch):
    monkeypatch.setattr(statement_tables, "PRINTED_UP_TO", 5)
    long = many(statement, 12)
    text = "\n".join(pages_of(long))
    assert "12 rows, which are not printed (more than 5)" in text
    written = write_statement(long, tmp_path, [StatementFormat.PDF])
    assert [path.suffix for path in written.files] == [".pdf", ".csv", ".json"]


def test_fallbacks_are_told_with_their_amount(session, statement):
    one = make_statement(session, OCTOBER, "party_1", NAMES)
    minor = sum(line.amount_minor for line in one.lines if line.method == "exposure-fallback")
    assert minor > 0
    text = "\n".join(pages_of(one)).replace("\n", " ")
    assert f"Reliability: {format_minor(minor, 'EUR')} EUR of pot output" in text


def test_suspense_prints_its_reasons(session, posted):
    text = "\n".join(pages_of(make_statement(session, OCTOBER, SUSPENSE, NAMES)))
    assert "UNMATCHED_WORK" in text
    assert "not spread over other payees" in text
