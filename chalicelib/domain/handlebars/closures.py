"""The small functions that a template is compiled to: readers give a value of a frame, writers write one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .runtime import Frame, Render
from .values import UNDEFINED, member, to_text

Reader = Callable[[Frame], Any]
Writer = Callable[[Frame], None]


def content(text: str) -> Writer:
    def write(frame: Frame) -> None:
        frame.render.out.append(text)

    return write


def raw(read: Reader) -> Writer:
    def write(frame: Frame) -> None:
        value = read(frame)
        frame.render.write(value if type(value) is str else to_text(value))

    return write


def escaped(read: Reader) -> Writer:
    def write(frame: Frame) -> None:
        value = read(frame)
        text = value if type(value) is str else to_text(value)
        render: Render = frame.render
        render.write(text if render.escape is None else render.escape(text))

    return write


def member_writer(parts: tuple[str, ...], *, is_escaped: bool) -> Writer:
    """What `escaped` or `raw` of a path does, without the calls in between: this is where the time goes."""

    def write(frame: Frame) -> None:
        value = frame.context
        for name in parts:
            value = value.get(name, UNDEFINED) if type(value) is dict else member(value, name)
        render = frame.render
        text = value if type(value) is str else to_text(value)
        if is_escaped and render.escape is not None:
            text = render.escape(text)
        render.size -= len(text)
        # It raises, and is the one to know the words.
        if render.size < 0:
            render.write("")
        render.out.append(text)

    return write


def constant(value: Any) -> Reader:
    def read(frame: Frame) -> Any:
        return value

    return read


def member_of(depth: int, parts: tuple[str, ...]) -> Reader:
    def read(frame: Frame) -> Any:
        value = frame.context
        for name in parts:
            value = value.get(name, UNDEFINED) if type(value) is dict else member(value, name)
        return value

    def read_outer(frame: Frame) -> Any:
        found: Frame | None = frame
        for _ in range(depth):
            found = found.outer if found else None
        value = found.context if found else UNDEFINED
        for name in parts:
            value = member(value, name)
        return value

    return read_outer if depth else read


def data(depth: int, parts: tuple[str, ...]) -> Reader:
    def read(frame: Frame) -> Any:
        data = frame.data
        for _ in range(depth):
            if data.outer is None:
                return UNDEFINED
            data = data.outer
        value: Any = data.names
        for name in parts:
            value = member(value, name)
        return value

    return read


def param(distance: int, index: int, parts: tuple[str, ...]) -> Reader:
    def read(frame: Frame) -> Any:
        chain = frame.params
        for _ in range(distance):
            chain = chain[1] if chain else None
        values = chain[0] if chain else ()
        value: Any = values[index] if index < len(values) else UNDEFINED
        for name in parts:
            value = member(value, name)
        return value

    return read
