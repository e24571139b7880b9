"""The half of the API's world that flows need: their services over in-memory stores."""

from __future__ import annotations

from chalicelib.nodes.flows.ports import FlowPorts
from chalicelib.services.access import Access
from chalicelib.services.flows.archives import FlowArchives
from chalicelib.services.flows.audit import FlowAudit
from chalicelib.services.flows.call_logs import CallLogs
from chalicelib.services.flows.connections import Connections
from chalicelib.services.flows.desk import FlowDesks
from chalicelib.services.flows.error_files import FlowErrorFiles
from chalicelib.services.flows.errors import FlowErrors
from chalicelib.services.flows.flows import Flows
from chalicelib.services.flows.following import FollowingFlows
from chalicelib.services.flows.http import FlowHttp
from chalicelib.services.flows.invoke import FlowInvoke
from chalicelib.services.flows.jobs import FlowJobs
from chalicelib.services.flows.listeners import FlowListeners
from chalicelib.services.flows.pings import FlowPings
from chalicelib.services.flows.references import References
from chalicelib.services.flows.resources import FlowResources
from chalicelib.services.flows.scripts import FlowScripts
from chalicelib.services.flows.slots import FlowSlots
from chalicelib.services.flows.state import FlowState
from chalicelib.services.flows.tags import FlowTags
from chalicelib.services.flows.templates import Templates
from chalicelib.services.ports import HttpSender, RunStore
from chalicelib.services.runs.runs import Runs
from chalicelib.services.sources.sandbox import JsRunner
from chalicelib.services.workflows import Workflows
from tests import fakes, flow_fakes
from tests.api.source_half import sandbox
from tests.file_fakes import MemoryFileStore
from tests.source_fakes import LabelVault


class FlowHalf:
    """`sender` is what connections send with."""

    def __init__(
        self,
        clock: fakes.FixedClock,
        entropy: fakes.SeededEntropy,
        audit_store: flow_fakes.MemoryAuditStore,
        workflow_store: fakes.MemoryWorkflowStore,
        mark_store: fakes.MemoryMarkStore,
        sender: HttpSender,
    ) -> None:
        self.clock = clock
        self.entropy = entropy
        self.workflow_store = workflow_store
        self.mark_store = mark_store
        self.audit_store = audit_store
        self.resource_store = flow_fakes.MemoryResourceStore(audit_store)
        self.flow_mark_store = flow_fakes.MemoryFlowMarkStore()
        self.state_store = flow_fakes.MemoryStateStore()
        self.job_store = flow_fakes.MemoryJobStore(clock.now)
        self.error_store = flow_fakes.MemoryFlowErrorStore(self.job_store, clock.now)
        self.connections = Connections(self.resource_store, LabelVault())
        self.call_log_store = flow_fakes.MemoryCallLogStore(clock.now)
        self.tag_store = flow_fakes.MemoryTagStore()
        self.call_logs = CallLogs(self.call_log_store, entropy)
        self.tags = FlowTags(self.tag_store, clock, entropy)
        self.http = FlowHttp(sender, Templates(clock, entropy), clock, entropy, self.call_logs)
        self.audit = FlowAudit(audit_store, clock, entropy)
        self.references = References(self.resource_store, workflow_store)
        self.js: JsRunner = sandbox()
        self.scripts = FlowScripts(self.resource_store, lambda: self.js)
        self.resources = FlowResources(
            store=self.resource_store,
            references=self.references,
            connections=self.connections,
            audit=self.audit,
            marks=mark_store,
            scripts=self.scripts,
            clock=clock,
            entropy=entropy,
        )
        self.archives = FlowArchives(workflow_store, self.resource_store, self.references, mark_store, clock, entropy)
        self.pings = FlowPings(self.resources, self.connections, self.http)
        self.state = FlowState(self.state_store)
        self.file_store = MemoryFileStore()
        self.desks = FlowDesks(self.resource_store, self.connections, self.http, clock, self.scripts)
        self.invoke = FlowInvoke(self.desks, clock)

    @property
    def stores(self) -> tuple[object, ...]:
        return (
            self.audit_store,
            self.resource_store,
            self.flow_mark_store,
            self.state_store,
            self.job_store,
            self.error_store,
            self.call_log_store,
            self.tag_store,
        )

    def flows(self, workflows: Workflows, access: Access, runs: Runs) -> Flows:
        return Flows(
            workflows=workflows,
            store=self.workflow_store,
            access=access,
            resources=self.resources,
            references=self.references,
            marks=self.flow_mark_store,
            runs=runs,
            audit=self.audit,
            clock=self.clock,
            entropy=self.entropy,
        )

    def ports(self, runs: Runs, run_store: RunStore) -> FlowPorts:
        """What the steps of flows work with."""
        return FlowPorts(
            resources=self.resource_store,
            desks=self.desks,
            slots=FlowSlots(flow_fakes.MemoryLeaseStore(), self.connections, self.clock),
            jobs=self.job_store,
            errors=self.error_store,
            marks=self.flow_mark_store,
            files=self.file_store,
            spawner=fakes.InlineSpawner(),
            clock=self.clock,
            follower=FollowingFlows(self.workflow_store, runs),
            runs=run_store,
        )

    def jobs(self, workflows: Workflows, runs: Runs) -> FlowJobs:
        return FlowJobs(runs, workflows, self.job_store, self.clock)

    def errors(self, workflows: Workflows, access: Access, runs: Runs) -> FlowErrors:
        return FlowErrors(access, workflows, self.error_store, runs, self.clock, fakes.InlineSpawner())

    def error_files(self, errors: FlowErrors) -> FlowErrorFiles:
        return FlowErrorFiles(self.job_store, errors, self.mark_store, self.clock, self.entropy)

    def listeners(self, runs: Runs) -> FlowListeners:
        return FlowListeners(self.resources, self.references, self.workflow_store, runs)
