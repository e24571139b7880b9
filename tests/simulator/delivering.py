"""What must hold of deliveries: who holds one, when it is attempted, what goes over the wire, and how it ends."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn

from chalicelib.domain.deliveries import Attempt, Delivery, DeliveryPlace, DeliveryStatus
from chalicelib.domain.endpoints import Endpoint, EndpointStatus
from chalicelib.domain.errors import EndpointNotFoundError
from chalicelib.domain.http import HttpRequest
from chalicelib.domain.json import encode
from tests.simulator.deployment import Stores
from tests.simulator.telling import Telling
from tests.simulator.world import Actor, Invocation, ViolationError, World

PAUSES_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""As it is documented, before the second attempt and each one after it; give or take a fifth."""

LONGEST_WISH_SECONDS = 86_400
FIVE_DAYS = timedelta(days=5)
TWO_DAYS = timedelta(days=2)
NEARLY = timedelta(minutes=30)
"""How far a success may lie behind the failure that is noted after it: attempts overlap, and clocks differ."""


@dataclass(slots=True)
class _Followed:
    """A delivery, as it should be. `claimed` is the fence under which somebody holds it."""

    delivery: Delivery
    body: bytes
    next_attempt_at: datetime | None
    status: DeliveryStatus
    holders: dict[int, tuple[Invocation, datetime | None]] = field(default_factory=dict)
    claimed: int | None = None
    attempts: int = 0
    series: int = 0


