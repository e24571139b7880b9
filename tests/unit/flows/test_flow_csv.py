"""CSV answers: one record for each row, or for each group of rows."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import InvalidError, TooLargeError
from chalicelib.domain.flows import csv as flow_csv
from chalicelib.domain.flows.csv import records_of_csv, rules_of


def records(text: str | bytes, charset: str = "", encoding: str = "", **csv: Any) -> Any:
    raw = text if isinstance(text, bytes) else text.encode()
    return records_of_csv(raw, rules_of({"csv": csv, "encoding": encoding}), charset)


def test_the_first_row_names_the_members_of_the_others() -> None:
    assert records("id,name\r\n1,a\r\n2,b\r\n") == [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_usual_end_of_a_line_ends_a_row(end: str) -> None:
    assert records(f"id{end}1{end}{end}2") == [{"id": "1"}, {"id": "2"}]


def test_quotes_keep_delimiters_line_ends_and_quotes() -> None:
    assert records('id,note\n1,"a, ""b""\nc"\n') == [{"id": "1", "note": 'a, "b"\nc'}]


@pytest.mark.parametrize("given", [";", "\t", "\\t", "tab", "|", " "])
def test_columns_may_be_divided_by_any_one_character(given: str) -> None:
    mark = "\t" if given in ("\\t", "tab") else given

    assert records(f"id{mark}n\n1{mark}2", columnDelimiter=given) == [{"id": "1", "n": "2"}]


def test_without_a_header_columns_are_called_by_their_places() -> None:
    assert records("1,a\n2,b", hasHeaderRow=False) == [
        {"Column1": "1", "Column2": "a"},
        {"Column1": "2", "Column2": "b"},
    ]


def test_rows_above_the_header_are_left_out() -> None:
    assert records("Report\nof today\nid\n1", rowsToSkip=2) == [{"id": "1"}]


def test_cells_are_trimmed_if_asked_for_and_names_always() -> None:
    assert records(" id , n \n 1 , 2 ") == [{"id": " 1 ", "n": " 2 "}]
    assert records(" id , n \n 1 , 2 ", trimSpaces=True) == [{"id": "1", "n": "2"}]


def test_rows_that_are_too_short_or_too_long_lose_nothing() -> None:
    assert records("a,b\n1\n1,2,3") == [{"a": "1", "b": ""}, {"a": "1", "b": "2", "Column3": "3"}]


def test_columns_without_a_name_or_with_the_same_are_told_apart() -> None:
    assert records("a,,a,a\n1,2,3,4") == [{"a": "1", "Column2": "2", "a_1": "3", "a_2": "4"}]


def test_quotes_may_be_nothing_but_marks() -> None:
    found = records('a,b\n"x",y"z\n', disableQuoteAndStripEnclosingQuotes=True)

    assert found == [{"a": "x", "b": 'y"z'}]


def test_rows_of_one_key_that_follow_each_other_are_one_record() -> None:
    found = records("id,line\n1,a\n1,b\n2,c\n1,d", keyColumns=["id"])

    assert [[row["line"] for row in record] for record in found] == [["a", "b"], ["c"], ["d"]]


@pytest.mark.parametrize(
    ("encoding", "codec"), [("", "utf-8"), ("utf8", "utf-8-sig"), ("win1252", "cp1252"), ("utf-16le", "utf-16-le")]
)
def test_an_export_may_say_the_encoding(encoding: str, codec: str) -> None:
    assert records("id\nGröße".encode(codec), encoding=encoding) == [{"id": "Größe"}]


def test_the_answer_may_say_its_charset_and_the_export_counts_more() -> None:
    raw = "id\nGröße".encode("latin-1")

    assert records(raw, charset="iso-8859-1") == [{"id": "Größe"}]
    assert records(raw, charset="utf-8", encoding="iso88591") == [{"id": "Größe"}]


@pytest.mark.parametrize("raw", [b'a\n"never closed\n1', b'a\n"x"y', b"a\n\xff\xfe\xfa"])
def test_what_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidError):
        records(raw)


def test_an_unknown_charset_is_refused() -> None:
    with pytest.raises(InvalidError):
        records("a\n1", charset="klingon")


def test_cells_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_csv, "MAX_CELLS", 100)

    with pytest.raises(TooLargeError):
        records("a\n" + "1\n" * 100)


def test_a_cell_may_be_long() -> None:
    assert records("a\n" + "x" * 200_000) == [{"a": "x" * 200_000}]


def test_nothing_but_a_header_is_no_record() -> None:
    assert records("a,b\n") == []
    assert records("") == []


@pytest.mark.parametrize("file", [None, [], {"csv": None}, {"csv": {"rowsToSkip": True, "keyColumns": "a"}}])
def test_a_file_that_says_nothing_leaves_the_usual_rules(file: Any) -> None:
    assert records_of_csv(b"a\n1", rules_of(file)) in ([{"a": "1"}], [])
