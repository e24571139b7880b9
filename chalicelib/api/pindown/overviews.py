"""Overviews of pins as answers: named by what they say, so that who has it is not sent it again.

Whoever knows the id of a public pin may ask for its overview, without a key and without end, and it is the costliest
thing that anybody may ask for. So strangers share what one of them was shown a moment ago.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.common.static import names
from chalicelib.api.pindown import wire
from chalicelib.api.pindown.envelope import success
from chalicelib.domain.json import Json, encode
from chalicelib.domain.pins import Pin

SHARED_FOR = timedelta(seconds=2)
_KEPT = 16

SERIES_WANTED = ("true", "1")
_OWN = "private, no-cache"
_SHARED = f"public, max-age={SHARED_FOR.seconds}"


class SharedOverviews:
    """Those of this process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, bool], tuple[datetime, Json]] = OrderedDict()
        self._lock = Lock()

    def reply(self, call: Call, services: Services, pin: Pin) -> Reply:
        """For whoever may see the pin now: that was found out for this call alone, and is never shared."""
        with_series = wants_series(call)
        if call.caller is not None or not pin.is_public:
            return revalidated(call, read(services, pin, with_series), _OWN)
        return revalidated(call, self._shared(services, pin, with_series), _SHARED)

    def _shared(self, services: Services, pin: Pin, with_series: bool) -> Json:
        key, now = (pin.id, with_series), services.clock.now()
        with self._lock:
            # What is not kept is over just now.
            until, shown = self._kept.get(key, (now, None))
        if now < until:
            return shown
        # Outside the lock: a slow read of one pin must not hold up the others. Two at once may both read.
        shown = read(services, pin, with_series)
        with self._lock:
            self._kept[key] = (now + SHARED_FOR, shown)
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return shown


def own(call: Call, services: Services, pin: Pin) -> Reply:
    return revalidated(call, read(services, pin, wants_series(call)), _OWN)


def read(services: Services, pin: Pin, with_series: bool) -> Json:
    return wire.overview(services.pin_data.overview(pin, with_series=with_series))


def wants_series(call: Call) -> bool:
    return call.param("series") in SERIES_WANTED


def revalidated(call: Call, shown: Json, kept: str) -> Reply:
    headers = {"ETag": f'W/"{hashlib.sha256(encode(shown)).hexdigest()[:32]}"', "Cache-Control": kept}
    if names(call.headers.get("if-none-match", ""), headers["ETag"].removeprefix("W/")):
        return Reply(304, headers=headers)
    answer = success(data=shown)
    return Reply(answer.status, answer.body, headers)
