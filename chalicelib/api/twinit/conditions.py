"""Loop conditions in the words of the one expression core. They look like JavaScript and are never run as such.

`$` holds the loop task's inputs, under the loop's name how many rounds were made, and under their names what the body's
tasks gave in the round that has just ended.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from chalicelib.api.twinit.expressions import output_of
from chalicelib.api.twinit.tasks import BODY, TaskDef, walk

MAX_LENGTH = 4_000

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<dollar>\$(?![\w$]))
      | (?P<name>[^\W\d]\w*)
      | (?P<operator>===|!==|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.()\[\]{};])
    )""",
    re.VERBOSE | re.DOTALL,
)
# The core compares without converting, so that both spellings are the strict one.
_OPERATORS: Mapping[str, str] = {"===": "==", "!==": "!="}
_WORDS: Mapping[str, str] = {"true": "true", "false": "false", "null": "null", "undefined": "null"}


class _Unreadable(Exception):
    pass


def translate(task: TaskDef, inputs: str) -> str:
    """The condition of a DO_WHILE task; `inputs` is the node that gives its inputs. Raises DefinitionError."""
    text = str(task.members["_loopCondition"])
    try:
        if len(text) > MAX_LENGTH:
            raise _Unreadable(f"it has more than {MAX_LENGTH} characters")
        return _Reader(_tokens(text), task, inputs).condition()
    except _Unreadable as error:
        task.fail("_loopCondition", f"cannot be read: {error}")


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    # Blanks behind the last token would be the beginning of one that never comes.
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _Unreadable(f"{text[position : position + 20]!r} has no meaning here")
        kind = match.lastgroup or ""
        tokens.append((kind, match[kind]))
        position = match.end()
    return tokens


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]], task: TaskDef, inputs: str) -> None:
        self._tokens = tokens
        self._next = 0
        self._task = task
        self._inputs = inputs
        self._body = {inner.name: inner for inner in walk(task.branches[BODY])}

    def condition(self) -> str:
        read = self._choice() if self._at("name", "if") else self._expression(";")
        while self._at("operator", ";"):
            self._next += 1
        if self._next < len(self._tokens):
            raise _Unreadable(f"{self._tokens[self._next][1]!r} was not expected")
        return read

    def _choice(self) -> str:
        """`if (…) { true; } else { false; }`"""
        self._next += 1
        self._expect("(")
        test = self._expression(")")
        self._expect(")")
        chosen = self._block()
        otherwise = "false"
        if self._at("name", "else"):
            self._next += 1
            otherwise = self._choice() if self._at("name", "if") else self._block()
        return f"({test}) ? ({chosen}) : ({otherwise})"

    def _block(self) -> str:
        self._expect("{")
        if self._at("name", "return"):
            self._next += 1
        value = self._expression(";}")
        while self._at("operator", ";"):
            self._next += 1
        self._expect("}")
        return value

    def _expression(self, ends: str) -> str:
        """Up to one of the `ends` outside brackets. Whether it makes sense, the core judges."""
        written: list[str] = []
        open_ = 0
        while self._next < len(self._tokens):
            kind, text = self._tokens[self._next]
            if kind == "operator":
                if not open_ and text in ends:
                    break
                if text in ";{}":
                    raise _Unreadable(f"{text!r} was not expected")
                # Only counted: whether brackets match, the core tells when it reads the whole.
                open_ += (text in "([") - (text in ")]")
            self._next += 1
            written.append(self._written(kind, text, after_dot=bool(written) and written[-1] == "."))
        if not written:
            raise _Unreadable("an expression is missing")
        return " ".join(written)

    def _written(self, kind: str, text: str, *, after_dot: bool) -> str:
        match kind:
            case "dollar":
                return self._root()
            # A member's name, not a word of the language, be it `true`.
            case "name" if after_dot:
                return text
            case "name":
                if text not in _WORDS:
                    raise _Unreadable(f"{text!r} has no meaning; values are read from $")
                return _WORDS[text]
            case "string":
                # Written anew, as single quotes and JavaScript's escapes are not the core's.
                return json.dumps(_unquoted(text))
            case "operator":
                return _OPERATORS.get(text, text)
            case _:
                return text

    def _root(self) -> str:
        """`$.name` or `$['name']`."""
        if self._at("operator", ".") and self._kind(1) == "name":
            name = self._tokens[self._next + 1][1]
            self._next += 2
        elif self._at("operator", "[") and self._kind(1) == "string":
            name = _unquoted(self._tokens[self._next + 1][1])
            self._next += 2
            self._expect("]")
        else:
            raise _Unreadable("$ stands for nothing by itself; write $.name")
        return self._meaning(name)

    def _meaning(self, name: str) -> str:
        if name == self._task.name:
            return '{"iteration": $loop.index}'
        if name in self._body:
            return output_of(self._body[name])
        return f"$node[{json.dumps(self._inputs)}][{json.dumps(name)}]"

    def _kind(self, ahead: int) -> str:
        at = self._next + ahead
        return self._tokens[at][0] if at < len(self._tokens) else ""

    def _at(self, kind: str, text: str) -> bool:
        return self._next < len(self._tokens) and self._tokens[self._next] == (kind, text)

    def _expect(self, text: str) -> None:
        if not self._at("operator", text):
            raise _Unreadable(f"{text!r} is missing")
        self._next += 1


def _unquoted(text: str) -> str:
    """Of escapes only those of quotes and backslashes mean something."""
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
