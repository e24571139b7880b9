"""`python -m tests.npm`: has what we sign verified by the library that receivers in JavaScript use, and the corpora of
templates and dates checked by the libraries that they follow.

Apart from the suite, because it needs Node and what `npm ci --prefix tests/npm` installs. Exit codes: 0 every delivery
was judged as it should be and every corpus is as its library has it, 1 one was not.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from chalicelib.domain.deliveries import Delivery, Origin
from chalicelib.domain.endpoints import Endpoint, Secret
from chalicelib.domain.events import EmitterKind
from chalicelib.domain.json import Json, encode
from chalicelib.domain.times import from_epoch_ms
from chalicelib.services.events.messages import headers_for

_SCRIPT = Path(__file__).with_name("verify.mjs")
_CORPORA = Path(__file__).parent.parent / "unit" / "handlebars"
_NEW, _OLD, _OTHER = ("whsec_" + base64.b64encode(bytes([letter]) * 32).decode() for letter in b"not")
_PAYLOAD: Json = {"raw_event": {"order": 8841, "stadt": "Köln", "emoji": "🚚", "n": 1.5}}


def main() -> int:
    deliveries = list(_deliveries())
    lines = "\n".join(json.dumps(each) for each, _ in deliveries)
    done = subprocess.run(
        ["node", str(_SCRIPT)], input=lines, capture_output=True, text=True, encoding="utf-8", check=True
    )
    answers = {answer["name"]: answer for answer in map(json.loads, done.stdout.splitlines())}
    failed = 0
    for sent, expected in deliveries:
        answer = answers.get(sent["name"], {})
        is_right = answer.get("verified") is expected and (not expected or answer.get("event") == _PAYLOAD)
        failed += not is_right
        sys.stdout.write(f"{'ok' if is_right else 'WRONG'}  {sent['name']}\n")
    failed += _check_corpus("handlebars.mjs", "language.json") + _check_corpus("moments.mjs", "moments.json")
    return 1 if failed else 0


def _check_corpus(script: str, name: str) -> int:
    """How many cases of a corpus the library decides otherwise."""
    corpus = (_CORPORA / name).read_text(encoding="utf-8")
    done = subprocess.run(
        ["node", str(Path(__file__).with_name(script))],
        input=corpus,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    pairs = list(zip(json.loads(corpus), json.loads(done.stdout), strict=True))
    wrong = [ours for ours, theirs in pairs if ours != theirs]
    for case in wrong:
        sys.stdout.write(f"WRONG  {json.dumps(case, ensure_ascii=False)}\n")
    sys.stdout.write(f"{'WRONG' if wrong else 'ok'}  {len(pairs)} cases of {name}\n")
    return len(wrong)


def _deliveries() -> Iterator[tuple[dict[str, Any], bool]]:
    """What a receiver gets, and whether it is to accept it."""
    good = _signed(Secret(_NEW))
    yield {"name": "as it was sent", "secret": _NEW, **good}, True
    yield {"name": "with another secret", "secret": _OTHER, **good}, False
    rotated = _signed(Secret(_NEW), Secret(_OLD, from_epoch_ms(4_000_000_000_000)))
    yield {"name": "with the new secret of two", "secret": _NEW, **rotated}, True
    yield {"name": "with the old secret of two", "secret": _OLD, **rotated}, True
    yield {"name": "with a tampered body", "secret": _NEW, **good, "body": good["body"].replace("8841", "8842")}, False
    for name in ("webhook-id", "webhook-timestamp"):
        tampered = {**good["headers"], name: good["headers"][name] + "1"}
        yield {"name": f"with a tampered {name}", "secret": _NEW, **good, "headers": tampered}, False
    yield {"name": "an hour later", "secret": _NEW, **_signed(Secret(_NEW), ago=timedelta(hours=1))}, False


def _signed(*secrets: Secret, ago: timedelta = timedelta()) -> dict[str, Any]:
    at = from_epoch_ms(round(time.time() * 1000)) - ago
    origin = Origin(EmitterKind.WORKFLOW, "wf_1", "", "1-0", "emit_1")
    delivery = Delivery("msg_1", "ws_1", "wh_1", "event", _PAYLOAD, origin, at)
    endpoint = Endpoint("wh_1", "ws_1", "user_1", "https://receiver.example/", at, at, secrets)
    body = encode(_PAYLOAD)
    return {"headers": headers_for(endpoint, delivery, at, body), "body": body.decode()}


if __name__ == "__main__":
    raise SystemExit(main())
