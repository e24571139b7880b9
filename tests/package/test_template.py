"""The packaged template as CloudFormation runs it: what was merged in took effect, and the linter agrees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint

import app as application
from chalicelib.api.common.mount import CORS
from chalicelib.api.exeoflow.errors import TABLE
from chalicelib.config import Settings, from_environment
from infra import alarms, templates
from infra.targets import PackagingError

FUNCTIONS = ("APIHandler", "RunsWorker", "DeliveriesWorker", "Sandbox", "Tick")
CALL_THE_SANDBOX = ("APIHandler", "RunsWorker")
_INDEXES = "GlobalSecondaryIndexes"
QUEUE_FUNCTIONS = {"RunsWorker": "RunsQueue", "DeliveriesWorker": "DeliveriesQueue"}


def of_type(resources: dict[str, Any], type_: str) -> dict[str, Any]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == type_}


def test_the_linter_finds_nothing(template: dict[str, Any]) -> None:
    found = lint(json.dumps(template), config=ManualArgs(regions=["us-east-1", "eu-central-1"]))

    assert [str(match) for match in found] == []


def test_data_is_kept_where_the_suite_creates_it(resources: dict[str, Any]) -> None:
    """Tables, queues and bucket of the tests and of the local stack are those that are deployed."""
    for name, resource in templates.data_template()["Resources"].items():
        assert resources[name] == resource, name


def test_the_functions_are_those_of_the_app(resources: dict[str, Any]) -> None:
    handlers = {name: each["Handler"] for name, each in of_type(resources, "AWS::Lambda::Function").items()}

    assert handlers == {
        "APIHandler": "app.app",
        "RunsWorker": "chalicelib.handlers.runs_worker",
        "DeliveriesWorker": "chalicelib.handlers.deliveries_worker",
        "Sandbox": "chalicelib.sandbox_function.sandbox",
        "Tick": "chalicelib.handlers.tick",
    }
    assert tuple(alarms.FUNCTIONS) == FUNCTIONS


def test_functions_have_their_own_size_log_and_role(resources: dict[str, Any]) -> None:
    functions = of_type(resources, "AWS::Lambda::Function")

    assert {name: (each["Timeout"], each["MemorySize"]) for name, each in functions.items()} == {
        "APIHandler": (29, 1024),
        "RunsWorker": (300, 1024),
        "DeliveriesWorker": (120, 512),
        "Sandbox": (300, 1024),
        "Tick": (55, 512),
    }
    assert len({each["Role"]["Fn::GetAtt"][0] for each in functions.values()}) == len(functions)
    assert len({each["LoggingConfig"]["LogGroup"]["Ref"] for each in functions.values()}) == len(functions)
    assert {each["LoggingConfig"]["LogFormat"] for each in functions.values()} == {"JSON"}
    for function in functions.values():
        log = resources[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert log["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_functions_run_on_the_same_processor_and_python(resources: dict[str, Any]) -> None:
    functions = of_type(resources, "AWS::Lambda::Function").values()

    assert {tuple(each["Architectures"]) for each in functions} == {("arm64",)}
    assert len({each["Runtime"] for each in functions}) == 1


def test_concurrency_is_reserved_only_when_asked_for(template: dict[str, Any]) -> None:
    for function, role in zip(FUNCTIONS, ("Api", "Runs", "Deliveries", "Sandbox", "Tick"), strict=True):
        reserved = template["Resources"][function]["Properties"]["ReservedConcurrentExecutions"]
        assert reserved == {
            "Fn::If": [f"ReservesFor{role}", {"Ref": f"{role}ReservedConcurrency"}, {"Ref": "AWS::NoValue"}]
        }
        assert template["Parameters"][f"{role}ReservedConcurrency"]["Default"] == "none"


def test_every_setting_of_the_functions_comes_from_the_stack(resources: dict[str, Any]) -> None:
    """Only what Lambda itself sets, and what is right as it is, is missing."""
    asked = AskedFor()
    from_environment(asked)
    set_by_lambda = {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"}
    right_as_it_is = {"AUTH_CACHE_SECONDS", "WORKER_LEASE_SECONDS", "DELIVERY_TIMEOUT_SECONDS"}
    right_as_it_is |= {"DAILY_INVOCATIONS_QUOTA", "DAILY_COMPUTE_TIME_QUOTA_MS", "DAILY_CREDITS_QUOTA"}

    of_code = {"SANDBOX_FUNCTION", "ACCOUNTS_KMS_KEY", "COMPONENT_REGISTRY"}
    for function in sorted({*FUNCTIONS} - {"Sandbox"}):
        given = resources[function]["Properties"]["Environment"]["Variables"]
        expected = asked.names - set_by_lambda - right_as_it_is
        assert given.keys() == (expected if function in CALL_THE_SANDBOX else expected - of_code)


class AskedFor(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return default


def test_settings_name_the_stacks_own_resources(resources: dict[str, Any], template: dict[str, Any]) -> None:
    variables = resources["APIHandler"]["Properties"]["Environment"]["Variables"]

    for value in variables.values():
        for name in _names_in(value):
            assert name in resources or name in template["Parameters"] or name in template["Conditions"], name
    assert isinstance(from_environment({}), Settings)


def _names_in(value: Any) -> list[str]:
    match value:
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return [name]
        case {"Fn::If": [condition, *values]}:
            return [condition, *(name for each in values for name in _names_in(each))]
    return []


@pytest.mark.parametrize(("function", "queue"), sorted(QUEUE_FUNCTIONS.items()))
def test_a_queue_feeds_its_function_with_partial_failures(resources: dict[str, Any], function: str, queue: str) -> None:
    mappings = of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    (mapping,) = [each for each in mappings if each["FunctionName"] == {"Ref": function}]

    assert mapping["EventSourceArn"] == {"Fn::Sub": f"${{{queue}.Arn}}"}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {
        "MaximumConcurrency": {"Ref": f"{queue.removesuffix('Queue')}MaximumConcurrency"}
    }
    assert mapping["BatchSize"] == 10
    assert resources[function]["Properties"]["RecursiveLoop"] == "Allow"


@pytest.mark.parametrize("queue", ["Runs", "Deliveries"])
def test_a_message_is_given_up_after_five_receives(resources: dict[str, Any], queue: str) -> None:
    properties = resources[f"{queue}Queue"]["Properties"]

    assert properties["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": [f"{queue}DeadLetters", "Arn"]},
        "maxReceiveCount": 5,
    }
    assert resources[f"{queue}DeadLetters"]["Properties"]["MessageRetentionPeriod"] == 14 * 86_400


@pytest.mark.parametrize(("function", "queue"), sorted(QUEUE_FUNCTIONS.items()))
def test_a_message_stays_hidden_longer_than_its_function_takes(
    resources: dict[str, Any], function: str, queue: str
) -> None:
    timeout = resources[function]["Properties"]["Timeout"]

    assert resources[queue]["Properties"]["VisibilityTimeout"] >= 6 * timeout


def test_the_tick_comes_every_minute_and_is_not_repeated(resources: dict[str, Any]) -> None:
    (rule,) = of_type(resources, "AWS::Events::Rule").values()

    assert rule["ScheduleExpression"] == "rate(1 minute)"
    (target,) = rule["Targets"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}


def test_every_route_is_in_the_gateways_definition(resources: dict[str, Any]) -> None:
    paths = resources["RestAPI"]["Properties"]["Body"]["paths"]

    served = {path: {verb.upper() for verb in verbs} for path, verbs in paths.items()}
    assert served == {path: {*verbs, "OPTIONS"} for path, verbs in application.app.routes.items()}


def test_the_gateway_changes_no_byte_on_the_way_in_or_out(resources: dict[str, Any]) -> None:
    """Signatures are made over bytes, and answers may be pictures; preflights it answers itself, as text."""
    body = resources["RestAPI"]["Properties"]["Body"]
    integrations = [
        verb["x-amazon-apigateway-integration"] for path in body["paths"].values() for verb in path.values()
    ]

    assert body["x-amazon-apigateway-binary-media-types"] == ["*/*"]
    assert {each["contentHandling"] for each in integrations} == {"CONVERT_TO_TEXT"}


def test_the_gateway_is_regional_and_throttled(resources: dict[str, Any]) -> None:
    (stage,) = of_type(resources, "AWS::ApiGateway::Stage").values()

    assert resources["RestAPI"]["Properties"]["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert stage["StageName"] == "api"
    (settings,) = stage["MethodSettings"]
    assert settings["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}


def gateway_answers(resources: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resources["RestAPI"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    return found


def test_the_gateways_own_answers_are_worded_like_the_apis(resources: dict[str, Any]) -> None:
    wordings = {wording.code: wording for wording in TABLE.values()}
    for kind, answer in gateway_answers(resources).items():
        body = json.loads(answer["responseTemplates"]["application/json"])
        wording = wordings[body["error"]["code"]]
        assert body == {"success": False, "error": {"code": wording.code, "message": wording.message}}, kind
        assert answer.get("statusCode", str(wording.status)) == str(wording.status), kind


def test_browsers_may_read_the_gateways_own_answers(resources: dict[str, Any]) -> None:
    expected = CORS.get_access_control_headers()
    for answer in gateway_answers(resources).values():
        headers = answer["responseParameters"]
        for name in ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers"):
            assert headers[f"gatewayresponse.header.{name}"] == f"'{expected[name]}'"


def test_an_address_that_does_not_exist_is_not_found_with_or_without_a_key(resources: dict[str, Any]) -> None:
    """Whatever the gateway makes of an Authorization header that is not its own."""
    answers = gateway_answers(resources)

    for kind in ("MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE", "ACCESS_DENIED", "UNAUTHORIZED"):
        assert answers[kind]["statusCode"] == "404"


def test_every_queue_and_function_is_watched(resources: dict[str, Any]) -> None:
    watched = {
        (alarm["MetricName"], json.dumps(alarm["Dimensions"][0]["Value"]))
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
    }
    for queue in of_type(resources, "AWS::SQS::Queue"):
        metric = "ApproximateNumberOfMessagesVisible" if "Dead" in queue else "ApproximateAgeOfOldestMessage"
        assert (metric, json.dumps({"Fn::GetAtt": [queue, "QueueName"]})) in watched
    for function in of_type(resources, "AWS::Lambda::Function"):
        for metric in ("Errors", "Throttles"):
            assert (metric, json.dumps({"Ref": function})) in watched


def test_the_dashboard_shows_only_what_exists(resources: dict[str, Any]) -> None:
    text = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    body = json.loads(text)

    assert len(body["widgets"]) == 12
    for part in text.split("${")[1:]:
        name = part.partition("}")[0].partition(".")[0]
        assert name in resources or name in {"StageName", "AWS::Region"}


def test_the_dashboard_shows_every_index_that_writes_wait_for(resources: dict[str, Any]) -> None:
    """All that change with every run, event or delivery."""
    busy = ("RunsTable", "EventsTable", "DeliveriesTable")
    indexes = {(name, index["IndexName"]) for name in busy for index in resources[name]["Properties"][_INDEXES]}

    assert set(alarms.INDEXES) == indexes


def test_tables_are_kept_when_the_stack_goes_and_protected_from_slips(resources: dict[str, Any]) -> None:
    """Counters may go: what they hold is worth a day."""
    for name, table in of_type(resources, "AWS::DynamoDB::Table").items():
        is_kept = name != "CountersTable"
        assert (resources[name].get("DeletionPolicy") == "Retain") is is_kept, name
        assert table.get("DeletionProtectionEnabled", False) is is_kept, name
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name


def test_what_is_stored_is_encrypted_at_rest_and_on_its_way_and_nobody_elses(resources: dict[str, Any]) -> None:
    bucket = resources["BlobsBucket"]["Properties"]
    policy = resources["BlobsBucketPolicy"]["Properties"]
    [refused] = policy["PolicyDocument"]["Statement"]

    assert "BucketEncryption" in bucket
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert policy["Bucket"] == {"Ref": "BlobsBucket"}
    assert (refused["Effect"], refused["Principal"], refused["Action"]) == ("Deny", "*", "s3:*")
    assert refused["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert all(
        each["Properties"]["SqsManagedSseEnabled"] for each in resources.values() if each["Type"].endswith("Queue")
    )


def test_blobs_outlive_the_runs_that_refer_to_them(template: dict[str, Any]) -> None:
    """For every retention that can be chosen, the stack refuses to delete values before the run is gone."""
    parameters = template["Parameters"]
    for days in parameters["RetentionDays"]["AllowedValues"]:
        rule = template["Rules"][f"BlobsOutliveRunsOf{days}Days"]
        assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "RetentionDays"}, str(days)]}
        (assertion,) = rule["Assertions"]
        allowed, _ = assertion["Assert"]["Fn::Contains"]
        assert allowed
        assert min(map(int, allowed)) == days + templates.LONGEST_RUN_DAYS
    retention, blobs = parameters["RetentionDays"]["Default"], parameters["RunBlobDays"]["Default"]
    assert blobs == retention + templates.LONGEST_RUN_DAYS


def test_sources_of_the_package_are_the_products_alone() -> None:
    names = {path.relative_to(templates.ROOT).as_posix() for path in templates.sources()}

    assert {"app.py", "requirements.txt", "infra/template.json", ".chalice/config.json"} <= names
    assert not [name for name in names if name.startswith(("chalicelib/local", "chalicelib/operat", "tests"))]
    assert Path(templates.ROOT, "app.py").exists()


def test_a_misspelt_resource_stops_the_build() -> None:
    with pytest.raises(PackagingError, match="RunWorker has no type"):
        templates.check({"Resources": {"RunWorker": {"Properties": {"LoggingConfig": {}}}}})


def test_a_function_without_settings_of_its_own_stops_the_build() -> None:
    function = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "deployment.zip"}}

    with pytest.raises(PackagingError, match=r"DeliveriesWorker is not in infra/functions\.json"):
        templates.check({"Resources": {"DeliveriesWorker": function}})
