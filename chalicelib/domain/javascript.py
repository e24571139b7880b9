"""JavaScript that users supply, as values: what goes into the sandbox and what comes out of it.

Nothing here trusts the code. A report holds what the sandbox sent before it ended, however it ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json

MIB = 1024 * 1024


class CodeError(InvalidError):
    """The code cannot be loaded."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None, name: str = "Error") -> None:
        where = f" ({file}:{line})" if file and line else f" ({file})" if file else ""
        super().__init__(f"{message}{where}", file=file, line=line, name=name)
        self.file = file
        self.line = line


@dataclass(frozen=True, slots=True)
class Bundle:
    """Files by path, `/` between parts; imports that begin with a dot are resolved among them.

    A `compiled` bundle is what `describe` made of one: CommonJS without types, ready to run.
    """

    entry: str
    files: Mapping[str, str]
    compiled: bool = False


@dataclass(frozen=True, slots=True)
class MissingFile:
    """An import of a file that the bundle lacks. `candidates` are the paths that would do, the likeliest first."""

    importer: str
    specifier: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. `memory_bytes` is what the code itself may allocate; bytes of output count all messages."""

    cpu_seconds: float = 10.0
    wall_seconds: float = 60.0
    memory_bytes: int = 256 * MIB
    emits: int = 1_000
    event_bytes: int = 512 * 1024
    log_lines: int = 1_000
    log_line_bytes: int = 16 * 1024
    log_bytes: int = 2 * MIB
    output_bytes: int = 16 * MIB
    db_value_bytes: int = 256 * 1024
    fetches: int = 200
    fetch_concurrency: int = 8
    fetch_seconds: float = 30.0
    fetch_request_bytes: int = 6 * MIB
    fetch_response_bytes: int = 6 * MIB


DESCRIBE_LIMITS = Limits(cpu_seconds=4.0, wall_seconds=5.0, memory_bytes=128 * MIB, fetches=0)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the code finds: values of its props, credentials of its app props and addresses of its HTTP props, all by
    the prop's name; the database as it stands; for a code step also the earlier steps' outputs and the run's facts."""

    props: Mapping[str, Json] = field(default_factory=dict)
    accounts: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    endpoints: Mapping[str, str] = field(default_factory=dict)
    db: Mapping[str, Json] = field(default_factory=dict)
    steps: Mapping[str, Json] = field(default_factory=dict)
    run: Mapping[str, Json] = field(default_factory=dict)
    component_id: str = ""


@dataclass(frozen=True, slots=True)
class Emit:
    event: Json
    meta: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class LogLine:
    """`level` is debug, info, warn or error; `ts` is in milliseconds since 1970."""

    level: str
    text: str
    ts: int


@dataclass(frozen=True, slots=True)
class CodeResponse:
    """An answer to the HTTP request that started the run."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class CodeFailure:
    """What the code threw, or which limit it ran into. `stack` names the bundle's files and nothing of the host."""

    name: str
    message: str
    stack: str = ""
    file: str | None = None
    line: int | None = None


LIMIT_NAMES = frozenset(
    {"CpuLimitExceeded", "MemoryLimitExceeded", "TimeoutError", "OutputLimitExceeded", "SandboxCrashed"}
)
"""Failures that the sandbox, not the code, put an end with."""


@dataclass(frozen=True, slots=True)
class RunStats:
    """`memory_bytes` is the most that the process had resident, engine and libraries included. `isolation` lists what
    held: `process`, `own_user`, `rlimits`, `no_new_privs`, `seccomp`."""

    wall_ms: float
    cpu_ms: float = 0.0
    memory_bytes: int = 0
    fetches: int = 0
    isolation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunReport:
    """All that a run left. `db` has the changed keys only, in order of their last change; a key that was cleared maps
    to None. `returned` is None for a run that returned nothing. `exited` is what it gave for ending early."""

    emits: tuple[Emit, ...] = ()
    db: Mapping[str, Json] = field(default_factory=dict)
    response: CodeResponse | None = None
    logs: tuple[LogLine, ...] = ()
    dropped_logs: int = 0
    error: CodeFailure | None = None
    returned: Json = None
    exports: Mapping[str, Json] = field(default_factory=dict)
    exited: str | None = None
    missing_modules: tuple[str, ...] = ()
    stats: RunStats = RunStats(0.0)


Kind = Literal["component", "function"]


@dataclass(frozen=True, slots=True)
class Description:
    """What a component says of itself, without a call of anything in it.

    `has` names which of run, deploy, activate, deactivate, additionalProps and methods there are. `kind` is `function`
    for code that exports a bare function, which has no more to say.
    """

    kind: Kind
    compiled: Bundle
    name: str | None = None
    key: str | None = None
    version: str | None = None
    description: str | None = None
    type: str = "source"
    dedupe: str | None = None
    configurable_props: tuple[Mapping[str, Json], ...] = ()
    has: frozenset[str] = frozenset()
    missing_modules: tuple[str, ...] = ()
    stats: RunStats = RunStats(0.0)
