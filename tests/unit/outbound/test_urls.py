"""One reading of a URL: what comes out of the parser reads the same to everybody, this parser included."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.errors import OutboundRefusedError
from chalicelib.outbound.addresses import kind_refused
from chalicelib.outbound.urls import MQTT, Url, follow, parse_url

_PIECES = r"http:// https:// // / \ @ : :80 [ ] [::1] 127.0.0.1 example.com %2e %00 ? # . .. 0x7f é １ 。 a {x} &b=c"
PIECES = st.sampled_from([*_PIECES.split(), " ", "\t", "\n"])


def parsed_or_none(text: str) -> Url | None:
    try:
        return parse_url(text)
    except OutboundRefusedError:
        return None


@given(st.lists(PIECES, max_size=8).map("".join).map("http://".__add__))
@example("http://example.com/a%zz?{x}|^`\"<>'")
def test_the_normal_form_reads_the_same_to_every_parser(text: str) -> None:
    url = parsed_or_none(text)
    if url is None:
        return

    again = urlsplit(str(url))

    assert str(parse_url(str(url))) == str(url)
    assert (again.scheme, again.hostname, again.username) == (url.scheme, url.host, None)
    assert (again.port or {"http": 80, "https": 443}[url.scheme]) == url.port
    assert str(url).isascii()
    assert " " not in str(url)


@given(st.lists(PIECES, max_size=6).map("".join))
def test_a_redirect_yields_a_normal_form_or_a_refusal(location: str) -> None:
    base = parse_url("https://example.com/a/b")
    try:
        url = follow(base, location)
    except OutboundRefusedError:
        return

    assert parse_url(str(url)) == url


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("https://example.com:443/a/../b", "https://example.com/a/../b"),
        ("http://example.com?x=1", "http://example.com/?x=1"),
        ("http://example.com/ü?q=a b&f[x]=%20#top", "http://example.com/%C3%BC?q=a%20b&f[x]=%20"),
        ("http://[2606:4700:0:0:0:0:0:1]:8080", "http://[2606:4700::1]:8080/"),
        ('http://example.com/?j={"a":1}\\', "http://example.com/?j=%7B%22a%22:1%7D%5C"),
    ],
)
def test_the_normal_form(text: str, normal: str) -> None:
    assert str(parse_url(text)) == normal


def test_nothing_passes_that_the_standard_library_calls_not_global() -> None:
    dice = random.Random(7)
    v4 = [IPv4Address(dice.getrandbits(32)) for _ in range(3_000)]
    v6 = [IPv6Address(dice.getrandbits(128) >> dice.choice([0, 2, 8])) for _ in range(3_000)]
    addresses: list[IPv4Address | IPv6Address] = [*v4, *v6]

    passed = [address for address in addresses if kind_refused(address) is None]

    assert len(passed) > 2_000
    assert all(address.is_global for address in passed)


@pytest.mark.parametrize("text", ["mqtt://h.example", "mqtts://h.example", "ssl://h.example"])
def test_only_the_schemes_that_are_asked_for_are_read(text: str) -> None:
    with pytest.raises(OutboundRefusedError, match="only http and https are called"):
        parse_url(text)

    assert str(parse_url(text, MQTT)) == f"{text}/"
