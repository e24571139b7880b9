"""What flows add to a deployment: their steps over ports that fail, and the services of their door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from chalicelib.nodes.flows.ports import FlowPorts
from chalicelib.nodes.flows.registry import handlers
from chalicelib.nodes.steps import Handler
from chalicelib.services.flows.audit import FlowAudit
from chalicelib.services.flows.connections import Connections
from chalicelib.services.flows.desk import FlowDesks
from chalicelib.services.flows.errors import FlowErrors
from chalicelib.services.flows.flows import Flows
from chalicelib.services.flows.following import FollowingFlows
from chalicelib.services.flows.http import FlowHttp
from chalicelib.services.flows.jobs import FlowJobs
from chalicelib.services.flows.references import References
from chalicelib.services.flows.resources import FlowResources
from chalicelib.services.flows.scripts import FlowScripts
from chalicelib.services.flows.slots import FlowSlots
from chalicelib.services.flows.templates import Templates
from chalicelib.services.ports import HttpSender
from tests.fakes import InlineSpawner, SeededEntropy
from tests.file_fakes import MemoryFileStore
from tests.flow_fakes import (
    MemoryAuditStore,
    MemoryFlowErrorStore,
    MemoryFlowMarkStore,
    MemoryJobStore,
    MemoryLeaseStore,
    MemoryResourceStore,
)
from tests.script_fakes import PythonScripts
from tests.simulator.flow_scripts import CONTENT, FUNCTIONS
from tests.simulator.ports import ActorSpawner
from tests.simulator.world import World
from tests.source_fakes import LabelVault


class FlowStores:
    """What is stored of flows, as it is."""

    def __init__(self, clock: Any) -> None:
        self.audit = MemoryAuditStore(clock.now)
        self.resources = MemoryResourceStore(self.audit)
        self.jobs = MemoryJobStore(clock.now)
        self.flow_errors = MemoryFlowErrorStore(self.jobs, clock.now)
        self.flow_marks = MemoryFlowMarkStore()
        self.leases = MemoryLeaseStore()
        self.flow_files = MemoryFileStore()
        self.flow_sandbox = PythonScripts({CONTENT: FUNCTIONS})


class FlowWiring:
    """`store` gives the port of a store by its name, `part` a part as it is in this world, `deployment` the services
    that there are besides."""

    def __init__(
        self,
        world: World,
        deployment: Any,
        sender: HttpSender,
        store: Callable[[str], Any],
        part: Callable[[str, Any], Any],
        seed: int,
    ) -> None:
        self._world = world
        self._deployment = deployment
        self._sender = sender
        self._part = part
        self._entropy = SeededEntropy(seed + 1)
        self._resources = store("resources")
        self._scripts = FlowScripts(self._resources, lambda: self._js)
        self._js = store("flow_sandbox")
        self._jobs = store("jobs")
        self._errors = store("flow_errors")
        self._marks = store("flow_marks")
        self._leases = store("leases")
        self._files = store("flow_files")
        self.handlers: Mapping[str, Handler] = handlers(lambda: self.ports)

    @cached_property
    def ports(self) -> FlowPorts:
        clock = self._deployment.clock
        connections = Connections(self._resources, LabelVault())
        http = FlowHttp(self._part("flow_sender", self._sender), Templates(clock, self._entropy), clock, self._entropy)
        following = FollowingFlows(self._deployment.workflow_store, self._deployment.runs)
        ports = FlowPorts(
            resources=self._resources,
            desks=FlowDesks(self._resources, connections, http, clock, self._scripts),
            slots=self._part("flow_slots", FlowSlots(self._leases, connections, clock)),
            jobs=self._jobs,
            errors=self._errors,
            marks=self._marks,
            files=self._files,
            spawner=ActorSpawner(self._world),
            clock=clock,
            follower=self._part("follower", following),
            runs=self._deployment.run_store,
        )
        changed: FlowPorts = self._part("flow_ports", ports)
        return changed

    @cached_property
    def references(self) -> References:
        return References(self._resources, self._deployment.workflow_store)

    @cached_property
    def flows(self) -> Flows:
        deployment = self._deployment
        audit = FlowAudit(MemoryAuditStore(deployment.clock.now), deployment.clock, self._entropy)
        connections = Connections(self._resources, LabelVault())
        resources = FlowResources(
            store=self._resources,
            references=self.references,
            connections=connections,
            audit=audit,
            marks=deployment.mark_store,
            scripts=self._scripts,
            clock=deployment.clock,
            entropy=self._entropy,
        )
        return Flows(
            workflows=deployment.workflows,
            store=deployment.workflow_store,
            access=deployment.access,
            resources=resources,
            references=self.references,
            marks=self._marks,
            runs=deployment.runs,
            audit=audit,
            clock=deployment.clock,
            entropy=self._entropy,
        )

    @cached_property
    def jobs(self) -> FlowJobs:
        return FlowJobs(self._deployment.runs, self._deployment.workflows, self._jobs, self._deployment.clock)

    @cached_property
    def errors(self) -> FlowErrors:
        deployment = self._deployment
        return FlowErrors(
            deployment.access,
            deployment.workflows,
            self._errors,
            deployment.runs,
            deployment.clock,
            InlineSpawner(),
        )
