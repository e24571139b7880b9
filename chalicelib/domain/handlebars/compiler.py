"""A parsed template to closures: what can be decided once is decided here, so that a rendering only looks values up.

The names that a template may read at the root of its context are collected on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import TemplateError
from . import closures
from .closures import Reader, Writer
from .helpers import CONDITIONS, HELPERS, Call, Helper, Role, each
from .nodes import Block, Content, Expression, Literal, Mustache, Path, Program, Statement
from .nodes import Call as CallNode
from .runtime import MAX_OUTPUT, Frame
from .runtime import Program as Compiled
from .values import UNDEFINED, Refused

Locate = Callable[[Refused], TemplateError]

_FAILURES = (Refused, RecursionError, ArithmeticError, ValueError)
"""What a helper may raise on values that it cannot do with."""


class Compiler:
    """Compiles one template once. In strict mode what a mustache names has to be there."""

    def __init__(self, locate: Locate, *, strict: bool) -> None:
        self.names: set[str] = set()
        self._locate = locate
        self._strict = strict
        self._params: list[tuple[str, ...]] = []
        self._level = 0

    def program(self, program: Program) -> Compiled:
        writers: list[Writer] = []
        size = 0
        if program.block_params:
            self._params.append(program.block_params)
        for statement in _joined(program.body):
            if isinstance(statement, str):
                size += len(statement)
                writers.append(closures.content(statement))
            elif isinstance(statement, Mustache):
                writers.append(self._mustache(statement))
            elif isinstance(statement, Block):
                writers.append(self._block(statement))
        if program.block_params:
            self._params.pop()
        # One for the program itself, so that going round an empty block has its price.
        return Compiled(writers, 1 + len(writers), size, bool(program.block_params))

    def _mustache(self, mustache: Mustache) -> Writer:
        read = self._value(mustache.call)
        if self._is_member(mustache.call):
            return closures.member_writer(mustache.call.path.parts, is_escaped=mustache.is_escaped)
        return closures.escaped(read) if mustache.is_escaped else closures.raw(read)

    def _is_member(self, call: CallNode) -> bool:
        """Whether it is nothing but a path from the context, as most mustaches are."""
        path = call.path
        if self._strict or path.is_data or path.depth or call.params or call.hash:
            return False
        return self._param_index(path) is None and self._helper(call) is None

    def _value(self, call: CallNode) -> Reader:
        """What stands in a mustache: a helper's result, or else what the path leads to."""
        found = self._helper(call)
        if found is not None:
            return self._invocation(found, call)
        if (call.params or call.hash) and self._param_index(call.path) is None:
            return self._unknown(call)
        return self._path(call.path, call.at, is_strict=self._strict)

    def _helper(self, call: CallNode, *, is_certain: bool = False) -> Helper | None:
        """The helper that a name stands for.

        A bare name is its helper's only where the helper can do without arguments, and the context's otherwise: a
        record may well have a field called `hash` or `sum`.
        """
        path = call.path
        if not path.is_simple or path.is_data or self._param_index(path) is not None:
            return None
        found = HELPERS.get(path.parts[0])
        if found is None or call.params or call.hash or is_certain or found.is_language or not found.minimum:
            return found
        return None

    def _unknown(self, call: CallNode) -> Reader:
        refused = Refused(f"there is no helper called {call.path.original!r}", call.at)

        def read(frame: Frame) -> Any:
            raise self._locate(refused)

        return read

    def _invocation(self, used: Helper, call: CallNode) -> Reader:
        params = self._arguments(used, call)
        named = tuple((name, self._expression(value)) for name, value in call.hash)
        function, with_call, locate, at = used.function, used.with_call, self._locate, call.at
        wrong = _wrong_use(used, len(params))

        def read(frame: Frame) -> Any:
            if wrong:
                raise locate(Refused(wrong, at))
            arguments = [param(frame) for param in params]
            render = frame.render
            try:
                # Whether any are left, the next part of the template looks that runs.
                render.steps -= 1
                for argument in arguments:
                    render.charge(argument)
                if with_call:
                    arguments.insert(0, Call(frame, {name: value(frame) for name, value in named}))
                result = function(*arguments)
                if type(result) is str and len(result) > MAX_OUTPUT:
                    raise Refused("the result is too large")
                return result
            except _FAILURES as error:
                raise _placed(locate, error, at) from error

        return read

    def _arguments(self, used: Helper, call: CallNode) -> list[Reader]:
        # A path that is written out counts among the names that the template reads.
        if used.name == "getValue" and call.params and isinstance(call.params[0], Literal):
            self._read(str(call.params[0].value))
        return [self._argument(used, param) for param in call.params]

    def _argument(self, used: Helper, param: Expression) -> Reader:
        condition = _condition(used, param)
        return closures.constant(condition) if condition else self._expression(param)

    def _expression(self, expression: Expression) -> Reader:
        if isinstance(expression, Literal):
            return closures.constant(expression.value)
        if isinstance(expression, Path):
            return self._path(expression, expression.at, is_strict=False)
        found = self._helper(expression, is_certain=True)
        return self._unknown(expression) if found is None else self._invocation(found, expression)

    def _block(self, block: Block) -> Writer:
        call = block.call
        found = self._helper(call)
        if found is None and (call.params or call.hash) and self._param_index(call.path) is None:
            return closures.raw(self._unknown(call))
        if found is not None and found.role is Role.VALUE:
            return closures.raw(self._invocation(found, call))
        if found is None:
            return self._section(block)
        return self._helper_block(found, block)

    def _helper_block(self, used: Helper, block: Block) -> Writer:
        call = block.call
        params = self._arguments(used, call)
        named = tuple((name, self._expression(value)) for name, value in call.hash)
        program, inverse = self._branches(block, used.shift)
        function, locate, at, is_test = used.function, self._locate, call.at, used.role is Role.TEST
        with_call = used.with_call
        wrong = _wrong_arity(used, len(params))

        def write(frame: Frame) -> None:
            if wrong:
                raise locate(Refused(wrong, at))
            arguments = [param(frame) for param in params]
            use = Call(frame, {name: value(frame) for name, value in named}, program, inverse)
            try:
                if is_test:
                    for argument in arguments:
                        frame.render.charge(argument)
                    use.choose(function(use, *arguments) if with_call else function(*arguments))
                else:
                    function(use, *arguments)
            except _FAILURES as error:
                raise _placed(locate, error, at) from error

        return write

    def _section(self, block: Block) -> Writer:
        """A block opened by a path: over a list, with an object, or as its truth has it."""
        read = self._path(block.call.path, block.call.at, is_strict=self._strict)
        program, inverse = self._branches(block, 0)

        def write(frame: Frame) -> None:
            value = read(frame)
            use = Call(frame, {}, program, inverse)
            if value is None or value is UNDEFINED or value is False:
                use.otherwise()
            elif value is True:
                use.main(frame.context)
            elif type(value) is list:
                each(use, value)
            else:
                use.main(value)

        return write

    def _branches(self, block: Block, shift: int) -> tuple[Compiled | None, Compiled | None]:
        self._level += shift
        program = self.program(block.program) if block.program else None
        self._level -= shift
        return program, self.program(block.inverse) if block.inverse else None

    def _path(self, path: Path, at: int, *, is_strict: bool) -> Reader:
        if path.is_data:
            return self._checked(self._data(path), path, at) if is_strict else self._data(path)
        place = self._param_index(path)
        if place is not None:
            return closures.param(*place, path.parts[1:])
        # Only a path that climbs out of all blocks around it reads a name of the root's.
        if self._level <= path.depth:
            self._read(".".join(path.parts) or "this")
        read = closures.member_of(path.depth, path.parts)
        return self._checked(read, path, at) if is_strict and path.parts else read

    def _data(self, path: Path) -> Reader:
        if path.parts[:1] == ("root",):
            self._read(".".join(path.parts[1:]) or "this")
        return closures.data(path.depth, path.parts)

    def _checked(self, read: Reader, path: Path, at: int) -> Reader:
        missing = Refused(f"{path.original!r} is missing", at)
        locate = self._locate

        def checked(frame: Frame) -> Any:
            value = read(frame)
            # A member of null is null, so what is found may be that of something on the way.
            if value is UNDEFINED or (value is None and len(path.parts) > 1 and not _is_there(frame, path)):
                raise locate(missing)
            return value

        return checked

    def _param_index(self, path: Path) -> tuple[int, int] | None:
        """How many blocks with parameters lie between, and which of that block's parameters the name is."""
        if path.depth or path.is_scoped or not path.parts or path.is_data:
            return None
        for distance, names in enumerate(reversed(self._params)):
            if path.parts[0] in names:
                return distance, names.index(path.parts[0])
        return None

    def _read(self, name: str) -> None:
        self.names.add(name)


