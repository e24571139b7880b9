"""Compiled templates, and what they are compiled with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from functools import lru_cache

from ..aws_signatures import Signable
from ..errors import TemplateError
from ..json import Json
from .compiler import Compiler
from .helpers.encoding import json_inner, percent_encoded, xml_inner
from .nodes import Content
from .nodes import Program as Tree
from .parser import parse
from .runtime import Data, Frame, Lookups, Program, Render
from .values import Refused

MAX_TEMPLATE = 250_000
"""In characters."""
_USUAL_LENGTH = 16_000


class Escape(Enum):
    """What becomes of the value of `{{x}}`: text as it is, percent-encoded, or as inside a JSON string or XML."""

    NONE = "none"
    URI = "uri"
    JSON = "json"
    XML = "xml"


_ESCAPES: dict[Escape, Callable[[str], str] | None] = {
    Escape.NONE: None,
    Escape.URI: percent_encoded,
    Escape.JSON: json_inner,
    Escape.XML: xml_inner,
}


class Template:
    """A compiled template; `compile_template` gives it.

    `is_plain` says that the text holds no mustache and renders to itself. `names_used` are the paths that it may read
    at the root of its context, dotted, as they were written; `this` stands for the whole of it.
    """

    __slots__ = ("_lenient", "_strict", "_tree", "is_plain", "names_used", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.is_plain = "{{" not in text
        self._strict: Program | None = None
        try:
            self._tree: Tree = Tree([Content(text, text)]) if self.is_plain else parse(text)
            compiler = Compiler(self._located, strict=False)
            self._lenient = compiler.program(self._tree)
        except (Refused, RecursionError) as error:
            raise self._located(_refused(error)) from error
        self.names_used = frozenset(compiler.names)

    def render(
        self,
        context: Mapping[str, Json],
        *,
        escape: Escape = Escape.NONE,
        strict: bool = False,
        now: datetime,
        random: Callable[[], float] | str,
        lookups: Lookups | None = None,
        request: Signable | None = None,
    ) -> str:
        """The text that the template makes of the context.

        `now` is an aware time. `random` gives numbers from 0 up to 1, or is the seed of such numbers. `lookups` gives
        the value for a table's name and a key, for `{{lookup "table" key}}`. `request` is the one that the text will be
        part of, for `{{aws4 …}}`. In strict mode what a mustache names has to be there. Raises TemplateError.
        """
        if self.is_plain:
            return self.text
        program = self._checked() if strict else self._lenient
        render = Render(context, _ESCAPES[escape], now, random, lookups, request)
        try:
            program.run(Frame(render, context, None, Data({"root": context})))
        except UnicodeError as error:
            raise self._located(Refused("a value holds a lone surrogate")) from error
        except (Refused, RecursionError) as error:
            raise self._located(_refused(error)) from error
        return "".join(render.out)

    def _checked(self) -> Program:
        # Few templates are ever rendered strictly, so the tree waits for the first time.
        if self._strict is None:
            self._strict = Compiler(self._located, strict=True).program(self._tree)
        return self._strict

    def _located(self, refused: Refused) -> TemplateError:
        if refused.at is None:
            return TemplateError(f"The template cannot be used: {refused.reason}")
        before = self.text[: refused.at]
        line = before.count("\n") + 1
        return TemplateError(refused.reason, line=line, column=refused.at - before.rfind("\n"))


def _refused(error: Exception) -> Refused:
    return error if isinstance(error, Refused) else Refused("the template is nested too deeply")


def compile_template(text: str) -> Template:
    """Raises TemplateError, with line and column. Templates that were used lately are not compiled again."""
    if len(text) > MAX_TEMPLATE:
        raise TemplateError(f"The template is longer than {MAX_TEMPLATE} characters")
    return _usual(text) if len(text) <= _USUAL_LENGTH else _long(text)


# Two caches, so that neither many templates nor long ones fill the memory.
_usual = lru_cache(maxsize=512)(Template)
_long = lru_cache(maxsize=8)(Template)
