"""Code that means harm, or does it by mistake: the run ends with the right error, and the next one is fine.

Every case may name several errors: which limit is met first depends on the machine.
"""

# ruff: noqa: E501 - lines of JavaScript are as long as they are

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.domain.http import HttpRequest, HttpResponse
from tests.sandbox.house import QUICK, Host, House, reply

CPU, MEMORY, TIME = "CpuLimitExceeded", "MemoryLimitExceeded", "TimeoutError"
BUSY: set[str | None] = {CPU, TIME}
FULL: set[str | None] = {MEMORY, "RangeError", CPU}

CASES: dict[str, tuple[str, set[str | None]]] = {
    # -- time
    "endless loop": ("while (true) {}", BUSY),
    "endless loop that catches": ("while (true) { try { while (true) {} } catch {} finally { continue } }", BUSY),
    "endless recursion that catches": ("const f = () => { try { f() } catch { f() } }; f()", {*BUSY, "RangeError"}),
    "microtask flood": ("const f = () => Promise.resolve().then(f); await f()", {*BUSY, MEMORY}),
    "microtasks of async functions": ("for (;;) await null", BUSY),
    "queueMicrotask flood": ("const f = () => queueMicrotask(f); f(); await new Promise(() => {})", BUSY),
    "immediate flood": ("await new Promise(() => { const f = () => setImmediate(f); f() })", {*BUSY, MEMORY}),
    "interval without end": ("await new Promise(() => setInterval(() => {}, 5))", {TIME}),
    "regex backtracking": (r"/^(a+)+$/.test('a'.repeat(40) + 'b')", BUSY),
    "regex alternation": (r"/^(a|aa)+$/.exec('a'.repeat(60) + '!')", BUSY),
    "regex lookbehind": (r"/(?<=(a+)+)b$/.test('a'.repeat(40) + 'c')", {*BUSY, None}),
    "sort with a liar": ("Array.from({ length: 1e5 }, (_, i) => i).sort(() => { while (true) {} })", BUSY),
    "looping getter": ("const o = { get a() { while (true) {} } }; return JSON.stringify(o)", BUSY),
    "looping toString": ("return `${{ toString() { for (;;) {} } }}`", BUSY),
    "looping proxy": ("return Object.keys(new Proxy({}, { ownKeys() { for (;;) {} } }))", BUSY),
    "endless generator spread": ("function* g() { for (;;) yield 1 } return [...g()].length", {*BUSY, *FULL}),
    "bigint tower": ("let n = 3n; for (;;) n = n ** 3n", {*BUSY, *FULL}),
    "huge BigInt power": ("return (2n ** 2000000000n) > 1n", {*BUSY, *FULL}),
    "atomics wait": ("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)", {"TypeError", TIME, CPU}),
    "sleep": ("await new Promise((r) => setTimeout(r, 1e8))", {TIME}),
    "endless parse": ("for (;;) JSON.parse('[' + '1,'.repeat(9999) + '1]')", BUSY),
    "endless compile": ("for (;;) new Function('return ' + Math.random())()", {*BUSY, MEMORY}),
    # -- memory
    "array growth": ("const a = []; for (;;) a.push(new Array(1000).fill(1))", FULL),
    "string doubling": ("let s = 'x'; for (;;) s += s", {*FULL, "InternalError"}),
    "string repeat": ("return 'x'.repeat(2 ** 29).length", FULL),
    "padded string": ("return 'x'.padEnd(2 ** 29).length", FULL),
    "array fill": ("return new Array(2 ** 32 - 1).fill(0).length", {*FULL, *BUSY}),
    "array from": ("return Array.from({ length: 2 ** 31 }).length", {*FULL, *BUSY}),
    "sparse join": ("return new Array(5e8).join('x').length", {*FULL, *BUSY}),
    "typed arrays": ("const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1))", FULL),
    "huge array buffer": ("return new ArrayBuffer(2 ** 33).byteLength", FULL),
    "huge shared buffer": ("return new SharedArrayBuffer(2 ** 33).byteLength", FULL),
    "map growth": ("const m = new Map(); for (let i = 0; ; i++) m.set(i, { i })", {*FULL, *BUSY}),
    "symbol and atom flood": ("const o = {}; for (let i = 0; ; i++) o['k' + i] = Symbol('s' + i)", {*FULL, *BUSY}),
    "closure growth": ("let f = () => 0; for (;;) { const g = f; f = () => g() + 1 }", {*FULL, *BUSY}),
    "memory error that is caught": ("const a = []; for (;;) try { a.push(new Array(1e5).fill(a)) } catch {}", {*FULL, *BUSY}),
    "promises that wait": ("const all = []; for (;;) all.push(new Promise(() => {}))", {*FULL, *BUSY}),
    "structuredClone bomb": ("let o = {}; for (let i = 0; i < 40; i++) o = { a: o, b: structuredClone(o) }", {*FULL, *BUSY}),
    "buffer bomb": ("const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1))", FULL),
    # -- depth
    "recursion": ("const f = () => f() + 1; return f()", {"RangeError", MEMORY}),
    "recursion through toString": ("const o = { toString() { return `${o}` } }; return `${o}`", {"RangeError", MEMORY}),
    "deep json": ("let o = []; for (let i = 0; i < 1e5; i++) o = [o]; return JSON.stringify(o).length", {"RangeError", "TypeError", MEMORY}),
    "deep parse": ("return JSON.parse('['.repeat(1e6))", {"RangeError", "SyntaxError", MEMORY}),
    "deep regex": ("return new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('x')", {"RangeError", "SyntaxError", MEMORY, "InternalError"}),
    "deep eval": ("return eval('('.repeat(1e5) + '1' + ')'.repeat(1e5))", {"RangeError", "SyntaxError", MEMORY, "InternalError"}),
    "deep proxy chain": ("let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p.x", {"RangeError", MEMORY}),
    # -- output
    "event flood": ("for (;;) this.$emit({ a: 1 })", {"EmitLimitExceeded"}),
    "event flood that catches": ("for (;;) try { this.$emit({ a: 1 }) } catch {}", BUSY),
    "huge event": ("this.$emit('x'.repeat(600000))", {"ValueTooLargeError"}),
    "deep event": ("let o = {}; for (let i = 0; i < 500; i++) o = { o }; this.$emit(o)", {"ValueTooLargeError"}),
    "log flood": ("for (;;) console.log('x'.repeat(1000))", BUSY),
    "database flood": ("for (let i = 0; ; i++) this.db.set('k' + i, 'x'.repeat(1000))", {"OutputLimitExceeded"}),
    "huge database value": ("this.db.set('k', 'x'.repeat(300000))", {"ValueTooLargeError"}),
    "huge response": ("this.http.respond({ body: 'x'.repeat(20 * 1024 * 1024) })", {"ValueTooLargeError", MEMORY}),
    "fetch flood": ("for (;;) fetch('https://a.example/')", {"FetchLimitExceeded", *BUSY, None}),
    "fetch flood that awaits": ("for (;;) await fetch('https://a.example/')", {"FetchLimitExceeded"}),
    "hanging fetch": ("await fetch('https://hang.example/')", {TIME}),
    # -- errors that are traps
    "throw null": ("throw null", {"Error"}),
    "throw a proxy": ("throw new Proxy({}, { get() { for (;;) {} } })", BUSY),
    "throw looping getters": ("throw { get message() { for (;;) {} } }", BUSY),
    "throw throwing getters": ("throw { get name() { throw 1 }, get message() { throw 2 }, get stack() { throw 3 } }", {"Error"}),
    "throw a revoked proxy": ("const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy", {"Error"}),
    "reject with a thenable": ("await { then(_, no) { no({ toString() { throw 1 } }) } }", {"Error"}),
    "prepareStackTrace trap": ("Error.prepareStackTrace = () => { for (;;) {} }; null.x", {*BUSY, "TypeError"}),
    # -- poisoned prototypes
    "poisoned toJSON": ("Object.prototype.toJSON = () => '\"],[\"emit'; this.$emit({ a: 1 }, {}); throw new Error('end')", {"Error", "SandboxCrashed", "TypeError"}),
    "poisoned array setters": ("Object.defineProperty(Array.prototype, 0, { set() { throw 1 }, get() { return 2 } }); this.$emit(1)", {None, "SandboxCrashed", "TypeError", "Error"}),
    "poisoned promise": ("Promise.prototype.then = () => { for (;;) {} }; await 1; this.$emit(1)", {*BUSY, None}),
    "poisoned JSON": ("JSON.stringify = () => { throw 1 }; JSON.parse = null; this.$emit({ a: 1 }); this.db.set('a', 1); throw new Error('end')", {"Error"}),
    "poisoned map": ("Map.prototype.set = Map.prototype.get = null; setTimeout(() => {}, 1); await fetch('https://a.example/')", {None, "TypeError"}),
    "poisoned string": ("String.prototype.split = String.prototype.slice = null; throw new Error('end')", {"Error", "SandboxCrashed"}),
    "frozen globals": ("Object.freeze(globalThis); Object.freeze(Object.prototype); this.$emit(1)", {None}),
    "deleted globals": ("for (const k of Reflect.ownKeys(globalThis)) delete globalThis[k]", {None, "Error", "ReferenceError", "SandboxCrashed"}),
    # -- out of the box
    "child_process": ("return require('child_process').execSync('id')", {"ModuleNotAvailableError"}),
    "net": ("return require('net').connect(80, '127.0.0.1')", {"ModuleNotAvailableError"}),
    "file outside": ("return require('fs').readFileSync('/etc/passwd')", {"Error"}),
    "proc file": ("return require('fs').readFileSync('/tmp/../proc/self/environ')", {"Error"}),
    "std module": ("return (await import('std')).default.exit(0)", {"ModuleNotAvailableError"}),
    "os module of the engine": ("return require('qjs:os').exec(['id'])", {"ModuleNotAvailableError"}),
    "host objects": ("return typeof std + typeof os + __loadScript('/etc/passwd')", {"ReferenceError"}),
    "process exit": ("process.exit(0)", {"Error"}),
    "constructor escape": ("return this.constructor.constructor('return process')().mainModule.require('fs')", {"TypeError"}),
    "callers": ("return arguments.callee.caller.arguments", {"TypeError"}),
    "webassembly": ("return new WebAssembly.Memory({ initial: 60000 })", {"ReferenceError"}),
    "worker": ("return new Worker('x')", {"ReferenceError"}),
}  # fmt: skip

