"""`login`, `logout`, `whoami`, `version`."""

from __future__ import annotations

import getpass
from typing import Any

from chalicelib.cli.arguments import Parser
from chalicelib.cli.exits import ApiError, CommandError, UsageError
from chalicelib.cli.profiles import DEFAULT, Target, checked_url, is_in_clear
from chalicelib.cli.session import Session
from chalicelib.domain.version import VERSION


def add(name: str, parser: Parser) -> None:
    commands = {"login": login, "logout": logout, "whoami": whoami, "version": version}
    parser.leaf(commands[name])


def login(session: Session) -> None:
    """Asks for what it is not told; the key comes from a prompt or from stdin, because others see arguments."""
    name = _profile(session)
    known = session.profiles.get(name)
    given = session.asked.url or session.environ.get("PENSTOCK_URL") or (known.url if known else None)
    if given is None and not session.stdin.isatty():
        raise UsageError("which address? penstock login --url https://… < key")
    url = checked_url(given or _asked(session, "Address: "))
    key = _key(session, url)
    me = _me(session, Target(url, key))
    session.profiles.put(name, url, key)
    if is_in_clear(url):
        session.out.warn(f"the key will travel unencrypted to {url}")
    user, workspace = me["id"], me["orgs"][0]["id"]
    document = {"profile": name, "url": url, "user": user, "workspace": workspace}
    session.out.record(document, document)
    session.out.note(f"stored in {session.profiles.path}")


def logout(session: Session) -> None:
    name = _profile(session)
    if not session.profiles.remove(name):
        raise CommandError(f"there is no profile '{name}'")
    session.out.note(f"the key of '{name}' is forgotten here; end it for good with: penstock keys revoke")


def whoami(session: Session) -> None:
    target = session.target
    if target.profile and session.profiles.is_readable_by_others():
        session.out.warn(f"others can read {session.profiles.path}: chmod 600 it")
    me = _me(session, target)
    key = _current_key(session)
    workspace = me["orgs"][0]
    document = {
        "url": target.url,
        "profile": target.profile,
        "user": me["id"],
        "username": me["username"],
        "workspace": workspace["id"],
        "workspace_name": workspace["name"],
        "key": key.get("id"),
        "key_name": key.get("name"),
        "scopes": key.get("scopes"),
    }
    session.out.record(document, {**document, "scopes": " ".join(key.get("scopes", ())) or None})


def version(session: Session) -> None:
    session.out.record({"version": VERSION}, {"penstock": VERSION})


def _profile(session: Session) -> str:
    name: str = session.asked.profile or session.environ.get("PENSTOCK_PROFILE") or DEFAULT
    return name


def _asked(session: Session, question: str) -> str:
    session.err.write(question)
    session.err.flush()
    return session.stdin.readline()


def _key(session: Session, url: str) -> str:
    named = session.environ.get("PENSTOCK_KEY", "")
    if session.stdin.isatty():
        given = named or getpass.getpass(f"API key for {url}: ", session.err)
    else:
        given = session.stdin.readline().strip() or named
    key = given.strip()
    if not key or not key.isascii() or not key.isprintable():
        raise UsageError("no key was given")
    return key


def _me(session: Session, target: Target) -> Any:
    try:
        return session.connect(target).get("/v1/users/me").data
    except ApiError as error:
        # Whoever has a key is always there; what is missing is the API, as where a stage's path was left out.
        if error.status == 404:
            raise CommandError(f"there is no such API at {target.url}; is the address right?") from error
        raise


def _current_key(session: Session) -> Any:
    """Empty where the server is of a release without this call."""
    try:
        return session.client.get("/v1/keys/current").data
    except ApiError as error:
        if error.status == 404:
            return {}
        raise
