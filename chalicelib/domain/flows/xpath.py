"""The part of XPath 1.0 that finds records, values and messages in XML answers.

`/Orders/Order`, `//Order`, `*`, `@id`, `text()`, and after any name conditions: a number or `last()`, and `@id`, a
child's path, `text()`, `.`, `name()` or `local-name()`, compared with a text or being there at all; `contains(…)`,
`starts-with(…)`, `not(…)`, `and`, `or`. A name without a prefix is one in whichever namespace.

Conditions only look at children and attributes, and elements nest within bounds, so that no path takes more than a
few rounds through the document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.xml import Element

LONGEST_PATH = 1_000
_MOST_CONDITIONS = 20
_NAME = re.compile(r"(?:[\w.-]+:)?[\w.-]+|\*")
_COMPARED = re.compile(r"(?P<left>[^=!<>'\"]+?)\s*(?P<operator>!?=)\s*(?P<right>'[^']*'|\"[^\"]*\"|-?[0-9.]+)")
_CALLED = re.compile(r"(?P<name>contains|starts-with)\(\s*(?P<left>[^,'\"]+?)\s*,\s*(?P<right>'[^']*'|\"[^\"]*\")\s*\)")
_POSITION = re.compile(r"[0-9]{1,9}")
_DOTTED = re.compile(r"[\w:-]+(?:\.[\w:-]+)+")

Condition = Callable[[Element, int, int], bool]
"""Of an element, at a place from 1, of so many."""


@dataclass(frozen=True, slots=True)
class _Step:
    """`test` is a name, `*`, `@name`, `text()` or `.`; with `is_deep` from any depth below."""

    test: str
    is_deep: bool
    conditions: tuple[Condition, ...] = ()


def select(root: Element, path: str) -> list[Element | str]:
    """What is at the path, in the order of the document: elements, or texts of attributes and of `text()`. A path that
    does not start with a slash goes from the document or from its root; names may be joined by dots then. Raises
    InvalidError for what is no path."""
    text = path.strip()
    steps = compiled(text)
    # Paths begin at the document, whose one child is the root.
    document = Element("", children=[root])
    found = _walk([document], steps)
    if not found and not text.startswith("/"):
        found = _walk([root], steps)
        if not found and _DOTTED.fullmatch(text):
            return select(root, text.replace(".", "/"))
    return found


def text_of(found: Element | str) -> str:
    return found if isinstance(found, str) else found.whole_text.strip()


@lru_cache(maxsize=500)
def compiled(path: str) -> tuple[_Step, ...]:
    """Raises InvalidError."""
    if not path or len(path) > LONGEST_PATH:
        raise _refusal(path)
    steps: list[_Step] = []
    rest, is_deep = path, False
    if rest.startswith("/"):
        is_deep, rest = rest.startswith("//"), rest.lstrip("/")
    while True:
        step, rest = _step(rest, is_deep, path)
        steps.append(step)
        if not rest:
            return tuple(steps)
        if not rest.startswith("/") or step.test.startswith("@") or step.test == "text()":
            raise _refusal(path)
        is_deep, rest = rest.startswith("//"), rest[2:] if rest.startswith("//") else rest[1:]


def _step(rest: str, is_deep: bool, path: str) -> tuple[_Step, str]:
    for literal in ("text()", "."):
        if rest.startswith(literal) and (len(rest) == len(literal) or rest[len(literal)] in "/["):
            test, rest = literal, rest[len(literal) :]
            break
    else:
        mark = "@" if rest.startswith("@") else ""
        match = _NAME.match(rest, len(mark))
        if match is None:
            raise _refusal(path)
        test, rest = mark + match[0], rest[match.end() :]
    conditions: list[Condition] = []
    while rest.startswith("["):
        inner, rest = _bracketed(rest, path)
        conditions.append(_condition(inner.strip(), path))
    return _Step(test, is_deep, tuple(conditions)), rest


def _bracketed(rest: str, path: str) -> tuple[str, str]:
    """What stands in the brackets that the text begins with, and what follows them."""
    for at, mark in _unquoted(rest):
        if mark == "[" and at:
            break
        if mark == "]":
            return rest[1:at], rest[at + 1 :]
    raise _refusal(path)


def _unquoted(text: str) -> Iterator[tuple[int, str]]:
    quote = ""
    for at, mark in enumerate(text):
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "'\"":
            quote = mark
        else:
            yield at, mark


def _condition(text: str, path: str) -> Condition:
    # `or` binds weaker, so it is split first.
    for word, judge in ((" or ", any), (" and ", all)):
        parts = _split(text, word)
        if len(parts) > _MOST_CONDITIONS:
            raise _refusal(path)
        if len(parts) > 1:
            return _joined([_condition(part.strip(), path) for part in parts], judge)
    if text.startswith("not(") and text.endswith(")"):
        inner = _condition(text[4:-1].strip(), path)
        return lambda element, at, count: not inner(element, at, count)
    if _POSITION.fullmatch(text):
        wanted = int(text)
        return lambda _element, at, _count: at == wanted
    if text == "last()":
        return lambda _element, at, count: at == count
    called, compared = _CALLED.fullmatch(text), _COMPARED.fullmatch(text)
    if called is not None:
        values, part = _values(called["left"], path), called["right"][1:-1]
        starts = called["name"] == "starts-with"
        return lambda element, _at, _count: any(
            value.startswith(part) if starts else part in value for value in values(element)
        )
    if compared is not None:
        values, right = _values(compared["left"].strip(), path), compared["right"].strip("'\"")
        is_same = compared["operator"] == "="
        return lambda element, _at, _count: any((value == right) is is_same for value in values(element))
    values = _values(text, path)
    return lambda element, _at, _count: any(True for _ in values(element))


def _joined(conditions: list[Condition], judge: Callable[[Iterable[bool]], bool]) -> Condition:
    return lambda element, at, count: judge(condition(element, at, count) for condition in conditions)


def _split(text: str, word: str) -> list[str]:
    parts, start, depth = [], 0, 0
    for at, mark in _unquoted(text):
        depth += (mark == "(") - (mark == ")")
        if not depth and text.startswith(word, at):
            parts.append(text[start:at])
            start = at + len(word)
    return [*parts, text[start:]]


def _values(text: str, path: str) -> Callable[[Element], Iterator[str]]:
    """The texts that the left side of a condition stands for; none where there is nothing."""
    match text:
        case "local-name()":
            return lambda element: iter((element.local_name,))
        case "name()":
            return lambda element: iter((element.name,))
    steps = compiled(text)
    # Else each element of a step could send one condition through the whole document.
    if text.startswith("/") or any(step.is_deep or step.conditions for step in steps):
        raise _refusal(path)
    return lambda element: map(text_of, _walk([element], steps))


def _walk(start: list[Element], steps: tuple[_Step, ...]) -> list[Element | str]:
    found: list[Element | str] = list(start)
    for step in steps:
        seen: dict[int, Element] = {}
        texts: list[Element | str] = []
        for element in found:
            assert isinstance(element, Element)  # texts are only found by the last step
            for holder in _with_all_below(element) if step.is_deep else (element,):
                if step.test.startswith("@"):
                    texts += _attributes(holder, step.test[1:])
                elif step.test == "text()":
                    texts += [holder.text] if holder.text.strip() else []
                else:
                    # Each element once, though `//` comes to it from all that are above it; equal ones are several.
                    seen |= {id(each): each for each in _chosen(holder, step)}
        found = texts or list(seen.values())
    return found


def _chosen(holder: Element, step: _Step) -> list[Element]:
    matched = [holder] if step.test == "." else [child for child in holder.children if _is_named(child.name, step.test)]
    for condition in step.conditions:
        # Places count among what the conditions before have left, as in XPath.
        matched = [each for at, each in enumerate(matched, 1) if condition(each, at, len(matched))]
    return matched


def _attributes(holder: Element, test: str) -> list[str]:
    return [value for name, value in holder.attributes.items() if _is_named(name, test)]


def _is_named(name: str, test: str) -> bool:
    return test in ("*", name) or (":" not in test and name.rpartition(":")[2] == test)


def _with_all_below(element: Element) -> Iterator[Element]:
    yield element
    for child in element.children:
        yield from _with_all_below(child)


def _refusal(path: str) -> InvalidError:
    return InvalidError(f"{path[:100]!r} is not an XPath that is supported.")