def _is_there(frame: Frame, path: Path) -> bool:
    """Whether null is the member's own value, and not that of something before it."""
    return closures.member_of(path.depth, path.parts[:-1])(frame) is not None if not path.is_data else True


def _joined(body: list[Statement]) -> list[str | Statement]:
    """The statements that write something, neighbouring contents as one text."""
    joined: list[str | Statement] = []
    for statement in body:
        if not isinstance(statement, Content):
            if not isinstance(statement, (Mustache, Block)):
                continue
            joined.append(statement)
        elif joined and isinstance(joined[-1], str):
            joined[-1] += statement.value
        elif statement.value:
            joined.append(statement.value)
    return joined


def _condition(used: Helper, param: Expression) -> str | None:
    """The name of a condition, where a helper takes one as a bare name."""
    if used.name == "some" and isinstance(param, Path) and param.is_simple and param.parts[0] in CONDITIONS:
        return param.parts[0]
    return None


def _wrong_use(used: Helper, count: int) -> str | None:
    if used.role is Role.BLOCK:
        return f"{used.name} needs a block: {{{{#{used.name} …}}}}"
    return _wrong_arity(used, count)


def _wrong_arity(used: Helper, count: int) -> str | None:
    try:
        used.check(count)
    except Refused as refused:
        return refused.reason
    return None


def _placed(locate: Locate, error: Exception, at: int) -> TemplateError:
    if not isinstance(error, Refused):
        return locate(Refused(f"the value cannot be computed ({error})", at))
    if error.at is None:
        error.at = at
    return locate(error)
