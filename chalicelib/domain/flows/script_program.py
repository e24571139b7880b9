"""The program in which functions of a script are called.

A script is a text with functions at its top, as its author wrote it. One run of the program calls one of them any
number of times, with options that no two calls share, and says of each call what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.pages import MAX_MESSAGE
from chalicelib.domain.javascript import MIB, Bundle, Limits
from chalicelib.domain.json import Json

LONGEST_SECONDS = 30.0
"""How long one run may take, whatever it calls."""
CPU_SECONDS = 10.0
LOG_LINES = 100
_LONGEST_CODE = 200
_UNREADABLE = "What the script returned cannot be read."

_SCRIPT, _DRIVER = "script.js", "driver.js"

# In the script's own scope, so that its functions need not be exported; and on one line, which tells where it ends.
_OPENED = (
    ";globalThis.$functions = { end: new Error().stack,"
    " of: ($function) => eval(`typeof ${$function} === 'function' ? ${$function} : undefined`) };"
)

# Options are parsed anew for each call: what one call leaves in them no other finds.
_CALLS = r"""
const exported = require("./script.js");
const { of, end } = globalThis.$functions;
delete globalThis.$functions;
const lines = (stack) => [...String(stack ?? "").matchAll(/<input>:(\d+)/g)].map(([, line]) => Number(line));
const [last] = lines(end);

function found(name) {
  try {
    const own = of(name);
    if (own) return own;
  } catch {
    // Not a name at all.
  }
  return [exported?.[name], exported?.default?.[name]].find((each) => typeof each === "function");
}

const text = (value) => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");

function failure(error, count) {
  const first = last - count;
  const line = lines(error?.stack).find((each) => each >= first && each < last);
  const message = text(error) || text(error?.message) || (error instanceof Error ? "" : JSON.stringify(error) ?? "");
  return { code: text(error?.code) || text(error?.name) || "Error", message, line: line && line - first + 1 };
}

module.exports = async ({ input }) => {
  const call = found(input.function);
  if (!call) return { missing: true };
  const results = [];
  for (const options of input.calls) {
    try {
      results.push({ value: await call({ ...JSON.parse(input.shared), ...options }) });
    } catch (error) {
      if (error?.name === "OutputLimitExceeded" || error?.message === "out of memory") throw error;
      results.push({ failure: failure(error, input.lines) });
    }
  }
  return { results };
};
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call of a function returned, or `failure`: a code and a message."""

    value: Json = None
    failure: tuple[str, str] | None = None


def program_of(content: str) -> Bundle:
    return Bundle(_DRIVER, {_SCRIPT: f"{content}\n{_OPENED}", _DRIVER: _CALLS})


def lines_of(content: str) -> int:
    return content.count("\n") + 1


def limits(seconds: float) -> Limits:
    """Scripts have no network. What they return has to go back to another function in one piece."""
    return Limits(
        cpu_seconds=CPU_SECONDS,
        wall_seconds=min(seconds, LONGEST_SECONDS),
        log_lines=LOG_LINES,
        output_bytes=4 * MIB,
        fetches=0,
    )


def outcomes_of(returned: Any, calls: int) -> list[Outcome] | None:
    """Of so many calls, in their order; None where the script has no such function. Raises InvalidError for anything
    else: a script may have bent what the program of its calls is made of."""
    try:
        if returned.get("missing"):
            return None
        found = [_outcome(each) for each in returned["results"]]
    except (LookupError, TypeError, AttributeError) as error:
        raise InvalidError(_UNREADABLE) from error
    if len(found) != calls:
        raise InvalidError(_UNREADABLE)
    return found


def _outcome(result: Mapping[str, Any]) -> Outcome:
    failure = result.get("failure")
    if failure is None:
        return Outcome(result.get("value"))
    line = failure.get("line")
    message = str(failure["message"])[:MAX_MESSAGE] or "The script failed without a message."
    return Outcome(failure=(str(failure["code"])[:_LONGEST_CODE], f"{message} (line {line})" if line else message))
