"""HTTP requests as events."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import TooLargeError
from chalicelib.domain.http_events import MAX_BODY_BYTES, HttpEvent, to_event
from chalicelib.domain.json import Json

FORM = (
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--b\r\nContent-Disposition: form-data; name="f \\"q\\""; filename="x"\r\n'
    b"Content-Type: text/plain\r\n\r\nl1\r\nl2\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("type_", "raw", "body"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("application/vnd.api+json; charset=utf-8", b"[1]", [1]),
        ("application/json", b"{broken", "{broken"),
        ("application/x-www-form-urlencoded", b'{"a": 1}', '{"a": 1}'),
        ("text/plain", b"\xff", "\ufffd"),
        ("", b"x", "x"),
        ("multipart/form-data; boundary=b", FORM, {"a": "1", 'f "q"': "l1\r\nl2"}),
        ('multipart/form-data; boundary="b"', FORM, {"a": "1", 'f "q"': "l1\r\nl2"}),
        ("multipart/form-data", FORM, FORM.decode()),
    ],
)
def test_a_body_is_read_by_its_type(type_: str, raw: bytes, body: Json) -> None:
    assert to_event(HttpEvent("post", headers={"Content-Type": type_}, body=raw))["body"] == body


def test_without_a_body_there_is_none() -> None:
    event = to_event(HttpEvent("get", "x", {"a": ["1"], "b": ["1", "2"]}, {"X-A": "b"}))

    assert event == {
        "method": "GET",
        "path": "/x",
        "query": {"a": "1", "b": ["1", "2"]},
        "headers": {"x-a": "b"},
        "bodyRaw": "",
    }


def test_a_body_has_512_kilobytes_at_most() -> None:
    with pytest.raises(TooLargeError):
        to_event(HttpEvent("POST", body=b"x" * (MAX_BODY_BYTES + 1)))
