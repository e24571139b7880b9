"""What is wrong with the places of a document that name functions of scripts, and with scripts themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chalicelib.domain.flows.checks.fields import Fields
from chalicelib.domain.flows.scripts import MAX_CONTENT_BYTES, SCRIPTED_RULES, is_scripted
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problems, member

LONGEST_FUNCTION = 200


def check_script_document(document: Mapping[str, Json], problems: Problems) -> None:
    fields = Fields(document, problems)
    fields.named()
    content = document.get("content")
    if content is None:
        fields.missing("content")
    elif not isinstance(content, str):
        fields.invalid("content", "Path `content` must be a string.")
    # JSON may escape half a surrogate pair, which plain UTF-8 would not encode.
    elif len(content.encode("utf-8", "surrogatepass")) > MAX_CONTENT_BYTES:
        fields.invalid("content", f"Path `content` is larger than {MAX_CONTENT_BYTES // 1024} KB.")


def check_hooks(hooks: Json, where: str, known: Collection[str], problems: Problems) -> None:
    """One that names nothing says nothing, and is what clients send for none."""
    if not (problems.expect(where, hooks, dict, "an object") and isinstance(hooks, dict)):
        return
    for name, hook in hooks.items():
        at = member(where, name)
        if hook == "":
            continue
        if not problems.expect(at, hook, dict, "an object") or not isinstance(hook, dict):
            continue
        if not any(hook.get(each) for each in ("_scriptId", "_stackId", "function")):
            continue
        if name not in known:
            problems.invalid(at, f"Path `{at}` is not supported: hooks here are {', '.join(known) or 'none'}.")
        elif hook.get("_stackId"):
            problems.invalid(f"{at}._stackId", "Hooks of stacks are not supported; use a script.")
        else:
            check_script(hook, at, problems)


def check_rules(document: Mapping[str, Json], problems: Problems) -> None:
    """Scripts in the places of filters and of a transform."""
    for name in SCRIPTED_RULES:
        rule = document.get(name)
        if isinstance(rule, dict) and is_scripted(rule):
            check_script(rule.get("script"), f"{name}.script", problems)


def check_script(script: Json, where: str, problems: Problems) -> None:
    """That it names a script, and a function of it. Whether both are there is not seen here."""
    if script is None:
        problems.missing(where)
        return
    if not problems.expect(where, script, dict, "an object") or not isinstance(script, dict):
        return
    for name in ("_scriptId", "function"):
        value = script.get(name)
        if value is None or value == "":
            problems.missing(member(where, name))
        elif problems.expect(member(where, name), value, str, "a string") and len(str(value)) > LONGEST_FUNCTION:
            problems.invalid(member(where, name), f"Path `{member(where, name)}` is too long.")
