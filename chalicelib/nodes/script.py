"""`script_execution`: a stored script, run by the installation's script engine."""

from __future__ import annotations

from chalicelib.domain.run import StepError
from chalicelib.nodes.steps import Result, StepContext, StepFailure


def no_engine(context: StepContext) -> Result:
    """The handler of an installation without an engine; one with an engine names its own in the registry."""
    raise StepFailure(StepError("script_engine_missing", "no script engine is installed"))
