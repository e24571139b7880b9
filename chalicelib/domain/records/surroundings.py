"""What rules see besides the record they are applied to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json

from .errors import RecordError, Source


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The world around one record.

    `settings` holds settings by scope (`flow`, `export`, `import`, `integration`, `connection`). `context` is all that
    templates see besides the record and the settings: lastExportDateTime, connection, import, export, job and so on.
    `render(template, context)` renders a Handlebars template to text and raises an InvalidError for a template that
    cannot be rendered. `dynamic_lookup(name, record)` makes the request of the lookup of that name, whose templates
    see that record, and gives the answer's body, or raises RecordError. `is_new` is whether an import creates or
    updates the record; None where that question does not arise.
    """

    settings: Mapping[str, Json]
    context: Mapping[str, Json]
    render: Callable[[str, Mapping[str, Json]], str]
    dynamic_lookup: Callable[[str, Json], Json] | None = None
    is_new: bool | None = None


def template_context(record: Json, surroundings: Surroundings) -> Mapping[str, Json]:
    """What a template sees: `record` and `settings`, then the context, then `data` and the record's own members."""
    context: dict[str, Json] = dict(record) if isinstance(record, dict) else {}
    # The order is that of trust: no record passes its own `connection` or `settings` off as ours.
    context["data"] = record
    context.update(surroundings.context)
    context["record"] = record
    context["settings"] = dict(surroundings.settings)
    return context


def rendered(
    template: str, record: Json, surroundings: Surroundings, source: Source = "mapping", field: str = ""
) -> str:
    """The template's text for this record; raises RecordError for a template that cannot be rendered."""
    try:
        return surroundings.render(template, template_context(record, surroundings))
    except InvalidError as error:
        raise RecordError(source, "invalid_template", error.message, field) from error
