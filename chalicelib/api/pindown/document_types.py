"""The objects that this door takes and answers, as types; their limits are those that the handlers decode by."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from chalicelib.api.common.describe import about, among, by_default
from chalicelib.api.pindown import keys, parsing, parts, pinboards
from chalicelib.domain.identity import ALL_SCOPES, SCOPES
from chalicelib.domain.pins import BlockType, DatasetKind, DatasetType, DataType
from chalicelib.services.pins.boards import MOST_PINS

Time = Annotated[str, about("UTC, to the millisecond, with `Z`.", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Moment = Annotated[int, about("Milliseconds since 1970.")]
Object = dict[str, Any]
Id = Annotated[str, about("An id.", min_length=1, max_length=parsing.LONGEST_ID)]
Description = Annotated[str, about("Free text.", max_length=parsing.LONGEST_DESCRIPTION)]
Tag = Annotated[str, about("A word.", min_length=1, max_length=parsing.LONGEST_TAG)]
Tags = Annotated[list[Tag], about("To find it by.", max_length=parsing.MOST_TAGS)]
KeyInBody = Annotated[str, about("The API key, where there is no `Authorization` header.")]


class PinMetadata(TypedDict):
    """What the body does not name stays as it is."""

    title: NotRequired[Annotated[str, about("The heading.", max_length=parsing.LONGEST_TITLE)]]
    description: NotRequired[Description]
    tags: NotRequired[Tags]
    is_public: NotRequired[Annotated[bool, about("Whether everybody may look at it.")]]


class NewPin(TypedDict):
    data_type: NotRequired[Annotated[DataType, by_default(DataType.MARKDOWN)]]
    metadata: NotRequired[PinMetadata]
    api_key: NotRequired[KeyInBody]


class PinChange(TypedDict):
    metadata: PinMetadata
    api_key: NotRequired[KeyInBody]


class Metadata(TypedDict):
    title: str
    description: str
    tags: list[str]
    is_public: bool
    created_at: Time
    updated_at: NotRequired[Time]


class Permissions(TypedDict):
    is_public: bool
    created_by: str


class ListedPin(TypedDict):
    id: str
    user_id: str
    data_type: DataType
    metadata: Metadata


class Pin(TypedDict):
    id: str
    user_id: str
    data_type: DataType
    content: str
    metadata: Metadata
    permissions: Permissions


class Pins(TypedDict):
    pins: list[ListedPin]
    total: int


class ChangedPin(TypedDict):
    id: str
    metadata: Metadata


class PinId(TypedDict):
    pinId: str


class PublishedPin(TypedDict):
    pinId: str
    is_public: bool


class Head(TypedDict):
    id: str
    data_type: DataType
    metadata: Metadata


class ShownWorkflow(TypedDict):
    id: str
    version: Annotated[int, about("How often it was pushed.")]
    updated_at: Time
    fields: Annotated[list[tuple[str, Any]], about("Paths into the data, with their values.")]
    fields_total: int
    series: Annotated[dict[str, list[tuple[int, float]]], about("By path: versions with their numbers.")]


class Overview(TypedDict):
    """What the page of a pin shows."""

    pin: Head
    workflows: list[ShownWorkflow]
    total: int


class BoardChange(TypedDict):
    name: NotRequired[Annotated[str, about("Its name.", min_length=1, max_length=pinboards.LONGEST_NAME)]]
    description: NotRequired[Description]
    pins: NotRequired[Annotated[list[Id], about("The pins' ids, in order.", max_length=MOST_PINS)]]
    is_public: NotRequired[bool]
    tags: NotRequired[Tags]
    api_key: NotRequired[KeyInBody]


class NewBoard(TypedDict):
    name: Annotated[str, about("Its name.", min_length=1, max_length=pinboards.LONGEST_NAME)]
    description: NotRequired[Description]
    pins: NotRequired[Annotated[list[Id], about("The pins' ids, in order.", max_length=MOST_PINS)]]
    is_public: NotRequired[bool]
    tags: NotRequired[Tags]
    api_key: NotRequired[KeyInBody]


class Board(TypedDict):
    id: str
    name: str
    description: str
    pins: list[str]
    created_at: Time
    author: str
    views: Annotated[int, about("Reads by others than its author.")]
    is_public: bool


class ChangedBoard(TypedDict):
    id: str
    name: str
    description: str
    pins: list[str]
    updated_at: Time


class Boards(TypedDict):
    pinboards: list[Board]
    total: int


class BoardId(TypedDict):
    pinboardId: str


class PublishedBoard(TypedDict):
    pinboardId: str
    is_public: bool


class PinOnBoard(TypedDict):
    pinId: Id
    api_key: NotRequired[KeyInBody]


class BlockChange(TypedDict):
    name: NotRequired[Annotated[str, about("Its name.", min_length=1, max_length=parts.LONGEST_NAME)]]
    type: NotRequired[BlockType]
    template: NotRequired[
        Annotated[str, about("For the pin's clients to render.", min_length=1, max_length=parts.LONGEST_TEMPLATE)]
    ]
    order: NotRequired[Annotated[int, about("Its place.", ge=0, le=parts.GREATEST_ORDER), by_default(0)]]
    api_key: NotRequired[KeyInBody]


class NewBlock(TypedDict):
    name: Annotated[str, about("Its name.", min_length=1, max_length=parts.LONGEST_NAME)]
    type: BlockType
    template: Annotated[str, about("For the pin's clients to render.", min_length=1, max_length=parts.LONGEST_TEMPLATE)]
    order: NotRequired[Annotated[int, about("Its place.", ge=0, le=parts.GREATEST_ORDER), by_default(0)]]
    api_key: NotRequired[KeyInBody]


class MadeBlock(TypedDict):
    id: str
    name: str
    type: BlockType
    template: str
    order: int


class Block(MadeBlock):
    created_at: Moment
    updated_at: Moment


class AddedBlock(TypedDict):
    blockId: str
    block: MadeBlock


class Blocks(TypedDict):
    blocks: list[Block]
    count: int


class BlockMessage(TypedDict):
    blockId: str
    message: str


class NewDataset(TypedDict):
    name: Annotated[str, about("Its name.", min_length=1, max_length=parts.LONGEST_NAME)]
    type: DatasetType
    datasetType: NotRequired[Annotated[DatasetKind, by_default(DatasetKind.USER)]]
    data: Annotated[str, about("Its content, as text.", min_length=1)]
    description: NotRequired[Description]
    api_key: NotRequired[KeyInBody]


class DatasetHeading(TypedDict):
    name: NotRequired[Annotated[str, about("Its name.", min_length=1, max_length=parts.LONGEST_NAME)]]
    description: NotRequired[Description]


class DatasetChange(TypedDict):
    data: Any
    metadata: NotRequired[DatasetHeading]
    api_key: NotRequired[KeyInBody]


class DatasetMetadata(TypedDict):
    name: str
    type: DatasetType
    datasetType: DatasetKind
    description: str
    createdBy: str
    createdAt: Time
    updatedAt: Time
    status: Literal["active"]


class DatasetPermissions(TypedDict):
    viewers: list[str]
    editors: list[str]


class Dataset(TypedDict):
    id: str
    metadata: DatasetMetadata
    data: Any
    permissions: DatasetPermissions


class OneDataset(TypedDict):
    dataset: Dataset


class Datasets(TypedDict):
    datasets: list[Dataset]
    count: int


class DatasetMessage(TypedDict):
    datasetId: str
    message: str


class Message(TypedDict):
    message: str


class NewKey(TypedDict):
    name: Annotated[str, about("What it is for.", min_length=1, max_length=keys.LONGEST_NAME)]
    permissions: NotRequired[
        Annotated[
            list[Annotated[str, among(sorted({ALL_SCOPES, *SCOPES}))]],
            about(
                "What it may do; not more than the key that makes it.", min_length=1, max_length=keys.MOST_PERMISSIONS
            ),
            by_default([*keys.DEFAULT_PERMISSIONS]),
        ]
    ]
    api_key: NotRequired[KeyInBody]


class MadeKey(TypedDict):
    apiKey: Annotated[str, about("The key itself, which is shown once.")]
    keyId: str
    name: str
    permissions: list[str]


class Key(TypedDict):
    keyId: str
    name: str
    permissions: list[str]
    is_active: bool
    created_at: Time
    usage_count: int
