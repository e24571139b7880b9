"""What code finds in the sandbox: the values are those that Node gives for the same expressions."""

# ruff: noqa: E501 - lines of JavaScript are as long as they are

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from tests.sandbox.house import House

PARTS = "[u.href, u.origin, u.username, u.password, u.host, u.port, u.pathname, u.search, u.hash].join('|')"
URLS = {
    '"http://Example.COM:80/a/../b/./c?x=1 2#f g"': "http://example.com/b/c?x=1%202#f%20g|http://example.com|||example.com||/b/c|?x=1%202|#f%20g",
    '"https://user:p%40ss@host.example:8443/p;a=b?q=ü#ü"': "https://user:p%40ss@host.example:8443/p;a=b?q=%C3%BC#%C3%BC|https://host.example:8443|user|p%40ss|host.example:8443|8443|/p;a=b|?q=%C3%BC|#%C3%BC",
    '"http://bücher.example/straße"': "http://xn--bcher-kva.example/stra%C3%9Fe|http://xn--bcher-kva.example|||xn--bcher-kva.example||/stra%C3%9Fe||",
    '"https://例え.テスト/"': "https://xn--r8jz45g.xn--zckzah/|https://xn--r8jz45g.xn--zckzah|||xn--r8jz45g.xn--zckzah||/||",
    '"../x?y#z", "https://a.example/b/c/d?e#f"': "https://a.example/b/x?y#z|https://a.example|||a.example||/b/x|?y|#z",
    '"//other.example/p", "https://a.example/b"': "https://other.example/p|https://other.example|||other.example||/p||",
    '"?q=2", "https://a.example/b?c#d"': "https://a.example/b?q=2|https://a.example|||a.example||/b|?q=2|",
    '"#h", "https://a.example/b?c#d"': "https://a.example/b?c#h|https://a.example|||a.example||/b|?c|#h",
    '"http://[2001:db8:0:0:0:0:0:1]/"': "http://[2001:db8::1]/|http://[2001:db8::1]|||[2001:db8::1]||/||",
    '"http://0x7f.1/"': "http://127.0.0.1/|http://127.0.0.1|||127.0.0.1||/||",
    '"mailto:a@b.example?subject=x y"': "mailto:a@b.example?subject=x%20y|null||||" + "|a@b.example|?subject=x%20y|",
    '"https://a.example/a%2fb/%2e%2e/c"': "https://a.example/c|https://a.example|||a.example||/c||",
    '"file:///etc/../passwd"': "file:///passwd|null||||" + "|/passwd||",
    '"https:x", "https://a.example/b/c"': "https://a.example/b/x|https://a.example|||a.example||/b/x||",
}  # fmt: skip


def test_urls_are_read_as_the_standard_says(js: House) -> None:
    found = js.value(f"return [{','.join(f'((u) => {PARTS})(new URL({given}))' for given in URLS)}]")

    assert dict(zip(URLS, found, strict=True)) == URLS  # type: ignore[arg-type]


def test_what_is_no_url_is_refused(js: House) -> None:
    bad = [
        "nothing",
        "http://",
        "http://a b/",
        "http://a.example:99999/",
        "http://256.1.1.1/",
        "http://[::1/",
        "http://%zz/",
    ]

    assert js.value(f"return {bad}.map((one) => URL.canParse(one))") == [False] * len(bad)


def test_urls_and_their_parameters_change_together(js: House) -> None:
    assert js.value(
        """const u = new URL("https://a.example/b?c=1");
        u.searchParams.append("d e", "f&g"); u.searchParams.delete("c"); u.pathname = "x y"; u.hash = "h";
        u.host = "q.example:9"; u.username = "me"; u.protocol = "http";
        const before = u.href;
        u.search = "z=ä&y";
        return [before, [...u.searchParams], JSON.stringify({ u })];"""
    ) == [
        "http://me@q.example:9/x%20y?d+e=f%26g#h",
        [["z", "ä"], ["y", ""]],
        '{"u":"http://me@q.example:9/x%20y?z=%C3%A4&y#h"}',
    ]


