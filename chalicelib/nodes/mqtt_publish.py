"""`mqtt_publish`: messages to the first of several brokers that takes them.

At least once: an attempt that is repeated publishes again what an earlier one had published, as does an attempt whose
outcome was lost. Within an attempt the next broker is given only what the ones before did not acknowledge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.errors import OutboundError
from chalicelib.domain.json import Json
from chalicelib.domain.masking import mask_json, mask_url
from chalicelib.domain.mqtt import MqttPublication, MqttTarget
from chalicelib.domain.run import StepError
from chalicelib.nodes.http_request import as_text, outbound_step_error
from chalicelib.nodes.params import invalid, optional_text, params_of, text
from chalicelib.nodes.steps import Result, StepContext, StepFailure
from chalicelib.services.ports import MqttPublisher

MAX_TARGETS = 10
MAX_MESSAGES = 10_000
# MQTT puts two bytes of length before a text. 4 is the level of protocol as which 3.1.1 introduces itself.
_MAX_TEXT_BYTES = 65_535
_VERSIONS: Mapping[str, int] = {"3": 3, "3.1.1": 3, "4": 3, "5": 5, "5.0": 5}
_QUALITIES: Mapping[str, int] = {"0": 0, "1": 1, "2": 2}


@dataclass(frozen=True, slots=True)
class _Choice:
    target: MqttTarget
    qos: int


class MqttPublishNode:
    """The handler of `mqtt_publish`. Output: `{published, topic, url}`, the URL of the broker that took the last
    message. `publisher` is asked for when a step runs, because most functions never publish."""

    def __init__(self, publisher: Callable[[], MqttPublisher]) -> None:
        self._publisher = publisher

    def __call__(self, context: StepContext) -> Result:
        params = params_of(context)
        choices = [_choice(target) for target in _objects(params, "_mqtt_target")]
        topic, messages = _topic(params), _messages(params)
        shown = mask_json(dict(params))
        url = self._publish(context, choices, topic, messages, shown)
        return Result({"published": len(messages), "topic": topic, "url": url}, input=shown)

    def _publish(
        self, context: StepContext, choices: Sequence[_Choice], topic: str, messages: Sequence[bytes], shown: Json
    ) -> str:
        began_at = context.now()
        errors: list[OutboundError] = []
        for index, choice in enumerate(choices):
            left = context.seconds_left - (context.now() - began_at).total_seconds()
            if left <= 0:
                break
            # A broker that does not answer may not use up the time of those after it.
            patience = left / (len(choices) - index)
            try:
                self._publisher().publish(
                    choice.target, MqttPublication(topic, messages, choice.qos, timeout_seconds=patience)
                )
            except OutboundError as error:
                context.log("warning", f"{mask_url(choice.target.url)}: {error.message}")
                errors.append(error)
                messages = messages[_published(error) :]
                continue
            context.log("info", f"{len(messages)} published to {topic} at {choice.target.url}")
            return choice.target.url
        raise StepFailure(_failure(errors), shown)


def _published(error: OutboundError) -> int:
    count = error.facts.get("published", 0)
    return count if isinstance(count, int) else 0


def _failure(errors: Sequence[OutboundError]) -> StepError:
    """What the attempt failed of: the last broker's error where there was one broker, else a summary of all. Another
    attempt may help if it may at any of them."""
    if not errors:
        return StepError("timeout", "there was no time left to publish", retryable=True)
    last = outbound_step_error(errors[-1])
    if len(errors) == 1:
        return last
    told = " ".join(error.message for error in errors)
    return StepError(last.type, f"No broker took the messages. {told}", any(error.retryable for error in errors))


def _objects(params: Mapping[str, Json], name: str) -> list[Mapping[str, Json]]:
    value = params.get(name)
    found = [value] if isinstance(value, Mapping) else value
    if not isinstance(found, list) or not found or len(found) > MAX_TARGETS:
        raise invalid(f"'{name}' must be a list of 1 to {MAX_TARGETS} objects")
    objects: list[Mapping[str, Json]] = [each for each in found if isinstance(each, Mapping)]
    if len(objects) < len(found):
        raise invalid(f"'{name}' must be a list of objects")
    return objects


def _topic(params: Mapping[str, Json]) -> str:
    topic = _short(params, "_topic")
    # Wildcards are for subscribing; a broker may hang up on who publishes to one.
    if any(character in topic for character in "+#\0"):
        raise invalid("'_topic' must not contain +, # or a zero character")
    return topic


def _messages(params: Mapping[str, Json]) -> list[bytes]:
    value = params.get("_messages")
    given = value if isinstance(value, list) else [value]
    if value is None or not given or len(given) > MAX_MESSAGES:
        raise invalid(f"'_messages' must be a list of 1 to {MAX_MESSAGES} texts")
    return [as_text(each).encode("utf-8", "replace") for each in given]


def _choice(target: Mapping[str, Json]) -> _Choice:
    config = target.get("_config")
    if config is not None and not isinstance(config, Mapping):
        raise invalid("'_config' of a target must be an object")
    members: dict[str, Json] = {**(config or {}), **{name: each for name, each in target.items() if each is not None}}
    version = _one_of(members, "_mqtt_version", _VERSIONS, 3)
    qos = _one_of(members, "_qos", _QUALITIES, 1)
    client_id = None if optional_text(members, "_clientId") is None else _short(members, "_clientId")
    known = MqttTarget(text(members, "_url").strip(), version, client_id)
    return _Choice(_with_credentials(known, members), qos)


def _with_credentials(target: MqttTarget, members: Mapping[str, Json]) -> MqttTarget:
    url, version, client_id = target.url, target.version, target.client_id
    authority = None if optional_text(members, "_ca") is None else _pem(members, "_ca")
    match _type(members):
        case "cert":
            certificate, key = _pem(members, "_cert"), _pem(members, "_key")
            _pem(members, "_ca")
            client_id = _short(members, "_clientId")
            return MqttTarget(url, version, client_id, certificate=certificate, key=key, authority=authority)
        case "password":
            username, password = _short(members, "_username"), _short(members, "_password")
            return MqttTarget(url, version, client_id, username, password, authority=authority)
        case "none":
            return MqttTarget(url, version, client_id, authority=authority)
    raise invalid("'_type' of a target must be cert, password or none")


def _type(members: Mapping[str, Json]) -> str:
    given = optional_text(members, "_type")
    if given is not None:
        return given.strip().lower()
    if members.get("_cert"):
        return "cert"
    return "password" if members.get("_username") else "none"


def _short(members: Mapping[str, Json], name: str) -> str:
    value = text(members, name)
    if len(value.encode("utf-8", "replace")) > _MAX_TEXT_BYTES:
        raise invalid(f"'{name}' is longer than {_MAX_TEXT_BYTES} bytes")
    return value


def _pem(members: Mapping[str, Json], name: str) -> str:
    """A certificate or key. Line ends written as \\n, as in environment variables, are line ends."""
    value = text(members, name).replace("\\r", "").replace("\\n", "\n")
    if "-----BEGIN " not in value:
        raise invalid(f"'{name}' is not in PEM form")
    return value


def _one_of(members: Mapping[str, Json], name: str, known: Mapping[str, int], default: int) -> int:
    value = members.get(name)
    if value is None or value == "":
        return default
    # Computed numbers may come as 5.0, whether as a number or in a text.
    found = None if isinstance(value, bool) else known.get(str(value).strip().removesuffix(".0") or "0")
    if found is None:
        raise invalid(f"'{name}' must be one of {', '.join(sorted(known))}")
    return found
