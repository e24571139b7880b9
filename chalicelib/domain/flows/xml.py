"""XML answers, read into elements and from there into JSON.

Answers come from anybody, so a document is read without its type: no entity of anyone's making is ever declared or
fetched, and depth and number of elements are bounded while it is read, not after.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.domain.errors import InvalidError, TooLargeError
from chalicelib.domain.json import Json

MAX_DEPTH = 30
"""Two levels of JSON each at most, and values have 64."""
MAX_NODES = 300_000
"""Elements and attributes; each takes about a thousand bytes on its way to a record."""

DEFAULT_TEXT_NAME = "&txt"
_DECLARATION = "xmlns"
_LINE_ENDS = re.compile(r"[\r\n]+")


@dataclass(slots=True)
class Element:
    """`name` and those of attributes are as the document writes them, prefix and all; `text` is what stands in it
    outside of its children."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    text: str = ""

    @property
    def local_name(self) -> str:
        return self.name.rpartition(":")[2]

    @property
    def whole_text(self) -> str:
        """With that of its children."""
        return self.text + "".join(child.whole_text for child in self.children)


@dataclass(frozen=True, slots=True)
class XmlRules:
    """How elements become JSON; paths are of names with slashes, whose last ones count. `is_automatic` takes all else
    from the form that needs no rules: every child a list, `$` for attributes, `_` for text."""

    is_automatic: bool = False
    trims: bool = False
    strips_line_ends: bool = False
    attribute_prefix: str = ""
    text_name: str = DEFAULT_TEXT_NAME
    lists: frozenset[str] = frozenset()
    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


def parse_xml(raw: bytes, encoding: str | None = None) -> Element:
    """The root of a document. `encoding` counts more than what the document says of itself. Raises InvalidError,
    TooLargeError."""
    # Loaded where it is needed: few flows speak XML, and all of them start cold.
    from xml.parsers import expat

    reader = _Reader()
    try:
        parser = expat.ParserCreate(encoding)
    except ValueError as error:
        raise InvalidError(f"The encoding {str(encoding)[:40]!r} of the XML is not known.") from error
    # One call for a stretch of text, not one for each of its lines.
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    # Entities can be declared in a document type alone. Without one expat knows the five of XML itself, so that none
    # can grow a thousandfold when it is read, or stand for a file or an address.
    parser.StartDoctypeDeclHandler = reader.refuse_type
    try:
        parser.Parse(raw, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two for encodings
        raise InvalidError(f"The XML is malformed: {error}.") from error
    assert reader.root is not None
    return reader.root


class _Reader:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[tuple[Element, list[str]]] = []
        self._nodes = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._nodes += 1 + len(attributes)
        if self._nodes > MAX_NODES:
            raise TooLargeError(f"The XML has more than {MAX_NODES} elements and attributes.", limit=MAX_NODES)
        if len(self._open) >= MAX_DEPTH:
            raise TooLargeError(f"The XML is nested more than {MAX_DEPTH} levels deep.", limit=MAX_DEPTH)
        element = Element(name, attributes)
        if self._open:
            self._open[-1][0].children.append(element)
        else:
            self.root = element
        self._open.append((element, []))

    def end(self, _name: str) -> None:
        element, texts = self._open.pop()
        element.text = "".join(texts)

    def characters(self, text: str) -> None:
        self._open[-1][1].append(text)

    def refuse_type(self, *_: object) -> None:
        raise InvalidError("The XML has a document type, which is refused: it could declare entities.")


def document_json(root: Element, rules: XmlRules) -> dict[str, Json]:
    """A whole document: its root as the one member."""
    return {root.name: element_json(root, rules)}


def element_json(element: Element, rules: XmlRules) -> Json:
    """What stands in an element: its text where there is nothing else, or an object."""
    return _automatic(element) if rules.is_automatic else _plain(element, rules, f"/{element.name}")


def _automatic(element: Element) -> Json:
    found: dict[str, Json] = {}
    if element.attributes:
        found["$"] = dict(element.attributes)
    if element.text.strip() or (not element.children and not element.attributes):
        found["_"] = element.text.strip()
    for child in element.children:
        several = found.setdefault(child.name, [])
        if isinstance(several, list):
            several.append(_automatic(child))
    return found


def _plain(element: Element, rules: XmlRules, path: str) -> Json:
    """A child that is there twice is a list, as is one that the rules say so of; white space between children is
    nobody's text, and declarations of namespaces are no attributes."""
    found: dict[str, Json] = {}
    for name, value in element.attributes.items():
        if name != _DECLARATION and not name.startswith(f"{_DECLARATION}:"):
            found[rules.attribute_prefix + name] = _text(value, rules)
    # Where an attribute and a child have one name, the child has it: a prefix keeps them apart.
    grouped: dict[str, list[Json]] = {}
    for child in element.children:
        at = f"{path}/{child.name}"
        if _is_wanted(at, rules):
            grouped.setdefault(child.name, []).append(_plain(child, rules, at))
    for name, values in grouped.items():
        found[name] = values if len(values) > 1 or _is_listed(f"{path}/{name}", rules.lists) else values[0]
    text = _text(element.text, rules)
    if not found and not element.children:
        return text
    if text.strip():
        found[rules.text_name] = text
    return found


def _text(text: str, rules: XmlRules) -> str:
    if rules.strips_line_ends:
        text = _LINE_ENDS.sub("", text)
    return text.strip() if rules.trims else text


def _is_wanted(path: str, rules: XmlRules) -> bool:
    if any(_covers(each, path) for each in rules.excluded):
        return False
    # What leads to an included one is on the way to it, and what stands in one comes with it.
    return not rules.included or any(_covers(each, path) or _leads_to(path, each) for each in rules.included)


def _is_listed(path: str, lists: frozenset[str]) -> bool:
    return any(_is_same(each, path) for each in lists)


def _covers(given: str, path: str) -> bool:
    """Whether the path is the given one, or leads through it."""
    return any(_is_same(given, start) for start in (path, *_starts(path)))


def _leads_to(path: str, given: str) -> bool:
    return any(_is_same(start, path) for start in _starts(given))


def _starts(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _is_same(one: str, other: str) -> bool:
    """Paths are compared from their ends, as far as both go: one may begin at the document and one at the record."""
    left, right = (f"/{each.strip('/')}" for each in (one, other))
    return left.endswith(right) or right.endswith(left)


def rules_of(parsers: Json) -> XmlRules:
    """Of the first element of an export's `parsers`; the usual ones where there is none."""
    first = parsers[0] if isinstance(parsers, list) and parsers else None
    rules = first.get("rules") if isinstance(first, dict) else None
    if not isinstance(rules, dict):
        return XmlRules()
    return XmlRules(
        is_automatic=rules.get("V0_json") is True,
        trims=rules.get("trimSpaces") is True,
        strips_line_ends=rules.get("stripNewLineChars") is True,
        attribute_prefix=_given(rules.get("attributePrefix"), ""),
        text_name=_given(rules.get("textNodeName"), DEFAULT_TEXT_NAME),
        lists=frozenset(_paths(rules.get("listNodes"))),
        included=_paths(rules.get("includeNodes")),
        excluded=_paths(rules.get("excludeNodes")),
    )


def _given(value: Json, default: str) -> str:
    return value if isinstance(value, str) and value else default


def _paths(value: Json) -> tuple[str, ...]:
    found: Sequence[Json] = value if isinstance(value, list) else []
    return tuple(each.strip().rstrip("/") for each in found if isinstance(each, str) and each.strip())
