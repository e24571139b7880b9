"""What is wrong with what an export says of how its answers are to be read: as XML, or as CSV."""

from __future__ import annotations

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.checks.fields import Fields
from chalicelib.domain.flows.csv import ENCODINGS, ROW_DELIMITERS, delimiter_of
from chalicelib.domain.flows.xpath import compiled

_PATHS = ("listNodes", "includeNodes", "excludeNodes")
_NO_DELIMITERS = frozenset('"\r\n\0')


def check_parsing(fields: Fields) -> None:
    for parser in fields.objects("parsers"):
        parser.choice("type", ("xml",))
        rules = parser.inner("rules")
        if rules is None:
            continue
        for name in ("V0_json", "trimSpaces", "stripNewLineChars"):
            rules.flag(name)
        for name in ("attributePrefix", "textNodeName"):
            rules.text(name)
        for name in _PATHS:
            rules.items(name)
    file = fields.inner("file")
    if file is not None:
        file.choice("encoding", tuple(ENCODINGS))
        csv = file.inner("csv")
        if csv is not None:
            _check_csv(csv)


def _check_csv(csv: Fields) -> None:
    delimiter = csv.text("columnDelimiter")
    if delimiter and (len(delimiter_of(delimiter)) != 1 or delimiter in _NO_DELIMITERS):
        path = csv.path("columnDelimiter")
        csv.invalid("columnDelimiter", f"Path `{path}` has to be one character, and neither a quote nor a line's end.")
    row = csv.text("rowDelimiter")
    if row and row not in ROW_DELIMITERS:
        csv.invalid("rowDelimiter", f"Path `{csv.path('rowDelimiter')}` has to be one of the usual ends of lines.")
    for name in ("hasHeaderRow", "trimSpaces", "disableQuoteAndStripEnclosingQuotes"):
        csv.flag(name)
    csv.whole("rowsToSkip", 0)
    csv.items("keyColumns")


def check_xpath(fields: Fields, name: str) -> None:
    """Of a path that begins as those of elements do; all others are paths of members as well."""
    path = fields.members.get(name)
    if isinstance(path, str) and path.strip().startswith("/"):
        try:
            compiled(path.strip())
        except InvalidError as error:
            fields.invalid(name, f"Path `{fields.path(name)}` is not valid: {error.message}")
