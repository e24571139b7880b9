"""Scripts of flows: where documents name functions of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chalicelib.domain.json import Json

MAX_CONTENT_BYTES = 512 * 1024
EXPORT_HOOKS = ("preSavePage",)
IMPORT_HOOKS = ("preMap", "postMap", "postSubmit")
PROCESSOR_HOOKS = ("postResponseMap",)
SCRIPTED_RULES = ("filter", "inputFilter", "transform")
BY_SCRIPT = "script"


@dataclass(frozen=True, slots=True)
class ScriptRef:
    """A function of a script."""

    script_id: str
    function: str

    @staticmethod
    def of(given: Json) -> ScriptRef | None:
        """None for what names no script."""
        if not isinstance(given, dict) or not given.get("_scriptId"):
            return None
        return ScriptRef(str(given["_scriptId"]), str(given.get("function") or ""))


@dataclass(frozen=True, slots=True)
class RuleScripts:
    """What the document of an export or import leaves to scripts."""

    filter: ScriptRef | None = None
    input_filter: ScriptRef | None = None
    transform: ScriptRef | None = None
    pre_save_page: ScriptRef | None = None
    pre_map: ScriptRef | None = None
    post_map: ScriptRef | None = None
    post_submit: ScriptRef | None = None

    @staticmethod
    def of(document: Mapping[str, Json]) -> RuleScripts:
        hooks = document.get("hooks")
        named: Mapping[str, Json] = hooks if isinstance(hooks, dict) else {}
        found = [script_of(document.get(rule)) for rule in SCRIPTED_RULES]
        return RuleScripts(*found, *(ScriptRef.of(named.get(name)) for name in (*EXPORT_HOOKS, *IMPORT_HOOKS)))

    @property
    def concern_found(self) -> bool:
        """Whether any of them concerns what an export brought."""
        return any((self.filter, self.transform, self.pre_save_page))

    @property
    def concern_sent(self) -> bool:
        """Whether any of them concerns records on their way out."""
        return any((self.transform, self.pre_map, self.post_map, self.post_submit))


def is_scripted(rule: Json) -> bool:
    """Whether a script takes the place of a filter or transform."""
    return isinstance(rule, dict) and rule.get("type") == BY_SCRIPT


def script_of(rule: Json) -> ScriptRef | None:
    """Of a filter or transform that a script is; None for any other."""
    return ScriptRef.of(rule.get("script")) if isinstance(rule, dict) and is_scripted(rule) else None


def without_script(rule: Json) -> Json:
    """A filter or transform as rules: none where a script takes their place."""
    return None if is_scripted(rule) else rule


def scripts_of(document: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    """Where an export or import names scripts: paths and ids."""
    found = [*scripts_of_hooks(document, "")]
    for name in SCRIPTED_RULES:
        ref = script_of(document.get(name))
        if ref is not None:
            found.append((f"{name}.script._scriptId", ref.script_id))
    return tuple(found)


def with_scripts(value: Json, ids: Mapping[str, str]) -> Json:
    """A document that names other scripts in the place of these."""
    if isinstance(value, list):
        return [with_scripts(each, ids) for each in value]
    if not isinstance(value, dict):
        return value
    changed = {name: with_scripts(each, ids) for name, each in value.items()}
    named = changed.get("_scriptId")
    return {**changed, "_scriptId": ids[named]} if isinstance(named, str) and named in ids else changed


def scripts_of_hooks(holder: Mapping[str, Json], where: str) -> Iterator[tuple[str, str]]:
    hooks = holder.get("hooks")
    for name, hook in hooks.items() if isinstance(hooks, dict) else ():
        ref = ScriptRef.of(hook)
        if ref is not None:
            yield f"{where}hooks.{name}._scriptId", ref.script_id
