"""The one error tree. Errors carry facts, know whether a retry can help, and never know HTTP.

Families (invalid, unauthenticated, forbidden, not found, conflict, rate-limited, lease lost, outbound)
are what the dialects' status tables name; leaves are named for the fact.
"""

from __future__ import annotations


class PenstockError(Exception):
    """Something that this product refuses or cannot do."""

    retryable = False

    def __init__(self, message: str | None = None, **facts: object) -> None:
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        self.facts = facts
        super().__init__(self.message)


class InvalidError(PenstockError):
    """The request cannot be understood or breaks a rule."""

    def __init__(self, message: str | None = None, *, field: str | None = None, **facts: object) -> None:
        super().__init__(message, **facts)
        self.field = field


class MalformedJsonError(InvalidError):
    """The body is not valid JSON."""


class TooLargeError(InvalidError):
    """The value is larger than this product accepts."""


class FieldsRefusedError(InvalidError):
    """Some members cannot be accepted. The fact `problems` lists every one of them."""


class DefinitionError(InvalidError):
    """The workflow's definition breaks a rule."""


class ExpressionError(InvalidError):
    """The expression cannot be parsed or evaluated."""


class TemplateError(ExpressionError):
    """The template cannot be compiled or rendered.

    `line` and `column` count from 1; they are None when no single place is to blame.
    """

    def __init__(self, reason: str, *, line: int | None = None, column: int | None = None) -> None:
        where = "" if line is None else f" (line {line}, column {column})"
        super().__init__(f"{reason.rstrip('.')}{where}.")
        self.reason = reason
        self.line = line
        self.column = column


class AnswerRefusedError(InvalidError):
    """The form of the waiting step does not allow the answer."""


class UnauthenticatedError(PenstockError):
    """The caller did not prove who they are."""


class ForbiddenError(PenstockError):
    """The caller may not do this."""


class PinForbiddenError(ForbiddenError):
    """The pin or pinboard is somebody else's. The fact `act` says what was to be done with it."""


class NotFoundError(PenstockError):
    """There is no such thing, or it is not the caller's to see."""


class RouteNotFoundError(NotFoundError):
    """There is nothing at this address."""


class WorkflowNotFoundError(NotFoundError):
    """The workflow does not exist."""


class RunNotFoundError(NotFoundError):
    """The run does not exist."""


class HookNotFoundError(NotFoundError):
    """The inbound webhook does not exist."""


class EndpointNotFoundError(NotFoundError):
    """The webhook endpoint does not exist."""


class DeliveryNotFoundError(NotFoundError):
    """The delivery does not exist."""


class SubscriptionNotFoundError(NotFoundError):
    """There is no such subscription."""


class SourceNotFoundError(NotFoundError):
    """The source does not exist."""


class ComponentNotFoundError(NotFoundError):
    """The component does not exist."""


class AccountNotFoundError(NotFoundError):
    """The account does not exist."""


class ScheduleNotFoundError(NotFoundError):
    """The schedule does not exist."""


class ResourceNotFoundError(NotFoundError):
    """The export, import, connection, integration or script does not exist."""


class FlowErrorNotFoundError(NotFoundError):
    """The error of the flow does not exist."""


class FileNotStoredError(NotFoundError):
    """The file does not exist."""


class PinNotFoundError(NotFoundError):
    """The pin does not exist."""


class PinboardNotFoundError(NotFoundError):
    """The pinboard does not exist."""


class WorkflowDataNotFoundError(NotFoundError):
    """Nothing was pushed for this workflow id of the pin."""


class BlockNotFoundError(NotFoundError):
    """The pin has no such block."""


class DatasetNotFoundError(NotFoundError):
    """The pin has no such dataset."""


class BlobNotFoundError(NotFoundError):
    """A stored body is missing."""


class MethodNotAllowedError(PenstockError):
    """This address does not answer this method."""


class ConflictError(PenstockError):
    """The stored state does not allow this."""


class WorkflowInactiveError(ConflictError):
    """The workflow is not active."""


class RunEndedError(ConflictError):
    """The run has already ended."""


class IllegalTransitionError(ConflictError):
    """The run's present status does not allow this change."""


class RunNotPausedError(IllegalTransitionError):
    """The run is not paused."""


class RunNotRetryableError(IllegalTransitionError):
    """The run cannot be done again in its present status."""


class StepNotWaitingError(IllegalTransitionError):
    """No such step of the run waits for an answer."""


class IdempotencyConflictError(ConflictError):
    """The idempotency key was used before, with another input."""


class ScheduleManagedError(ConflictError):
    """The schedule belongs to a trigger of its workflow and is changed with it alone."""


class AlreadyExistsError(ConflictError):
    """Something with this identity is stored already."""


class LastKeyError(ConflictError):
    """No other key of the workspace may do everything."""


class StaleWriteError(ConflictError):
    """Somebody else changed this since it was read."""

    retryable = True


class RateLimitedError(PenstockError):
    """The caller has used up this period's requests."""

    retryable = True

    def __init__(self, message: str | None = None, *, retry_after_seconds: int = 1, **facts: object) -> None:
        super().__init__(message, **facts)
        self.retry_after_seconds = retry_after_seconds


class LeaseError(PenstockError):
    """The run is not this worker's to advance."""


class LeaseHeldError(LeaseError):
    """Another worker holds the run's lease."""


class LeaseLostError(LeaseError):
    """The run was claimed, changed or ended by somebody else."""


class SignalledError(PenstockError):
    """Something came in for the run that its worker has not seen."""

    retryable = True


class UnavailableError(PenstockError):
    """A service that this product stands on did not answer."""

    retryable = True


class OutboundError(PenstockError):
    """An outbound request brought no answer."""

    retryable = True


class OutboundRefusedError(OutboundError):
    """The address is not one that this product may call."""

    retryable = False


class OutboundConnectError(OutboundError):
    """No connection to the receiver could be made."""


class OutboundTimeoutError(OutboundError):
    """The receiver did not answer in time."""


class OutboundDeniedError(OutboundError):
    """The receiver was reached and refused what was sent."""

    retryable = False


class OutboundTooLargeError(OutboundError):
    """The receiver's answer is larger than this product accepts."""

    retryable = False
