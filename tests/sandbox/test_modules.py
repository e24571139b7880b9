"""Modules that the sandbox brings: every library loads, the usual ones work, and what is shipped is what was built."""

# ruff: noqa: E501 - lines of JavaScript are as long as they are

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chalicelib.sandbox.child import engine
from infra import vendor_js
from tests.sandbox.house import Host, House, reply

MANIFEST = json.loads(vendor_js.MANIFEST.read_text(encoding="utf-8"))["files"]
LIBRARIES = sorted(specifier for about in MANIFEST.values() for specifier in about["specifiers"])
BUILT_IN = sorted(
    [
        "assert",
        "async_hooks",
        "buffer",
        "crypto",
        "events",
        "fs",
        "fs/promises",
        "http",
        "https",
        "module",
        "node:crypto",
        "os",
        "perf_hooks",
        "process",
        "punycode",
        "stream",
        "stream/promises",
        "timers",
        "timers/promises",
        "tty",
        "url",
        "util",
        "util/types",
        "node-fetch",
        "cross-fetch",
        "form-data",
        "readable-stream",
        "@pipedream/platform",
        "@pipedreamhq/platform",
        "@pipedream/types",
        "abort-controller",
        "axios@0.19.2",
        "lodash/get.js",
        "lodash.merge",
        "lodash-es",
        "string_decoder/",
    ]
)


def test_every_module_that_is_promised_loads(js: House) -> None:
    found = js.step(
        f"""module.exports = () => {json.dumps(LIBRARIES + BUILT_IN)}.filter((name) => {{
          try {{ return !["function", "object"].includes(typeof require(name)) }} catch (e) {{ return true }} }})"""
    )

    assert (found.error, found.returned, found.missing_modules) == (None, [], ())


def test_what_is_shipped_is_what_the_manifest_says() -> None:
    assert vendor_js.problems() == []
    licences = vendor_js.LICENCES.read_text(encoding="utf-8")
    for about in MANIFEST.values():
        for name, package in about["packages"].items():
            assert f"==== {name} {package['version']} (" in licences
            assert any(word in vendor_js.ALLOWED for word in package["licence"].split(" OR "))


def test_the_runtime_and_its_libraries_end_before_the_lines_of_users_code_begin() -> None:
    ours = Path(engine.__file__).parent.parent
    begin = re.search(r"const FIRST_LINE = (\d+);", (ours / "js" / "errors.js").read_text(encoding="utf-8"))
    library = max(path.read_bytes().count(b"\n") for path in (ours / "vendor").glob("*.js"))
    runtime = sum(path.read_bytes().count(b"\n") + 3 for path in (ours / "js").glob("*.js"))

    assert begin is not None
    assert max(library, runtime) + 100 < int(begin[1])


def test_the_lock_file_pins_every_archive_by_its_hash() -> None:
    packages = json.loads((vendor_js.RECIPE / "package-lock.json").read_text(encoding="utf-8"))["packages"]

    assert all("integrity" in about for name, about in packages.items() if name)


LIBRARY_USES: dict[str, tuple[str, object]] = {
    "async-retry": ("let n = 0; return m(async () => { if (n++ < 2) throw new Error('x'); return n }, { minTimeout: 1, maxTimeout: 2 })", 3),
    "bottleneck": ("return new m({ maxConcurrent: 1, minTime: 1 }).schedule(async () => 5)", 5),
    "cron-parser": ("return m.parseExpression('0 9 * * *', { tz: 'Europe/Berlin', currentDate: new Date(1782907200000) }).next().toISOString()", "2026-07-02T07:00:00.000Z"),
    "crypto-js": ("return m.HmacSHA1('a', 'k').toString()", "40e7d441cadb17b07f050341aa23a6820ed81c8b"),
    "dayjs": ("m.extend(require('dayjs/plugin/utc')); m.extend(require('dayjs/plugin/timezone.js')); return m.tz('2026-07-01 12:00', 'America/New_York').toISOString()", "2026-07-01T16:00:00.000Z"),
    "events": ("return new Promise((r) => { const e = new m(); e.once('x', r); e.emit('x', 3) })", 3),
    "fast-xml-parser": ("return new m.XMLParser().parse('<a><b>1</b></a>')", {"a": {"b": 1}}),
    "he": ("return m.decode('&eacute;&amp;')", "é&"),
    "html-entities": ("return m.encode('<é>')", "&lt;é&gt;"),
    "inflection": ("return m.pluralize('person')", "people"),
    "lodash": ("return [m.chunk([1, 2, 3], 2), require('lodash/startCase')('aB_c'), require('lodash.get')({ a: { b: 1 } }, 'a.b')]", [[[1, 2], [3]], "A B C", 1]),
    "luxon": ("return m.DateTime.fromISO('2026-07-01T12:00:00Z').setZone('America/New_York').toISO()", "2026-07-01T08:00:00.000-04:00"),
    "md5": ("return m('x')", "9dd4e461268c8034f5c8564e155c67a6"),
    "mime": ("return m.getType('a.png')", "image/png"),
    "moment": ("return m.utc('2026-01-02').add(1, 'd').format('YYYY-MM-DD dddd')", "2026-01-03 Saturday"),
    "moment-timezone": ("return m.tz('2026-07-01T12:00:00Z', 'Asia/Tokyo').format()", "2026-07-01T21:00:00+09:00"),
    "nanoid": ("return m.nanoid(10).length", 10),
    "object-hash": ("return m({ a: 1 })", "ca1a41f90da606b052ecf10c8286817813bc8861"),
    "path": ("return [m.join('a', '../b', 'c.txt'), m.extname('x.tar.gz'), m.resolve('/a', 'b')]", ["b/c.txt", ".gz", "/a/b"]),
    "qs": ("return [m.stringify({ a: { b: [1] } }), m.parse('a[b]=1')]", ["a%5Bb%5D%5B0%5D=1", {"a": {"b": "1"}}]),
    "query-string": ("return m.stringify({ b: 1, a: ['x', 'y'] })", "a=x&a=y&b=1"),
    "rss-parser": ("const f = await new m().parseString('<rss version=\"2.0\"><channel><title>T</title><item><title>A &amp; B</title></item></channel></rss>'); return [f.title, f.items[0].title]", ["T", "A & B"]),
    "uuid": ("return [m.v4().length, require('uuid/v4')().length, m.v5('x', m.v5.URL)]", [36, 36, "4cd605e7-afa2-5360-b5b9-c5e9fb5c76f4"]),
    "xml2js": ("return m.parseStringPromise('<a><b>1</b></a>')", {"a": {"b": ["1"]}}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LIBRARY_USES))
