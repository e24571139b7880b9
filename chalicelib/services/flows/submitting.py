"""An import's way with a page of records where scripts have a say in it: transform, preMap, mapping, postMap, request,
postSubmit.

Between two requests of a page a whole step may lie, so whoever walks this way keeps what scripts said: a script that
was asked once is not asked again because a request has to be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.domain.flows.hooks import Action, faults_of_response
from chalicelib.domain.flows.http import FlowHttpError
from chalicelib.domain.flows.pages import Fault, fault_of
from chalicelib.domain.flows.scripts import ScriptRef
from chalicelib.domain.json import Json
from chalicelib.domain.records.errors import RecordError
from chalicelib.services.flows.desk import Desk
from chalicelib.services.flows.hooks import acted, submitted, transformed
from chalicelib.services.flows.writing import Planned, Submitted, failed, plan_for, refused, send

Keep = Callable[[str, Callable[[], Json]], Json]
"""Gives what is kept under a name; what the function gives, from then on, where nothing is."""


def response_of(response: Mapping[str, Json], fault: Fault | None) -> dict[str, Json]:
    """As hooks see what became of a record."""
    usual: dict[str, Json] = {"statusCode": 200, "errors": [], "ignored": False}
    if fault is not None:
        # For a record that failed without a request; the status of an answer goes before it.
        usual |= {"statusCode": 422, "errors": [fault.shown()]}
    return {**usual, **response}


class HookedPage:
    """Records are named by their places on the page. Each comes to one result; those without one go on."""

    def __init__(self, desk: Desk, records: Sequence[Json], keep: Keep) -> None:
        self._desk = desk
        self._scripts = desk.rules.scripts
        self._records = list(records)
        self._keep = keep
        self._plans: dict[int, Planned] = {}
        self._notes: dict[int, tuple[Fault, ...]] = {}
        self._results: dict[int, Submitted] = {}

    @property
    def asks(self) -> bool:
        """Whether mapping a record may make requests."""
        return any(holder.get("lookups") for holder in (self._desk.rules.document, self._desk.rules.http))

    @property
    def standing(self) -> list[int]:
        return [place for place in range(len(self._records)) if place not in self._results]

    def prepare(self) -> None:
        """Transform and preMap. Raises OutOfTimeError, UnavailableError, as do all that ask scripts."""
        is_scripted = self._scripts.transform is not None
        self._take(self._asked("@transform", self._transformed, is_kept=is_scripted))
        ref = self._scripts.pre_map
        if ref is not None:
            self._take(self._asked("@preMap", lambda: acted(self._desk, ref, "pre_map_hook", {"data": self._now()})))

    def mapped(self, place: int) -> Json:
        """A record that goes on, mapped as `plan` wants it. Raises as `plan_for` does."""
        found = plan_for(self._desk, place, self._records[place])
        if isinstance(found, Submitted):
            return {"s": found.to_json()}
        return {"m": found.mapped, "q": found.request}

    def mapped_once(self, place: int) -> Json:
        """The same, for who tries nothing again."""
        try:
            return self.mapped(place)
        except FlowHttpError as error:
            return self.unmapped(error)

    @staticmethod
    def unmapped(error: FlowHttpError) -> Json:
        """The same of one whose mapping failed for good."""
        return {"s": refused(error).to_json()}

    def plan(self, mapped: Mapping[int, Any]) -> None:
        """Takes the mappings, and asks postMap about them."""
        for place, each in mapped.items():
            if "s" in each:
                self._results[place] = Submitted.of_json(each["s"])
            else:
                self._plans[place] = Planned(place, self._records[place], each["m"], each["q"])
        ref = self._scripts.post_map
        if ref is None:
            return
        members = {"preMapData": self._now(), "postMapData": [self._plans[place].mapped for place in self.standing]}
        for place, action in self._asked("@postMap", lambda: acted(self._desk, ref, "post_map_hook", members)):
            if action.data is None:
                self._stop(place, action)
            else:
                self._note(place, action)
                self._plans[place] = replace(self._plans[place], mapped=action.data[0])

    def send(self, places: Sequence[int], key: str | None) -> dict[int, Submitted]:
        """Raises as `send` does."""
        return send(self._desk, [self._plans[place] for place in places], key)

    def finish(self, sent: Mapping[int, Submitted]) -> list[Submitted]:
        """What became of every record, after postSubmit was asked about those that were sent."""
        ref = self._scripts.post_submit
        if ref is not None and sent:
            sent = self._submitted(ref, dict(sent))
        self._results |= sent
        results = [self._results[place] for place in range(len(self._records))]
        return [
            replace(result, notes=(*self._notes.get(place, ()), *result.notes)) for place, result in enumerate(results)
        ]

    # -- asking -------------------------------------------------------------------------------------------------------

    def _now(self) -> list[Json]:
        return [self._records[place] for place in self.standing]

    def _transformed(self) -> list[Action]:
        found = transformed(self._desk, self._now())
        return [Action(faults=(each,)) if isinstance(each, Fault) else Action(each) for each in found]

    def _asked(self, name: str, ask: Callable[[], list[Action]], *, is_kept: bool = True) -> list[tuple[int, Action]]:
        """What is said of each record that goes on. Whoever fails to say it fails all of them."""
        places = self.standing
        if not places:
            return []
        try:
            if not is_kept:
                return list(zip(places, ask(), strict=True))
            said: Any = self._keep(name, lambda: [each.to_json() for each in ask()])
        except (RecordError, FlowHttpError) as error:
            for place in places:
                self._results[place] = failed(fault_of(error))
            return []
        return [(place, Action.of_json(each)) for place, each in zip(places, said, strict=True)]

    def _take(self, said: Sequence[tuple[int, Action]]) -> None:
        for place, action in said:
            if action.data is None:
                self._stop(place, action)
            else:
                self._note(place, action)
                self._records[place] = action.data[0]

    def _note(self, place: int, action: Action) -> None:
        self._notes[place] = (*self._notes.get(place, ()), *action.faults)

    def _stop(self, place: int, action: Action) -> None:
        if action.faults:
            self._results[place] = replace(failed(action.faults[0]), notes=action.faults[1:])
        else:
            self._results[place] = Submitted({"ignored": True}, is_ignored=True)

    def _submitted(self, ref: ScriptRef, sent: dict[int, Submitted]) -> dict[int, Submitted]:
        places = sorted(sent)
        members: dict[str, Sequence[Json]] = {
            "preMapData": [self._plans[place].record for place in places],
            "postMapData": [self._plans[place].mapped for place in places],
            "responseData": [response_of(sent[place].response, sent[place].fault) for place in places],
        }
        try:
            said: Any = self._keep("@postSubmit", lambda: list[Json](submitted(self._desk, ref, members)))
        except (RecordError, FlowHttpError) as error:
            fault = fault_of(error)
            told: dict[str, Json] = {"errors": [fault.shown()]}
            return {place: Submitted({**each.response, **told}, fault) for place, each in sent.items()}
        return {place: _judged(each, sent[place]) for place, each in zip(places, said, strict=True)}


def _judged(response: dict[str, Json], before: Submitted) -> Submitted:
    faults = faults_of_response(response, before.fault)
    if faults:
        return Submitted(response, faults[0], notes=faults[1:])
    return Submitted(response, is_ignored=response.get("ignored") is True)
