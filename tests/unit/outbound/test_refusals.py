"""No socket opens to an address that is not public, however the URL, the name or a redirect spells it."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import OutboundConnectError, OutboundError, OutboundRefusedError
from chalicelib.domain.http import HttpRequest
from chalicelib.outbound import GuardedClient
from tests.unit.outbound.conftest import NetworkFactory
from tests.unit.outbound.fakes import FakeNetwork, FakeResolver, answer

PUBLIC = "93.184.215.14"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"

REFUSED_IPV4 = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.0.0.53",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.100.1",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
]

REFUSED_IPV6 = [
    "::",
    "::1",
    "0:0:0:0:0:0:0:1",
    "0000:0000:0000:0000:0000:0000:0000:0001",
    "::127.0.0.1",
    "::7f00:1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:7f00:0001",
    "::FFFF:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::ffff:0.0.0.0",
    "::ffff:192.168.1.1",
    "::ffff:100.64.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.0.0.1",
    "64:ff9b::192.168.0.1",
    "64:ff9b:1::7f00:1",
    "64:ff9b:1::808:808",
    "64:ff9b:1:ffff::169.254.169.254",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:7f00:0001::1",
    "2002:a9fe:a9fe::",
    "2002:c0a8:101::1",
    "2002:808:808::1",
    "2606:4700::5efe:127.0.0.1",
    "2606:4700::200:5efe:10.0.0.1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fe80::1",
    "fe80::5efe:127.0.0.1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]

ODD_SPELLINGS = [
    # IPv4 as the C library would read it
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0X7F000001/",
    "http://017700000001/",
    "http://0x7f.0.0.1/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://0177.0.0.1/",
    "http://0177.0.0.01/",
    "http://127.0.0.01/",
    "http://127.000.000.001/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://0x/",
    "http://0x0/",
    "http://00/",
    "http://127.0.0.1./",
    "http://127.1./",
    "http://127.0.0.0x1/",
    "http://2852039166/",
    "http://0xA9FEA9FE/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://169.16689662/",
    "http://425.510.425.510/",
    "http://256.256.256.256/",
    "http://1.2.3.4.5/",
    "http://4294967297/",
    "http://99999999999999999999/",
    "http://example.1/",
    "http://example.0x7f/",
    "http://..1/",
    # loopback by name
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://localhost:9001/",
    "http://foo.localhost/",
    "http://foo.localhost./",
    # other alphabets and encodings
    "http://１２７.０.０.１/",
    "http://127。0。0。1/",
    "http://127.0.0．1/",
    "http://①②⑦.0.0.1/",
    "http://ⓛocalhost/",
    "http://lоcalhost/",
    "http://loc\u00adalhost/",
    "http://localhost\u200b/",
    "http://١٢٧.٠.٠.١/",
    "http://%31%32%37.0.0.1/",
    "http://127%2e0%2e0%2e1/",
    "http://%6cocalhost/",
    "http://localhost%00.example.com/",
    "http://localhost%2f.example.com/",
    "http://example.com%40127.0.0.1/",
    # user information and other ways to hide the host
    "http://example.com@127.0.0.1/",
    "http://user:secret@example.com/",
    "http://@example.com/",
    "http://:@example.com/",
    "http://127.0.0.1@example.com/",
    "http://example.com:80@127.0.0.1/",
    "http://example.com@evil@127.0.0.1/",
    "http://example.com\\@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http://example.com\\.evil.test/",
    "http:\\\\127.0.0.1/",
    "http:/\\127.0.0.1/",
    "http://\\127.0.0.1/",
    "http://example.com/a\\b",
    "http://[::1]@example.com/",
    # bracket trouble
    "http://[::1/",
    "http://::1/",
    "http://::1]/",
    "http://[]/",
    "http://[[::1]]/",
    "http://[::1]x/",
    "http://[::1].example.com/",
    "http://[127.0.0.1]/",
    "http://[localhost]/",
    "http://[v1.fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[2606:4700::1111%25lo]/",
    "http://[::1%00]/",
    "http://[0:0:0:0:0:0:0:0:1]/",
    # hosts that are none
    "http://",
    "http:///",
    "http:///example.com/",
    "http://./",
    "http://../",
    "http://?q=1",
    "http://#x",
    "http://:80/",
    "http://example..com/",
    "http://.example.com/",
    "http://example.com../",
    "http://-example.com/",
    "http://exa mple.com/",
    "http://exa*mple.com/",
    "http://exa$(x).com/",
    "http://example.com;127.0.0.1/",
    "http://example.com,127.0.0.1/",
    "http://exam|ple.com/",
    "http://<example>.com/",
    "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 127 + "com/",
    "http://example.com/" + "a" * 20_000,
    # ports
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:99999999999/",
    "http://example.com:-80/",
    "http://example.com:+80/",
    "http://example.com:8 0/",
    "http://example.com:80:90/",
    "http://example.com:http/",
    "http://example.com:0x50/",
    "http://example.com:８０/",
    "http://example.com:/",
    "http://[2606:4700::1111]:/",
    # control characters and white space
    " http://example.com/",
    "http://example.com/ ",
    "\thttp://example.com/",
    "http://example.com/\n",
    "ht\ntp://example.com/",
    "http://127.0.0.1\r\nHost: example.com/",
    "http://example.com\r\n127.0.0.1/",
    "http://example.com\t/",
    "http://example.com\x00.evil.test/",
    "http://example.com/\r\nX-Injected: 1",
    "http://example.com/?a=\r\nX-Injected: 1",
    "http://example.com/\x00",
    "http://example.com/\x7f",
    "http://example.com\u2028/",
    "http://example.com\u00a0/",
    "http://example.com/\ud800",
    # schemes
    "",
    "example.com",
    "//example.com/",
    "/etc/passwd",
    "http",
    "http:",
    "http:example.com",
    "http:/example.com",
    "file:///etc/passwd",
    "ftp://example.com/",
    "gopher://127.0.0.1:25/_HELO",
    "dict://127.0.0.1:11211/stat",
    "ldap://example.com/",
    "javascript:alert(1)",
    "data:text/plain,hi",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "jar:http://example.com!/",
    "ws://example.com/",
    "h\u0442tp://example.com/",
    "ｈttp://example.com/",
    "://example.com/",
    "url:http://example.com/",
]

HOSTILE = [
    *(f"http://{address}/latest/meta-data/" for address in REFUSED_IPV4),
    *(f"https://[{address}]:8443/" for address in REFUSED_IPV6),
    *ODD_SPELLINGS,
]


def client_on(network: FakeNetwork, names: dict[str, list[str]] | None = None, **options: object) -> GuardedClient:
    resolver = FakeResolver({"example.com": [PUBLIC], **(names or {})})
    return GuardedClient(connector=network, resolver=resolver, **options)  # type: ignore[arg-type]


def get(client: GuardedClient, url: str, **options: object) -> None:
    client.send(HttpRequest("GET", url, timeout_seconds=5, **options))  # type: ignore[arg-type]


def test_the_table_is_large() -> None:
    assert len(set(HOSTILE)) >= 150


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_opens_no_socket(url: str) -> None:
    network = FakeNetwork()
    client = client_on(network)

    with pytest.raises(OutboundRefusedError) as refusal:
        get(client, url)

    assert network.opened == []
    assert not refusal.value.retryable


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_cannot_be_registered_and_is_not_looked_up(url: str) -> None:
    resolver = FakeResolver()
    client = GuardedClient(connector=FakeNetwork(), resolver=resolver)

    with pytest.raises(OutboundRefusedError):
        client.check_url(url)

    assert resolver.asked == []


@pytest.mark.parametrize("address", [*REFUSED_IPV4, *REFUSED_IPV6, "fe80::1%eth0", "not an address"])
def test_a_name_that_resolves_to_a_refused_address_opens_no_socket(address: str) -> None:
    network = FakeNetwork()

    with pytest.raises(OutboundRefusedError) as refusal:
        get(client_on(network, {"rebind.test": [address]}), "http://rebind.test/")

    assert network.opened == []
    assert address not in refusal.value.message.split()


@pytest.mark.parametrize(
    "addresses",
    [
        [PUBLIC, "127.0.0.1"],
        ["127.0.0.1", PUBLIC],
        [PUBLIC, PUBLIC_V6, "::1"],
        [PUBLIC_V6, "::ffff:10.0.0.1"],
        [PUBLIC, "64:ff9b::a9fe:a9fe"],
        [PUBLIC] * 9 + ["169.254.169.254"],
    ],
)
def test_one_bad_answer_among_good_ones_refuses_the_name(addresses: list[str]) -> None:
    network = FakeNetwork()

    with pytest.raises(OutboundRefusedError):
        get(client_on(network, {"mixed.test": addresses}), "https://mixed.test/")

    assert network.opened == []


def test_a_name_that_changes_its_answer_after_the_check_changes_nothing(network_of: NetworkFactory) -> None:
    network = network_of(answer(body=b"public"))
    resolver = FakeResolver(script=[[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    client = GuardedClient(connector=network, resolver=resolver)

    reply = client.send(HttpRequest("GET", "http://rebind.test/"))
    client.close()

    assert reply.body == b"public"
    assert network.opened == [(PUBLIC, 80)]
    assert resolver.asked == ["rebind.test"]


def test_every_new_connection_judges_the_name_again(network_of: NetworkFactory) -> None:
    network = network_of(answer(headers={"Connection": "close"}))
    resolver = FakeResolver(script=[[PUBLIC], ["127.0.0.1"]])
    client = GuardedClient(connector=network, resolver=resolver)
    get(client, "http://rebind.test/")

    with pytest.raises(OutboundRefusedError):
        get(client, "http://rebind.test/")

    assert network.opened == [(PUBLIC, 80)]


REDIRECT_TARGETS = [
    "http://127.0.0.1/",
    "//127.0.0.1/",
    "///127.0.0.1/",
    "/\\127.0.0.1/",
    "\\\\127.0.0.1\\",
    "http:\\\\127.0.0.1/",
    "http://localhost/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://example.com@127.0.0.1/",
    "http://example.com:80@127.0.0.1/",
    "http://inside.test/",
    "//inside.test:8080/",
    "http://mixed.test/",
    "https://inside.test/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
    "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/",
    "http://[::1",
    "http://example.com:0/",
    "http://\x01127.0.0.1/",
]
INSIDE = {"inside.test": ["10.0.0.7"], "mixed.test": [PUBLIC, "10.0.0.7"]}


@pytest.mark.parametrize("hop", [1, 2, 3])
@pytest.mark.parametrize("target", REDIRECT_TARGETS)
def test_a_redirect_to_a_refused_target_opens_no_socket(network_of: NetworkFactory, target: str, hop: int) -> None:
    harmless = [answer(302, {"Location": f"http://example.com:{8000 + n}/"}) for n in range(1, hop)]
    network = network_of(*harmless, answer(302, {"Location": target}))
    client = client_on(network, INSIDE)

    with pytest.raises(OutboundError):
        get(client, "http://example.com:8000/", max_redirects=5)
    client.close()

    assert network.opened == [(PUBLIC, 8000 + n) for n in range(hop)]


RUNTIME_API = [
    "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
    "http://localhost:9001/",
    "http://127.0.0.2:9001/",
    "http://127.255.0.1:9001/",
    "http://0.0.0.0:9001/",
    "http://[::1]:9001/",
    "http://[::]:9001/",
    "http://[::ffff:127.0.0.1]:9001/",
    "http://[::ffff:7f00:1]:9001/",
    "http://[64:ff9b::127.0.0.1]:9001/",
    "http://[2002:7f00:1::]:9001/",
    "http://inside.test:9001/",
    "https://127.0.0.1:9001/",
]


@pytest.mark.parametrize("url", RUNTIME_API)
@pytest.mark.parametrize("runtime_api", ["127.0.0.1:9001", "localhost:9001", "[::1]:9001"])
def test_the_runtime_api_stays_closed_when_everything_is_allowed(url: str, runtime_api: str) -> None:
    network = FakeNetwork()
    client = client_on(network, {"inside.test": ["127.0.0.1"]}, allow=["0.0.0.0/0", "::/0"], refuse_hosts=[runtime_api])

    with pytest.raises(OutboundRefusedError):
        get(client, url)

    assert network.opened == []


@pytest.mark.parametrize(
    ("refused", "url"),
    [
        ("169.254.100.1:9001", "http://169.254.100.1:9001/"),
        ("169.254.100.1:9001", "http://[::ffff:169.254.100.1]:9001/"),
        ("169.254.100.1", "http://169.254.100.1:1234/"),
        ("control.internal:8080", "http://control.internal:8080/"),
        ("control.internal", "https://Control.Internal./"),
    ],
)
def test_a_refused_host_stays_closed_despite_allow(refused: str, url: str) -> None:
    network = FakeNetwork()
    client = client_on(network, {"control.internal": [PUBLIC]}, allow=["169.254.0.0/16"], refuse_hosts=[refused])

    with pytest.raises(OutboundRefusedError):
        get(client, url)

    assert network.opened == []


@pytest.mark.parametrize("address", ["169.254.169.254", "169.254.170.2", "[fd00:ec2::254]", "[::ffff:a9fe:a9fe]"])
def test_no_allow_entry_opens_an_address_that_hands_out_credentials(address: str) -> None:
    network = FakeNetwork()

    with pytest.raises(OutboundRefusedError):
        get(client_on(network, allow=["0.0.0.0/0", "::/0"]), f"http://{address}/")

    assert network.opened == []


def test_an_allow_entry_for_loopback_does_not_reach_through_a_translator() -> None:
    network = FakeNetwork()

    with pytest.raises(OutboundRefusedError):
        get(client_on(network, allow=["127.0.0.0/8", "::1/128"]), "http://[64:ff9b::127.0.0.1]/")

    assert network.opened == []


def test_an_allow_entry_opens_nothing_beside_itself() -> None:
    network = FakeNetwork()

    with pytest.raises(OutboundRefusedError):
        get(client_on(network, allow=["127.0.0.0/8"]), "http://10.0.0.1/")

    assert network.opened == []


PERMITTED = [
    ("http://example.com", (PUBLIC, 80)),
    ("HTTP://EXAMPLE.COM./", (PUBLIC, 80)),
    ("https://example.com/a?b=c#d", (PUBLIC, 443)),
    ("http://example.com:8080/", (PUBLIC, 8080)),
    ("http://example.com:65535/", (PUBLIC, 65535)),
    ("http://example.com:00080/", (PUBLIC, 80)),
    ("http://8.8.8.8/", ("8.8.8.8", 80)),
    ("http://8.8.8.8./", ("8.8.8.8", 80)),
    ("http://1.1.1.1:53/", ("1.1.1.1", 53)),
    ("http://11.0.0.1/", ("11.0.0.1", 80)),
    ("http://100.63.255.255/", ("100.63.255.255", 80)),
    ("http://100.128.0.1/", ("100.128.0.1", 80)),
    ("http://128.0.0.1/", ("128.0.0.1", 80)),
    ("http://169.253.255.255/", ("169.253.255.255", 80)),
    ("http://172.15.0.1/", ("172.15.0.1", 80)),
    ("http://172.32.0.1/", ("172.32.0.1", 80)),
    ("http://192.167.0.1/", ("192.167.0.1", 80)),
    ("http://198.20.0.1/", ("198.20.0.1", 80)),
    ("http://223.255.255.255/", ("223.255.255.255", 80)),
    ("http://[2606:4700:4700::1111]/", ("2606:4700:4700::1111", 80)),
    ("https://[2606:4700:4700:0:0:0:0:1111]:8443/", ("2606:4700:4700::1111", 8443)),
    ("http://[::ffff:8.8.8.8]/", ("8.8.8.8", 80)),
    ("http://[64:ff9b::8.8.8.8]/", ("64:ff9b::808:808", 80)),
    ("http://[2400:cb00::5efe:808:808]/", ("2400:cb00::5efe:808:808", 80)),
    ("http://xn--bcher-kva.example.com/", (PUBLIC, 80)),
    ("http://under_score.example.com/", (PUBLIC, 80)),
    ("http://v6.example.com/", (PUBLIC_V6, 80)),
    ("http://example.com/@127.0.0.1/", (PUBLIC, 80)),
    ("http://example.com/?u=http://user@127.0.0.1\\", (PUBLIC, 80)),
    ("http://example.com#@127.0.0.1/", (PUBLIC, 80)),
    ("http://example.com?@127.0.0.1/", (PUBLIC, 80)),
    ("http://127.0.0.1.example.com/", (PUBLIC, 80)),
    ("http://localhost.example.com/", (PUBLIC, 80)),
    ("http://1.example.com/", (PUBLIC, 80)),
]
NAMES = {
    "xn--bcher-kva.example.com": [PUBLIC],
    "under_score.example.com": [PUBLIC],
    "v6.example.com": [PUBLIC_V6],
    "127.0.0.1.example.com": [PUBLIC],
    "localhost.example.com": [PUBLIC],
    "1.example.com": [PUBLIC],
}


@pytest.mark.parametrize(("url", "expected"), PERMITTED)
def test_a_public_url_is_connected_to_at_its_judged_address(url: str, expected: tuple[str, int]) -> None:
    network = FakeNetwork()
    client = client_on(network, NAMES)

    client.check_url(url, resolve=True)
    with pytest.raises(OutboundConnectError, match="Connection refused"):
        get(client, url)

    assert network.opened == [expected]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000/", [("127.0.0.1", 8000)]),
        ("http://[::1]:8000/", [("::1", 8000)]),
        ("http://[::ffff:127.0.0.1]:8000/", [("127.0.0.1", 8000)]),
        ("http://localhost:8000/", [("127.0.0.1", 8000), ("::1", 8000)]),
        ("http://hooks.localhost:8000/", [("127.0.0.1", 8000), ("::1", 8000)]),
    ],
)
def test_allowing_loopback_opens_loopback(url: str, expected: list[tuple[str, int]]) -> None:
    network = FakeNetwork()
    client = client_on(network, allow=["127.0.0.0/8", "::1/128"], refuse_hosts=["127.0.0.1:9001"])

    with pytest.raises(OutboundConnectError):
        get(client, url)

    assert network.opened == expected


def test_the_second_address_is_tried_when_the_first_does_not_answer() -> None:
    network = FakeNetwork()
    client = client_on(network, {"two.test": [PUBLIC, PUBLIC_V6]})

    with pytest.raises(OutboundConnectError):
        get(client, "http://two.test/")

    assert network.opened == [(PUBLIC, 80), (PUBLIC_V6, 80)]


def test_checking_a_name_without_resolving_asks_no_resolver() -> None:
    resolver = FakeResolver()
    client = GuardedClient(connector=FakeNetwork(), resolver=resolver)

    assert client.check_url("HTTPS://Hooks.Example.COM:443") == "https://hooks.example.com/"

    assert resolver.asked == []


def test_checking_with_resolution_refuses_a_name_of_an_inner_address() -> None:
    client = client_on(FakeNetwork(), {"inside.test": ["10.0.0.1"]})

    with pytest.raises(OutboundRefusedError, match=r"inside\.test is not a public address \(private\)"):
        client.check_url("https://inside.test/", resolve=True)


def test_a_name_without_an_answer_is_a_connect_error() -> None:
    client = client_on(FakeNetwork(), {"empty.test": []})

    for url in ("http://nowhere.test/", "http://empty.test/"):
        with pytest.raises(OutboundConnectError, match="cannot be resolved"):
            get(client, url)