def test_a_library_does_what_it_does_elsewhere(js: House, name: str) -> None:
    body, expected = LIBRARY_USES[name]

    report = js.step(f"const m = require('{name}'); module.exports = async () => {{ {body} }}")

    assert report.error is None, report.error
    assert report.returned == expected


def test_streams_flow_through_feedparser(js: House) -> None:
    feed = "<rss version='2.0'><channel><title>T</title><item><title>A &amp; B</title><guid>g1</guid></item></channel></rss>"
    host = Host(lambda request: reply(feed, content_type="text/xml"))

    found = js.value(
        """import FeedParser from "feedparser"; import axios from "axios";
        const { data } = await axios({ url: "https://a.example/feed", responseType: "stream" });
        const parser = new FeedParser(), items = [];
        data.pipe(parser);
        parser.on("readable", function () { for (let item; (item = this.read()); ) items.push([item.title, item.guid]) });
        await new Promise((resolve, reject) => parser.on("end", resolve).on("error", reject));
        return items;""",
        host=host,
    )

    assert found == [["A & B", "g1"]]


def test_files_are_the_runs_own_and_below_tmp(js: House) -> None:
    assert js.value(
        """import fs from "fs"; import { pipeline } from "stream/promises"; import { Readable } from "stream"; import os from "os";
        fs.writeFileSync(`${os.tmpdir()}/a.txt`, "hi");
        await pipeline(Readable.from(["x", "y"]), fs.createWriteStream("/tmp/b"));
        const code = (f) => { try { f() } catch (e) { return e.code } };
        return [fs.readFileSync("/tmp/a.txt", "utf8"), (await fs.promises.readFile("/tmp/b")).toString(), fs.existsSync("/tmp/c"),
          code(() => fs.readFileSync("/etc/passwd")), code(() => fs.readFileSync("/tmp/../etc/passwd")), code(() => fs.readFileSync("/tmp/c")),
          fs.readdirSync("/tmp")];"""
    ) == ["hi", "xy", False, "EACCES", "EACCES", "ENOENT", ["a.txt", "b"]]


def test_a_library_that_calls_through_nodes_http_works(js: House) -> None:
    host = Host()

    found = js.value(
        """import https from "https";
        return new Promise((resolve, reject) => {
          const request = https.request({ hostname: "a.example", path: "/p?q=1", method: "POST", headers: { a: "b" } }, (response) => {
            let text = ""; response.on("data", (chunk) => (text += chunk)); response.on("end", () => resolve([response.statusCode, text]));
          });
          request.on("error", reject); request.write("hel"); request.end("lo");
        })""",
        host=host,
    )

    assert found == [200, '{"method":"POST"}']
    assert (host.requests[0].url, host.requests[0].body, host.requests[0].headers["a"]) == (
        "https://a.example/p?q=1",
        b"hello",
        "b",
    )


def test_clients_of_github_and_graphql_work(js: House) -> None:
    host = Host(lambda request: reply({"data": {"a": 1}}))

    found = js.value(
        """import { Octokit } from "@octokit/core"; import { GraphQLClient, gql } from "graphql-request";
        const { data } = await new Octokit({ auth: "tok" }).request("GET /repos/{owner}/{repo}", { owner: "o", repo: "r" });
        return [data, await new GraphQLClient("https://g.example/graphql").request(gql`query A($x: Int) { a(x: $x) }`, { x: 1 })];""",
        host=host,
    )

    assert found == [{"data": {"a": 1}}, {"a": 1}]
    assert [request.url for request in host.requests] == [
        "https://api.github.com/repos/o/r",
        "https://g.example/graphql",
    ]
    assert host.requests[0].headers["authorization"] == "token tok"
