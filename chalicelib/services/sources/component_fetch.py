"""Fetches a component from its URL, with the files that it imports.

What is imported is guessed from the text; a file that is not there may be one that nobody really imports, and the
sandbox says so if somebody does.
"""

from __future__ import annotations

import re
from collections import deque
from datetime import timedelta
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from chalicelib.domain.components import candidates, imports_of
from chalicelib.domain.errors import InvalidError, OutboundError, TooLargeError
from chalicelib.domain.http import HttpRequest
from chalicelib.domain.javascript import MIB, Bundle
from chalicelib.services.ports import Clock, HttpSender

MAX_FILES = 50  # each is a request of ours, and somebody else chose the address
MAX_FILE_BYTES = MIB
FETCH_SECONDS = 10.0

_GITHUB = re.compile(r"/([^/]+)/([^/]+)/(?:blob|raw)/(.+)")
_FIELD = "component_url"


class ComponentFetcher:
    def __init__(self, http: HttpSender, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    def fetch(self, url: str) -> Bundle:
        """The component at the URL. Raises InvalidError, TooLargeError."""
        base = raw_url(url)
        code = _Fetching(self._http, self._clock).file(base)
        if code is None:
            raise InvalidError("component_url: there is nothing at this address", field=_FIELD)
        return self.complete(code, url)

    def complete(self, code: str, url: str) -> Bundle:
        """The code as if it stood at the URL, with what it imports from there. Raises as `fetch`."""
        base = raw_url(url)
        entry = _path_of(base)
        fetching = _Fetching(self._http, self._clock)
        files = {entry: code}
        waiting = deque((entry, specifier) for specifier in imports_of(code))
        while waiting:
            importer, specifier = waiting.popleft()
            for path in candidates(importer, specifier):
                # The first candidate that is there is meant; without this, files that import each other would go round.
                if path in files:
                    break
                if (found := fetching.file(_url_of(base, path))) is not None:
                    if len(files) >= MAX_FILES:
                        raise InvalidError(f"component_url: more than {MAX_FILES} files are imported", field=_FIELD)
                    files[path] = found
                    # JSON imports nothing, whatever its texts look like.
                    waiting.extend((path, each) for each in imports_of(found) if not path.endswith(".json"))
                    break
        return Bundle(entry, files)


class _Fetching:
    """The requests for one component, and the time that they have together."""

    def __init__(self, http: HttpSender, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._until = clock.now() + timedelta(seconds=FETCH_SECONDS)
        self._missing: set[str] = set()

    def file(self, url: str) -> str | None:
        """The text at the URL; None if there is none. Raises InvalidError."""
        if url in self._missing:
            return None
        seconds = (self._until - self._clock.now()).total_seconds()
        if seconds <= 0:
            raise InvalidError(f"component_url: fetching took more than {FETCH_SECONDS:g} s", field=_FIELD)
        request = HttpRequest(
            "GET",
            url,
            {"accept": "text/plain, */*", "user-agent": "penstock/1"},
            timeout_seconds=seconds,
            max_response_bytes=MAX_FILE_BYTES,
            max_redirects=3,
        )
        try:
            answer = self._http.send(request)
        except OutboundError as error:
            raise InvalidError(f"component_url: {url} could not be fetched: {error.message}", field=_FIELD) from error
        # Several files may import what is not there, each with several candidates: it is asked for once.
        if answer.status in (404, 410):
            self._missing.add(url)
            return None
        if answer.status != 200:
            raise InvalidError(f"component_url: {url} answered {answer.status}", field=_FIELD)
        try:
            # A byte order mark is no part of the code.
            return answer.body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidError(f"component_url: {url} is no UTF-8 text", field=_FIELD) from error


def raw_url(url: str) -> str:
    """Where the file itself is that a web page of a code host shows. Raises InvalidError."""
    if len(url) > 2_000:
        raise TooLargeError("component_url is longer than 2000 characters", field=_FIELD)
    try:
        parts = urlsplit(url.strip())
        # `urlsplit` raises for brackets that hold no IPv6 address.
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise InvalidError("component_url must be an http(s) URL", field=_FIELD)
    match = _GITHUB.fullmatch(parts.path) if parts.hostname in ("github.com", "www.github.com") else None
    if match is not None:
        owner, repository, rest = match.groups()
        return urlunsplit(("https", "raw.githubusercontent.com", f"/{owner}/{repository}/{rest}", "", ""))
    return urlunsplit(parts._replace(fragment=""))


def _path_of(url: str) -> str:
    return unquote(urlsplit(url).path).lstrip("/") or "component.js"


def _url_of(base: str, path: str) -> str:
    # A query belongs to the file it was given for; a token in it must not travel on to what is imported.
    return urlunsplit(urlsplit(base)._replace(path="/" + quote(path), query=""))
