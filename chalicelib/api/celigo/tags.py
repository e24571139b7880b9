"""Calls on the tags of errors, and the notes that errors are given: tags, and who is to see to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.api.celigo import listing
from chalicelib.api.celigo.run_errors import error_ids
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.mount import Route
from chalicelib.api.common.services import Services
from chalicelib.domain.errors import FieldsRefusedError
from chalicelib.domain.flows.tags import LONGEST_EMAIL, MOST_TAGS_OF_AN_ERROR, ErrorNotes
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problems
from chalicelib.domain.times import iso_ms
from chalicelib.services.access import Scope, require

if TYPE_CHECKING:
    from chalicelib.domain.flows.tags import Tag


class TagCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def list(self, call: Call) -> Reply:
        return listing.plain([_shown(tag) for tag in self._services().flow_tags.list(call.principal)])

    def create(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_RUNS)
        return Reply(201, _shown(self._services().flow_tags.create(call.principal, _name(call))))

    def get(self, call: Call) -> Reply:
        return Reply(200, _shown(self._services().flow_tags.get(call.principal, call.params["tag_id"])))

    def rename(self, call: Call) -> Reply:
        tags, id_ = self._services().flow_tags, call.params["tag_id"]
        tags.get(call.principal, id_, Scope.WRITE_RUNS)
        return Reply(200, _shown(tags.rename(call.principal, id_, _name(call))))

    def delete(self, call: Call) -> Reply:
        self._services().flow_tags.delete(call.principal, call.params["tag_id"])
        return Reply(204)


class NoteCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def tag(self, call: Call) -> Reply:
        """In the place of the tags that the errors have."""
        return self._note(call, self._tags)

    def assign(self, call: Call) -> Reply:
        return self._note(call, _assignee)

    def _note(self, call: Call, read: Callable[[Call, dict[str, Json], Problems], ErrorNotes]) -> Reply:
        errors, step_id = self._services().flow_errors, call.params["step_id"]
        flow = errors.step(call.principal, call.params["flow_id"], step_id, Scope.WRITE_RUNS)
        body = call.json_object()
        ids = error_ids(body, "errorIds")
        problems = Problems()
        notes = read(call, body, problems)
        if problems.found:
            raise FieldsRefusedError(problems=tuple(problems.found))
        errors.annotate(flow, step_id, ids, notes)
        return Reply(200, {})

    def _tags(self, call: Call, body: dict[str, Json], problems: Problems) -> ErrorNotes:
        given = body.get("tagIds")
        if given is None:
            problems.missing("tagIds")
        elif not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            problems.invalid("tagIds", "Path `tagIds` must be an array of strings.")
        else:
            ids = tuple(dict.fromkeys(str(each) for each in given))
            if len(ids) > MOST_TAGS_OF_AN_ERROR:
                problems.invalid("tagIds", f"Path `tagIds` may list at most {MOST_TAGS_OF_AN_ERROR} tags.")
            else:
                self._services().flow_tags.check(call.principal, ids, "tagIds")
                return ErrorNotes(tags=ids)
        return ErrorNotes()


def _assignee(_: Call, body: dict[str, Json], problems: Problems) -> ErrorNotes:
    """Null or an empty text is nobody."""
    email = body.get("email")
    if "email" not in body:
        problems.missing("email")
    elif email in (None, ""):
        return ErrorNotes(assigned_to="")
    elif not isinstance(email, str) or "@" not in email.strip()[1:-1] or len(email) > LONGEST_EMAIL:
        problems.invalid("email", "Path `email` must be an email address.")
    else:
        return ErrorNotes(assigned_to=email.strip())
    return ErrorNotes()


def _name(call: Call) -> str:
    problems = Problems()
    name = call.json_object().get("tag")
    if name is None or name == "" or (isinstance(name, str) and not name.strip()):
        problems.missing("tag")
    elif not isinstance(name, str):
        problems.invalid("tag", "Path `tag` must be a string.")
    if problems.found or not isinstance(name, str):
        raise FieldsRefusedError(problems=tuple(problems.found))
    return name


def _shown(tag: Tag) -> dict[str, Json]:
    return {
        "_id": tag.id,
        "tagId": tag.id,
        "tag": tag.name,
        "createdAt": iso_ms(tag.created_at),
        "lastModified": iso_ms(tag.updated_at),
    }


def routes(services: Callable[[], Services]) -> tuple[Route, ...]:
    """Below the door's prefix."""
    tags, notes = TagCalls(services), NoteCalls(services)
    return (
        Route("GET", "/tags", tags.list),
        Route("POST", "/tags", tags.create),
        Route("GET", "/tags/{tag_id}", tags.get),
        Route("PUT", "/tags/{tag_id}", tags.rename),
        Route("DELETE", "/tags/{tag_id}", tags.delete),
        Route("PUT", "/flows/{flow_id}/{step_id}/errors/assign", notes.assign),
        Route("PUT", "/flows/{flow_id}/{step_id}/tags", notes.tag),
    )
