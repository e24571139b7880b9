"""The `mqtt_publish` node: how its configuration is read, and in which order brokers are tried."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import OutboundConnectError, OutboundDeniedError, OutboundRefusedError
from chalicelib.domain.json import Json
from chalicelib.domain.mqtt import MqttTarget
from chalicelib.domain.run import Outcome, StepStatus
from tests.unit.nodes.attempts import Attempt, FakePublisher, failing, shown

PEM = "-----BEGIN X-----\nabc\n-----END X-----"
CERT: dict[str, Json] = {"_type": "cert", "_cert": PEM, "_key": PEM, "_ca": PEM, "_clientId": "device-7"}
OPEN: dict[str, Json] = {"_url": "mqtt://broker.example", "_config": {"_type": "none"}}


def publish(publisher: FakePublisher | None = None, input: Json = None, **params: Json) -> Outcome:  # noqa: A002
    given: dict[str, Json] = {"_mqtt_target": [OPEN], "_topic": "t", "_messages": ["m"], **params}
    return Attempt(publisher=publisher or FakePublisher()).perform("mqtt_publish", {"params": given}, input)


def target_of(**target: Json) -> tuple[MqttTarget, int]:
    publisher = FakePublisher()
    outcome = publish(publisher, _mqtt_target=[{"_url": "mqtt://broker.example", **target}])
    assert outcome.status is StepStatus.SUCCEEDED, outcome.error
    ((found, publication),) = publisher.calls
    return found, publication.qos


class TestConfiguration:
    def test_by_default_a_message_is_acknowledged_and_the_version_is_3(self) -> None:
        assert target_of(_config={"_type": "none"}) == (MqttTarget("mqtt://broker.example", 3), 1)

    @pytest.mark.parametrize("place", ["inside", "beside"])
    def test_the_type_may_stand_in_either_place(self, place: str) -> None:
        credentials: dict[str, Json] = {"_username": "u", "_password": "p"}
        inside: dict[str, Json] = {"_config": {"_type": "password", **credentials}}
        beside: dict[str, Json] = {"_type": "password", "_config": credentials}

        found, _ = target_of(**(inside if place == "inside" else beside))

        assert found == MqttTarget("mqtt://broker.example", 3, None, "u", "p")

    def test_a_certificate_brings_its_key_authority_and_client_id(self) -> None:
        found, qos = target_of(_config=CERT, _mqtt_version=5, _qos=2)

        assert found == MqttTarget("mqtt://broker.example", 5, "device-7", certificate=PEM, key=PEM, authority=PEM)
        assert qos == 2

    def test_line_ends_of_a_certificate_may_be_written_out(self) -> None:
        found, _ = target_of(_config={**CERT, "_key": PEM.replace("\n", "\\n")})

        assert found.key == PEM

    @pytest.mark.parametrize(
        ("version", "qos", "expected"), [("5", "0", (5, 0)), (4, 2, (3, 2)), ("3.1.1", 1.0, (3, 1)), (None, "", (3, 1))]
    )
    def test_version_and_quality_may_be_numbers_or_texts(self, version: Json, qos: Json, expected: object) -> None:
        found, quality = target_of(_mqtt_version=version, _qos=qos)

        assert (found.version, quality) == expected

    def test_messages_are_texts_or_the_json_of_what_they_are(self) -> None:
        publisher = FakePublisher()
        publish(publisher, {"n": 4}, _topic="plant/{{ $input.n }}", _messages=["Grüße", {"a": 1}, "{{ $input.n }}"])

        _, publication = publisher.calls[0]
        assert publication.topic == "plant/4"
        assert publication.messages == ["Grüße".encode(), b'{"a":1}', b"4"]

    @pytest.mark.parametrize(
        ("params", "named"),
        [
            ({"_mqtt_target": []}, "_mqtt_target"),
            ({"_mqtt_target": ["mqtt://x"]}, "_mqtt_target"),
            ({"_mqtt_target": [{"_config": {"_type": "none"}}]}, "_url"),
            ({"_mqtt_target": [{**OPEN, "_config": "none"}]}, "_config"),
            ({"_mqtt_target": [{**OPEN, "_config": {"_type": "magic"}}]}, "_type"),
            ({"_mqtt_target": [{**OPEN, "_config": {"_type": "password", "_username": "u"}}]}, "_password"),
            ({"_mqtt_target": [{**OPEN, "_config": {**CERT, "_ca": None}}]}, "_ca"),
            ({"_mqtt_target": [{**OPEN, "_config": {**CERT, "_clientId": ""}}]}, "_clientId"),
            ({"_mqtt_target": [{**OPEN, "_config": {**CERT, "_key": "abc"}}]}, "_key"),
            ({"_mqtt_target": [{**OPEN, "_mqtt_version": 2}]}, "_mqtt_version"),
            ({"_mqtt_target": [{**OPEN, "_qos": 3}]}, "_qos"),
            ({"_mqtt_target": [{**OPEN, "_qos": True}]}, "_qos"),
            ({"_topic": ""}, "_topic"),
            ({"_topic": "plant/#"}, "_topic"),
            ({"_topic": "x" * 70_000}, "_topic"),
            ({"_messages": []}, "_messages"),
            ({"_messages": None}, "_messages"),
        ],
    )
    def test_what_cannot_be_published_is_a_failure_that_names_the_member(
        self, params: dict[str, Json], named: str
    ) -> None:
        publisher = FakePublisher()
        outcome = publish(publisher, **params)

        assert outcome.error is not None
        assert (outcome.error.type, outcome.error.retryable, publisher.calls) == ("invalid_config", False, [])
        assert named in outcome.error.message

    def test_params_that_are_no_object_are_a_failure(self) -> None:
        outcome = Attempt().perform("mqtt_publish", {"params": "{{ 5 }}"})

        assert outcome.error is not None
        assert outcome.error.type == "invalid_config"

    def test_the_runs_own_values_win_where_the_definition_lets_them(self) -> None:
        publisher = FakePublisher()
        params: Json = {"_mqtt_target": [OPEN], "_topic": "t", "_messages": ["m"]}
        config: dict[str, Json] = {"params": params, "overlay": ["_topic"]}
        Attempt(publisher=publisher).perform("mqtt_publish", config, {"_topic": "mine", "_messages": ["theirs"]})

        assert [(call.topic, call.messages) for _, call in publisher.calls] == [("mine", [b"m"])]


class TestFailOver:
    TWO: Json = [{**OPEN, "_url": "mqtt://a.example"}, {**OPEN, "_url": "mqtt://b.example"}]

    def test_the_second_broker_is_not_asked_when_the_first_takes_all(self) -> None:
        publisher = FakePublisher()
        outcome = publish(publisher, _mqtt_target=self.TWO, _messages=["1", "2"])

        assert [target.url for target, _ in publisher.calls] == ["mqtt://a.example"]
        assert outcome.output == {"published": 2, "topic": "t", "url": "mqtt://a.example"}

    def test_the_next_broker_is_given_what_the_one_before_did_not_take(self) -> None:
        publisher = FakePublisher(failing(OutboundConnectError("a.example hung up.", published=1), None))
        outcome = publish(publisher, _mqtt_target=self.TWO, _messages=["1", "2", "3"])

        (_, first), (_, second) = publisher.calls
        assert (first.messages, second.messages) == ([b"1", b"2", b"3"], [b"2", b"3"])
        assert (first.timeout_seconds, second.timeout_seconds) == (15.0, 30.0), "one cannot use up the time of all"
        assert outcome.output == {"published": 3, "topic": "t", "url": "mqtt://b.example"}

    def test_one_brokers_failure_is_told_as_it_is(self) -> None:
        outcome = publish(FakePublisher(failing(OutboundDeniedError("broker.example did not let us in."))))

        assert outcome.error is not None
        assert (outcome.error.type, outcome.error.message, outcome.error.retryable) == (
            "denied",
            "broker.example did not let us in.",
            False,
        )

    @pytest.mark.parametrize(
        ("errors", "retryable"),
        [
            ((OutboundConnectError("A."), OutboundDeniedError("B.")), True),
            ((OutboundRefusedError("A."), OutboundDeniedError("B.")), False),
        ],
    )
    def test_another_attempt_may_help_if_it_may_at_one_of_them(self, errors, retryable: bool) -> None:
        outcome = publish(FakePublisher(failing(*errors)), _mqtt_target=self.TWO)

        assert outcome.error is not None
        assert (outcome.error.message, outcome.error.retryable) == ("No broker took the messages. A. B.", retryable)


def test_secrets_are_neither_shown_nor_logged() -> None:
    secret: Json = [
        {
            "_url": "mqtt://u:5ecret@a.example",
            "_config": {"_type": "password", "_username": "u", "_password": "5ecret"},
        },
        {"_url": "mqtts://b.example", "_config": {**CERT, "_key": PEM.replace("abc", "5ecret")}},
    ]
    for errors in ((OutboundRefusedError(), None), (OutboundConnectError(), OutboundDeniedError())):
        outcome = publish(FakePublisher(failing(*errors)), _mqtt_target=secret)

        assert "5ecret" not in shown(outcome)
        assert "'_username': 'u'" in shown(outcome)
