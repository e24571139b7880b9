"""Where keys are kept, and whom they are given to."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chalicelib.cli.exits import CommandError, Exit, UsageError
from chalicelib.cli.profiles import Profiles, Target, checked_url, choose, is_in_clear, write_atomically
from tests.cli.house import House


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    kept = Profiles(tmp_path / "config" / "penstock" / "config.json")
    kept.put("default", "https://one.example.org", "key-1")
    kept.put("two", "https://two.example.org/v", "key-2")
    return kept


def test_only_the_owner_reads_the_file(profiles: Profiles) -> None:
    assert stat.S_IMODE(profiles.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(profiles.path.parent.stat().st_mode) == 0o700
    assert not profiles.is_readable_by_others()
    profiles.path.chmod(0o644)
    assert profiles.is_readable_by_others()
    profiles.put("three", "https://three.example.org", "key-3")
    assert not profiles.is_readable_by_others()


@pytest.mark.parametrize(
    ("environ", "url", "profile", "target"),
    [
        ({}, None, None, Target("https://one.example.org", "key-1", "default")),
        ({}, None, "two", Target("https://two.example.org/v", "key-2", "two")),
        ({"PENSTOCK_PROFILE": "two"}, None, None, Target("https://two.example.org/v", "key-2", "two")),
        ({"PENSTOCK_PROFILE": "two"}, None, "default", Target("https://one.example.org", "key-1", "default")),
        ({"PENSTOCK_KEY": "own"}, None, None, Target("https://one.example.org", "own", "default")),
        ({"PENSTOCK_URL": "http://x/", "PENSTOCK_KEY": "own"}, None, None, Target("http://x", "own")),
        ({"PENSTOCK_URL": "http://x", "PENSTOCK_KEY": "own"}, "http://y", None, Target("http://y", "own")),
        (
            {"PENSTOCK_URL": "https://one.example.org/"},
            None,
            None,
            Target("https://one.example.org", "key-1", "default"),
        ),
    ],
)
def test_flags_come_before_the_environment_and_that_before_the_profile(
    profiles: Profiles, environ: dict[str, str], url: str | None, profile: str | None, target: Target
) -> None:
    assert choose(profiles, environ, url, profile) == target


@pytest.mark.parametrize("environ", [{"PENSTOCK_URL": "https://evil.example.org"}, {}])
def test_a_stored_key_goes_to_its_own_address_alone(profiles: Profiles, environ: dict[str, str]) -> None:
    with pytest.raises(CommandError, match="there is no key for https://evil"):
        choose(profiles, environ, None if environ else "https://evil.example.org")


def test_who_is_not_logged_in_is_told_how(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="penstock login"):
        choose(Profiles(tmp_path / "none.json"), {})
    with pytest.raises(CommandError, match="no profile 'x'"):
        choose(Profiles(tmp_path / "none.json"), {}, profile="x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "ftp://x",
        "https://",
        "https://u:p@x",
        "https://x y",
        "https://x?q=1",
        "https://x:y",
        "https://x/ü",
        f"https://{'a' * 70}.org",
    ],
)
def test_what_is_no_address_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        checked_url(text)


def test_a_key_travels_in_clear_only_within_this_machine() -> None:
    assert not is_in_clear("http://localhost:8000")
    assert not is_in_clear("http://127.0.0.1")
    assert not is_in_clear("http://[::1]:8000")
    assert not is_in_clear("https://example.org")
    assert is_in_clear("http://example.org")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"profiles": {"a": {"url": 1}}}'])
def test_a_file_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)

    with pytest.raises(CommandError):
        Profiles(path).put("a", "https://x", "k")
    assert path.read_text() == text


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "there.json"
    path.write_text("old")
    path.chmod(0o640)

    write_atomically(path, b"new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o640)
    with pytest.raises(TypeError):
        write_atomically(path, "no bytes")  # type: ignore[arg-type]
    assert path.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["there.json"]


def test_a_login_is_proved_before_it_is_stored(house: House) -> None:
    del house.environ["PENSTOCK_KEY"]
    del house.environ["PENSTOCK_URL"]
    path = house.directory / "config/penstock/config.json"

    assert house.run("login", "--url", "http://api.test", given="psk_wrong\n") == Exit.REFUSED
    assert "401 unauthorized" in house.err or "401: unauthorized" in house.err
    assert not path.exists()
    assert house.run("login", "--url", "http://api.test", given=f"{house.world.key}\n") == Exit.DONE
    assert house.world.key not in house.out + house.err
    assert house.json("whoami")["profile"] == "default"
    assert "unencrypted" not in house.out
    assert house.run("logout") == Exit.DONE
    assert house.run("whoami") == Exit.REFUSED


def test_a_key_from_a_pipe_comes_before_that_of_the_environment(house: House) -> None:
    assert house.run("login", given=f"{house.world.other_key}\n") == Exit.DONE

    del house.environ["PENSTOCK_KEY"]
    mine = house.json("whoami")
    house.environ["PENSTOCK_KEY"] = house.world.other_key
    assert house.json("whoami")["key"] == mine["key"]


def test_profiles_are_kept_apart(house: House) -> None:
    for name in ("PENSTOCK_KEY", "PENSTOCK_URL"):
        del house.environ[name]
    house.run("login", "--url", "http://api.test", given=house.world.key)
    house.run("login", "--url", "http://api.test", "--profile", "other", given=house.world.other_key)

    first, other = house.json("whoami"), house.json("--profile", "other", "whoami")

    assert first["workspace"] != other["workspace"]
    house.environ["PENSTOCK_PROFILE"] = "other"
    assert house.json("whoami") == other


@pytest.mark.parametrize("given", ["", "\n", "psk_ö\n", "psk\x1b[0m\n"])
def test_what_cannot_be_a_key_is_not_asked_about(house: House, given: str) -> None:
    del house.environ["PENSTOCK_KEY"]

    assert house.run("login", given=given) == Exit.USAGE
    assert house.clients == []