LIMITS = replace(QUICK, wall_seconds=15.0, fetches=20, output_bytes=4 * 1024 * 1024, cpu_seconds=0.4)


NATIVE = {"sparse join", "memory error that is caught", "endless parse"}
"""Loops inside the engine, which looks at the clock only between them."""

LATER = threading.Event()


def answer(request: HttpRequest) -> HttpResponse:
    if "hang" in request.url:
        LATER.wait(10.0)
    return reply(1)


@pytest.fixture(autouse=True)
def nothing_hangs_longer_than_its_test() -> Iterator[None]:
    LATER.clear()
    yield
    LATER.set()


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_hostile_run_ends_with_the_right_error_and_harms_nobody(js: House, case: str) -> None:
    body, allowed = CASES[case]
    code = f"""module.exports = {{ props: {{ db: "$.service.db", http: "$.interface.http" }}, async run() {{
      this.$emit("begun"); await null;
      {body}
    }} }}"""
    slow = TIME in allowed and (len(allowed) == 1 or case in NATIVE)
    limits = replace(LIMITS, wall_seconds=1.0) if slow else LIMITS

    report = js.run(code, host=Host(answer), limits=limits)

    assert (report.error.name if report.error else None) in allowed, report.error
    assert report.emits[0].event == "begun"
    assert report.stats.wall_ms < 12_000
