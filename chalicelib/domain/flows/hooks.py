"""What hooks return, read record by record.

A hook answers for a whole page. One that answers for more or fewer records than it was given is not believed at all:
nobody could say which record any of its answers belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.domain.flows.http import shown
from chalicelib.domain.flows.pages import MAX_MESSAGE, Fault, size_of
from chalicelib.domain.json import Json, encode
from chalicelib.domain.records.errors import RecordError, Source

INVALID = "invalid_hook_response"
_LONGEST_WORD = 200
_FAILED_FROM = 400


@dataclass(frozen=True, slots=True)
class Action:
    """What is to become of a record: `data`, in a tuple, goes on in its place; without any it stops, as failed if
    there are faults, else as ignored."""

    data: tuple[Json] | None = None
    faults: tuple[Fault, ...] = ()

    def to_json(self) -> Json:
        faults: list[Json] = [fault.to_json() for fault in self.faults]
        return {"f": faults} if self.data is None else {"d": self.data[0], "f": faults}

    @staticmethod
    def of_json(action: Any) -> Action:
        return Action((action["d"],) if "d" in action else None, tuple(map(Fault.of_json, action["f"])))


@dataclass(frozen=True, slots=True)
class SavedPage:
    """A page as it is to be saved. `errors` are those that it came with, each with its key; `new` are others, with the
    record that is to be tried again, or None."""

    data: list[Json]
    errors: tuple[tuple[str, Fault], ...] = ()
    new: tuple[tuple[Json, Fault], ...] = ()
    aborts: bool = False


def saved_page(returned: Json) -> SavedPage:
    """What preSavePage returned. Raises RecordError."""
    source: Source = "pre_save_page_hook"
    if not isinstance(returned, dict) or not isinstance(returned.get("data"), list):
        raise RecordError(source, INVALID, "The function has to return an object with an array `data`.")
    data: Any = returned["data"]
    for record in data:
        _check_record(record, source)
    errors = _list(returned.get("errors"))
    keyed = tuple((_key(each), fault) for each in errors for fault in faults_of([each], source))
    new: list[tuple[Json, Fault]] = []
    for each in _list(returned.get("newErrorsAndRetryData")):
        if isinstance(each, dict):
            record = each.get("retryData")
            if record is not None:
                _check_record(record, source)
            # What is tried again is the record, not each of its errors.
            faults = faults_of(each.get("errors"), source)
            new += [(None if number else record, fault) for number, fault in enumerate(faults)]
    return SavedPage(data, keyed, tuple(new), returned.get("abort") is True)


def actions(returned: Json, count: int, source: Source) -> list[Action]:
    """What preMap or postMap returned for so many records. Raises RecordError."""
    return [_action(each, source) for each in same_length(returned, count, source)]


def responses(returned: Json, count: int) -> list[dict[str, Json]]:
    """What postSubmit made of the responses. Raises RecordError."""
    source: Source = "post_submit_hook"
    found = same_length(returned, count, source)
    for each in found:
        if not isinstance(each, dict):
            raise RecordError(source, INVALID, "The function has to return an array of responses.")
        # Not for the size: it refuses what could not be kept.
        size_of(each)
    return [dict(each) for each in found if isinstance(each, dict)]


def records(returned: Json, count: int) -> list[Json]:
    """What postResponseMap returned. Raises RecordError."""
    source: Source = "post_response_map_hook"
    found = same_length(returned, count, source)
    for each in found:
        _check_record(each, source)
    return found


def same_length(returned: Json, count: int, source: Source) -> list[Json]:
    if isinstance(returned, list) and len(returned) == count:
        return returned
    what = f"{len(returned)} elements" if isinstance(returned, list) else "no array"
    message = f"The function has to return an array of {count} elements, one for each record; it returned {what}."
    raise RecordError(source, INVALID, message)


def branches(returned: Json, names: Sequence[str]) -> list[int]:
    """The branches that a record is to take, by the indices or names that a router's script returned; each once.
    Raises RecordError."""
    given = returned if isinstance(returned, list) else [returned] if isinstance(returned, (int, str)) else None
    if given is None:
        raise RecordError("input_filter", INVALID, "The function has to return an array of indices of branches.")
    found = [_branch(each, names) for each in given]
    return list(dict.fromkeys(found))


def faults_of(given: Json, source: Source) -> tuple[Fault, ...]:
    """Errors as scripts word them, one alone or several; what a script leaves out is filled in."""
    return tuple(_fault(each, source) for each in (given if isinstance(given, list) else [given]) if each)


def faults_of_response(response: Mapping[str, Json], before: Fault | None) -> tuple[Fault, ...]:
    """Why the record that a hook says this of has failed; none if it has not. `before` is why it had."""
    found = faults_of(response.get("errors"), "post_submit_hook")
    if found:
        # The request that failed stays the same, however its failure is worded.
        return (replace(found[0], request_key=before.request_key), *found[1:]) if before is not None else found
    status = response.get("statusCode")
    if isinstance(status, bool) or not isinstance(status, (int, float)) or status < _FAILED_FROM:
        return ()
    message = f"The hook says that the record failed with the status {shown(status)}."
    return (before if before is not None else Fault("post_submit_hook", shown(status), message),)


def _action(given: Json, source: Source) -> Action:
    # Null, like an empty object, is how scripts leave a record out.
    if given is None:
        return Action()
    if not isinstance(given, dict) or (given and "data" not in given and "errors" not in given):
        message = "Each element has to be an object with `data`, `errors` or both, or empty."
        return Action(faults=(Fault(source, INVALID, message),))
    faults = faults_of(given.get("errors"), source)
    data = given.get("data")
    if data is None:
        return Action(faults=faults)
    try:
        _check_record(data, source)
    except RecordError as error:
        return Action(faults=(*faults, Fault(error.source, error.code, error.message)))
    return Action((data,), faults)


def _check_record(record: Json, source: Source) -> None:
    if record is None:
        raise RecordError(source, INVALID, "The function returned nothing in the place of a record.")
    size_of(record)


def _fault(given: Json, source: Source) -> Fault:
    if not isinstance(given, dict):
        return Fault(source, "script_error", _text(given)[:MAX_MESSAGE])
    words = {name: _text(given[name]) for name in ("source", "code", "message") if given.get(name) not in (None, "")}
    return Fault(
        words.get("source", source)[:_LONGEST_WORD],
        words.get("code", "script_error")[:_LONGEST_WORD],
        words.get("message", "The script gives no message.")[:MAX_MESSAGE],
    )


def _branch(given: Json, names: Sequence[str]) -> int:
    if isinstance(given, str) and given in names:
        return names.index(given)
    is_index = isinstance(given, (int, float)) and not isinstance(given, bool) and given == int(given)
    if is_index and 0 <= int(given) < len(names):  # type: ignore[arg-type]
        return int(given)  # type: ignore[arg-type]
    raise RecordError("input_filter", INVALID, f"The router has no branch {_text(given)[:_LONGEST_WORD]}.")


def _text(value: Json) -> str:
    return encode(value).decode() if isinstance(value, (dict, list)) else shown(value)


def _key(given: Json) -> str:
    key = given.get("retryDataKey") if isinstance(given, dict) else None
    return key if isinstance(key, str) else ""


def _list(given: Json) -> list[Json]:
    return given if isinstance(given, list) else []
