"""The template as CloudFormation runs it: what the AWS::Serverless transform makes of the packaged one.

On AWS the service does this itself; here it lets tests and the smoke test look at what will really be created.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any

from samtranslator.translator.transform import transform


class _NoManagedPolicies:
    """The packaged functions have policies of their own; nothing is to be looked up at IAM."""

    def load(self) -> dict[str, str]:
        return {}


def expand(template: Mapping[str, Any], bucket: str = "packages", key: str = "penstock.zip") -> dict[str, Any]:
    """`bucket` and `key` name the uploaded zip."""
    document = copy.deepcopy(dict(template))
    for resource in document["Resources"].values():
        if "CodeUri" in resource.get("Properties", {}):
            resource["Properties"]["CodeUri"] = f"s3://{bucket}/{key}"
    # The translator asks boto3 in which partition it is.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    expanded: dict[str, Any] = transform(document, {}, _NoManagedPolicies())
    return expanded
