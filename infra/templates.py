"""The stack's template: what Chalice makes of the app, with our tables, queues, settings and alarms merged in.

Chalice checks next to nothing of this, and a misspelt logical name would become a resource without a type: what
comes out is checked here, and by the tests against the transformed template.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra import alarms
from infra.targets import PackagingError, Target

ROOT = Path(__file__).resolve().parent.parent
PACKAGE_NAME = "penstock.zip"
LONGEST_RUN_DAYS = 366
BLOB_DAYS = (367, 373, 396, 456, 546, 731, 1096)
"""What RunBlobDays may be: for each retention that can be chosen, that and the longest time a run may take."""

_CHALICE = "from chalice.cli import main; main()"
_SOURCES = (
    *(("chalicelib", pattern) for pattern in ("*.py", "*.html", "*.css", "*.js", "*.mjs", "*.ts", "*.json", "*.txt")),
    (".chalice", "*.json"),
    ("infra", "*.py"),
    ("infra", "*.json"),
)
_NOT_DEPLOYED = ("cli", "local", "operations", "operator.py", "__pycache__")


def build(target: Target, work: Path) -> dict[str, Any]:
    """The template for AWS::Serverless; and in `work/app` the files that Chalice packed: the app and its runtime."""
    project = work / "project"
    _copy_sources(project)
    (project / "merge.json").write_text(json.dumps(_merged(target)), encoding="utf-8")
    _run_chalice(project)
    shutil.unpack_archive(project / "out" / "deployment.zip", work / "app")
    template: dict[str, Any] = json.loads((project / "out" / "sam.json").read_text(encoding="utf-8"))
    check(template)
    return template


def check(template: dict[str, Any]) -> None:
    """Points every function to the package. Raises PackagingError for what only one of Chalice and we know of."""
    for name, resource in template["Resources"].items():
        if "Type" not in resource:
            raise PackagingError(f"{name} has no type: no function of the app has this name")
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            if "LoggingConfig" not in properties:
                raise PackagingError(f"{name} is not in infra/functions.json")
            properties["CodeUri"] = PACKAGE_NAME
            properties["Tags"] = {"app": "penstock"}


def data_template() -> dict[str, Any]:
    """Tables, queues and bucket, as the tests and the local stack create them too."""
    return _read("infra/template.json")


def function_template() -> dict[str, Any]:
    """What is merged into what Chalice makes of the app: functions, their settings, the API, and the accounts' key."""
    return _read("infra/functions.json")


def sources() -> list[Path]:
    """Every file that the package is made from."""
    found = [ROOT / "app.py", ROOT / "requirements.txt"]
    for directory, pattern in _SOURCES:
        found += (path for path in sorted((ROOT / directory).rglob(pattern)) if _is_deployed(path))
    return found


def _is_deployed(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return parts[0] != "chalicelib" or not set(_NOT_DEPLOYED).intersection(parts[1:])


def _copy_sources(project: Path) -> None:
    """Chalice packs what it finds, so only what is to be deployed is laid out for it."""
    for path in sources():
        relative = path.relative_to(ROOT)
        if relative.parts[0] in {"app.py", "chalicelib", ".chalice"}:
            (project / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, project / relative)


def _merged(target: Target) -> dict[str, Any]:
    template = data_template()
    settings = function_template()
    for section, members in settings.items():
        template[section] = {**template.get(section, {}), **members}
    template["Resources"] |= alarms.resources()
    template["Parameters"]["RunBlobDays"]["AllowedValues"] = [*BLOB_DAYS]
    template["Rules"] |= _retention_rules(template["Parameters"]["RetentionDays"]["AllowedValues"])
    functions = [each for each in template["Resources"].values() if "LoggingConfig" in each.get("Properties", {})]
    for function in functions:
        function["Properties"] |= {"Runtime": target.runtime, "Architectures": [target.architecture]}
    return template


def _retention_rules(choices: list[int]) -> dict[str, Any]:
    """CloudFormation cannot add, so each choice names the values that keep a run's blobs as long as the run."""
    return {
        f"BlobsOutliveRunsOf{days}Days": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "RetentionDays"}, str(days)]},
            "Assertions": [
                {
                    "Assert": {"Fn::Contains": [_enough_for(days), {"Ref": "RunBlobDays"}]},
                    "AssertDescription": f"RunBlobDays must be at least {days + LONGEST_RUN_DAYS}.",
                }
            ],
        }
        for days in choices
    }


def _enough_for(retention_days: int) -> list[str]:
    return [str(days) for days in BLOB_DAYS if days >= retention_days + LONGEST_RUN_DAYS]


def _read(name: str) -> dict[str, Any]:
    template: dict[str, Any] = json.loads((ROOT / name).read_text(encoding="utf-8"))
    return template


def _run_chalice(project: Path) -> None:
    """In an environment of its own, because importing the app reads its settings."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(project),
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-c", _CHALICE, "package", "--merge-template", "merge.json", "out"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    if done.returncode != 0 or "Could not install dependencies" in done.stdout + done.stderr:
        raise PackagingError(f"chalice package failed:\n{done.stdout}{done.stderr}")