EXPRESSIONS: dict[str, object] = {
    # text and bytes
    '[...new TextEncoder().encode("aé€😀\\ud800")].length': 13,
    "new TextDecoder().decode(new Uint8Array([0xef,0xbb,0xbf,0x61,0xc3,0xa9,0xff,0xc3,0x28,0xe2,0x82,0x61,0xed,0xa0,0x80,0xf0,0x9f]))": "aé��(�a����",
    "(() => { const d = new TextDecoder(), s = { stream: true }; return d.decode(new Uint8Array([0xe2, 0x82]), s) + d.decode(new Uint8Array([0xac]), s) })()": "€",
    "(() => { try { new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff])) } catch (e) { return e.name } })()": "TypeError",
    "[btoa('a\\xff'), atob('Yf8=')]": ["Yf8=", "aÿ"],
    "Buffer.from('aé😀').toString('base64')": "YcOp8J+YgA==",
    "Buffer.from('YcOp8J-YgA', 'base64url').toString()": "aé😀",
    "Buffer.from('héllo').toString('utf8', 1, 3)": "é",
    "Buffer.concat([Buffer.from('a'), Buffer.from([98])]).toString('hex')": "6162",
    "(() => { const b = Buffer.alloc(6); b.writeUInt32BE(0xdeadbeef, 0); b.writeInt16LE(-2, 4); return b.toString('hex') })()": "deadbeeffeff",
    "[Buffer.byteLength('é'), Buffer.isBuffer(Buffer.alloc(1)), Buffer.from([1, 2]).toJSON()]": [2, True, {"type": "Buffer", "data": [1, 2]}],
    # copies
    "(() => { const a = { d: new Date(0), m: new Map([[1, { x: 1 }]]), u: new Uint8Array([1]) }; a.self = a; const c = structuredClone(a); return [c.self === c, c !== a, c.d.getTime(), c.m.get(1).x, c.u[0]] })()": [True, True, 0, 1, 1],
    "(() => { try { structuredClone(() => 1) } catch (e) { return e.name } })()": "DataCloneError",
    # timers and events
    "await new Promise((r) => { const got = []; setTimeout(() => got.push(3), 60); setTimeout(() => got.push(2), 30); setImmediate(() => got.push(1)); Promise.resolve().then(() => got.push(0)); setTimeout(() => r(got), 90) })": [0, 1, 2, 3],
    "await new Promise((r) => { let n = 0; const t = setInterval(() => { if (++n === 3) { clearInterval(t); r(n) } }, 1) })": 3,
    "(() => { const c = new AbortController(); let n = 0; c.signal.addEventListener('abort', () => n++); c.abort(); c.abort(); return [n, c.signal.aborted, c.signal.reason.name] })()": [1, True, "AbortError"],
    "(() => { const e = new EventTarget(), got = []; e.addEventListener('a', (x) => got.push(x.type), { once: true }); e.dispatchEvent(new Event('a')); e.dispatchEvent(new Event('a')); return got })()": ["a"],
    # headers and the like
    "(() => { const h = new Headers({ 'X-B': ' 1 ', a: '2' }); h.append('x-b', '3'); return [[...h], h.has('none'), h.get('none')] })()": [[["a", "2"], ["x-b", "1, 3"]], False, None],
    "new URLSearchParams({ a: 1, b: \"x y&z=*'()~!\", ü: '€' }).toString()": "a=1&b=x+y%26z%3D*%27%28%29%7E%21&%C3%BC=%E2%82%AC",
    "await new Response('{\"a\":1}', { status: 201 }).json()": {"a": 1},
    "await new Blob(['a', new Uint8Array([98])], { type: 'T/X' }).text()": "ab",
    # locale
    "(1234567.891).toLocaleString()": "1,234,567.891",
    "new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' }).format(-12.5)": "-$12.50",
    "new Date(0).toLocaleString('en-US', { timeZone: 'UTC' })": "1/1/1970, 12:00:00 AM",
    "new Date(1782907200000).toLocaleString('en-US', { timeZone: 'America/New_York', dateStyle: 'medium', timeStyle: 'short' })": "Jul 1, 2026, 8:00 AM",
    "new Date(0).toLocaleDateString('en-US', { timeZone: 'UTC', weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' })": "Thursday, January 1, 1970",
    "(() => { try { new Intl.DateTimeFormat('en', { timeZone: 'Mars/Base' }) } catch (e) { return e.name } })()": "RangeError",
    "[new Date(2026, 0, 1).toISOString(), new Date().getTimezoneOffset()]": ["2026-01-01T00:00:00.000Z", 0],
    # process
    "[JSON.stringify(process.env), typeof process.version, process.cwd(), globalThis === global]": ["{}", "string", "/", True],
    "Object.keys(globalThis)": [],
}  # fmt: skip


def test_globals_behave_as_nodes_do(js: House) -> None:
    body = ",\n".join(f"await (async () => ({expression}))()" for expression in EXPRESSIONS)

    found = js.value(f"return [{body}]")

    assert dict(zip(EXPRESSIONS, found, strict=True)) == EXPRESSIONS  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
def test_digests_and_keyed_digests_are_those_of_the_standard_library(js: House, name: str) -> None:
    found = js.value(
        f"""import crypto, {{ createHmac }} from "node:crypto";
        const hash = crypto.createHash("{name}").update("aé").update(Buffer.from([1, 255]));
        return [hash.copy().digest("hex"), hash.digest("base64url"), createHmac("{name}", "key").update("x".repeat(200)).digest("hex"),
          createHmac("{name}", Buffer.from("k".repeat(300))).update(new Uint8Array([1])).digest().toString("hex")];"""
    )

    digest = hashlib.new(name, "aé".encode() + b"\x01\xff")
    assert found == [
        digest.hexdigest(),
        base64.urlsafe_b64encode(digest.digest()).decode().rstrip("="),
        hmac.new(b"key", b"x" * 200, name).hexdigest(),
        hmac.new(b"k" * 300, b"\x01", name).hexdigest(),
    ]


def test_the_rest_of_crypto(js: House) -> None:
    assert js.value(
        """import * as crypto from "crypto";
        const safe = (f) => { try { return f() } catch (e) { return e.code ?? e.name } };
        const key = await globalThis.crypto.subtle.importKey("raw", Buffer.from("k"), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
        const signed = Buffer.from(await globalThis.crypto.subtle.sign("HMAC", key, Buffer.from("x"))).toString("hex");
        return [crypto.timingSafeEqual(Buffer.from("a"), Buffer.from("a")), crypto.timingSafeEqual(Buffer.from("a"), Buffer.from("b")),
          safe(() => crypto.timingSafeEqual(Buffer.from("a"), Buffer.from("bb"))), safe(() => crypto.createHash("none")),
          crypto.randomBytes(5).length, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()),
          crypto.randomInt(3) < 3, crypto.pbkdf2Sync("p", "s", 10, 16, "sha256").length,
          signed === crypto.createHmac("sha256", "k").update("x").digest("hex"), safe(() => crypto.createSign("RSA-SHA256"))];"""
    ) == [
        True, False, "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH", "ERR_CRYPTO_INVALID_DIGEST", 5, True, True, 16, True,
        "ERR_METHOD_NOT_IMPLEMENTED",
    ]  # fmt: skip
