"""What calls on workflows take and answer, as types; limits are those that the handlers decode by."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from chalicelib.api.common.describe import about, among, by_default, open_ended
from chalicelib.api.pipedream.document_types import Anywhere, Object
from chalicelib.api.pipedream.workflow_form import LONGEST_NAME, MOST_STEPS, NAMESPACE_PATTERN, TRIGGER_TYPES


class StepOfCode(TypedDict):
    code: Annotated[str, about("JavaScript: the step.", min_length=1)]
    namespace: NotRequired[Annotated[str, about("Its name for other steps.", pattern=f"^{NAMESPACE_PATTERN}$")]]
    props: NotRequired[Object]


@open_ended
class NewTrigger(TypedDict):
    """A timer has `cron` or `interval_seconds`, a source trigger `source_id`; they may stand in `props` as well."""

    type: NotRequired[Annotated[str, among(TRIGGER_TYPES)]]
    cron: NotRequired[str]
    interval_seconds: NotRequired[int]
    timezone: NotRequired[str]
    source_id: NotRequired[str]
    props: NotRequired[Object]


class WorkflowSettings(TypedDict):
    name: NotRequired[Annotated[str, about("Its name.", min_length=1, max_length=LONGEST_NAME)]]
    auto_deploy: NotRequired[Annotated[bool, about("Whether it runs at once."), by_default(True)]]


class NewWorkflow(Anywhere):
    steps: Annotated[list[StepOfCode], about("What it does, in order.", min_length=1, max_length=MOST_STEPS)]
    triggers: NotRequired[Annotated[list[NewTrigger], about("What starts it.", max_length=MOST_STEPS)]]
    settings: NotRequired[WorkflowSettings]
    project_id: NotRequired[Annotated[str, about("Kept with the workflow.")]]
    template_id: NotRequired[Annotated[str, about("Kept with the workflow.")]]


class WorkflowChange(Anywhere):
    active: Annotated[bool, about("Whether it runs.")]


class SavedComponent(TypedDict):
    id: str
    code: str
    codeHash: str
    configurableProps: list[Object]
    key: str | None
    description: str | None
    entryPath: None
    version: str
    apps: list[Any]


class Step(TypedDict):
    id: str
    type: Literal["CodeCell"]
    namespace: str
    disabled: bool
    lang: str
    component: bool
    savedComponent: SavedComponent
    component_key: str | None
    component_owner_id: None
    configured_props_json: str
    authProvisionIdMap: Object
    authProvisionIds: list[Any]


class Trigger(TypedDict):
    id: str
    key: NotRequired[str]
    endpoint_url: NotRequired[Annotated[str, about("A request of it starts the workflow.")]]
    custom_response: NotRequired[bool]
    interval_seconds: NotRequired[int | None]
    cron: NotRequired[str | None]
    timezone: NotRequired[str]


class MadeWorkflow(TypedDict, total=False):
    id: str
    name: str
    active: bool
    steps: list[Step]
    triggers: list[Trigger]


class ChangedWorkflow(TypedDict, total=False):
    id: str
    name: str
    name_slug: str
    inactive: bool
    active: bool
    owner_id: str
    owner_type: Literal["Org"]
    creator_id: str
    description: str | None
    created_at: str
    updated_at: str
    project_id: str | None
    deployments: list[tuple[str, str]]