class Delivering:
    """Observes the port `deliveries` and, with `Telling`, `endpoints`; sees each request and what came of it."""

    def __init__(self, world: World, stores: Stores, telling: Telling, due_changed: Callable[[datetime], None]) -> None:
        self._world = world
        self._stores = stores
        self._telling = telling
        self._due_changed = due_changed
        self._read: dict[Actor, Endpoint | None] = {}
        self._answers: dict[Actor, tuple[str, int | None, float | None]] = {}
        self._tried: dict[str, list[tuple[datetime, bool]]] = {}
        self._holds: dict[Actor, Delivery] = {}
        self._disablings: Counter[tuple[str, str]] = Counter()
        self.taken: Counter[str] = Counter()
        self.followed: dict[str, _Followed] = {}
        self.attempts = 0

    def fail(self, message: str) -> NoReturn:
        self._world.violate(ViolationError(message))

    def before(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        return

    def after(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        name = call.partition(".")[2]
        if call == "endpoints.get":
            self._read[self._world.acting()] = None if isinstance(result, EndpointNotFoundError) else result
        if isinstance(result, Exception):
            return
        if call.startswith("endpoints."):
            self._endpoint_noted(name, arguments, result)
            return
        match name:
            case "create" if result:
                self._made(arguments[0])
            case "claim" if result is not None:
                self._claimed(result)
            case "attempted":
                self._attempted(*arguments, **named)
            case "put_off":
                self._put_off(*arguments, **named)
            case "revive" if result:
                self._revived(arguments[0], arguments[2])
            case "rearm" if result:
                self._due_changed(arguments[2])
            case "delete_of":
                self._forgotten(arguments[1])

    # -- what is stored -----------------------------------------------------------------------------------------------

    def _made(self, delivery: Delivery) -> None:
        self._telling.delivery_made(delivery)
        self.followed[delivery.id] = _Followed(
            delivery, encode(delivery.payload), delivery.next_attempt_at, delivery.status
        )
        self._is_looked_after(delivery.id, delivery.status, delivery.next_attempt_at, delivery.due_at)

    def _claimed(self, delivery: Delivery) -> None:
        followed = self.followed[delivery.id]
        if delivery.fence in followed.holders:
            self.fail(f"two holders of {delivery.id} have the fence {delivery.fence}")
        if followed.next_attempt_at is None or self._now() < followed.next_attempt_at:
            self.fail(f"{delivery.id} was claimed at {self._now()}, before it is due at {followed.next_attempt_at}")
        followed.holders[delivery.fence] = (self._world.acting().invocation, followed.next_attempt_at)
        followed.claimed = delivery.fence
        self._holds[self._world.acting()] = delivery
        self._is_looked_after(delivery.id, delivery.status, delivery.next_attempt_at, delivery.due_at)

    def _attempted(
        self,
        place: DeliveryPlace,
        fence: int,
        attempt: Attempt,
        *,
        status: DeliveryStatus,
        next_attempt_at: datetime | None,
        due_at: datetime | None,
        reason: str | None = None,
    ) -> None:
        followed = self._released(place, fence, status, next_attempt_at, due_at)
        self.attempts += 1
        followed.attempts += 1
        followed.series += 1
        if attempt.number != followed.attempts:
            self.fail(f"attempt {followed.attempts} of {place.id} is recorded as {attempt.number}")
        if followed.series > len(PAUSES_SECONDS) + 1:
            self.fail(f"{place.id} was attempted {followed.series} times")
        sent, answer, wish = self._answers.pop(self._world.acting(), ("", None, None))
        if sent != place.id or attempt.status != answer:
            self.fail(f"attempt {attempt.number} of {place.id} is recorded with {attempt.status}, and it was {answer}")
        is_well = answer is not None and 200 <= answer < 300
        if is_well is not (status is DeliveryStatus.SUCCEEDED) or (is_well and not self.taken[place.id]):
            self.fail(f"{place.id} is {status} after {answer}")
        self._tried.setdefault(place.endpoint_id, []).append((attempt.at, is_well))
        if status is DeliveryStatus.DEAD:
            self._died(followed, attempt, reason)
        if status is DeliveryStatus.PENDING:
            self._goes_on(followed, attempt, next_attempt_at, wish)

    def _died(self, followed: _Followed, attempt: Attempt, reason: str | None) -> None:
        if reason is None and followed.series != len(PAUSES_SECONDS) + 1:
            self.fail(f"{followed.delivery.id} was given up after {followed.series} attempts")
        self._is_announced(followed)

    def _is_announced(self, followed: _Followed) -> None:
        origin = followed.delivery.origin
        if origin.emitter_kind is None or origin.channel == "$errors":
            return
        if not self._telling.tells_of_dead_letter(followed.delivery):
            self.fail(f"{followed.delivery.id} is a dead letter, and its emitter never said so")

    def _goes_on(
        self, followed: _Followed, attempt: Attempt, next_attempt_at: datetime | None, wish: float | None
    ) -> None:
        name = followed.delivery.id
        if followed.series > len(PAUSES_SECONDS) or next_attempt_at is None:
            self.fail(f"{name} goes on after {followed.series} attempts, at {next_attempt_at}")
        wish = wish if wish and attempt.status in {429, 503} else 0.0
        wish = min(wish, LONGEST_WISH_SECONDS)
        pause = PAUSES_SECONDS[followed.series - 1]
        answered_at = attempt.at + timedelta(milliseconds=attempt.latency_ms)
        least = answered_at + timedelta(seconds=max(pause * 0.8, wish))
        most = answered_at + timedelta(seconds=max(pause * 1.2, wish) + 1)
        if next_attempt_at < least:
            self.fail(f"{name} is to be attempted again at {next_attempt_at}, and not before {least}")
        if next_attempt_at > max(most, self._now() + timedelta(seconds=max(pause * 1.2, wish) + 1)):
            self.fail(f"{name} is to be attempted again at {next_attempt_at}, and by {most}")

    def _put_off(
        self,
        place: DeliveryPlace,
        fence: int,
        *,
        status: DeliveryStatus,
        next_attempt_at: datetime | None,
        due_at: datetime | None,
        reason: str | None = None,
    ) -> None:
        followed = self._released(place, fence, status, next_attempt_at, due_at)
        endpoint = self._read.get(self._world.acting())
        is_over = endpoint is None or endpoint.status is EndpointStatus.DISABLED
        if status is DeliveryStatus.DEAD and not is_over:
            self.fail(f"{place.id} was given up without an attempt")
        if status is DeliveryStatus.DEAD and endpoint is not None:
            self._is_announced(followed)
        if status is DeliveryStatus.HELD and (endpoint is None or endpoint.status is not EndpointStatus.PAUSED):
            self.fail(f"{place.id} is held, and its endpoint is not paused")

    def _released(
        self,
        place: DeliveryPlace,
        fence: int,
        status: DeliveryStatus,
        next_attempt_at: datetime | None,
        due_at: datetime | None,
    ) -> _Followed:
        followed = self.followed[place.id]
        holder = followed.holders.get(fence)
        if holder is None or holder[0] is not self._world.acting().invocation or followed.claimed != fence:
            self.fail(f"{place.id} was written under the fence {fence}, which the writer does not hold any more")
        followed.claimed = None
        followed.next_attempt_at, followed.status = next_attempt_at, status
        self._is_looked_after(place.id, status, next_attempt_at, due_at)
        return followed

    def _revived(self, place: DeliveryPlace, due_at: datetime) -> None:
        followed = self.followed[place.id]
        by = self._world.acting().invocation.name
        if followed.status.is_final and not by.startswith(("api", "worker")):
            self.fail(f"{place.id} ended {followed.status}, and {by} began it again")
        stored = self._stores.deliveries._at(place)
        assert stored is not None
        followed.status, followed.claimed, followed.series = DeliveryStatus.PENDING, None, 0
        followed.next_attempt_at = stored.next_attempt_at
        self._is_looked_after(place.id, stored.status, stored.next_attempt_at, due_at)

    def _is_looked_after(
        self, name: str, status: DeliveryStatus, next_attempt_at: datetime | None, due_at: datetime | None
    ) -> None:
        if status is not DeliveryStatus.PENDING:
            if due_at is not None:
                self.fail(f"{name} is {status} and in the due index")
            return
        stored = next((each for each in self._stores.deliveries._deliveries.values() if each.id == name), None)
        if due_at is None or next_attempt_at is None or (stored and stored.due_at is None):
            self.fail(f"{name} is pending, and nobody will look after it")
        elif due_at:
            self._due_changed(due_at)

    def _forgotten(self, endpoint_id: str) -> None:
        if self._telling.endpoint_now(endpoint_id) is not None:
            self.fail(f"deliveries of {endpoint_id} were deleted, which is there")

    # -- endpoints ----------------------------------------------------------------------------------------------------

    def _endpoint_noted(self, name: str, arguments: tuple[Any, ...], result: Any) -> None:
        if name == "note_success" and self._world.acting().invocation.name.startswith("api"):
            self._tried.pop(arguments[1], None)
        if name == "note_failure":
            self._failed(arguments[1], arguments[2])
        if name == "disable" and result:
            self._disabled(arguments[1], arguments[3])
            origin = self._holds[self._world.acting()].origin
            if origin.emitter_kind is not None:
                self._disablings[arguments[1], origin.emitter_id] += 1

    def _failed(self, endpoint_id: str, at: datetime) -> None:
        """What is noted before the attempt is recorded counts as well, should that never happen."""
        name, status, _ = self._answers.get(self._world.acting(), ("", None, None))
        if name and (status is None or not 200 <= status < 300):
            self._tried.setdefault(endpoint_id, []).append((at, False))

    def _disabled(self, endpoint_id: str, at: datetime) -> None:
        if self._answers.get(self._world.acting(), ("", None, None))[1] == 410:
            return
        tried = self._tried.get(endpoint_id, [])
        last_success = max((each for each, is_well in tried if is_well), default=None)
        failures = [each for each, is_well in tried if not is_well]
        since = at
        for each in sorted(failures, reverse=True):
            if since - each > TWO_DAYS + NEARLY or (last_success is not None and each <= last_success - NEARLY):
                break
            since = min(since, each)
        if at - since < FIVE_DAYS:
            self.fail(f"{endpoint_id} was disabled at {at}, and it took something or was not asked before {since}")

    # -- the wire -----------------------------------------------------------------------------------------------------

    def requested(self, request: HttpRequest) -> None:
        actor = self._world.acting()
        name = request.headers.get("webhook-id", "")
        followed, endpoint = self.followed.get(name), self._read.get(actor)
        if followed is None or endpoint is None:
            self.fail(f"{request.url} was sent something that is no delivery: {name}")
        if endpoint.id != followed.delivery.endpoint_id or request.url != endpoint.url:
            self.fail(f"{name} was sent to {request.url}")
        if endpoint.status is not EndpointStatus.ACTIVE:
            self.fail(f"{name} was sent to {endpoint.id}, which is {endpoint.status}")
        due = [at for holder, at in followed.holders.values() if holder is actor.invocation]
        if not due or due[-1] is None or self._now() < due[-1]:
            self.fail(f"{name} was sent by somebody who does not hold it, or before it was due")
        if request.body != followed.body:
            self.fail(f"{name} carries {request.body!r}, and at first carried {followed.body!r}")
        self._is_signed(request, endpoint)
        self._answers[actor] = (name, None, None)

    def _is_signed(self, request: HttpRequest, endpoint: Endpoint) -> None:
        name, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        if abs(float(timestamp) - self._now().timestamp()) > 30:
            self.fail(f"{name} is stamped {timestamp}, and it is {self._now().timestamp()}")
        signed = f"{name}.{timestamp}.".encode() + (request.body or b"")
        expected = {_signature(secret.value, signed) for secret in endpoint.secrets if secret.holds_at(self._now())}
        if set(request.headers["webhook-signature"].split()) != expected:
            self.fail(f"{name} is not signed with the secrets of {endpoint.id}")

    def answered(self, status: int | None, wish: float | None) -> None:
        actor = self._world.acting()
        self._answers[actor] = (self._answers[actor][0], status, wish)

    def restless(self) -> list[str]:
        """The deliveries that are not at their end, nor held by somebody who may go on when he likes."""
        found = []
        for delivery in self._stores.deliveries._deliveries.values():
            endpoint = self._telling.endpoint_now(delivery.endpoint_id)
            # One that is disabled while what it held is being released keeps the rest until it is resumed again.
            is_at_rest = endpoint is not None and endpoint.status is not EndpointStatus.ACTIVE
            if delivery.status is DeliveryStatus.HELD and is_at_rest:
                continue
            if not delivery.status.is_final or delivery.due_at is not None:
                found.append(f"{delivery.id} ({delivery.status})")
        return found

    def close(self) -> None:
        """Everything that was made is there, as it was written, unless its endpoint is gone."""
        for name, followed in self.followed.items():
            endpoint_id = followed.delivery.endpoint_id
            if self._telling.endpoint_now(endpoint_id) is None:
                continue
            stored = self._stores.deliveries.get(followed.delivery.workspace_id, endpoint_id, name)
            if (stored.status, stored.attempts) != (followed.status, followed.attempts):
                self.fail(f"{name} is {stored.status} after {stored.attempts} attempts, and should be otherwise")
            numbers = [attempt.number for attempt in self._stores.deliveries.attempts(stored.place)]
            if numbers != list(range(1, followed.attempts + 1)):
                self.fail(f"{name} shows the attempts {numbers}")
        for (endpoint_id, emitter_id), times in self._disablings.items():
            told = self._telling.tells_of_disabling(endpoint_id, emitter_id)
            if told > times or (told < times and self._telling.endpoint_now(endpoint_id) is not None):
                self.fail(f"{endpoint_id} was disabled {times} times for {emitter_id}, and that was told {told} times")

    def _now(self) -> datetime:
        return self._world.time(self._world.acting().invocation.skew_ms)


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
