"""Alarms and the dashboard: the few numbers that tell whether a stage is well.

Every alarm goes to the topic that the stack's parameter names, when it names one. Missing numbers are good news:
a stage that idles sends none.
"""

from __future__ import annotations

import json
from typing import Any

Json = Any

FUNCTIONS = {
    "APIHandler": "api",
    "RunsWorker": "runs",
    "DeliveriesWorker": "deliveries",
    "Sandbox": "sandbox",
    "Tick": "tick",
}
QUEUES = ("Runs", "Deliveries")
TABLES = ("DefinitionsTable", "RunsTable", "CountersTable", "EventsTable", "DeliveriesTable", "PinsTable", "FlowsTable")
"""Those that are written to by load; keys change seldom."""
INDEXES = (
    ("RunsTable", "by_workspace"),
    ("RunsTable", "by_workflow"),
    ("RunsTable", "due"),
    ("EventsTable", "due"),
    ("DeliveriesTable", "undelivered"),
    ("DeliveriesTable", "due"),
)
OLDEST_MESSAGE_SECONDS = 900

_ACTIONS = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
_API_NAME = {"Fn::Sub": "penstock-${StageName}"}
_MINUTE = 60


def resources() -> dict[str, Json]:
    """The alarms and the dashboard, by logical name."""
    found: dict[str, Json] = {}
    for queue in QUEUES:
        found[f"{queue}DeadLettersAlarm"] = _dead_letters(queue)
        found[f"{queue}AgeAlarm"] = _oldest_message(queue)
    for function in FUNCTIONS:
        found[f"{function}ErrorsAlarm"] = _of_function(function, "Errors", "fails")
        found[f"{function}ThrottlesAlarm"] = _of_function(function, "Throttles", "is throttled")
    found["TickSilentAlarm"] = _silent_tick()
    found["ApiFailuresAlarm"] = _api_failures()
    found["Dashboard"] = _dashboard()
    return found


def _dead_letters(queue: str) -> Json:
    return _alarm(
        f"Messages of the {queue.lower()} queue were given up; see docs/deploy.md, dead letters.",
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        {"QueueName": {"Fn::GetAtt": [f"{queue}DeadLetters", "QueueName"]}},
        statistic="Maximum",
    )


def _oldest_message(queue: str) -> Json:
    return _alarm(
        f"A message of the {queue.lower()} queue has waited for {OLDEST_MESSAGE_SECONDS // 60} minutes.",
        "AWS/SQS",
        "ApproximateAgeOfOldestMessage",
        {"QueueName": {"Fn::GetAtt": [f"{queue}Queue", "QueueName"]}},
        statistic="Maximum",
        threshold=OLDEST_MESSAGE_SECONDS,
        periods=5,
    )


def _of_function(function: str, metric: str, what: str) -> Json:
    return _alarm(
        f"The {FUNCTIONS[function]} function {what}.",
        "AWS/Lambda",
        metric,
        {"FunctionName": {"Ref": function}},
        periods=5,
        periods_to_alarm=3,
    )


def _silent_tick() -> Json:
    """The one alarm for which missing numbers are bad news: without the tick nothing that waits goes on."""
    alarm = _alarm(
        "The tick function has not run for ten minutes.",
        "AWS/Lambda",
        "Invocations",
        {"FunctionName": {"Ref": "Tick"}},
        threshold=1,
        periods=10,
    )
    alarm["Properties"] |= {"ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching"}
    return alarm


def _api_failures() -> Json:
    return _alarm(
        "The API answers with 5xx.",
        "AWS/ApiGateway",
        "5XXError",
        {"ApiName": _API_NAME, "Stage": {"Ref": "RestAPI.Stage"}},
        periods=5,
        periods_to_alarm=3,
    )


def _alarm(
    description: str,
    namespace: str,
    metric: str,
    dimensions: dict[str, Json],
    *,
    statistic: str = "Sum",
    threshold: int = 0,
    periods: int = 1,
    periods_to_alarm: int | None = None,
) -> Json:
    """Raised when the metric, a minute at a time, is above the threshold in so many of the last periods."""
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": description,
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Statistic": statistic,
            "Period": _MINUTE,
            "EvaluationPeriods": periods,
            "DatapointsToAlarm": periods_to_alarm or periods,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanThreshold",
            # A queue without messages for six hours, or a function that idles, sends no numbers at all.
            "TreatMissingData": "notBreaching",
            "AlarmActions": _ACTIONS,
            "OKActions": _ACTIONS,
        },
    }


def _dashboard() -> Json:
    widgets = [
        _widget("Calls", 0, 0, [_api("Count", "Sum"), _api("4XXError", "Sum"), _api("5XXError", "Sum")]),
        _widget("Latency of calls, ms", 8, 0, [_api("Latency", "p50"), _api("Latency", "p99")]),
        _widget("Invocations", 16, 0, [_function(name, "Invocations", "Sum") for name in FUNCTIONS]),
        _widget("Failed invocations", 0, 6, [_function(name, "Errors", "Sum") for name in FUNCTIONS]),
        _widget("Duration, ms (p95)", 8, 6, [_function(name, "Duration", "p95") for name in FUNCTIONS]),
        _widget("Instances", 16, 6, [_function(name, "ConcurrentExecutions", "Maximum") for name in FUNCTIONS]),
        _widget("Waiting messages", 0, 12, [_queue(f"{name}Queue", "NumberOfMessagesVisible") for name in QUEUES]),
        _widget("Oldest message, s", 8, 12, [_queue(f"{name}Queue", "AgeOfOldestMessage") for name in QUEUES]),
        _widget("Dead letters", 16, 12, [_queue(f"{name}DeadLetters", "NumberOfMessagesVisible") for name in QUEUES]),
        _widget("Throttled writes", 0, 18, [_table(name, "WriteThrottleEvents") for name in TABLES]),
        _widget("Throttled writes of indexes", 8, 18, [_index(*each, "WriteThrottleEvents") for each in INDEXES]),
        _widget("Written units", 16, 18, [_table(name, "ConsumedWriteCapacityUnits") for name in TABLES]),
    ]
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": {"Fn::Sub": "penstock-${StageName}"},
            "DashboardBody": {"Fn::Sub": json.dumps({"widgets": widgets})},
        },
    }


def _widget(title: str, x: int, y: int, metrics: list[Json]) -> Json:
    properties = {"title": title, "region": "${AWS::Region}", "period": _MINUTE, "metrics": metrics}
    return {"type": "metric", "x": x, "y": y, "width": 8, "height": 6, "properties": properties}


def _api(metric: str, statistic: str) -> Json:
    return ["AWS/ApiGateway", metric, "ApiName", "penstock-${StageName}", "Stage", "api", {"stat": statistic}]


def _function(name: str, metric: str, statistic: str) -> Json:
    return ["AWS/Lambda", metric, "FunctionName", f"${{{name}}}", {"stat": statistic, "label": FUNCTIONS[name]}]


def _table(name: str, metric: str) -> Json:
    return ["AWS/DynamoDB", metric, "TableName", f"${{{name}}}", {"stat": "Sum"}]


def _index(table: str, index: str, metric: str) -> Json:
    """An index that cannot keep up holds up the writes of its table, and only its own numbers say so."""
    dimensions = ["TableName", f"${{{table}}}", "GlobalSecondaryIndexName", index]
    return ["AWS/DynamoDB", metric, *dimensions, {"stat": "Sum", "label": f"{table} {index}"}]


def _queue(name: str, metric: str) -> Json:
    return ["AWS/SQS", f"Approximate{metric}", "QueueName", f"${{{name}.QueueName}}", {"stat": "Maximum"}]
