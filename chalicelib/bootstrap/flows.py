"""The services of flows of exports and imports."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.bootstrap.sources import SourceServices
from chalicelib.system import ThreadSpawner

if TYPE_CHECKING:
    from chalicelib.nodes.flows.ports import FlowPorts
    from chalicelib.services.flows.archives import FlowArchives
    from chalicelib.services.flows.audit import FlowAudit
    from chalicelib.services.flows.call_logs import CallLogs
    from chalicelib.services.flows.connections import Connections
    from chalicelib.services.flows.desk import FlowDesks
    from chalicelib.services.flows.error_files import FlowErrorFiles
    from chalicelib.services.flows.errors import FlowErrors
    from chalicelib.services.flows.flows import Flows
    from chalicelib.services.flows.http import FlowHttp
    from chalicelib.services.flows.invoke import FlowInvoke
    from chalicelib.services.flows.jobs import FlowJobs
    from chalicelib.services.flows.listeners import FlowListeners
    from chalicelib.services.flows.pings import FlowPings
    from chalicelib.services.flows.references import References
    from chalicelib.services.flows.resources import FlowResources
    from chalicelib.services.flows.scripts import FlowScripts
    from chalicelib.services.flows.state import FlowState
    from chalicelib.services.flows.tags import FlowTags

FLOW_THREADS = 64
COUNTING_THREADS = 16


class FlowServices(SourceServices):
    @cached_property
    def flow_connections(self) -> Connections:
        from chalicelib.services.flows.connections import Connections
        from chalicelib.store.vault import KmsVault

        return Connections(self.stores.resources, KmsVault(self.clients, self.settings.accounts_kms_key))

    @cached_property
    def flow_http(self) -> FlowHttp:
        from chalicelib.services.flows.http import FlowHttp
        from chalicelib.services.flows.templates import Templates

        return FlowHttp(self.http, Templates(self.clock, self.entropy), self.clock, self.entropy, self.flow_call_logs)

    @cached_property
    def flow_call_logs(self) -> CallLogs:
        from chalicelib.services.flows.call_logs import CallLogs

        return CallLogs(self.stores.call_logs, self.entropy)

    @cached_property
    def flow_tags(self) -> FlowTags:
        from chalicelib.services.flows.tags import FlowTags

        return FlowTags(self.stores.tags, self.clock, self.entropy)

    @cached_property
    def flow_desks(self) -> FlowDesks:
        from chalicelib.services.flows.desk import FlowDesks

        return FlowDesks(self.stores.resources, self.flow_connections, self.flow_http, self.clock, self.flow_scripts)

    @cached_property
    def flow_scripts(self) -> FlowScripts:
        from chalicelib.services.flows.scripts import FlowScripts

        return FlowScripts(self.stores.resources, lambda: self.js)

    @cached_property
    def flow_audit(self) -> FlowAudit:
        from chalicelib.services.flows.audit import FlowAudit

        return FlowAudit(self.stores.audit, self.clock, self.entropy)

    @cached_property
    def flow_references(self) -> References:
        from chalicelib.services.flows.references import References

        return References(self.stores.resources, self.stores.workflows)

    @cached_property
    def flow_resources(self) -> FlowResources:
        from chalicelib.services.flows.resources import FlowResources

        return FlowResources(
            store=self.stores.resources,
            references=self.flow_references,
            connections=self.flow_connections,
            audit=self.flow_audit,
            marks=self.stores.marks,
            scripts=self.flow_scripts,
            clock=self.clock,
            entropy=self.entropy,
        )

    @cached_property
    def flows(self) -> Flows:
        from chalicelib.services.flows.flows import Flows

        return Flows(
            workflows=self.workflows,
            store=self.stores.workflows,
            access=self.access,
            resources=self.flow_resources,
            references=self.flow_references,
            marks=self.stores.flow_marks,
            runs=self.runs,
            audit=self.flow_audit,
            clock=self.clock,
            entropy=self.entropy,
        )

    @cached_property
    def flow_archives(self) -> FlowArchives:
        from chalicelib.services.flows.archives import FlowArchives

        stores = self.stores
        return FlowArchives(
            stores.workflows, stores.resources, self.flow_references, stores.marks, self.clock, self.entropy
        )

    @cached_property
    def flow_listeners(self) -> FlowListeners:
        from chalicelib.services.flows.listeners import FlowListeners

        return FlowListeners(self.flow_resources, self.flow_references, self.stores.workflows, self.runs)

    @cached_property
    def flow_pings(self) -> FlowPings:
        from chalicelib.services.flows.pings import FlowPings

        return FlowPings(self.flow_resources, self.flow_connections, self.flow_http)

    @cached_property
    def flow_state(self) -> FlowState:
        from chalicelib.services.flows.state import FlowState

        return FlowState(self.stores.state)

    @cached_property
    def flow_jobs(self) -> FlowJobs:
        from chalicelib.services.flows.jobs import FlowJobs

        return FlowJobs(self.runs, self.workflows, self.stores.jobs, self.clock)

    @cached_property
    def flow_errors(self) -> FlowErrors:
        from chalicelib.services.flows.errors import FlowErrors

        spawner = ThreadSpawner(COUNTING_THREADS, "counting")
        return FlowErrors(self.access, self.workflows, self.stores.flow_errors, self.runs, self.clock, spawner)

    @cached_property
    def flow_error_files(self) -> FlowErrorFiles:
        from chalicelib.services.flows.error_files import FlowErrorFiles

        return FlowErrorFiles(self.stores.jobs, self.flow_errors, self.stores.marks, self.clock, self.entropy)

    @cached_property
    def flow_invoke(self) -> FlowInvoke:
        from chalicelib.services.flows.invoke import FlowInvoke

        return FlowInvoke(self.flow_desks, self.clock)

    @cached_property
    def flow_ports(self) -> FlowPorts:
        from chalicelib.nodes.flows.ports import FlowPorts
        from chalicelib.services.flows.following import FollowingFlows
        from chalicelib.services.flows.slots import FlowSlots

        stores = self.stores
        return FlowPorts(
            resources=stores.resources,
            desks=self.flow_desks,
            slots=FlowSlots(stores.leases, self.flow_connections, self.clock),
            jobs=stores.jobs,
            errors=stores.flow_errors,
            marks=stores.flow_marks,
            files=stores.files,
            spawner=ThreadSpawner(FLOW_THREADS, "flow"),
            clock=self.clock,
            follower=FollowingFlows(stores.workflows, self.runs),
            runs=stores.runs,
        )
