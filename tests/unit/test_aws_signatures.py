"""AWS Signature Version 4, against the published samples and against the signer of AWS's own library."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as LibraryCredentials

from chalicelib.domain.aws_signatures import Credentials, Signable, authorization, query_signature

NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
STAMP = "20150830T123600Z"
WHO = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
HOST = "https://example.amazonaws.com"
FORM = "application/x-www-form-urlencoded"


def signed(method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b"") -> str:
    return authorization(Signable(method, url, dict(headers or {}), body), WHO, "us-east-1", "service", NOW)


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "signature"),
    [
        ("GET", "/", {}, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            *("GET", "/?Param2=value2&Param1=value1", {}, b""),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("GET", "/\u1234", {}, b"", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ("POST", "/", {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            *("POST", "/", {"Content-Type": FORM}, b"Param1=value1"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)
def test_the_published_samples_come_out(
    method: str, url: str, headers: dict[str, str], body: bytes, signature: str
) -> None:
    found = signed(method, HOST + url, headers, body)

    names = "content-type;host;x-amz-date" if headers else "host;x-amz-date"
    scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
    assert found == f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"


@pytest.mark.parametrize("service", ["service", "s3"])
@pytest.mark.parametrize("token", ["", "a session's"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/", b""),
        ("GET", "/a//b/../c/./d/?b=2&a=1&a=0&c", b""),
        ("PUT", "/with%20space/%C3%A4?q=%2Fx%20y&z=a%2Bb", b'{"a": 1}'),
        ("DELETE", "/~user/%28x%29%2A%27%21/?empty=&~=-_.", b""),
    ],
)
def test_the_library_signs_alike(method: str, path: str, body: bytes, token: str, service: str) -> None:
    url = f"https://bucket.{service}.eu-west-1.amazonaws.com{path}"
    who = Credentials(WHO.access_key, WHO.secret_key, token)
    headers = {"Content-Type": "application/json", "X-Amz-Meta-Note": "  two   spaces "}
    theirs = AWSRequest(method, url, headers=dict(headers), data=body)
    theirs.context["timestamp"] = STAMP
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(LibraryCredentials(who.access_key, who.secret_key, token or None), service, "eu-west-1")
    theirs.headers["X-Amz-Date"] = STAMP
    if token:
        theirs.headers["X-Amz-Security-Token"] = token
    if service == "s3":
        theirs.headers["X-Amz-Content-SHA256"] = signer.payload(theirs)
    wanted = signer.signature(signer.string_to_sign(theirs, signer.canonical_request(theirs)), theirs)

    ours = Signable(method, url, dict(headers), body)
    found = authorization(ours, who, "", "", NOW)

    assert found.endswith(f"Signature={wanted}")
    assert ours.headers["X-Amz-Date"] == STAMP
    assert ours.headers.get("X-Amz-Security-Token", "") == token
    assert ("X-Amz-Content-Sha256" in ours.headers) is (service == "s3")


def test_a_time_that_the_request_has_already_is_the_one_that_is_signed() -> None:
    earlier = signed("GET", HOST, {"x-amz-date": "20150830T123559Z"})

    assert earlier != signed("GET", HOST)
    assert earlier == authorization(
        Signable("GET", HOST, {}), WHO, "us-east-1", "service", NOW.replace(minute=35, second=59)
    )


def test_the_published_sample_of_a_signed_address_comes_out() -> None:
    url = (
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
    )
    who = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

    found = query_signature(Signable("GET", url, {}, is_query=True), who, "", "", NOW)

    assert found == "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
