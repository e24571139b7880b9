"""CSV answers, read into records: one for each row, or for each group of rows that share a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from chalicelib.domain.errors import InvalidError, TooLargeError
from chalicelib.domain.json import Json

MAX_CELLS = 2_000_000
"""An answer of empty cells is short as text and long as records."""
ROW_DELIMITERS = ("\n", "\r\n", "\r", "\n\r")
ENCODINGS: Mapping[str, str] = {
    "utf8": "utf-8",
    "win1252": "cp1252",
    "utf-16le": "utf-16-le",
    "gb18030": "gb18030",
    "macroman": "mac_roman",
    "iso88591": "latin-1",
    "shiftjis": "shift_jis",
}
"""Ours by the API's names of them."""

_MOST_SKIPPED = 100_000
_TAB_NAMES = ("\\t", "tab")


@dataclass(frozen=True, slots=True)
class CsvRules:
    """`encoding` is one of `ENCODINGS`, "" for what the answer says of itself; rows of the same `keys` that follow one
    another are one record, a list."""

    delimiter: str = ","
    has_header: bool = True
    trims: bool = False
    skipped: int = 0
    keys: tuple[str, ...] = ()
    has_quotes: bool = True
    encoding: str = ""


def rules_of(file: Json) -> CsvRules:
    """Of an export's `file`; the usual ones where it has none."""
    members = file if isinstance(file, dict) else {}
    csv = members.get("csv")
    given = csv if isinstance(csv, dict) else {}
    delimiter, skipped, keys = (given.get(name) for name in ("columnDelimiter", "rowsToSkip", "keyColumns"))
    return CsvRules(
        delimiter=delimiter_of(delimiter)[0] if isinstance(delimiter, str) and delimiter else ",",
        has_header=given.get("hasHeaderRow") is not False,
        trims=given.get("trimSpaces") is True,
        skipped=min(max(skipped, 0), _MOST_SKIPPED) if isinstance(skipped, int) else 0,
        keys=tuple(each for each in keys if isinstance(each, str)) if isinstance(keys, list) else (),
        has_quotes=given.get("disableQuoteAndStripEnclosingQuotes") is not True,
        encoding=str(members.get("encoding") or ""),
    )


def delimiter_of(text: str) -> str:
    """A tab may be written out."""
    return "\t" if text.lower() in _TAB_NAMES else text


def records_of_csv(raw: bytes, rules: CsvRules, charset: str = "") -> list[Json]:
    """`charset` is what the answer says of itself. Raises InvalidError, TooLargeError."""
    rows = _rows(_decoded(raw, rules, charset), rules)
    for _ in islice(rows, rules.skipped):
        pass
    names = _names(next(rows, [])) if rules.has_header else []
    found = [_record(row, names, rules) for row in rows if any(cell.strip() for cell in row)]
    if not rules.keys:
        return list[Json](found)
    grouped = groupby(found, key=lambda record: [record.get(key) for key in rules.keys])
    return [list[Json](rows_) for _, rows_ in grouped]


def _decoded(raw: bytes, rules: CsvRules, charset: str) -> str:
    # What the export says counts more than what the answer says of itself.
    name = ENCODINGS.get(rules.encoding) or charset or "utf-8"
    # Excel begins its files with a mark, which is no part of the first column's name.
    name = "utf-8-sig" if name.lower().replace("-", "") in ("utf8", "usascii", "ascii") else name
    try:
        # The other decoders leave the mark in.
        return raw.decode(name).removeprefix("\ufeff")
    # LookupError, because an answer may name a charset that nobody knows.
    except (LookupError, UnicodeDecodeError) as error:
        raise InvalidError(f"The CSV is not text in the encoding {name[:40]}.") from error


def _rows(text: str, rules: CsvRules) -> Iterator[list[str]]:
    import csv
    import io

    # The limit is the process's, so it only ever grows; what an answer may take is bounded already.
    if len(text) > csv.field_size_limit():
        csv.field_size_limit(len(text))
    # Strict, so that a quote that is never closed is an error, and does not swallow the rows behind it.
    lines = io.StringIO(text, newline="")
    if rules.has_quotes:
        reader = csv.reader(lines, delimiter=rules.delimiter, strict=True)
    else:
        reader = csv.reader(lines, delimiter=rules.delimiter, quoting=csv.QUOTE_NONE)
    cells = 0
    try:
        for row in reader:
            # One more, so that rows without cells count as well.
            cells += len(row) + 1
            if cells > MAX_CELLS:
                raise TooLargeError(f"The CSV has more than {MAX_CELLS} cells.", limit=MAX_CELLS)
            yield row if rules.has_quotes else [_bare(cell) for cell in row]
    except csv.Error as error:
        raise InvalidError(f"The CSV is malformed: {error} (line {reader.line_num}).") from error


def _bare(cell: str) -> str:
    return cell[1:-1] if len(cell) > 1 and cell.startswith('"') and cell.endswith('"') else cell


def _names(header: Sequence[str]) -> list[str]:
    """A column without a name is called by its place, and one that has another's name gets a number."""
    taken: dict[str, int] = {}
    for place, cell in enumerate(header, 1):
        first = name = cell.strip() or _unnamed(place)
        # A number that is given may be the name of another column, so the search goes on from the last one given.
        while name in taken:
            taken[first] += 1
            name = f"{first}_{taken[first]}"
        taken[name] = 0
    return list(taken)


def _record(row: Sequence[str], names: Sequence[str], rules: CsvRules) -> dict[str, Json]:
    cells = [cell.strip() for cell in row] if rules.trims else row
    record: dict[str, Json] = {
        (names[place] if place < len(names) else _unnamed(place + 1)): cell for place, cell in enumerate(cells)
    }
    # A short row has its last columns empty, so that all records have the same members.
    for name in names[len(cells) :]:
        record[name] = ""
    return record


def _unnamed(place: int) -> str:
    return f"Column{place}"
