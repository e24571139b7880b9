"""SCRAM: the published example, and servers that are not what they say."""

from __future__ import annotations

import pytest

from chalicelib.domain.scram import ScramClient, ScramError, check_server

NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = f"r={NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT = ScramClient("user", "pencil", NONCE)


def test_the_example_of_rfc_7677() -> None:
    final, expected = CLIENT.final(SERVER_FIRST)

    assert CLIENT.first() == f"n,,n=user,r={NONCE}"
    assert final == (f"c=biws,r={NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    check_server("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", expected)


def test_a_name_cannot_end_its_member() -> None:
    assert ScramClient("a,r=x", "p", "n1").first() == "n,,n=a=2Cr=3Dx,r=n1"


@pytest.mark.parametrize(
    "server_first",
    [
        SERVER_FIRST.replace(NONCE, "another"),
        SERVER_FIRST.replace("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", ""),
        SERVER_FIRST.replace("4096", "1"),
        SERVER_FIRST.replace("4096", "99999999"),
        SERVER_FIRST.replace("4096", "-4096"),
        SERVER_FIRST.replace("W22", "§§"),
        "e=unknown-user",
        "",
    ],
)
def test_a_challenge_that_breaks_the_rules_gets_no_proof(server_first: str) -> None:
    with pytest.raises(ScramError):
        CLIENT.final(server_first)


@pytest.mark.parametrize("server_final", ["v=AAAA", "v=", "v=?", "e=invalid-proof", ""])
def test_a_server_that_does_not_know_the_password_is_found_out(server_final: str) -> None:
    _, expected = CLIENT.final(SERVER_FIRST)

    with pytest.raises(ScramError):
        check_server(server_final, expected)


def test_the_password_does_not_show() -> None:
    assert "pencil" not in repr(CLIENT)
