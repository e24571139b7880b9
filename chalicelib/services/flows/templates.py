"""Templates of flows, with the clock and the chance that their helpers ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.aws_signatures import Signable
from chalicelib.domain.handlebars import Escape, Lookups, compile_template
from chalicelib.domain.json import Json
from chalicelib.services.ports import Clock, Entropy


@dataclass(frozen=True, slots=True)
class Templates:
    clock: Clock
    entropy: Entropy

    def render(
        self,
        text: str,
        context: Mapping[str, Json],
        *,
        escape: Escape = Escape.NONE,
        is_strict: bool = False,
        lookups: Lookups | None = None,
        request: Signable | None = None,
    ) -> str:
        """`lookups` gives the value for a table's name and a key; `request` is what the text will be part of. Raises
        TemplateError."""
        template = compile_template(text)
        if template.is_plain:
            return text
        return template.render(
            context,
            escape=escape,
            strict=is_strict,
            now=self.clock.now(),
            random=self._random,
            lookups=lookups,
            request=request,
        )

    def _random(self) -> float:
        return int.from_bytes(self.entropy.bytes(7), "big") / float(1 << 56)
