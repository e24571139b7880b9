"""The inbox as pages for people. Everything that was received is escaped; nothing is loaded from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any
from urllib.parse import quote

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.3rem } a { color: inherit } .dim { opacity: .65 }
details { border: 1px solid #8886; border-radius: .4rem; margin: .5rem 0; padding: .4rem .8rem }
summary { cursor: pointer } pre { overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere;
background: #8881; border-radius: .3rem; padding: .5rem; margin: .4rem 0 } td { padding-right: 1.5rem }
"""


def index_page(names: list[tuple[str, int]]) -> str:
    rows = "".join(
        f'<tr><td><a href="/_local/inboxes/{quote(name, safe="")}">{escape(name)}</a></td><td>{count}</td></tr>'
        for name, count in names
    )
    table = f"<table>{rows}</table>" if rows else _hint("anything")
    return _page("Inboxes", f"<h1>Inboxes</h1>{table}")


def inbox_page(name: str, requests: list[dict[str, Any]]) -> str:
    entries = "".join(_request(entry, is_open=at == 0) for at, entry in enumerate(requests))
    back = '<p><a href="/_local/inboxes">All inboxes</a></p>'
    return _page(f"Inbox {name}", f"<h1>Inbox {escape(name)}</h1>{entries or _hint(name)}{back}")


def _hint(name: str) -> str:
    url = f"/_local/inbox/{quote(name, safe='')}"
    return f'<p class="dim">Nothing received yet. Send any request to <code>{escape(url)}</code>.</p>'


def _request(entry: dict[str, Any], *, is_open: bool) -> str:
    query = f"?{entry['query']}" if entry["query"] else ""
    headers = "\n".join(f"{name}: {value}" for name, value in entry["headers"].items())
    note = "" if entry["body_encoding"] == "text" else " (Base64)"
    cut = " (cut off)" if entry["body_truncated"] else ""
    return (
        f"<details{' open' if is_open else ''}><summary><b>{escape(entry['method'])}</b> "
        f"{escape(entry['path'] + query)} <span class=dim>{escape(entry['received_at'])}, "
        f"{entry['body_bytes']} bytes{note}{cut}</span></summary>"
        f"<pre class=dim>{escape(headers)}</pre><pre>{escape(_readable(entry['body']))}</pre></details>"
    )


def _readable(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="3">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{content}</body></html>"
    )
